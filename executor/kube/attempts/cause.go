package attempts

import (
	"encoding/json"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"

	pb "github.com/penstock/penstock/kube/gen/pods"
	"github.com/penstock/penstock/kube/podspec"
)

// cause is why a pod ended that did not end by itself.
type cause struct {
	outcome  pb.Outcome
	reason   string
	message  string
	platform bool // the task had no part in it
}

// written is how a cause stands in an annotation of the pod.
type written struct {
	Outcome pb.Outcome `json:"outcome"`
	Reason  string     `json:"reason"`
	Message string     `json:"message"`
}

// text is kept at the pod that this program ends, for the one that may come after it.
func (c *cause) text() string {
	text, _ := json.Marshal(written{c.outcome, c.reason, c.message})
	return string(text)
}

// causeOf is the reverse of text; nil of what is none.
func causeOf(text string) *cause {
	var w written
	if json.Unmarshal([]byte(text), &w) != nil || w.Outcome == pb.Outcome_OUTCOME_UNSPECIFIED {
		return nil
	}
	return &cause{outcome: w.Outcome, reason: w.Reason, message: w.Message, platform: w.Outcome == pb.Outcome_LOST}
}

// rejected are reasons of a pod that a kubelet has not taken in.
var rejected = []string{"UnexpectedAdmissionError", "OutOf", "NodeAffinity", "NodeName", "NodePorts", "NodeUnschedulable",
	"TopologyAffinityError", "ResourceAllocationError", "TaintToleration", "UnsupportedOS", "PodOSSelector",
	"PodOSNotSupported", "InvalidNodeInfo", "ContainerRestart", "NodeShutdown", "Terminated", "Shutdown"}

// outside tells why somebody else than the program itself stopped the pod; nil if nobody did, as far as the pod shows.
func outside(pod *corev1.Pod) *cause {
	if pod == nil {
		return nil
	}
	node := ""
	if pod.Spec.NodeName != "" {
		node = " of the node " + pod.Spec.NodeName
	}
	if c := byReason(pod, node); c != nil {
		return c
	}
	if condition := conditionOf(pod, corev1.DisruptionTarget); condition != nil && condition.Status == corev1.ConditionTrue {
		return byDisruption(pod, condition, node)
	}
	if pod.DeletionTimestamp != nil {
		return &cause{outcome: pb.Outcome_LOST, reason: "PodDeleted", platform: true,
			message: fmt.Sprintf("somebody deleted the pod %s", pod.Name)}
	}
	return nil
}

func byReason(pod *corev1.Pod, node string) *cause {
	reason := pod.Status.Reason
	words := bounded(pod.Status.Message)
	switch reason {
	case "":
		return nil
	case "DeadlineExceeded":
		return &cause{outcome: pb.Outcome_TIMED_OUT, reason: reason,
			message: sentence("the task took longer than it may", words)}
	case "Evicted":
		return &cause{outcome: pb.Outcome_FAILED, reason: reason, platform: true,
			message: sentence("the kubelet"+node+" evicted the pod", words)}
	case "Preempting", "Preempted":
		return &cause{outcome: pb.Outcome_FAILED, reason: "Preempted", platform: true,
			message: sentence("the pod had to make room for another of higher priority", words)}
	case "NodeLost":
		return lostNode(pod)
	}
	for _, known := range rejected {
		if strings.HasPrefix(reason, known) {
			return &cause{outcome: pb.Outcome_FAILED, reason: reason, platform: true,
				message: sentence("the kubelet"+node+" did not take or keep the pod", words)}
		}
	}
	return nil
}

func byDisruption(pod *corev1.Pod, condition *corev1.PodCondition, node string) *cause {
	c := &cause{outcome: pb.Outcome_FAILED, platform: true}
	words := bounded(condition.Message)
	switch condition.Reason {
	case "PreemptionByScheduler":
		c.reason, c.message = "Preempted", sentence("the pod had to make room for another of higher priority", words)
	case "DeletionByPodGC":
		return lostNode(pod)
	case "DeletionByTaintManager":
		if unwell(pod) {
			return lostNode(pod)
		}
		c.reason, c.message = "TaintEvicted", sentence("a taint"+node+" drove the pod away", words)
	case "EvictionByEvictionAPI":
		c.reason, c.message = "Evicted", sentence("the pod was evicted", words)
	default:
		c.reason, c.message = "Disrupted", sentence("the kubelet"+node+" ended the pod", words)
	}
	return c
}

func lostNode(pod *corev1.Pod) *cause {
	return &cause{outcome: pb.Outcome_LOST, reason: "NodeLost", platform: true,
		message: fmt.Sprintf("the node %s does not speak any more, and nobody knows what became of the pod", pod.Spec.NodeName)}
}

// unwell: the control plane says that the pod's node is silent. It then sets Ready, and leaves the kubelet's reason as it
// was, which a pod that runs does not have.
func unwell(pod *corev1.Pod) bool {
	ready := conditionOf(pod, corev1.PodReady)
	if ready == nil || pod.Spec.NodeName == "" || over(pod) {
		return false
	}
	if ready.Status == corev1.ConditionUnknown || ready.Reason == "NodeLost" || ready.Reason == "NodeStatusUnknown" {
		return true
	}
	main := statusOf(pod.Status.ContainerStatuses, podspec.Main)
	return ready.Status == corev1.ConditionFalse && ready.Reason == "" && main != nil && main.State.Running != nil
}

// own tells what the containers say of an end of which there is no result.
func own(pod *corev1.Pod) cause {
	for i := range pod.Status.InitContainerStatuses {
		status := &pod.Status.InitContainerStatuses[i]
		if end := status.State.Terminated; end != nil && end.ExitCode != 0 {
			return cause{outcome: pb.Outcome_FAILED, reason: "InitContainerFailed", platform: status.Name == podspec.Launcher,
				message: sentence(fmt.Sprintf("the init container %s ended with exit code %d (%s)", status.Name, end.ExitCode,
					end.Reason), bounded(end.Message))}
		}
	}
	main := statusOf(pod.Status.ContainerStatuses, podspec.Main)
	if main == nil || main.State.Terminated == nil {
		return cause{outcome: pb.Outcome_FAILED, reason: orElse(pod.Status.Reason, "PodFailed"),
			message: sentence("the pod ended before its program ran", bounded(pod.Status.Message))}
	}
	end := main.State.Terminated
	c := cause{outcome: pb.Outcome_FAILED, reason: orElse(end.Reason, "Error")}
	switch {
	case end.Reason == outOfMemoryReason:
		c.message = outOfMemory
	case end.Reason == "ContainerCannotRun" || end.Reason == "StartError":
		c.message = sentence("the container could not be started", bounded(end.Message))
	case end.Reason == "ContainerStatusUnknown":
		c.outcome, c.platform, c.message = pb.Outcome_LOST, true, "the node does not know how the container ended"
	case end.ExitCode == 0:
		c.reason, c.platform, c.message = "NoResult", true, "the container ended, and its launcher left no result"
	default:
		c.message = fmt.Sprintf("the launcher ended with exit code %d and left no result", end.ExitCode)
	}
	return c
}

// What Kubernetes calls it that the kernel killed what took more memory than it may.
const outOfMemoryReason = "OOMKilled"

const outOfMemory = "the program took more memory than its limit allows, and was killed"

func conditionOf(pod *corev1.Pod, kind corev1.PodConditionType) *corev1.PodCondition {
	for i := range pod.Status.Conditions {
		if pod.Status.Conditions[i].Type == kind {
			return &pod.Status.Conditions[i]
		}
	}
	return nil
}

func statusOf(statuses []corev1.ContainerStatus, name string) *corev1.ContainerStatus {
	for i := range statuses {
		if statuses[i].Name == name {
			return &statuses[i]
		}
	}
	return nil
}

func orElse(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}
