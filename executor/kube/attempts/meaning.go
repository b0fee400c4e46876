package attempts

import (
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	pb "github.com/penstock/penstock/kube/gen/pods"
	"github.com/penstock/penstock/kube/launch"
	"github.com/penstock/penstock/kube/podspec"
)

// warning is what the cluster last said of a pod besides its status.
type warning struct{ reason, message string }

// meaning is what a pod says of its attempt.
type meaning struct {
	ended       bool
	running     bool // the main container runs
	startedAt   time.Time
	finishedAt  time.Time
	exitCode    int32 // of the main container; -1: none
	killed      string
	termination *launch.Termination

	wait  pb.Wait // if it neither runs nor has ended
	words string
	// Why it cannot go on unless somebody mends something; hopeless: waiting does not help.
	broken   string
	hopeless bool
	unwell   bool // its node is silent
}

// over: the pod itself says that nothing of it runs any more.
func over(pod *corev1.Pod) bool {
	return pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed
}

// read tells what a pod means. Nil means that none was seen yet.
func read(pod *corev1.Pod, heard warning) meaning {
	m := meaning{exitCode: -1}
	if pod == nil {
		m.wait, m.words = pb.Wait_STARTING, "the pod was made, and is not seen yet"
		return m
	}
	m.unwell = unwell(pod)
	main := statusOf(pod.Status.ContainerStatuses, podspec.Main)
	if main != nil && main.State.Running != nil {
		m.running, m.startedAt = true, main.State.Running.StartedAt.Time
	}
	if main != nil && main.State.Terminated != nil {
		end := main.State.Terminated
		m.ended, m.exitCode, m.killed = true, end.ExitCode, end.Reason
		if end.Reason == "ContainerStatusUnknown" { // the kubelet makes 137 of what it does not know
			m.exitCode = -1
		}
		m.startedAt, m.finishedAt = end.StartedAt.Time, end.FinishedAt.Time
		m.termination = launch.ParseTermination(end.Message)
	}
	if over(pod) || deleted(pod) {
		m.ended = true
	}
	if !m.ended && !m.running {
		waits(&m, pod, heard)
	}
	return m
}

// deleted: whoever runs it has let go of it, so that only finalizers hold it.
func deleted(pod *corev1.Pod) bool {
	return pod.DeletionTimestamp != nil && (pod.Spec.NodeName == "" ||
		pod.DeletionGracePeriodSeconds != nil && *pod.DeletionGracePeriodSeconds == 0)
}

func waits(m *meaning, pod *corev1.Pod, heard warning) {
	if pod.Spec.NodeName == "" {
		m.wait, m.words = pb.Wait_STARTING, "no node is chosen for the pod yet"
		if condition := conditionOf(pod, corev1.PodScheduled); condition != nil && condition.Message != "" {
			m.wait, m.words = pb.Wait_UNSCHEDULABLE, "no node takes the pod: "+bounded(condition.Message)
		} else if heard.reason == "FailedScheduling" {
			m.wait, m.words = pb.Wait_UNSCHEDULABLE, "no node takes the pod: "+bounded(heard.message)
		}
		return
	}
	m.wait, m.words = pb.Wait_STARTING, "the containers of the pod are being made on the node "+pod.Spec.NodeName
	switch {
	case heard.reason == "Pulling" && ofWaiting(pod, heard.message):
		m.wait, m.words = pb.Wait_IMAGE, "an image is being brought: "+bounded(heard.message)
	case strings.HasPrefix(heard.reason, "FailedMount") || strings.HasPrefix(heard.reason, "FailedAttach") ||
		heard.reason == "FailedMapVolume":
		m.wait, m.words = pb.Wait_VOLUME, "a volume cannot be mounted: "+bounded(heard.message)
	case heard.reason == "FailedCreatePodSandBox":
		m.words = "the pod's network or sandbox cannot be made: " + bounded(heard.message)
	}
	for _, status := range append(append([]corev1.ContainerStatus{}, pod.Status.InitContainerStatuses...),
		pod.Status.ContainerStatuses...) {
		if status.State.Running != nil && status.Name != podspec.Main {
			m.wait, m.words = pb.Wait_STARTING, "the init container "+status.Name+" runs"
		}
		if status.State.Waiting != nil && waitsFor(m, &status) {
			return
		}
	}
}

// ofWaiting: the image that is being brought is that of a container that waits, as far as is known.
func ofWaiting(pod *corev1.Pod, words string) bool {
	known := false
	for _, statuses := range [][]corev1.ContainerStatus{pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses} {
		for _, status := range statuses {
			known = known || status.Image != ""
			if status.State.Waiting != nil && status.Image != "" && strings.Contains(words, status.Image) {
				return true
			}
		}
	}
	return !known
}

// waitsFor tells what a container waits for, if that is worth telling.
func waitsFor(m *meaning, status *corev1.ContainerStatus) bool {
	reason, words := status.State.Waiting.Reason, bounded(status.State.Waiting.Message)
	switch reason {
	case "ErrImagePull", "ImagePullBackOff", "RegistryUnavailable", "ImageInspectError", "SignatureValidationFailed":
		m.wait, m.broken = pb.Wait_IMAGE, "ImagePullBackOff"
		m.words = sentence("the image "+status.Image+" cannot be pulled", words)
	case "InvalidImageName", "ErrImageNeverPull":
		m.wait, m.broken, m.hopeless = pb.Wait_IMAGE, reason, true
		m.words = sentence("the image "+status.Image+" cannot be used", words)
	case "CreateContainerConfigError":
		m.wait = pb.Wait_VOLUME
		m.words = sentence("a secret or config map that the container "+status.Name+" needs is missing", words)
	case "CreateContainerError", "RunContainerError", "PreStartHookError", "PostStartHookError":
		m.wait, m.broken = pb.Wait_STARTING, reason
		m.words = sentence("the container "+status.Name+" cannot be made", words)
	default:
		return false
	}
	return true
}
