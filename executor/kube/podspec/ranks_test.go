package podspec

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	pb "github.com/penstock/penstock/kube/gen/pods"
	"github.com/penstock/penstock/kube/launch"
	"github.com/penstock/penstock/kube/settings"
)

func TestPodsThatATaskAsksFor(t *testing.T) {
	for text, want := range map[string]int{
		``: 1, `{}`: 1, `{"podMetadata":{"labels":{"penstock.dev/pods":"3"}}}`: 1,
		`{"podMetadata":{"annotations":{"penstock.dev/pods":"2"}}}`:      2,
		`{"pod_metadata":{"annotations":{"penstock.dev/pods":"1000"}}}`:  1000,
		`{"podMetadata":{"annotations":{"penstock.dev/pods":"1001"}}}`:   0,
		`{"podMetadata":{"annotations":{"penstock.dev/pods":""}}}`:       0,
		`{"podMetadata":{"annotations":{"a":"penstock.dev/pods"}}}`:      1,
		`{"pvcMount":[{"constant":"penstock.dev/pods"}]}`:                1,
		`{"podMetadata":{"annotations":{"penstock.dev/pods":"3"}}, "x"}`: 0,
	} {
		got, err := PodsOf(&pb.Attempt{Settings: text})
		if got != want || (err != nil) != (want == 0) {
			t.Errorf("%s: %d %v", text, got, err)
		}
	}
}

func TestARankOutlivesAllSettings(t *testing.T) {
	s, err := settings.Parse([]byte("launcher: {image: penstock}\npatch: {metadata: {labels: {penstock.dev/rank: \"7\"}, " +
		"annotations: {penstock.dev/pods: \"9\"}}}"))
	if err != nil {
		t.Fatal(err)
	}
	attempt := attemptOf(func(a *pb.Attempt) {
		a.Settings = `{"podMetadata":{"annotations":{"penstock.dev/pods":"3"},"labels":{"penstock.dev/executor":"kubernetes"}}}`
	})
	pod, err := Build(attempt, s, Place{ServerID: "s1", Namespace: "ns", Gang: &launch.Gang{Rank: 2, Size: 3}})
	if err != nil {
		t.Fatal(err)
	}
	if pod.Name != "penstock-0b4d-2" || RankOf(pod) != 2 || SizeOf(pod) != 3 || MemberOf(pod) != "0b4d-2" ||
		pod.Annotations[LogAnnotation] != "run-1/train-2.rank-2.log" {
		t.Errorf("%+v", pod.ObjectMeta)
	}
	if other := (&corev1.Pod{ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{RankLabel: "-1"}}}); RankOf(other) != 0 ||
		SizeOf(other) != 1 || MemberOf(other) != "" {
		t.Errorf("%d %d %s", RankOf(other), SizeOf(other), MemberOf(other))
	}
}
