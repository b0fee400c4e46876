package attempts

import (
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	pb "github.com/penstock/penstock/kube/gen/pods"
	"github.com/penstock/penstock/kube/podspec"
)

// newGangs is a world whose pods do not stay.
func newGangs(t *testing.T) *world {
	w := newWorld(t)
	w.text += "\npods: {failed: delete}"
	return w
}

func (w *world) notFinished(what string) {
	w.t.Helper()
	time.Sleep(30 * time.Millisecond)
	for _, event := range w.events() {
		if event.GetFinished() != nil {
			w.t.Errorf("%s: %v", what, event)
		}
	}
}

func TestIfOnePodFailsAllEnd(t *testing.T) {
	w := aGang(t, 3)
	w.begin(3)
	w.change(name(2), ends(5, "Error", termination(map[string]any{"exit_code": 5})))
	w.endsOnceDeleted(name(0))
	w.notFinished("rank 1 runs")
	w.until("the deletion", func() bool { return w.pod(name(1)).DeletionTimestamp != nil })
	if grace := *w.pod(name(1)).DeletionGracePeriodSeconds; grace != 15 {
		t.Errorf("a grace of %d s", grace)
	}
	w.endsOnceDeleted(name(1))
	f := w.untilFinished("a")
	if f.Outcome != pb.Outcome_FAILED || f.Reason != rankFailed || f.ExitCode != 5 || len(f.Result) == 0 || f.IsPlatformFault ||
		f.Message != "rank 2: the program ended with exit code 5" {
		t.Errorf("%v", f)
	}
	w.forgetAll(3)
}

func TestAFaultOfThePlatformCountsMoreThanWhatItCauses(t *testing.T) {
	for what, test := range map[string]struct {
		happens func(w *world)
		outcome pb.Outcome
		words   string
	}{
		"a pod is deleted": {func(w *world) {
			if err := w.client.CoreV1().Pods(ns).Delete(w.t.Context(), podspec.PodName(name(1)), metav1.DeleteOptions{}); err != nil {
				w.t.Fatal(err)
			}
			w.change(name(0), ends(1, "Error", termination(map[string]any{"exit_code": 1})))
			w.endsOnceDeleted(name(1))
		}, pb.Outcome_LOST, "rank 1: somebody deleted the pod penstock-a-1"},
		"memory": {func(w *world) { // the kubelet is the last to tell
			w.driver.mu.Lock()
			one := w.driver.attempts[name(1)]
			w.driver.mu.Unlock()
			if err := w.store.Write(one.key(), resultText(map[string]any{"signal": 9})); err != nil {
				w.t.Fatal(err)
			}
			w.driver.Reported("a", 1)
			w.change(name(0), ends(1, "Error", termination(map[string]any{"exit_code": 1})))
			w.until("the deletion", func() bool { return w.pod(name(1)).DeletionTimestamp != nil })
			w.notFinished("the reason is not known yet")
			w.change(name(1), ends(137, "OOMKilled", `{"reported":true}`))
		}, pb.Outcome_FAILED, "rank 1: " + outOfMemory},
	} {
		t.Run(what, func(t *testing.T) {
			w := aGang(t, 2)
			w.begin(2)
			test.happens(w)
			f := w.untilFinished("a")
			if f.Outcome != test.outcome || f.Message != test.words || f.IsPlatformFault != (test.outcome == pb.Outcome_LOST) {
				t.Errorf("%v", f)
			}
			w.forgetAll(2)
		})
	}
}

func TestOneThatCannotBeMadeEndsTheOthers(t *testing.T) {
	w := newGangs(t)
	w.start()
	w.reattached()
	w.setRefuse(func(verb string, tries int) error {
		if verb == "create" && tries == 3 {
			return apierrors.NewInvalid(schema.GroupKind{Kind: "Pod"}, "", nil)
		}
		return nil
	})
	w.startGang("a", 3)
	f := w.untilFinished("a")
	if f.Outcome != pb.Outcome_FAILED || f.Reason != "InvalidPod" || !strings.Contains(f.Message, "Kubernetes refuses") ||
		!strings.HasPrefix(f.Message, "rank ") {
		t.Errorf("%v", f)
	}
	w.forgetAll(3)
}

func TestPodsThatOutliveRank0(t *testing.T) {
	w := newGangs(t)
	w.times.GangEnd = 300 * time.Millisecond
	w.start()
	w.reattached()
	w.startGang("a", 3)
	w.runAll(3)
	w.begin(3)
	good := ends(0, "Completed", termination(map[string]any{"exit_code": 0}))
	w.change(name(0), good)
	w.change(name(2), good)
	time.Sleep(50 * time.Millisecond)
	if w.pod(name(1)).DeletionTimestamp != nil {
		t.Error("it may run a while")
	}
	w.endsOnceDeleted(name(1))
	if f := w.untilFinished("a"); f.Outcome != pb.Outcome_SUCCEEDED || len(f.Result) == 0 || !strings.Contains(f.Message, "ran on after rank 0") {
		t.Errorf("%v", f)
	}
	w.forgetAll(3)
}

func TestOneThatFailsAfterRank0(t *testing.T) {
	w := aGang(t, 2)
	w.begin(2)
	w.change(name(0), ends(0, "Completed", termination(map[string]any{"exit_code": 0})))
	w.change(name(1), ends(3, "Error", termination(map[string]any{"exit_code": 3})))
	if f := w.untilFinished("a"); f.Outcome != pb.Outcome_FAILED || f.ExitCode != 3 {
		t.Errorf("%v", f)
	}
}

func TestAllPodsAreCancelled(t *testing.T) {
	w := newGangs(t)
	w.start()
	w.reattached()
	w.startGang("a", 3)
	w.change(name(0), runsAt(0))
	w.change(name(1), waitsIn("ContainerCreating", ""))
	w.untilPod(name(2))
	w.cancel("a")
	w.endsOnceDeleted(name(0))
	w.until("the deletion", func() bool { return w.pod(name(1)).DeletionTimestamp != nil })
	w.notFinished("rank 1 is there")
	w.change(name(1), func(pod *corev1.Pod) { pod.DeletionGracePeriodSeconds = new(int64(0)) })
	if f := w.untilFinished("a"); f.Outcome != pb.Outcome_CANCELLED || f.Message != "it was cancelled" {
		t.Errorf("%v", f)
	}
	w.forgetAll(3)
}

func TestOnePodPendsTooLong(t *testing.T) {
	w := newGangs(t)
	w.times.Pending = time.Second
	w.start()
	w.reattached()
	w.startGang("a", 2)
	w.change(name(0), runsAt(0))
	w.endsOnceDeleted(name(0))
	if f := w.untilFinished("a"); f.Reason != "PendingTimeout" || !strings.HasPrefix(f.Message, "rank 1: the program did not run within") {
		t.Errorf("%v", f)
	}
	w.forgetAll(2)
}

func TestOnePodCannotBeMadeForTooLong(t *testing.T) {
	w := newGangs(t)
	w.times.Pending = 50 * time.Millisecond
	w.setRefuse(func(verb string, tries int) error {
		if verb == "create" && tries > 1 {
			return apierrors.NewForbidden(schema.GroupResource{Resource: "pods"}, "", errorText("exceeded quota: pods=1"))
		}
		return nil
	})
	w.start()
	w.reattached()
	w.startGang("a", 2)
	f := w.untilFinished("a")
	if f.Reason != "PendingTimeout" {
		t.Errorf("%v", f)
	}
	w.forgetAll(2)
}

func TestAGangThatIsForgottenWhileItRuns(t *testing.T) {
	w := aGang(t, 2)
	w.begin(2)
	w.forgetAll(2)
}
