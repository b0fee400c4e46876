package attempts

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"google.golang.org/protobuf/proto"

	pb "github.com/penstock/penstock/kube/gen/pods"
	"github.com/penstock/penstock/kube/limits"
	"github.com/penstock/penstock/kube/podspec"
	"github.com/penstock/penstock/kube/reports"
)

// gang is an attempt of several pods, which begin together and end together. Each of its members is driven as an attempt
// of one pod is; but what a member would tell is told of the gang, by review.
type gang struct {
	id       string
	members  []*attempt // by rank; that of rank 0 has the attempt's id
	admitted time.Time  // since then all members count as alive; zero: they do not yet

	noting    bool          // that they begin is being noted at the pod of rank 0
	begun     chan struct{} // closed once all may begin
	begunAtUs int64         // 0: they may not yet
	master    string        // the address of rank 0's pod, once all may begin

	reviewing, again bool
	started          bool // was told
	toldWait         *pb.Waiting
	finished         *pb.Finished
	stored           string // where the result of finished is in the store; empty: it has all
}

// newGang makes the attempt the member of rank 0 of a gang.
func newGang(first *attempt, size int) *gang {
	g := &gang{id: first.id, begun: make(chan struct{})}
	for rank := range size {
		one := first
		if rank > 0 {
			one = &attempt{id: podspec.MemberID(g.id, rank), namespace: first.namespace, state: first.state, order: first.order,
				claimed: first.claimed, verdict: first.verdict, createdAt: first.createdAt}
		}
		one.gang, one.rank = g, rank
		g.members = append(g.members, one)
	}
	return g
}

// all are the pods of an attempt: the members of its gang, or itself.
func (a *attempt) all() []*attempt {
	if a.gang == nil {
		return []*attempt{a}
	}
	return a.gang.members
}

// attemptID is the id by which the server knows it.
func (a *attempt) attemptID() string {
	if a.gang == nil {
		return a.id
	}
	return a.gang.id
}

// key is where its result is in the store.
func (a *attempt) key() string { return reports.Key(a.attemptID(), a.rank) }

// member is what is driven of an attempt by its rank; nil if there is none.
func (d *Driver) member(id string, rank int) *attempt {
	a := d.attempts[id]
	if rank == 0 || a == nil {
		return a
	}
	if a.gang == nil || a.gang.id != id || rank >= len(a.gang.members) {
		return nil
	}
	return a.gang.members[rank]
}

// startGang begins to make the pods of an attempt that has several.
func (d *Driver) startGang(a *attempt, size int) {
	why := ""
	switch {
	case d.Settings.Report.URL == "":
		why = fmt.Sprintf("the task asks for %d pods, which ask this program when they may begin; but pods do not reach it: report "+
			"in the settings of pods is not set", size)
	case size > d.Settings.MaxPods:
		why = fmt.Sprintf("the task asks for %d pods at once, and more than %d may not be (max_pods in the settings of pods)", size,
			d.Settings.MaxPods)
	}
	d.attempts[a.id] = a
	if why != "" {
		d.finish(a, neverRan(a.id, &cause{outcome: pb.Outcome_FAILED, reason: "InvalidPod", message: why}))
		return
	}
	for _, one := range newGang(a, size).members {
		d.attempts[one.id] = one
		d.enqueue(one)
	}
	d.watch.Add(a.namespace)
}

// admit keeps places for all members as soon as one is made, so that two gangs never wait for each other's.
func (d *Driver) admit(g *gang) {
	g.admitted = time.Now()
	for _, one := range g.members {
		d.setState(one, one.state)
	}
}

// hasRoom: there may be as many pods more as the attempt has.
func (d *Driver) hasRoom(a *attempt) bool {
	return a.counted || d.alive+len(a.all()) <= d.Settings.MaxPods
}

// review looks at a gang after something has become of a member.
func (d *Driver) review(g *gang) {
	if g.reviewing { // it ends members itself
		g.again = true
		return
	}
	g.reviewing = true
	defer func() { g.reviewing = false }()
	for g.again = true; g.again && g.finished == nil && g.members[0].state != letGo; {
		g.again = false
		d.lookForBegin(g)
		d.lookForEnd(g, time.Now())
	}
	if g.finished == nil && g.members[0].state != letGo && g.culprit() == nil {
		d.tellOfGang(g)
	}
}

var notThere = &cause{outcome: pb.Outcome_LOST, reason: "PodDeleted", platform: true,
	message: "its pod is not there: it was not made yet, or somebody deleted it and took its finalizer away"}

// adoptGang goes on with an attempt of which pods are there that say that they are several. Those that are not there are
// not made: nobody knows the order any more.
func (d *Driver) adoptGang(a *attempt) bool {
	size := 1
	for _, pod := range d.watch.PodsOf(a.id) {
		if pod.Namespace == a.namespace {
			size = max(size, podspec.SizeOf(pod))
		}
	}
	if size == 1 {
		return false
	}
	g := newGang(a, size)
	g.admitted = time.Now()
	for _, one := range g.members {
		d.attempts[one.id] = one
	}
	for _, one := range g.members {
		d.adopt(one)
	}
	return true
}

// --- The begin ---

// Ready is reports.Listener's.
func (d *Driver) Ready(ctx context.Context, id string, rank int) (master string) {
	timer := time.NewTimer(limits.ReadyLook)
	defer timer.Stop()
	for {
		begun := d.setReady(id, rank)
		select {
		case <-begun:
			d.mu.Lock()
			defer d.mu.Unlock()
			if a := d.attempts[id]; a != nil && a.gang != nil {
				return a.gang.master
			}
			return ""
		case <-timer.C: // what was not known may be now
			timer.Reset(limits.ReadyLook)
		case <-ctx.Done():
			return ""
		case <-d.ctx.Done():
			return ""
		}
	}
}

// setReady notes that a pod could begin, and returns what is closed once it may; nil while the attempt is not known.
func (d *Driver) setReady(id string, rank int) <-chan struct{} {
	d.mu.Lock()
	defer d.mu.Unlock()
	a := d.member(id, rank)
	if a == nil || a.gang == nil {
		return nil
	}
	if !a.ready {
		a.ready = true
		d.review(a.gang)
	}
	return a.gang.begun
}

// lookForBegin lets all begin that are ready, if none is missing. That is noted at the cluster before anybody hears of it:
// if this program dies then, those that were not answered hear it from the next.
func (d *Driver) lookForBegin(g *gang) {
	first := g.members[0]
	if g.begunAtUs != 0 || first.pod == nil || first.pod.Status.PodIP == "" {
		return
	}
	if at, err := strconv.ParseInt(first.pod.Annotations[podspec.BegunAnnotation], 10, 64); err == nil {
		g.begin(at, first.pod.Status.PodIP)
		return
	}
	for _, one := range g.members {
		if !one.ready || one.state != living || one.gone || one.verdict != nil || one.result != nil || one.pod == nil ||
			one.pod.DeletionTimestamp != nil || over(one.pod) {
			return
		}
	}
	if g.noting {
		return
	}
	g.noting = true
	d.jobs.add(job{kind: begin, namespace: first.namespace, name: podspec.PodName(first.id), attempt: first.id, uid: first.pod.UID})
}

// begin lets the members go.
func (g *gang) begin(atUs int64, master string) {
	if g.begunAtUs == 0 {
		g.begunAtUs, g.master = atUs, master
		close(g.begun)
	}
}

// --- What is told ---

// tellOfGang tells what the member waits for that is least far, or that all run.
func (d *Driver) tellOfGang(g *gang) {
	first := g.members[0]
	if g.begunAtUs != 0 {
		if wait := first.toldWait; first.finished == nil && wait != nil && wait.Wait == pb.Wait_CONTENT {
			d.tellGangStarted(g)
			d.tellGangWaits(g, first, wait.Wait, wait.Message)
		} else if !g.started || g.toldWait != nil {
			g.started = false
			d.tellGangStarted(g)
		}
		return
	}
	last := first
	for _, one := range g.members {
		if one.far() < last.far() {
			last = one
		}
	}
	switch {
	case last.toldWait != nil:
		d.tellGangWaits(g, last, last.toldWait.Wait, last.toldWait.Message)
	case last.far() == runsNotReady && g.toldWait != nil:
		d.tellGangWaits(g, last, pb.Wait_STARTING, "the launcher is not ready yet")
	}
}

// How far a pod is on the way to its program. The server keeps an order until it hears of a pod, and so must not hear of
// one before all are made.
const (
	notMadeYet = iota
	beingMade
	hasNoNode
	hasNode
	runsNotReady
	isReady
)

func (a *attempt) far() int {
	switch {
	case a.state == queued || a.state == adopting:
		return notMadeYet
	case a.state == making:
		return beingMade
	case a.pod == nil || a.pod.Spec.NodeName == "":
		return hasNoNode
	case !a.started:
		return hasNode
	case !a.ready:
		return runsNotReady
	}
	return isReady
}

func (d *Driver) tellGangWaits(g *gang, of *attempt, wait pb.Wait, words string) {
	words = ranked(of, words)
	if g.toldWait != nil && g.toldWait.Wait == wait && g.toldWait.Message == words {
		return
	}
	g.toldWait = &pb.Waiting{AttemptId: g.id, Wait: wait, Message: words}
	d.emit(g.members[0], &pb.Event{Event: &pb.Event_Waiting{Waiting: g.toldWait}}, "")
}

func (d *Driver) tellGangStarted(g *gang) {
	if g.started {
		return
	}
	g.started, g.toldWait = true, nil
	d.emit(g.members[0], &pb.Event{Event: &pb.Event_Started{Started: &pb.Started{AttemptId: g.id, AtUs: g.begunAtUs}}}, "")
}

func (d *Driver) tellGangFinished(g *gang) {
	d.emit(g.members[0], &pb.Event{Event: &pb.Event_Finished{Finished: g.finished}}, g.stored)
}

// retellGang says again what was told last.
func (d *Driver) retellGang(g *gang) {
	if g.finished != nil {
		d.tellGangFinished(g)
		return
	}
	wait := g.toldWait
	if g.started {
		g.started = false
		d.tellGangStarted(g)
	}
	if g.toldWait = wait; wait != nil {
		d.emit(g.members[0], &pb.Event{Event: &pb.Event_Waiting{Waiting: wait}}, "")
	}
}

func ranked(a *attempt, words string) string { return fmt.Sprintf("rank %d: %s", a.rank, words) }

// finishGang tells the end: that of the culprit, or of rank 0 if there is none.
func (d *Driver) finishGang(g *gang) {
	of := g.culprit()
	first := g.members[0]
	switch {
	case of != nil:
		g.finished = proto.CloneOf(of.finished)
		if g.finished.Outcome != pb.Outcome_CANCELLED {
			g.finished.Message = ranked(of, g.finished.Message)
		}
		if g.finished.Reason == "Error" {
			g.finished.Reason = rankFailed
		}
	default:
		of = first
		g.finished = proto.CloneOf(first.finished)
	}
	if of.stored {
		g.stored = of.key()
	}
	for _, one := range g.members {
		switch reason := one.finished.Reason; {
		case reason == rankOutlived:
			g.finished.Message = one.finished.Message
			d.Log.Info(one.finished.Message, "attempt", g.id, "rank", one.rank)
		case reason == rankEnded && g.culprit() == nil: // and nobody is left who knows why
			g.finished = &pb.Finished{Outcome: pb.Outcome_LOST, Reason: reason, Message: one.finished.Message,
				IsPlatformFault: true, ExitCode: -1}
			g.stored = ""
		}
	}
	g.finished.AttemptId, g.toldWait = g.id, nil
	for _, one := range g.members {
		g.finished.FinishedAtUs = max(g.finished.FinishedAtUs, one.finished.FinishedAtUs)
	}
	d.tellGangFinished(g)
	d.Log.Debug("an attempt has ended", "attempt", g.id, "outcome", g.finished.Outcome, "reason", g.finished.Reason)
}
