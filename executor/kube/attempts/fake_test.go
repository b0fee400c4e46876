package attempts

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"

	pb "github.com/penstock/penstock/kube/gen/pods"
	"github.com/penstock/penstock/kube/podspec"
	"github.com/penstock/penstock/kube/reports"
	"github.com/penstock/penstock/kube/settings"
)

const ns = "ns"

var podsResource = schema.GroupVersionResource{Version: "v1", Resource: "pods"}

// world is a cluster that heeds finalizers, and a driver of it.
type world struct {
	t       *testing.T
	client  *fake.Clientset
	store   *reports.Store
	maxPods int // 0: the usual
	dataDir string
	driver  *Driver
	session *Session
	times   Times
	text    string // of the settings

	mu      sync.Mutex
	refuse  func(verb string, tries int) error // of calls on pods; nil: all are taken
	tries   map[string]int
	watches []watch.Interface
	blind   bool // no list and no watch is answered
	expired bool // the next watch is told that it knows too little
	uids    int
	heard   []*pb.Event
}

func newWorld(t *testing.T) *world {
	w := &world{t: t, client: fake.NewClientset(), dataDir: t.TempDir(), tries: map[string]int{},
		text: "launcher: {image: penstock}\nreport: {listen: ':1', url: 'http://door'}",
		times: Times{Tick: 10 * time.Millisecond, Sweep: 20 * time.Millisecond, Pending: time.Minute, Image: time.Minute,
			NodeLost: time.Minute, Cause: time.Minute, Call: 5 * time.Second, Slow: time.Minute, RetryShortest: 5 * time.Millisecond,
			RetryLongest: 20 * time.Millisecond, MaxQuota: 20 * time.Millisecond, GangEnd: time.Minute}}
	w.client.PrependReactor("*", "pods", w.react)
	w.client.PrependWatchReactor("pods", w.reactToWatch)
	t.Cleanup(w.stop)
	return w
}

func (w *world) react(action clienttesting.Action) (bool, runtime.Object, error) {
	verb := action.GetVerb()
	if action.GetSubresource() == "log" {
		return false, nil, nil
	}
	w.mu.Lock()
	w.tries[verb]++
	refuse, tries, blind := w.refuse, w.tries[verb], w.blind
	w.uids++
	uid := w.uids
	w.mu.Unlock()
	if blind && verb == "list" {
		return true, nil, apierrors.NewServiceUnavailable("away")
	}
	if refuse != nil {
		if err := refuse(verb, tries); err != nil {
			return true, nil, err
		}
	}
	switch verb {
	case "create":
		pod := action.(clienttesting.CreateAction).GetObject().(*corev1.Pod)
		pod.UID, pod.CreationTimestamp = types.UID(fmt.Sprint("uid-", uid)), metav1.Now()
	case "delete":
		return w.delete(action.(clienttesting.DeleteActionImpl))
	case "patch":
		done, object, err := clienttesting.ObjectReaction(w.client.Tracker())(action)
		if pod, is := object.(*corev1.Pod); is && err == nil && pod.DeletionTimestamp != nil && len(pod.Finalizers) == 0 {
			err = w.client.Tracker().Delete(podsResource, pod.Namespace, pod.Name)
		}
		return done, object, err
	}
	return false, nil, nil
}

func (w *world) delete(action clienttesting.DeleteActionImpl) (bool, runtime.Object, error) {
	object, err := w.client.Tracker().Get(podsResource, action.Namespace, action.Name)
	if err != nil {
		return true, nil, err
	}
	pod := object.(*corev1.Pod).DeepCopy()
	options := action.DeleteOptions
	if options.Preconditions != nil && *options.Preconditions.UID != pod.UID {
		return true, nil, apierrors.NewConflict(podsResource.GroupResource(), pod.Name, fmt.Errorf("another UID"))
	}
	if len(pod.Finalizers) == 0 {
		return false, nil, nil
	}
	grace := *pod.Spec.TerminationGracePeriodSeconds
	if options.GracePeriodSeconds != nil {
		grace = *options.GracePeriodSeconds
	}
	if pod.Spec.NodeName == "" {
		grace = 0
	}
	pod.DeletionTimestamp, pod.DeletionGracePeriodSeconds = new(metav1.Now()), &grace
	return true, pod, w.client.Tracker().Update(podsResource, pod, pod.Namespace)
}

func (w *world) reactToWatch(action clienttesting.Action) (bool, watch.Interface, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.blind {
		return true, nil, apierrors.NewServiceUnavailable("away")
	}
	if w.expired { // the fake would not tell what was missed
		w.expired = false
		return true, nil, apierrors.NewResourceExpired("too old resource version")
	}
	watcher, err := w.client.Tracker().Watch(podsResource, action.GetNamespace())
	if err == nil {
		w.watches = append(w.watches, watcher)
	}
	return true, watcher, err
}

// setBlind ends all watches, and lets none begin until it is set back.
func (w *world) setBlind(blind bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.blind, w.expired = blind, !blind
	for _, one := range w.watches {
		one.Stop()
	}
	w.watches = nil
}

func (w *world) setRefuse(refuse func(verb string, tries int) error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.refuse = refuse
}

func (w *world) calls(verb string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.tries[verb]
}

// start begins a driver and a session that names no attempts yet.
func (w *world) start() {
	w.t.Helper()
	s, err := settings.Parse([]byte(w.text))
	if err != nil {
		w.t.Fatal(err)
	}
	if w.maxPods > 0 {
		s.MaxPods = w.maxPods
	}
	if w.store, err = reports.Open(w.dataDir); err != nil {
		w.t.Fatal(err)
	}
	w.driver = New(Config{Client: w.client, Store: w.store, Settings: s, ServerID: "s1", Namespace: ns, Times: w.times,
		Log: slog.New(slog.DiscardHandler)})
	// The fake tells a watch nothing of what has happened since the list before it.
	w.until("the watch", func() bool {
		w.mu.Lock()
		defer w.mu.Unlock()
		return w.blind || len(w.watches) > 0
	})
	w.open()
}

func (w *world) open() {
	session := w.driver.Open()
	w.mu.Lock()
	w.session, w.heard = session, nil
	w.mu.Unlock()
	go func() {
		for {
			event, err := session.Next(context.Background())
			if err != nil {
				return
			}
			w.mu.Lock()
			if w.session == session {
				w.heard = append(w.heard, event)
			}
			w.mu.Unlock()
		}
	}()
}

func (w *world) stop() {
	if w.driver != nil {
		w.driver.Close()
		w.driver = nil
		w.mu.Lock()
		w.watches = nil
		w.mu.Unlock()
	}
}

func (w *world) do(order *pb.Order) {
	w.t.Helper()
	if err := w.driver.Do(w.session, order); err != nil {
		w.t.Fatal(err)
	}
}

func specOf(id string) *pb.Attempt {
	return &pb.Attempt{AttemptId: id, RunId: "run", TaskId: "task-" + id, TaskName: "train", AttemptNumber: 1, Image: "python",
		WorkDir: "/penstock/work/" + id, LogPath: "run/" + id + ".log",
		Request: []byte(`{"command":["true"],"pod":{"grace_ms":5000}}`)}
}

func (w *world) startAttempt(id string) {
	w.t.Helper()
	w.do(&pb.Order{Order: &pb.Order_Start{Start: specOf(id)}})
}

func (w *world) reattach(id string) {
	w.t.Helper()
	w.do(&pb.Order{Order: &pb.Order_Reattach{Reattach: specOf(id)}})
}

func (w *world) reattached()      { w.do(&pb.Order{Order: &pb.Order_Reattached{Reattached: true}}) }
func (w *world) cancel(id string) { w.do(&pb.Order{Order: &pb.Order_Cancel{Cancel: id}}) }
func (w *world) forget(id string) { w.do(&pb.Order{Order: &pb.Order_Forget{Forget: id}}) }

// until waits for a condition.
func (w *world) until(what string, holds func() bool) {
	w.t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for !holds() {
		if time.Now().After(deadline) {
			w.t.Fatalf("%s did not come to pass; heard: %v", what, w.events())
		}
		time.Sleep(2 * time.Millisecond)
	}
}

func (w *world) events() []*pb.Event {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]*pb.Event{}, w.heard...)
}

func (w *world) pod(id string) *corev1.Pod {
	object, err := w.client.Tracker().Get(podsResource, ns, podspec.PodName(id))
	if err != nil {
		return nil
	}
	return object.(*corev1.Pod).DeepCopy()
}

func (w *world) untilPod(id string) *corev1.Pod {
	w.t.Helper()
	w.until("the pod of "+id, func() bool { return w.pod(id) != nil })
	return w.pod(id)
}

// change lets the cluster change a pod.
func (w *world) change(id string, change func(*corev1.Pod)) {
	w.t.Helper()
	pod := w.untilPod(id)
	change(pod)
	if err := w.client.Tracker().Update(podsResource, pod, ns); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) untilFinished(id string) *pb.Finished {
	w.t.Helper()
	var finished *pb.Finished
	w.until("the end of "+id, func() bool {
		for _, event := range w.events() {
			if f := event.GetFinished(); f != nil && f.AttemptId == id {
				finished = f
			}
		}
		return finished != nil
	})
	return finished
}

func (w *world) untilWaiting(id string, wait pb.Wait) *pb.Waiting {
	w.t.Helper()
	var found *pb.Waiting
	w.until(fmt.Sprint(id, " waits for ", wait), func() bool {
		for _, event := range w.events() {
			if f := event.GetWaiting(); f != nil && f.AttemptId == id && f.Wait == wait {
				found = f
			}
		}
		return found != nil
	})
	return found
}

func (w *world) untilStarted(id string) {
	w.t.Helper()
	w.until("the start of "+id, func() bool {
		for _, event := range w.events() {
			if event.GetStarted().GetAttemptId() == id {
				return true
			}
		}
		return false
	})
}

func (w *world) untilForgotten(id string) {
	w.t.Helper()
	w.until("that "+id+" is forgotten", func() bool {
		w.driver.mu.Lock()
		defer w.driver.mu.Unlock()
		return w.driver.attempts[id] == nil
	})
}

func (w *world) untilNoPod(id string) {
	w.t.Helper()
	w.until("that the pod of "+id+" is gone", func() bool { return w.pod(id) == nil })
}

// Changes of pods, as kubelets make them.

func runs(pod *corev1.Pod) {
	pod.Spec.NodeName = "node1"
	pod.Status.Phase = corev1.PodRunning
	pod.Status.ContainerStatuses = []corev1.ContainerStatus{{Name: podspec.Main, Ready: true, ImageID: "sha256:1",
		State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: metav1.Now()}}}}
}

func ends(code int32, reason, message string) func(*corev1.Pod) {
	return func(pod *corev1.Pod) {
		runs(pod)
		pod.Status.Phase = corev1.PodSucceeded
		if code != 0 {
			pod.Status.Phase = corev1.PodFailed
		}
		pod.Status.ContainerStatuses[0].State = corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{
			ExitCode: code, Reason: reason, Message: message, StartedAt: metav1.Now(), FinishedAt: metav1.Now()}}
	}
}

func waitsIn(reason, message string) func(*corev1.Pod) {
	return func(pod *corev1.Pod) {
		pod.Spec.NodeName = "node1"
		pod.Status.Phase = corev1.PodPending
		pod.Status.ContainerStatuses = []corev1.ContainerStatus{{Name: podspec.Main, Image: "python",
			State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: reason, Message: message}}}}
	}
}

func condition(kind corev1.PodConditionType, status corev1.ConditionStatus, reason, message string) func(*corev1.Pod) {
	return func(pod *corev1.Pod) {
		pod.Status.Conditions = append(pod.Status.Conditions, corev1.PodCondition{Type: kind, Status: status, Reason: reason,
			Message: message})
	}
}

func all(changes ...func(*corev1.Pod)) func(*corev1.Pod) {
	return func(pod *corev1.Pod) {
		for _, change := range changes {
			change(pod)
		}
	}
}

func resultText(ended map[string]any) []byte {
	ended["finished_at_us"] = time.Now().UnixMicro()
	text, _ := json.Marshal(map[string]any{"outputs": []any{}, "ended": ended})
	return text
}

func termination(ended map[string]any) string {
	text, _ := json.Marshal(map[string]any{"result": json.RawMessage(resultText(ended))})
	return string(text)
}
