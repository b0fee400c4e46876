package attempts

import (
	"fmt"
	"time"

	"github.com/penstock/penstock/kube/launch"
	"github.com/penstock/penstock/kube/logs"
	"github.com/penstock/penstock/kube/podspec"

	pb "github.com/penstock/penstock/kube/gen/pods"
)

// evaluate tells what is new of a living attempt, and ends it if it has ended or must.
func (d *Driver) evaluate(a *attempt) {
	if a.state != living {
		return
	}
	m := read(a.pod, a.heard)
	k := known{pod: a.pod, meaning: m, gone: a.gone, verdict: a.verdict, result: a.result}
	reported := a.result != nil
	if t := m.termination; t != nil && !reported {
		reported = d.fromTermination(a, &k, t)
	}
	now := time.Now()
	if k.result != nil || m.ended || a.gone {
		if k.unexplained() && !a.gone && !passed(&a.stoppedSince, true, d.Times.Cause, now) {
			return
		}
		d.ends(a, k, reported)
		return
	}
	if d.mustEnd(a, m, now) {
		return
	}
	d.tellLife(a, m)
}

// fromTermination takes the result that the termination message holds or names; true: it is in the store.
func (d *Driver) fromTermination(a *attempt, k *known, t *launch.Termination) bool {
	switch {
	case len(t.Result) > 0:
		k.result, _ = launch.ParseResult(t.Result)
	case t.ResultURI != "":
		k.resultURI = t.ResultURI
	case t.Reported:
		a.result = d.stored(a.key())
		k.result, k.resultLost = a.result, a.result == nil
		return a.result != nil
	}
	return false
}

// ends tells the end, after the end of the log if there is no result.
func (d *Driver) ends(a *attempt, k known, reported bool) {
	finished := k.end(a.id)
	if reported {
		a.stored = true
	} else if t := k.meaning.termination; t != nil && k.result != nil {
		finished.Result = t.Result
	}
	ran := !k.meaning.startedAt.IsZero()
	if k.result != nil || k.resultURI != "" || !ran || a.gone || finished.Outcome == pb.Outcome_CANCELLED {
		d.finish(a, finished)
		return
	}
	d.setState(a, tailing)
	d.running.Go(func() {
		finished.LogTail = logs.Tail(d.ctx, d.Client, a.namespace, podspec.PodName(a.id))
		d.mu.Lock()
		defer d.mu.Unlock()
		if a.state == tailing {
			d.finish(a, finished)
		}
	})
}

func (d *Driver) finish(a *attempt, finished *pb.Finished) {
	d.dequeue(a)
	d.setState(a, ended)
	a.finished, a.order = finished, nil
	d.tellFinished(a)
	d.Log.Debug("an attempt has ended", "attempt", a.id, "outcome", finished.Outcome, "reason", finished.Reason)
}

// passed: a condition has held for so long, as far as was seen. Zero time: at once.
func passed(since *time.Time, holds bool, longest time.Duration, now time.Time) bool {
	if !holds {
		*since = time.Time{}
		return false
	}
	if since.IsZero() {
		*since = now
	}
	return now.Sub(*since) >= longest
}

// mustEnd ends what cannot go on, or has waited too long.
func (d *Driver) mustEnd(a *attempt, m meaning, now time.Time) bool {
	deleting := a.pod != nil && a.pod.DeletionTimestamp != nil
	why := outside(a.pod)
	lost := passed(&a.unwellSince, m.unwell, d.Times.NodeLost, now)
	stuck := passed(&a.deletingSince, deleting, d.Times.NodeLost+graceOf(a.pod), now)
	if lost || stuck || why != nil && why.reason == "NodeLost" {
		d.loses(a)
		return true
	}
	if a.verdict != nil || deleting {
		return false
	}
	if m.hopeless || passed(&a.brokenSince, m.broken != "", d.Times.Image, now) {
		d.endPod(a, &cause{outcome: pb.Outcome_FAILED, reason: m.broken, message: m.words}, nil)
		return false
	}
	if longest := d.Times.Pending; longest > 0 && !a.started && !m.running && now.Sub(a.createdAt) > longest {
		d.endPod(a, &cause{outcome: pb.Outcome_FAILED, reason: "PendingTimeout",
			message: fmt.Sprintf("the program did not run within %v: %s", longest, m.words)}, nil)
	}
	return false
}

// loses gives up on a pod whose node is silent.
func (d *Driver) loses(a *attempt) {
	why := a.verdict
	if why == nil {
		why = lostNode(a.pod)
	}
	d.endPod(a, why, new(int64(0)))
	d.finish(a, known{pod: a.pod, meaning: read(a.pod, a.heard), verdict: why}.end(a.id))
}

// tellLife tells what it waits for, or that it runs.
func (d *Driver) tellLife(a *attempt, m meaning) {
	if !m.running && a.progress == (launch.Progress{}) {
		// What most pods wait for is told only if it lasts.
		if !a.started && (m.wait != pb.Wait_STARTING || time.Since(a.createdAt) >= d.Times.Quiet) {
			d.tellWaiting(a, m.wait, m.words)
		}
		return
	}
	at := m.startedAt
	if at.IsZero() {
		at = time.Now()
	}
	if a.progress.Content != "" {
		if !a.started {
			d.tellStarted(a, micros(at))
		}
		d.tellWaiting(a, pb.Wait_CONTENT, bounded(a.progress.Content))
		return
	}
	if !a.started || a.toldWait != nil {
		d.tellStarted(a, micros(at))
	}
}
