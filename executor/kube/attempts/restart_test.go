package attempts

import (
	"encoding/json"
	"runtime"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	pb "github.com/penstock/penstock/kube/gen/pods"
	"github.com/penstock/penstock/kube/podspec"
)

func TestRestart(t *testing.T) {
	w := newWorld(t)
	w.start()
	w.reattached()
	for _, id := range []string{"running", "ended", "orphan", "reported"} {
		w.startAttempt(id)
		w.change(id, runs)
		w.untilStarted(id)
	}
	w.stop()
	w.change("ended", ends(0, "Completed", termination(map[string]any{})))
	if err := w.store.Write("reported", resultText(map[string]any{"exit_code": 4})); err != nil {
		t.Fatal(err)
	}
	if err := w.client.Tracker().Delete(podsResource, ns, "penstock-reported"); err != nil {
		t.Fatal(err)
	}
	if err := w.store.Write("nobodys", resultText(map[string]any{})); err != nil {
		t.Fatal(err)
	}
	created := w.calls("create")
	w.start()
	for _, id := range []string{"running", "ended", "never", "reported"} {
		w.reattach(id)
	}
	w.reattached()
	w.untilStarted("running")
	if f := w.untilFinished("ended"); f.Outcome != pb.Outcome_SUCCEEDED {
		t.Errorf("%v", f)
	}
	if f := w.untilFinished("reported"); f.ExitCode != 4 || f.Outcome != pb.Outcome_FAILED || len(f.Result) == 0 {
		t.Errorf("%v", f)
	}
	w.until("that never never started", func() bool {
		for _, event := range w.events() {
			if event.GetNeverStarted().GetAttemptId() == "never" {
				return true
			}
		}
		return false
	})
	w.until("the removal of the orphan", func() bool { pod := w.pod("orphan"); return pod == nil })
	if text, _ := w.store.Read("nobodys"); text != nil {
		t.Error("a result that nobody asks for is still there")
	}
	if w.calls("create") != created {
		t.Error("a pod was made")
	}
	w.startAttempt("never")
	w.untilPod("never")
}

func TestACancellationOutlivesTheProgram(t *testing.T) {
	w := newWorld(t)
	w.start()
	w.reattached()
	w.startAttempt("a")
	w.change("a", runs)
	w.untilStarted("a")
	w.cancel("a")
	w.until("the deletion", func() bool { return w.pod("a").DeletionTimestamp != nil })
	w.stop()
	w.change("a", ends(143, "Error", termination(map[string]any{"stopped": true, "signal": 15})))
	w.start()
	w.reattach("a")
	w.reattached()
	if f := w.untilFinished("a"); f.Outcome != pb.Outcome_CANCELLED {
		t.Errorf("%v", f)
	}
}

func TestANewStreamEndsTheOldAndHearsAllAgain(t *testing.T) {
	w := newWorld(t)
	w.start()
	w.reattached()
	w.startAttempt("a")
	w.startAttempt("b")
	w.change("a", ends(0, "Completed", termination(map[string]any{})))
	w.untilFinished("a")
	w.change("b", runs)
	w.untilStarted("b")
	old := w.session
	w.open()
	if err := w.driver.Do(old, &pb.Order{Order: &pb.Order_Cancel{Cancel: "b"}}); err != ErrSuperseded {
		t.Errorf("%v", err)
	}
	w.reattach("a")
	w.untilFinished("a")
	ends := 0
	for _, event := range w.events() {
		if event.GetFinished() != nil {
			ends++
		}
	}
	if ends != 1 {
		t.Errorf("%d ends", ends)
	}
	w.reattached() // nobody claims b
	w.until("the removal of b", func() bool { return w.pod("b") == nil })
}

func TestKeptPods(t *testing.T) {
	w := newWorld(t)
	w.text += "\npods: {succeeded: keep, failed: 3600}"
	w.start()
	w.reattached()
	w.startAttempt("good")
	w.startAttempt("bad")
	w.change("good", ends(0, "Completed", termination(map[string]any{})))
	w.change("bad", ends(1, "Error", termination(map[string]any{"exit_code": 1})))
	for _, id := range []string{"good", "bad"} {
		w.untilFinished(id)
		w.forget(id)
		w.untilForgotten(id)
		if pod := w.pod(id); pod == nil || holds(pod) {
			t.Errorf("%v", pod)
		}
	}
	if w.calls("delete") != 0 || w.calls("patch") != 2 {
		t.Errorf("%v", w.tries)
	}
	pod := w.pod("bad")
	if pod.Annotations[podspec.RemoveAfterAnnotation] == "" {
		t.Errorf("%v", pod.Annotations)
	}
	pod.Annotations[podspec.RemoveAfterAnnotation] = "1"
	if err := w.client.Tracker().Update(podsResource, pod, ns); err != nil {
		t.Fatal(err)
	}
	w.until("the removal", func() bool { return w.pod("bad") == nil })
	if w.pod("good") == nil {
		t.Error("the pod that is kept has gone")
	}
}

func volumeOf(id string, remove bool, parameters map[string]any) *pb.Order {
	text, _ := json.Marshal(parameters)
	spec := specOf(id)
	spec.PersistentVolume = &pb.PersistentVolume{Remove: remove, Parameters: string(text)}
	return &pb.Order{Order: &pb.Order_Start{Start: spec}}
}

func TestVolumesAreMadeOnce(t *testing.T) {
	w := newWorld(t)
	w.start()
	w.reattached()
	given := map[string]any{"pvc_name_suffix": "-data", "size": "5Gi", "access_modes": []string{"ReadWriteMany"}}
	names := map[string]bool{}
	for range 2 {
		w.do(volumeOf("v", false, given))
		f := w.untilFinished("v")
		var result struct {
			Ended struct {
				ParameterFiles map[string][]byte `json:"parameter_files"`
			}
		}
		if err := json.Unmarshal(f.Result, &result); err != nil || f.Outcome != pb.Outcome_SUCCEEDED {
			t.Fatalf("%v %v", err, f)
		}
		names[string(result.Ended.ParameterFiles["name"])] = true
		w.stop()
		w.start()
		w.reattached()
	}
	claims, err := w.client.CoreV1().PersistentVolumeClaims(ns).List(t.Context(), metav1.ListOptions{})
	if err != nil || len(claims.Items) != 1 || len(names) != 1 || !names[claims.Items[0].Name] {
		t.Errorf("%v %v %v", err, claims, names)
	}
	name := claims.Items[0].Name
	w.do(volumeOf("other", false, map[string]any{"pvc_name": name, "size": "1Gi", "access_modes": []string{"ReadWriteOnce"}}))
	if f := w.untilFinished("other"); f.Outcome != pb.Outcome_FAILED || f.Reason != "AlreadyExists" {
		t.Errorf("%v", f)
	}
	w.do(volumeOf("gone", true, map[string]any{"pvc_name": name}))
	if f := w.untilFinished("gone"); f.Outcome != pb.Outcome_SUCCEEDED {
		t.Errorf("%v", f)
	}
	w.do(volumeOf("again", true, map[string]any{"pvc_name": name}))
	if f := w.untilFinished("again"); f.Outcome != pb.Outcome_FAILED || f.Reason != "NotFound" {
		t.Errorf("%v", f)
	}
}

func TestWorkspace(t *testing.T) {
	w := newWorld(t)
	w.start()
	w.reattached()
	for _, id := range []string{"a", "b"} {
		spec := specOf(id)
		spec.Workspace, spec.WorkspaceVolume = "/kfp-workspace", &pb.WorkspaceVolume{Size: "10K"}
		w.do(&pb.Order{Order: &pb.Order_Start{Start: spec}})
		w.untilPod(id)
	}
	claim, err := w.client.CoreV1().PersistentVolumeClaims(ns).Get(t.Context(), "penstock-workspace-run", metav1.GetOptions{})
	if err != nil || claim.Labels[podspec.RunLabel] != "run" {
		t.Fatalf("%v %v", err, claim)
	}
	w.do(&pb.Order{Order: &pb.Order_RemoveWorkspace{RemoveWorkspace: &pb.Workspace{RunId: "run"}}})
	w.until("the removal of the workspace", func() bool {
		_, err := w.client.CoreV1().PersistentVolumeClaims(ns).Get(t.Context(), "penstock-workspace-run", metav1.GetOptions{})
		return err != nil
	})
}

func TestEventsOfThePod(t *testing.T) {
	w := newWorld(t)
	w.start()
	w.reattached()
	w.startAttempt("a")
	w.change("a", waitsIn("ContainerCreating", ""))
	w.untilWaiting("a", pb.Wait_STARTING)
	w.driver.PodWarned(ns, "penstock-a", "FailedMount", `configmap "x" not found`)
	w.untilWaiting("a", pb.Wait_VOLUME)
	w.driver.PodWarned(ns, "penstock-a", "Pulling", `Pulling image "python"`)
	w.untilWaiting("a", pb.Wait_IMAGE)
}

func TestNothingRunsOnAfterTheEnd(t *testing.T) {
	w := newWorld(t)
	w.start()
	w.reattached()
	before := runtime.NumGoroutine()
	w.stop()
	rest := runtime.NumGoroutine()
	for range 5 {
		w.start()
		w.reattached()
		w.startAttempt("a")
		w.change("a", runs)
		w.stop()
		if err := w.client.Tracker().Delete(podsResource, ns, "penstock-a"); err != nil {
			t.Fatal(err)
		}
	}
	w.until("the end of all that ran", func() bool { return runtime.NumGoroutine() <= rest+1 })
	if before <= rest {
		t.Errorf("%d goroutines with a driver, and %d without", before, rest)
	}
}
