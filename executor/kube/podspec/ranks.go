package podspec

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	pb "github.com/penstock/penstock/kube/gen/pods"
	"github.com/penstock/penstock/kube/launch"
	"github.com/penstock/penstock/kube/limits"
)

// PodsAnnotation is how an author asks for several pods, which train together: each has a rank.
const PodsAnnotation = ownPrefix + "pods"

// PodsOf is how many pods a task asks for; 1 unless it says so. An error is one that Build has too.
func PodsOf(attempt *pb.Attempt) (int, error) {
	if !strings.Contains(attempt.Settings, PodsAnnotation) { // nearly no task says so
		return 1, nil
	}
	fields, err := fieldsOf(json.RawMessage(attempt.Settings))
	if err != nil {
		return 0, err
	}
	var metadata podMetadata
	if value, is := fields["podMetadata"]; !is {
		return 1, nil
	} else if err := strictly(value, &metadata); err != nil {
		return 0, err
	}
	if text, is := metadata.Annotations[PodsAnnotation]; is {
		return podsIn(text)
	}
	return 1, nil
}

func podsIn(text string) (int, error) {
	count, err := strconv.Atoi(text)
	if err != nil || count < 2 || count > limits.PodsOfAttempt {
		return 0, fmt.Errorf("the annotation %s is how many pods the task has: a number from 2 to %d, not %s", PodsAnnotation,
			limits.PodsOfAttempt, shown(text))
	}
	return count, nil
}

// SizeOf is how many pods the attempt of a pod has.
func SizeOf(pod *corev1.Pod) int {
	if count, err := podsIn(pod.Annotations[PodsAnnotation]); err == nil && pod.Labels[RankLabel] != "" {
		return count
	}
	return 1
}

// RankOf is which of the pods of its attempt a pod is.
func RankOf(pod *corev1.Pod) int {
	rank, err := strconv.Atoi(pod.Labels[RankLabel])
	if err != nil || rank < 0 || rank >= limits.PodsOfAttempt {
		return 0
	}
	return rank
}

// MemberID is what tells a pod of an attempt from its others: PodName makes its name of it. That of rank 0 is the attempt's
// own id, and others are no attempt's, since ids are of one length.
func MemberID(attemptID string, rank int) string {
	if rank == 0 {
		return attemptID
	}
	return fmt.Sprintf("%s-%d", attemptID, rank)
}

// MemberOf is the MemberID of a pod; empty: it is none of ours.
func MemberOf(pod *corev1.Pod) string {
	id := pod.Labels[AttemptLabel]
	if id == "" {
		return ""
	}
	return MemberID(id, RankOf(pod))
}

// makeRanked makes the pod of an attempt that of a rank.
func makeRanked(pod *corev1.Pod, attemptID string, gang *launch.Gang) {
	pod.Name = PodName(MemberID(attemptID, gang.Rank))
	metav1.SetMetaDataLabel(&pod.ObjectMeta, RankLabel, strconv.Itoa(gang.Rank))
	metav1.SetMetaDataAnnotation(&pod.ObjectMeta, PodsAnnotation, strconv.Itoa(gang.Size))
	metav1.SetMetaDataAnnotation(&pod.ObjectMeta, LogAnnotation, rankedLog(pod.Annotations[LogAnnotation], gang.Rank))
	// It would run while the pods wait for each other; the launcher keeps to the task's time.
	pod.Spec.ActiveDeadlineSeconds = nil
}

func rankedLog(path string, rank int) string {
	if rank == 0 || path == "" {
		return path
	}
	return fmt.Sprintf("%s.rank-%d.log", strings.TrimSuffix(path, ".log"), rank)
}

// rankRequest tells the launcher its rank. What a task leaves is what its rank 0 leaves: others keep nothing, and a log of
// their own.
func rankRequest(request, pod map[string]json.RawMessage, gang *launch.Gang) error {
	pod["gang"] = asJSON(gang)
	if gang.Rank == 0 {
		return nil
	}
	delete(request, "outputs")
	for _, field := range []string{"executor_output", "parameter_files", "result_uri", "send_log"} {
		delete(pod, field)
	}
	text, is := request["log"]
	if !is {
		return nil
	}
	log := map[string]json.RawMessage{}
	var uri string
	if err := json.Unmarshal(text, &log); err != nil {
		return fmt.Errorf("the field log of the launcher's request is no JSON object: %v", err)
	}
	if err := json.Unmarshal(log["uri"], &uri); err != nil {
		return fmt.Errorf("the field log.uri of the launcher's request is no text")
	}
	log["uri"] = asJSON(rankedLog(uri, gang.Rank))
	request["log"] = asJSON(log)
	return nil
}
