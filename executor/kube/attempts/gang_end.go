package attempts

import (
	"fmt"
	"time"

	pb "github.com/penstock/penstock/kube/gen/pods"
)

// Reasons for which members end. Those that this program gives are noted at their pods, so that another program that
// comes after it does not take them for the cause.
const (
	rankFailed   = "RankFailed"   // of the attempt: a program of a member ended badly by itself
	rankEnded    = "RankEnded"    // another member ended badly
	rankOutlived = "RankOutlived" // rank 0 has succeeded long ago
)

func isOfGang(reason string) bool { return reason == rankEnded || reason == rankOutlived }

// culprit is the member for which the attempt does not succeed; nil if there is none yet. What happens to a pod has others
// fail that talk with it, often before it has ended itself: so what was done to one counts more than what others did, and
// what came first more than what came later.
func (g *gang) culprit() *attempt {
	var found *attempt
	for _, one := range g.members {
		f := one.finished
		if f == nil || f.Outcome == pb.Outcome_SUCCEEDED || isOfGang(f.Reason) {
			continue
		}
		if found == nil || f.IsPlatformFault && !found.finished.IsPlatformFault ||
			f.IsPlatformFault == found.finished.IsPlatformFault && f.FinishedAtUs < found.finished.FinishedAtUs {
			found = one
		}
	}
	return found
}

// lookForEnd ends those that must not go on without the others, and the attempt once all have ended.
func (d *Driver) lookForEnd(g *gang, now time.Time) {
	left := 0
	for _, one := range g.members {
		if one.finished == nil {
			left++
		}
	}
	culprit, first := g.culprit(), g.members[0]
	switch {
	case left == 0:
		d.finishGang(g)
	case culprit != nil:
		d.endOthers(g, &cause{outcome: pb.Outcome_CANCELLED, reason: rankEnded,
			message: "another pod of the attempt has ended: " + ranked(culprit, culprit.finished.Message)})
	case first.finished != nil && first.finished.Outcome == pb.Outcome_SUCCEEDED &&
		now.Sub(time.UnixMicro(first.finished.FinishedAtUs)) >= d.Times.GangEnd:
		d.endOthers(g, &cause{outcome: pb.Outcome_CANCELLED, reason: rankOutlived,
			message: fmt.Sprintf("pods of other ranks ran on after rank 0 had succeeded, and were ended after %v", d.Times.GangEnd)})
	default:
		d.endUnmade(g, now)
	}
}

func (d *Driver) endOthers(g *gang, why *cause) {
	for _, one := range g.members {
		// Who is being deleted by somebody else may be the cause of all, and is to tell so.
		if one.pod == nil || one.pod.DeletionTimestamp == nil {
			d.stopOne(one, why)
		}
	}
}

// endUnmade ends a gang whose pods are there in vain, since others cannot be made.
func (d *Driver) endUnmade(g *gang, now time.Time) {
	longest := d.Times.Pending
	if longest <= 0 || g.admitted.IsZero() || now.Sub(g.admitted) <= longest {
		return
	}
	for _, one := range g.members {
		if one.state == queued {
			words := "nothing is known of why"
			if one.toldWait != nil {
				words = one.toldWait.Message
			}
			d.stopOne(one, &cause{outcome: pb.Outcome_FAILED, reason: "PendingTimeout",
				message: fmt.Sprintf("the pod could not be made within %v: %s", longest, words)})
			return
		}
	}
}
