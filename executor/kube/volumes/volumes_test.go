package volumes

import (
	"errors"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/fake"

	"github.com/penstock/penstock/kube/cluster"
	pb "github.com/penstock/penstock/kube/gen/pods"
)

type memory map[string][]byte

func (m memory) Read(id string) ([]byte, error)     { return m[id], nil }
func (m memory) Write(id string, text []byte) error { m[id] = text; return nil }

func attemptOf(remove bool, parameters string) *pb.Attempt {
	return &pb.Attempt{AttemptId: "a", RunId: "r", TaskName: "t",
		PersistentVolume: &pb.PersistentVolume{Remove: remove, Parameters: parameters}}
}

func TestClaims(t *testing.T) {
	client := fake.NewClientset()
	claims := &Claims{Client: client, ServerID: "s"}
	_, err := claims.Run(t.Context(), attemptOf(false, `{"pvc_name":"data","access_modes":"[\"ReadWriteOnce\"]","size":"5K",
"storage_class_name":"","annotations":{"a":"b"},"data_source":{"apiGroup":"snapshot.storage.k8s.io","kind":"VolumeSnapshot","name":"s"}}`),
		"ns", memory{})
	if err != nil {
		t.Fatal(err)
	}
	claim, err := client.CoreV1().PersistentVolumeClaims("ns").Get(t.Context(), "data", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if *claim.Spec.StorageClassName != "" || claim.Annotations["a"] != "b" || claim.Spec.DataSource.Kind != "VolumeSnapshot" ||
		claim.Spec.Resources.Requests.Storage().Value() != 5000 || claim.Labels["penstock.dev/attempt"] != "a" {
		t.Errorf("%+v", claim)
	}
	if _, err := claims.Run(t.Context(), attemptOf(false, `{"pvc_name":"free","access_modes":["ReadWriteMany"],"size":"5Gi"}`), "ns",
		memory{}); err != nil {
		t.Fatal(err)
	}
	free, _ := client.CoreV1().PersistentVolumeClaims("ns").Get(t.Context(), "free", metav1.GetOptions{})
	if free.Spec.StorageClassName != nil {
		t.Error("a class was given")
	}
}

func TestRemovalThatIsBegunAgain(t *testing.T) {
	claims := &Claims{Client: fake.NewClientset(), ServerID: "s"}
	kept := memory{}
	order := attemptOf(true, `{"pvc_name":"data"}`)
	var failure cluster.Failure
	if _, err := claims.Run(t.Context(), order, "ns", kept); !errors.As(err, &failure) || failure.Reason != "NotFound" {
		t.Errorf("%v", err)
	}
	kept["a"+RemovingSuffix] = []byte("{}") // it was there, and the answer was lost
	if _, err := claims.Run(t.Context(), order, "ns", kept); err != nil {
		t.Errorf("%v", err)
	}
}

func TestMistakes(t *testing.T) {
	claims := &Claims{Client: fake.NewClientset(), ServerID: "s"}
	for parameters, words := range map[string]string{
		`{"pvc_name":"a","pvc_name_suffix":"b"}`:                "given both",
		`{"size":"1Gi"}`:                                        "access_modes is missing",
		`{"access_modes":["Often"],"size":"1Gi"}`:               `"Often" is none`,
		`{"access_modes":["ReadWriteOnce"],"size":"some"}`:      `the size "some"`,
		`{"access_modes":["ReadWriteOnce"],"annotations":"no"}`: "make no sense",
	} {
		if _, err := claims.Run(t.Context(), attemptOf(false, parameters), "ns", memory{}); err == nil || !strings.Contains(err.Error(), words) {
			t.Errorf("%s: %v", parameters, err)
		}
	}
	for patch, words := range map[string]string{
		`{"volumeMode":"Block"}`:    "it takes accessModes and storageClassName",
		`{"storageClassName":""}`:   "is empty",
		`{"accessModes":["Never"]}`: `"Never" is none`,
	} {
		attempt := &pb.Attempt{RunId: "r", WorkspaceVolume: &pb.WorkspaceVolume{Size: "1Gi", SpecPatch: patch}}
		if err := claims.MakeWorkspace(t.Context(), attempt, "ns"); err == nil || !strings.Contains(err.Error(), words) {
			t.Errorf("%s: %v", patch, err)
		}
	}
}
