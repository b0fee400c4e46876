package attempts

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"

	pb "github.com/penstock/penstock/kube/gen/pods"
	"github.com/penstock/penstock/kube/launch"
	"github.com/penstock/penstock/kube/podspec"
	"github.com/penstock/penstock/kube/reports"
)

// gangOf asks for so many pods.
func gangOf(id string, size any) *pb.Attempt {
	spec := specOf(id)
	spec.Settings = fmt.Sprintf(`{"podMetadata":{"annotations":{"penstock.dev/pods":"%v"}}}`, size)
	spec.Request = []byte(`{"command":["true"],"outputs":{},"log":{"path":"/l","uri":"s3://b/run/a.log"},"pod":{"grace_ms":5000,` +
		`"executor_output":"/e","parameter_files":[],"result_uri":"s3://b/r","send_log":false}}`)
	spec.TimeoutMs = 1000
	return spec
}

func (w *world) startGang(id string, size any) {
	w.t.Helper()
	w.do(&pb.Order{Order: &pb.Order_Start{Start: gangOf(id, size)}})
}

// aGang is one whose pods run.
func aGang(t *testing.T, size int) *world {
	w := newGangs(t)
	w.start()
	w.reattached()
	w.startGang("a", size)
	w.runAll(size)
	return w
}

func name(rank int) string { return podspec.MemberID("a", rank) }

func (w *world) runAll(size int) {
	w.t.Helper()
	for rank := range size {
		w.change(name(rank), runsAt(rank))
	}
}

func runsAt(rank int) func(*corev1.Pod) {
	return all(runs, func(pod *corev1.Pod) { pod.Status.PodIP = fmt.Sprint("10.0.0.", rank) })
}

// ready is what a launcher asks; the answer comes once all may begin.
func (w *world) ready(rank int) <-chan string {
	answer := make(chan string, 1)
	driver := w.driver
	go func() { answer <- driver.Ready(context.Background(), "a", rank) }()
	return answer
}

// answer is what a launcher that asks is told.
func (w *world) answer(of <-chan string) string {
	w.t.Helper()
	w.until("the answer to a launcher", func() bool { return len(of) > 0 })
	return <-of
}

// begin has all ask.
func (w *world) begin(size int) {
	w.t.Helper()
	for rank := range size {
		w.ready(rank)
	}
	w.untilStarted("a")
}

// endsOnceDeleted is a pod whose program ends as it is told to.
func (w *world) endsOnceDeleted(id string) {
	w.t.Helper()
	w.until("the deletion of "+id, func() bool { return w.pod(id).DeletionTimestamp != nil })
	if w.pod(id).Spec.NodeName != "" {
		w.change(id, ends(143, "Error", termination(map[string]any{"stopped": true, "signal": 15})))
	}
}

func (w *world) forgetAll(size int) {
	w.t.Helper()
	w.forget("a")
	for rank := range size {
		w.untilForgotten(name(rank))
		w.untilNoPod(name(rank))
	}
	w.driver.mu.Lock()
	defer w.driver.mu.Unlock()
	if w.driver.alive != 0 || len(w.driver.queue) != 0 {
		w.t.Errorf("%d are alive, %d in the queue", w.driver.alive, len(w.driver.queue))
	}
}

func requestOf(t *testing.T, pod *corev1.Pod) (whole, of map[string]any) {
	t.Helper()
	text, err := launch.Unpack(pod.Spec.Containers[0].Args)
	if err == nil {
		err = json.Unmarshal(text, &whole)
	}
	if err != nil {
		t.Fatal(err)
	}
	return whole, whole["pod"].(map[string]any)
}

func TestPodsOfAnAttemptAreAlikeButForTheirRank(t *testing.T) {
	w := aGang(t, 3)
	for rank := range 3 {
		pod := w.pod(name(rank))
		whole, of := requestOf(t, pod)
		gang, report := of["gang"].(map[string]any), of["report"].(map[string]any)
		if pod.Labels[podspec.RankLabel] != fmt.Sprint(rank) || pod.Labels[podspec.AttemptLabel] != "a" ||
			pod.Annotations[podspec.PodsAnnotation] != "3" || pod.Spec.ActiveDeadlineSeconds != nil {
			t.Errorf("%+v", pod.ObjectMeta)
		}
		if gang["rank"] != float64(rank) || gang["size"] != 3.0 || report["id"] != "a" || report["token"] != w.store.Token("a") {
			t.Errorf("%v", of)
		}
		log := whole["log"].(map[string]any)["uri"]
		kept := whole["outputs"] != nil && of["executor_output"] != nil && of["parameter_files"] != nil && of["result_uri"] != nil
		if rank == 0 {
			if !kept || log != "s3://b/run/a.log" || pod.Annotations[podspec.LogAnnotation] != "run/a.log" {
				t.Errorf("%v %v", whole, pod.Annotations)
			}
			continue
		}
		for _, field := range []string{"executor_output", "parameter_files", "result_uri", "send_log"} {
			kept = kept || of[field] != nil
		}
		if ending := fmt.Sprintf("run/a.rank-%d.log", rank); kept || whole["outputs"] != nil || log != "s3://b/"+ending ||
			pod.Annotations[podspec.LogAnnotation] != ending {
			t.Errorf("%v %v", whole, pod.Annotations)
		}
	}
}

func TestPodsOfAnAttemptBeginAndEndTogether(t *testing.T) {
	w := aGang(t, 3)
	answers := []<-chan string{w.ready(1), w.ready(0)}
	time.Sleep(50 * time.Millisecond)
	if len(answers[0])+len(answers[1]) > 0 || w.pod("a").Annotations[podspec.BegunAnnotation] != "" {
		t.Error("two of three have begun")
	}
	for _, event := range w.events() {
		if event.GetStarted() != nil {
			t.Errorf("%v", event)
		}
	}
	for _, answer := range append(answers, w.ready(2)) {
		if master := w.answer(answer); master != "10.0.0.0" {
			t.Errorf("%q", master)
		}
	}
	w.untilStarted("a")
	if w.pod("a").Annotations[podspec.BegunAnnotation] == "" {
		t.Error("that they have begun is not kept")
	}
	good := ends(0, "Completed", termination(map[string]any{"exit_code": 0}))
	w.change(name(1), good)
	w.change(name(0), ends(0, "Completed", `{"result_uri":"s3://b/r"}`))
	time.Sleep(50 * time.Millisecond)
	for _, event := range w.events() {
		if event.GetFinished() != nil {
			t.Errorf("%v", event)
		}
	}
	w.change(name(2), good)
	if f := w.untilFinished("a"); f.Outcome != pb.Outcome_SUCCEEDED || f.ResultUri != "s3://b/r" || f.Message != "" {
		t.Errorf("%v", f)
	}
	if w.calls("create") != 3 || w.calls("delete") != 0 || w.calls("patch") != 1 {
		t.Errorf("calls: %v", w.tries)
	}
	w.forgetAll(3)
}

func TestPodsThatCannotBeAskedFor(t *testing.T) {
	for _, test := range []struct {
		settings string
		size     any
		words    string
	}{
		{"report: {listen: ':1', url: 'http://door'}", "1", "a number from 2 to 1000, not \"1\""},
		{"report: {listen: ':1', url: 'http://door'}", "1001", "a number from 2 to 1000"},
		{"report: {listen: ':1', url: 'http://door'}", " 2", "a number from 2 to 1000"},
		{"report: {listen: ':1', url: 'http://door'}", "3", "more than 2 may not be"},
		{"", "2", "report in the settings of pods is not set"},
	} {
		w := newWorld(t)
		w.text = "launcher: {image: penstock}\n" + test.settings
		if test.size == "3" {
			w.maxPods = 2
		}
		w.start()
		w.reattached()
		w.startGang("a", test.size)
		if f := w.untilFinished("a"); f.Outcome != pb.Outcome_FAILED || f.Reason != "InvalidPod" || !strings.Contains(f.Message, test.words) {
			t.Errorf("%v", f)
		}
		w.forgetAll(1)
		if w.calls("create") != 0 {
			t.Errorf("%v", w.tries)
		}
		w.stop()
	}
}

func TestAnAttemptWaitsForThePodThatIsLeastFar(t *testing.T) {
	w := newWorld(t)
	w.start()
	w.reattached()
	w.setRefuse(func(verb string, tries int) error {
		if verb == "create" && tries > 2 {
			return errorText("dial tcp: connection refused")
		}
		return nil
	})
	w.startGang("a", 3)
	// The server keeps the order until all are there.
	if waiting := w.untilWaiting("a", pb.Wait_API_SERVER); !strings.HasPrefix(waiting.Message, "rank ") {
		t.Errorf("%v", waiting)
	}
	w.setRefuse(nil)
	w.change(name(0), runsAt(0))
	w.change(name(1), waitsIn("ErrImagePull", "not found"))
	w.change(name(2), condition(corev1.PodScheduled, corev1.ConditionFalse, "Unschedulable", "Insufficient cpu."))
	if waiting := w.untilWaiting("a", pb.Wait_UNSCHEDULABLE); waiting.Message != "rank 2: no node takes the pod: Insufficient cpu." {
		t.Errorf("%v", waiting)
	}
	w.change(name(2), runsAt(2))
	if waiting := w.untilWaiting("a", pb.Wait_IMAGE); !strings.HasPrefix(waiting.Message, "rank 1: the image python cannot be pulled") {
		t.Errorf("%v", waiting)
	}
	w.change(name(1), runsAt(1))
	w.driver.Progressed("a", 2, launch.Progress{Content: "3 of 10 MB"})
	w.ready(0)
	w.ready(1)
	if !w.hears("rank 2: 3 of 10 MB") {
		t.Errorf("%v", w.events())
	}
	w.ready(2)
	w.untilStarted("a")
}

func TestResultsOfRanks(t *testing.T) {
	w := aGang(t, 2)
	door := httptest.NewServer(reports.NewDoor(w.store, w.driver, w.driver.Log, nil))
	defer door.Close()
	w.begin(2)
	w.startAttempt("b")
	at, token := door.URL+"/attempts/a/", w.store.Token("a")
	first, second := resultText(map[string]any{"exit_code": 0}), resultText(map[string]any{"exit_code": 0, "signal": 0})
	if code := post(t, at+"result?rank=1", token, second); code != 200 {
		t.Errorf("%d", code)
	}
	if code := post(t, at+"result?rank=0", token, first); code != 200 {
		t.Errorf("%d", code)
	}
	if f := w.untilFinished("a"); f.Outcome != pb.Outcome_SUCCEEDED || !bytes.Equal(f.Result, first) {
		t.Errorf("%v", f)
	}
	if text, _ := w.store.Read("a.rank-1"); !bytes.Equal(text, second) {
		t.Errorf("%s", text)
	}
	// Of an attempt with one pod there are no others.
	if code := post(t, door.URL+"/attempts/b/result?rank=1", w.store.Token("b"), first); code != 200 || len(w.store.IDs()) != 2 {
		t.Errorf("%d %v", code, w.store.IDs())
	}
	w.forget("a")
	w.until("that nothing is kept", func() bool { return len(w.store.IDs()) == 0 })
}

func TestAGangTakesItsRoomAsAWhole(t *testing.T) {
	w := newWorld(t)
	w.maxPods = 3
	w.start()
	w.reattached()
	w.startAttempt("one")
	w.untilPod("one")
	w.startGang("a", 3)
	w.startAttempt("later")
	if waiting := w.untilWaiting("a", pb.Wait_QUOTA); !strings.Contains(waiting.Message, "max_pods") {
		t.Errorf("%v", waiting)
	}
	w.untilWaiting("later", pb.Wait_QUOTA) // there would be room
	if w.pod("a") != nil || w.pod("later") != nil {
		t.Error("a pod was made for which there was no room, or another's")
	}
	w.change("one", ends(0, "Completed", termination(map[string]any{})))
	w.runAll(3)
	w.begin(3)
	w.cancel("a")
	for rank := range 3 {
		w.endsOnceDeleted(name(rank))
	}
	w.untilPod("later")
}
