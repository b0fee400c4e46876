package cluster

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// small keeps of a pod what is looked at here, so that many thousands fit: neither what it was asked to run nor who
// changed what.
func small(object any) (any, error) {
	pod, is := object.(*corev1.Pod)
	if !is {
		return object, nil
	}
	return Small(pod), nil
}

// Small is the pod without what nobody looks at here.
func Small(pod *corev1.Pod) *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Name: pod.Name, Namespace: pod.Namespace, UID: pod.UID, ResourceVersion: pod.ResourceVersion,
			CreationTimestamp: pod.CreationTimestamp, DeletionTimestamp: pod.DeletionTimestamp,
			DeletionGracePeriodSeconds: pod.DeletionGracePeriodSeconds,
			Labels:                     pod.Labels, Annotations: pod.Annotations, Finalizers: pod.Finalizers,
		},
		Spec: corev1.PodSpec{NodeName: pod.Spec.NodeName},
		Status: corev1.PodStatus{
			Phase: pod.Status.Phase, Conditions: pod.Status.Conditions, Message: pod.Status.Message, Reason: pod.Status.Reason,
			StartTime: pod.Status.StartTime, PodIP: pod.Status.PodIP, InitContainerStatuses: statuses(pod.Status.InitContainerStatuses),
			ContainerStatuses: statuses(pod.Status.ContainerStatuses),
		},
	}
}

func statuses(all []corev1.ContainerStatus) []corev1.ContainerStatus {
	var kept []corev1.ContainerStatus
	for _, one := range all {
		kept = append(kept, corev1.ContainerStatus{Name: one.Name, State: one.State, Ready: one.Ready, Image: one.Image,
			ImageID: one.ImageID})
	}
	return kept
}
