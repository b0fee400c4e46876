package attempts

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"

	pb "github.com/penstock/penstock/kube/gen/pods"
	"github.com/penstock/penstock/kube/podspec"
	"github.com/penstock/penstock/kube/reports"
)

func TestALifeTakesThreeCalls(t *testing.T) {
	w := newWorld(t)
	w.start()
	w.reattached()
	w.startAttempt("a")
	w.startAttempt("a") // no second pod
	w.change("a", runs)
	w.untilStarted("a")
	w.change("a", ends(0, "Completed", termination(map[string]any{"exit_code": 0})))
	finished := w.untilFinished("a")
	if finished.Outcome != pb.Outcome_SUCCEEDED || len(finished.Result) == 0 || finished.Node != "node1" ||
		finished.ImageDigest != "sha256:1" {
		t.Errorf("%v", finished)
	}
	if w.calls("create") != 1 || w.calls("delete")+w.calls("patch")+w.calls("get") != 0 {
		t.Errorf("calls: %v", w.tries)
	}
	w.forget("a")
	w.untilForgotten("a")
	w.untilNoPod("a")
	if w.calls("create") != 1 || w.calls("delete") != 1 || w.calls("patch") != 1 || w.calls("get") != 0 {
		t.Errorf("calls: %v", w.tries)
	}
}

func TestAPodThatIsThereIsTheAttempt(t *testing.T) {
	w := newWorld(t)
	w.start()
	w.reattached()
	w.setRefuse(func(verb string, tries int) error { // it is made, and the answer is lost
		if verb == "create" && tries == 1 {
			pod, err := podspec.Build(specOf("a"), w.driver.Settings, podspec.Place{ServerID: "s1", Namespace: ns})
			if err != nil {
				return err
			}
			pod.UID = "first"
			_ = w.client.Tracker().Create(podsResource, pod, ns)
			return apierrors.NewTimeoutError("too slow", 0)
		}
		return nil
	})
	w.startAttempt("a")
	w.change("a", runs)
	w.untilStarted("a")
	if pod := w.pod("a"); pod.UID != "first" {
		t.Errorf("%v", pod.UID)
	}
}

func TestCreationsAreTriedAgain(t *testing.T) {
	forbidden := func(words string) error {
		return apierrors.NewForbidden(schema.GroupResource{Resource: "pods"}, "penstock-a", errorText(words))
	}
	for name, test := range map[string]struct {
		err  error
		wait pb.Wait
	}{
		"429":      {apierrors.NewTooManyRequests("slow down", 0), pb.Wait_API_SERVER},
		"500":      {apierrors.NewInternalError(errorText("etcd is away")), pb.Wait_API_SERVER},
		"no route": {errorText("dial tcp: connection refused"), pb.Wait_API_SERVER},
		"quota":    {forbidden("exceeded quota: team, requested: pods=1, used: pods=5, limited: pods=5"), pb.Wait_QUOTA},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.start()
			w.reattached()
			w.setRefuse(func(verb string, tries int) error {
				if verb == "create" && tries < 4 {
					return test.err
				}
				return nil
			})
			w.startAttempt("a")
			w.untilWaiting("a", test.wait)
			w.change("a", runs)
			w.untilStarted("a")
			if w.calls("create") != 4 {
				t.Errorf("%d creations", w.calls("create"))
			}
		})
	}
}

type errorText string

func (e errorText) Error() string { return string(e) }

func TestCreationsThatAreRefused(t *testing.T) {
	pods := schema.GroupResource{Resource: "pods"}
	for reason, err := range map[string]error{
		"Forbidden":        apierrors.NewForbidden(pods, "", errorText(`User "x" cannot create resource "pods" in API group ""`)),
		"InvalidPod":       apierrors.NewInvalid(schema.GroupKind{Kind: "Pod"}, "penstock-a", nil),
		"NamespaceGone":    apierrors.NewNotFound(schema.GroupResource{Resource: "namespaces"}, ns),
		"AdmissionRefused": apierrors.NewForbidden(pods, "", errorText(`violates PodSecurity "restricted:latest"`)),
	} {
		w := newWorld(t)
		w.start()
		w.reattached()
		w.setRefuse(func(verb string, _ int) error {
			if verb == "create" {
				return err
			}
			return nil
		})
		w.startAttempt("a")
		if f := w.untilFinished("a"); f.Outcome != pb.Outcome_FAILED || f.Reason != reason || f.Message == "" {
			t.Errorf("%s: %v", reason, f)
		}
		w.forget("a")
		w.untilForgotten("a")
		if w.calls("create") != 1 || w.calls("delete") != 0 {
			t.Errorf("%v", w.tries)
		}
		w.stop()
	}
}

func TestNoMorePodsThanMayBe(t *testing.T) {
	w := newWorld(t)
	w.maxPods = 1
	w.start()
	w.reattached()
	w.startAttempt("a")
	w.untilPod("a")
	w.startAttempt("b")
	w.untilWaiting("b", pb.Wait_QUOTA)
	if w.pod("b") != nil {
		t.Error("the second pod was made")
	}
	w.change("a", ends(0, "Completed", termination(map[string]any{})))
	w.untilPod("b")
}

func TestWhatAPodWaitsFor(t *testing.T) {
	w := newWorld(t)
	w.times.Image = 50 * time.Millisecond
	w.start()
	w.reattached()
	w.startAttempt("a")
	w.change("a", condition(corev1.PodScheduled, corev1.ConditionFalse, "Unschedulable", "0/3 nodes are available: 3 Insufficient cpu."))
	if waiting := w.untilWaiting("a", pb.Wait_UNSCHEDULABLE); !w.hears("Insufficient cpu") {
		t.Errorf("%v", waiting)
	}
	w.change("a", waitsIn("ErrImagePull", "not found"))
	w.untilWaiting("a", pb.Wait_IMAGE)
	w.change("a", waitsIn("ImagePullBackOff", "back-off"))
	w.until("the deletion", func() bool { return w.pod("a").DeletionTimestamp != nil })
	w.change("a", func(pod *corev1.Pod) { pod.DeletionGracePeriodSeconds = new(int64(0)) })
	if f := w.untilFinished("a"); f.Outcome != pb.Outcome_FAILED || f.Reason != "ImagePullBackOff" || !strings.Contains(f.Message, "back-off") {
		t.Errorf("%v", f)
	}
	w.startAttempt("b")
	w.change("b", waitsIn("CreateContainerConfigError", `secret "x" not found`))
	w.untilWaiting("b", pb.Wait_VOLUME)
}

func (w *world) hears(words string) bool {
	for i := 0; i < 1000; i++ {
		for _, event := range w.events() {
			if strings.Contains(event.GetWaiting().GetMessage(), words) {
				return true
			}
		}
		time.Sleep(2 * time.Millisecond)
	}
	return false
}

func TestPendingTooLong(t *testing.T) {
	w := newWorld(t)
	w.times.Pending = 30 * time.Millisecond
	w.start()
	w.reattached()
	w.startAttempt("a")
	f := w.untilFinished("a")
	if f.Outcome != pb.Outcome_FAILED || f.Reason != "PendingTimeout" || f.IsPlatformFault {
		t.Errorf("%v", f)
	}
	w.forget("a")
	w.untilForgotten("a")
	w.untilNoPod("a")
}

func TestCancel(t *testing.T) {
	w := newWorld(t)
	w.start()
	w.reattached()

	w.startAttempt("pending")
	w.untilPod("pending")
	w.cancel("pending")
	if f := w.untilFinished("pending"); f.Outcome != pb.Outcome_CANCELLED {
		t.Errorf("%v", f)
	}

	w.startAttempt("running")
	w.change("running", runs)
	w.untilStarted("running")
	w.cancel("running")
	w.until("the deletion", func() bool { return w.pod("running").DeletionTimestamp != nil })
	if grace := *w.pod("running").DeletionGracePeriodSeconds; grace != 15 {
		t.Errorf("a grace of %d s", grace)
	}
	w.change("running", ends(143, "Error", termination(map[string]any{"stopped": true, "signal": 15})))
	if f := w.untilFinished("running"); f.Outcome != pb.Outcome_CANCELLED || len(f.Result) == 0 {
		t.Errorf("%v", f)
	}

	w.startAttempt("quick") // ends by itself before
	w.change("quick", runs)
	w.untilStarted("quick")
	w.cancel("quick")
	w.until("the deletion", func() bool { return w.pod("quick").DeletionTimestamp != nil })
	w.change("quick", ends(3, "Error", termination(map[string]any{"exit_code": 3})))
	if f := w.untilFinished("quick"); f.Outcome != pb.Outcome_FAILED || f.ExitCode != 3 {
		t.Errorf("%v", f)
	}

	w.setRefuse(func(verb string, _ int) error {
		if verb == "create" {
			return apierrors.NewForbidden(schema.GroupResource{Resource: "pods"}, "", errorText("exceeded quota"))
		}
		return nil
	})
	w.startAttempt("queued")
	w.untilWaiting("queued", pb.Wait_QUOTA)
	w.cancel("queued")
	if f := w.untilFinished("queued"); f.Outcome != pb.Outcome_CANCELLED {
		t.Errorf("%v", f)
	}
	for _, id := range []string{"pending", "running", "quick", "queued"} {
		w.forget(id)
		w.untilForgotten(id)
		w.untilNoPod(id)
	}
}

func TestVanished(t *testing.T) {
	w := newWorld(t)
	w.start()
	w.reattached()
	w.startAttempt("a")
	w.change("a", runs)
	w.untilStarted("a")
	if err := w.client.Tracker().Delete(podsResource, ns, "penstock-a"); err != nil {
		t.Fatal(err)
	}
	if f := w.untilFinished("a"); f.Outcome != pb.Outcome_LOST || f.Reason != "PodDeleted" || !f.IsPlatformFault {
		t.Errorf("%v", f)
	}
	w.forget("a")
	w.untilForgotten("a")
}

func TestDeletionsAreSeenAfterAnOutage(t *testing.T) {
	w := newWorld(t)
	w.start()
	w.reattached()
	w.startAttempt("a")
	w.startAttempt("b")
	w.change("a", runs)
	w.change("b", runs)
	w.untilStarted("a")
	w.untilStarted("b")
	w.setBlind(true)
	if err := w.client.Tracker().Delete(podsResource, ns, "penstock-a"); err != nil {
		t.Fatal(err)
	}
	w.change("b", ends(0, "Completed", termination(map[string]any{})))
	w.setBlind(false)
	if f := w.untilFinished("a"); f.Outcome != pb.Outcome_LOST {
		t.Errorf("%v", f)
	}
	if f := w.untilFinished("b"); f.Outcome != pb.Outcome_SUCCEEDED {
		t.Errorf("%v", f)
	}
}

func TestNodeLost(t *testing.T) {
	w := newWorld(t)
	w.times.NodeLost = 30 * time.Millisecond
	w.start()
	w.reattached()
	w.startAttempt("a")
	w.change("a", all(runs, condition(corev1.PodReady, corev1.ConditionFalse, "", "")))
	if f := w.untilFinished("a"); f.Outcome != pb.Outcome_LOST || f.Reason != "NodeLost" || !f.IsPlatformFault {
		t.Errorf("%v", f)
	}
	w.until("a deletion without grace", func() bool {
		pod := w.pod("a")
		return pod.DeletionTimestamp != nil && *pod.DeletionGracePeriodSeconds == 0
	})
	w.forget("a")
	w.untilForgotten("a")
}

func TestAStoppedProgramWaitsForTheReason(t *testing.T) {
	w := newWorld(t)
	w.times.Cause = 20 * time.Second
	w.start()
	w.reattached()
	door := httptest.NewServer(reports.NewDoor(w.store, w.driver, w.driver.Log, nil))
	defer door.Close()
	w.startAttempt("a")
	w.change("a", runs)
	w.untilStarted("a")
	if code := post(t, door.URL+"/attempts/a/result", w.store.Token("a"), resultText(map[string]any{"stopped": true, "signal": 15})); code != 200 {
		t.Fatal(code)
	}
	w.change("a", func(pod *corev1.Pod) {
		pod.Status.Phase, pod.Status.Reason = corev1.PodFailed, "DeadlineExceeded"
	})
	if f := w.untilFinished("a"); f.Outcome != pb.Outcome_TIMED_OUT {
		t.Errorf("%v", f)
	}
}

func post(t *testing.T, url, token string, body []byte) int {
	t.Helper()
	request, _ := http.NewRequest(http.MethodPost, url, bytes.NewReader(body))
	request.Header.Set("Authorization", "Bearer "+token)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	return response.StatusCode
}

func TestReports(t *testing.T) {
	w := newWorld(t)
	w.start()
	w.reattached()
	door := httptest.NewServer(reports.NewDoor(w.store, w.driver, w.driver.Log, nil))
	defer door.Close()
	w.startAttempt("a")
	w.change("a", runs)
	w.untilStarted("a")
	at := door.URL + "/attempts/a/"
	if code := post(t, at+"result", w.store.Token("b"), resultText(map[string]any{})); code != 401 {
		t.Errorf("another's token: %d", code)
	}
	if code := post(t, at+"result", w.store.Token("a"), []byte("{}")); code != 400 {
		t.Errorf("no result: %d", code)
	}
	content, _ := json.Marshal(map[string]any{"started": true, "content": "3 of 10 MB of model"})
	if code := post(t, at+"progress", w.store.Token("a"), content); code != 200 {
		t.Errorf("%d", code)
	}
	if waiting := w.untilWaiting("a", pb.Wait_CONTENT); waiting.Message != "3 of 10 MB of model" {
		t.Errorf("%v", waiting)
	}
	result := resultText(map[string]any{"exit_code": 0})
	if code := post(t, at+"result", w.store.Token("a"), result); code != 200 {
		t.Errorf("%d", code)
	}
	if f := w.untilFinished("a"); f.Outcome != pb.Outcome_SUCCEEDED || !bytes.Equal(f.Result, result) {
		t.Errorf("%v", f)
	}
	w.forget("a")
	w.untilForgotten("a")
	if text, _ := w.store.Read("a"); text != nil {
		t.Error("the result is still on disk")
	}
}

func TestResultsByTermination(t *testing.T) {
	var packed bytes.Buffer
	writer := gzip.NewWriter(&packed)
	_, _ = writer.Write(resultText(map[string]any{"exit_code": 7}))
	_ = writer.Close()
	zipped, _ := json.Marshal(map[string]any{"gzipped": packed.Bytes()})
	w := newWorld(t)
	w.start()
	w.reattached()
	for id, test := range map[string]struct {
		message string
		code    int32
		is      func(*pb.Finished) bool
	}{
		"zipped": {string(zipped), 7, func(f *pb.Finished) bool {
			return f.ExitCode == 7 && f.Outcome == pb.Outcome_FAILED && len(f.Result) > 0
		}},
		"uri": {`{"result_uri":"s3://b/x"}`, 0, func(f *pb.Finished) bool {
			return f.ResultUri == "s3://b/x" && f.Outcome == pb.Outcome_SUCCEEDED
		}},
		"lost": {`{"reported":true}`, 0, func(f *pb.Finished) bool { return f.Outcome == pb.Outcome_LOST && f.Reason == "ResultLost" }},
		"none": {"", 137, func(f *pb.Finished) bool {
			return f.Outcome == pb.Outcome_FAILED && f.LogTail == "fake logs" && f.ExitCode == 137
		}},
	} {
		w.startAttempt(id)
		w.change(id, ends(test.code, "Error", test.message))
		if f := w.untilFinished(id); !test.is(f) {
			t.Errorf("%s: %v", id, f)
		}
	}
}
