package attempts

import (
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"

	pb "github.com/penstock/penstock/kube/gen/pods"
	"github.com/penstock/penstock/kube/launch"
	"github.com/penstock/penstock/kube/podspec"
)

// known is all that tells how an attempt ended.
type known struct {
	pod     *corev1.Pod // as seen last; nil: never
	meaning meaning
	gone    bool           // the pod is there no more
	verdict *cause         // why this program ended it; nil: it did not
	result  *launch.Result // nil: there is none here
	// Where the result is, if it is not here; and whether it was said to be here and is not.
	resultURI  string
	resultLost bool
}

// neverRan is the end of an attempt that has no pod.
func neverRan(attemptID string, why *cause) *pb.Finished {
	return known{meaning: meaning{exitCode: -1}, verdict: why}.end(attemptID)
}

// why is what stopped the attempt from outside; nil: nothing did.
func (k known) why() *cause {
	if k.verdict != nil {
		return k.verdict
	}
	if c := outside(k.pod); c != nil {
		return c
	}
	if k.gone {
		return &cause{outcome: pb.Outcome_LOST, reason: "PodDeleted", platform: true,
			message: "the pod is not there any more: somebody deleted it, and took its finalizer away"}
	}
	return nil
}

// unexplained: the program was stopped by something that the pod may yet name.
func (k known) unexplained() bool {
	if k.result == nil || k.pod != nil && over(k.pod) {
		return false
	}
	why := k.why()
	// A member that is ended since another was may have been killed before, for what ails them both.
	return k.result.Ended.Stopped && why == nil ||
		killed(k.result.Ended) && (why == nil || isOfGang(why.reason) && !k.result.Ended.Stopped)
}

// killed: the program, or the last one that a shell ran for it, was killed as the kernel does it if memory runs out.
func killed(ended *launch.Ended) bool { return ended.Signal == 9 || ended.ExitCode == 128+9 }

// end tells how the attempt ended.
func (k known) end(attemptID string) *pb.Finished {
	finished := &pb.Finished{AttemptId: attemptID, ExitCode: k.meaning.exitCode, StartedAtUs: micros(k.meaning.startedAt),
		FinishedAtUs: micros(k.meaning.finishedAt), ResultUri: k.resultURI}
	if k.pod != nil {
		finished.Node = k.pod.Spec.NodeName
		if main := statusOf(k.pod.Status.ContainerStatuses, podspec.Main); main != nil {
			finished.ImageDigest = main.ImageID
		}
	}
	var c cause
	switch {
	case k.result != nil:
		c = k.byResult(finished)
	case k.resultURI != "":
		c = k.byExitCode()
	case k.why() != nil:
		c = *k.why()
	case k.resultLost:
		c = cause{outcome: pb.Outcome_LOST, reason: "ResultLost", platform: true,
			message: "the launcher's result was handed over, and is not there any more"}
	default:
		c = own(k.pod)
	}
	finished.Outcome, finished.Reason, finished.Message, finished.IsPlatformFault = c.outcome, c.reason, c.message, c.platform
	if finished.FinishedAtUs == 0 {
		finished.FinishedAtUs = time.Now().UnixMicro()
	}
	return finished
}

func micros(at time.Time) int64 {
	if at.IsZero() || at.Unix() <= 0 {
		return 0
	}
	return at.UnixMicro()
}

// byResult is for an attempt whose launcher tells how its program ended.
func (k known) byResult(finished *pb.Finished) cause {
	ended := k.result.Ended
	finished.StartedAtUs, finished.FinishedAtUs, finished.ExitCode = ended.StartedAtUs, ended.FinishedAtUs, int32(ended.ExitCode)
	if ended.Signal != 0 || ended.Error != "" {
		finished.ExitCode = -1
	}
	why := k.why()
	switch {
	case ended.Stopped && why != nil && why.outcome != pb.Outcome_TIMED_OUT:
		return *why
	case ended.TimedOut, ended.Stopped && why != nil:
		return cause{outcome: pb.Outcome_TIMED_OUT, reason: "DeadlineExceeded", message: "the task took longer than it may"}
	case ended.Error != "":
		return cause{outcome: pb.Outcome_FAILED, reason: "Error", message: ended.Error}
	case killed(ended) && k.meaning.killed == outOfMemoryReason:
		return cause{outcome: pb.Outcome_FAILED, reason: outOfMemoryReason, message: outOfMemory}
	case ended.Signal != 0:
		return cause{outcome: pb.Outcome_FAILED, reason: "Error",
			message: fmt.Sprintf("the program was killed by signal %d", ended.Signal)}
	}
	return byCode(int32(ended.ExitCode))
}

// byExitCode is for an attempt whose result is elsewhere: the launcher ends as its program did.
func (k known) byExitCode() cause {
	if why := k.why(); why != nil && k.meaning.exitCode != 0 {
		return *why
	}
	if k.meaning.killed == outOfMemoryReason && k.meaning.exitCode != 0 {
		return cause{outcome: pb.Outcome_FAILED, reason: outOfMemoryReason, message: outOfMemory}
	}
	return byCode(k.meaning.exitCode)
}

func byCode(code int32) cause {
	if code == 0 {
		return cause{outcome: pb.Outcome_SUCCEEDED}
	}
	return cause{outcome: pb.Outcome_FAILED, reason: "Error", message: fmt.Sprintf("the program ended with exit code %d", code)}
}
