package attempts

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	pb "github.com/penstock/penstock/kube/gen/pods"
	"github.com/penstock/penstock/kube/launch"
)

func podWith(changes ...func(*corev1.Pod)) *corev1.Pod {
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "penstock-a", UID: "1"}}
	all(changes...)(pod)
	return pod
}

func status(phase corev1.PodPhase, reason, message string) func(*corev1.Pod) {
	return func(pod *corev1.Pod) {
		pod.Spec.NodeName, pod.Status.Phase, pod.Status.Reason, pod.Status.Message = "node1", phase, reason, message
	}
}

func beingDeleted(pod *corev1.Pod) { pod.DeletionTimestamp = new(metav1.Now()) }

func initEnded(name string) func(*corev1.Pod) {
	return func(pod *corev1.Pod) {
		status(corev1.PodFailed, "", "")(pod)
		pod.Status.InitContainerStatuses = []corev1.ContainerStatus{{Name: name, State: corev1.ContainerState{
			Terminated: &corev1.ContainerStateTerminated{ExitCode: 2, Reason: "Error"}}}}
	}
}

func TestHowPodsEnd(t *testing.T) {
	stopped := &launch.Result{Ended: &launch.Ended{Stopped: true, Signal: 15}}
	disrupted := func(reason string) func(*corev1.Pod) {
		return condition(corev1.DisruptionTarget, corev1.ConditionTrue, reason, "words")
	}
	for name, test := range map[string]struct {
		pod      *corev1.Pod
		result   *launch.Result
		outcome  pb.Outcome
		reason   string
		platform bool
	}{
		"good":          {podWith(ends(0, "Completed", "")), &launch.Result{Ended: &launch.Ended{}}, pb.Outcome_SUCCEEDED, "", false},
		"exit":          {podWith(ends(3, "Error", "")), &launch.Result{Ended: &launch.Ended{ExitCode: 3}}, pb.Outcome_FAILED, "Error", false},
		"timed out":     {podWith(ends(137, "Error", "")), &launch.Result{Ended: &launch.Ended{TimedOut: true, Signal: 9}}, pb.Outcome_TIMED_OUT, "DeadlineExceeded", false},
		"child killed":  {podWith(ends(137, "OOMKilled", "")), &launch.Result{Ended: &launch.Ended{Signal: 9}}, pb.Outcome_FAILED, "OOMKilled", false},
		"shell's child": {podWith(ends(137, "OOMKilled", "")), &launch.Result{Ended: &launch.Ended{ExitCode: 137}}, pb.Outcome_FAILED, "OOMKilled", false},
		"all killed":    {podWith(ends(137, "OOMKilled", "")), nil, pb.Outcome_FAILED, "OOMKilled", false},
		"no launcher":   {podWith(ends(128, "StartError", "no such file")), nil, pb.Outcome_FAILED, "StartError", false},
		"no result":     {podWith(ends(0, "Completed", "")), nil, pb.Outcome_FAILED, "NoResult", true},
		"deadline":      {podWith(status(corev1.PodFailed, "DeadlineExceeded", "")), stopped, pb.Outcome_TIMED_OUT, "DeadlineExceeded", false},
		"never ran":     {podWith(status(corev1.PodFailed, "DeadlineExceeded", "")), nil, pb.Outcome_TIMED_OUT, "DeadlineExceeded", false},
		"evicted":       {podWith(status(corev1.PodFailed, "Evicted", "low on memory")), nil, pb.Outcome_FAILED, "Evicted", true},
		"evicted, told": {podWith(status(corev1.PodFailed, "Evicted", "low on memory")), stopped, pb.Outcome_FAILED, "Evicted", true},
		"ended before":  {podWith(status(corev1.PodFailed, "Evicted", "")), &launch.Result{Ended: &launch.Ended{}}, pb.Outcome_SUCCEEDED, "", false},
		"preempted":     {podWith(ends(143, "Error", ""), beingDeleted, disrupted("PreemptionByScheduler")), stopped, pb.Outcome_FAILED, "Preempted", true},
		"drained":       {podWith(ends(143, "Error", ""), beingDeleted, disrupted("EvictionByEvictionAPI")), stopped, pb.Outcome_FAILED, "Evicted", true},
		"shut down":     {podWith(ends(143, "Error", ""), disrupted("TerminationByKubelet")), stopped, pb.Outcome_FAILED, "Disrupted", true},
		"node gone":     {podWith(status(corev1.PodFailed, "", ""), disrupted("DeletionByPodGC")), nil, pb.Outcome_LOST, "NodeLost", true},
		"tainted":       {podWith(ends(143, "Error", ""), beingDeleted, disrupted("DeletionByTaintManager")), stopped, pb.Outcome_FAILED, "TaintEvicted", true},
		"deleted":       {podWith(ends(143, "Error", ""), beingDeleted), stopped, pb.Outcome_LOST, "PodDeleted", true},
		"rejected":      {podWith(status(corev1.PodFailed, "OutOfcpu", "")), nil, pb.Outcome_FAILED, "OutOfcpu", true},
		"not admitted":  {podWith(status(corev1.PodFailed, "UnexpectedAdmissionError", "")), nil, pb.Outcome_FAILED, "UnexpectedAdmissionError", true},
		"our init":      {podWith(initEnded("penstock-launch")), nil, pb.Outcome_FAILED, "InitContainerFailed", true},
		"user's init":   {podWith(initEnded("prepare")), nil, pb.Outcome_FAILED, "InitContainerFailed", false},
		"unknown":       {podWith(ends(137, "ContainerStatusUnknown", "")), nil, pb.Outcome_LOST, "ContainerStatusUnknown", true},
		"no content":    {podWith(ends(125, "Error", "")), &launch.Result{Ended: &launch.Ended{Error: "the input is gone"}}, pb.Outcome_FAILED, "Error", false},
	} {
		m := read(test.pod, warning{})
		if !m.ended {
			t.Errorf("%s: it has not ended", name)
		}
		k := known{pod: test.pod, meaning: m, result: test.result}
		if f := k.end("a"); f.Outcome != test.outcome || f.Reason != test.reason || f.IsPlatformFault != test.platform ||
			f.Message == "" && f.Outcome != pb.Outcome_SUCCEEDED {
			t.Errorf("%s: %v", name, f)
		}
	}
}

func TestWhatPodsWaitFor(t *testing.T) {
	for name, test := range map[string]struct {
		pod      *corev1.Pod
		heard    warning
		wait     pb.Wait
		broken   string
		hopeless bool
	}{
		"unseen":    {nil, warning{}, pb.Wait_STARTING, "", false},
		"new":       {podWith(), warning{}, pb.Wait_STARTING, "", false},
		"creating":  {podWith(waitsIn("ContainerCreating", "")), warning{}, pb.Wait_STARTING, "", false},
		"pulling":   {podWith(waitsIn("ContainerCreating", "")), warning{"Pulling", "python"}, pb.Wait_IMAGE, "", false},
		"pulled":    {podWith(waitsIn("ContainerCreating", "")), warning{"Pulling", "penstock"}, pb.Wait_STARTING, "", false},
		"mount":     {podWith(waitsIn("ContainerCreating", "")), warning{"FailedMount", "x"}, pb.Wait_VOLUME, "", false},
		"attach":    {podWith(waitsIn("PodInitializing", "")), warning{"FailedAttachVolume", "x"}, pb.Wait_VOLUME, "", false},
		"pull":      {podWith(waitsIn("ErrImagePull", "x")), warning{}, pb.Wait_IMAGE, "ImagePullBackOff", false},
		"name":      {podWith(waitsIn("InvalidImageName", "x")), warning{}, pb.Wait_IMAGE, "InvalidImageName", true},
		"never":     {podWith(waitsIn("ErrImageNeverPull", "x")), warning{}, pb.Wait_IMAGE, "ErrImageNeverPull", true},
		"no secret": {podWith(waitsIn("CreateContainerConfigError", "x")), warning{}, pb.Wait_VOLUME, "", false},
		"not made":  {podWith(waitsIn("CreateContainerError", "x")), warning{}, pb.Wait_STARTING, "CreateContainerError", false},
	} {
		m := read(test.pod, test.heard)
		if m.ended || m.running || m.wait != test.wait || m.broken != test.broken || m.hopeless != test.hopeless || m.words == "" {
			t.Errorf("%s: %+v", name, m)
		}
	}
}
