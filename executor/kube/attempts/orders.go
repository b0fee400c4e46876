package attempts

import (
	"cmp"
	"context"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/penstock/penstock/kube/cluster"
	pb "github.com/penstock/penstock/kube/gen/pods"
	"github.com/penstock/penstock/kube/podspec"
	"github.com/penstock/penstock/kube/settings"
	"github.com/penstock/penstock/kube/volumes"
)

// Do carries out an order of a session; it waits for nothing.
func (d *Driver) Do(session *Session, order *pb.Order) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.session != session {
		return ErrSuperseded
	}
	switch o := order.Order.(type) {
	case *pb.Order_Start:
		d.start(o.Start)
	case *pb.Order_Cancel:
		d.cancel(o.Cancel)
	case *pb.Order_Reattach:
		d.reattach(o.Reattach)
	case *pb.Order_Reattached:
		d.allNamed()
	case *pb.Order_Forget:
		d.forget(o.Forget)
	case *pb.Order_RemoveWorkspace:
		namespace := d.namespaceOf(&pb.Attempt{Namespace: o.RemoveWorkspace.Namespace})
		delete(d.workspaces, namespace+"/"+o.RemoveWorkspace.RunId)
		d.jobs.add(job{kind: removeWorkspace, namespace: namespace, name: o.RemoveWorkspace.RunId})
	}
	return nil
}

func (d *Driver) start(order *pb.Attempt) {
	if a := d.attempts[order.AttemptId]; a != nil {
		if a.state == letGo { // begun anew after its end was committed: nobody does that
			return
		}
		d.claim(a)
		return
	}
	a := &attempt{id: order.AttemptId, namespace: d.namespaceOf(order), order: order, claimed: true, createdAt: time.Now()}
	// What cannot be read the pod's making refuses.
	if size, err := podspec.PodsOf(order); err == nil && size > 1 && order.PersistentVolume == nil {
		d.startGang(a, size)
		return
	}
	d.attempts[a.id] = a
	d.enqueue(a)
	d.watch.Add(a.namespace)
	if order.PersistentVolume == nil && d.alive >= d.Settings.MaxPods {
		d.tellFull(a)
	}
}

// claim makes an attempt one of this session, which then hears what it has missed.
func (d *Driver) claim(a *attempt) {
	if a.claimed {
		return
	}
	for _, one := range a.all() {
		one.claimed = true
	}
	d.retell(a)
}

// enqueue puts an attempt behind those that came before it, also one that could not be made.
func (d *Driver) enqueue(a *attempt) {
	if a.number == 0 {
		d.numbered++
		a.number = d.numbered
	}
	at, _ := slices.BinarySearchFunc(d.queue, a, func(one, other *attempt) int { return cmp.Compare(one.number, other.number) })
	d.queue = slices.Insert(d.queue, at, a)
	d.setState(a, queued)
	d.wakeUp()
}

func (d *Driver) dequeue(a *attempt) {
	if i := slices.Index(d.queue, a); i >= 0 {
		d.queue = slices.Delete(d.queue, i, i+1)
	}
}

var cancelled = &cause{outcome: pb.Outcome_CANCELLED, reason: "Cancelled", message: "it was cancelled"}

func (d *Driver) cancel(id string) {
	if a := d.attempts[id]; a != nil {
		for _, one := range a.all() {
			d.stopOne(one, cancelled)
		}
	}
}

// stopOne ends what must not go on.
func (d *Driver) stopOne(a *attempt, why *cause) {
	if a.finished != nil || a.state == letGo || a.verdict != nil {
		return
	}
	switch a.state {
	case queued:
		d.dequeue(a)
		if a.order.PersistentVolume == nil && a.doubtful { // a creation got no answer: it may have come to pass
			a.verdict = why
			d.setState(a, living)
			d.jobs.add(job{kind: remove, namespace: a.namespace, name: podspec.PodName(a.id), attempt: a.id})
			return
		}
		a.verdict = why
		d.finish(a, neverRan(a.id, why))
	case making, adopting: // once it is known what there is
		a.verdict = why
	case living:
		d.endPod(a, why, nil)
	}
}

// endPod deletes the pod of an attempt that must not go on; its end is told when the pod has ended.
func (d *Driver) endPod(a *attempt, why *cause, grace *int64) {
	a.verdict = why
	j := job{kind: remove, namespace: a.namespace, name: podspec.PodName(a.id), attempt: a.id, why: why.text()}
	if grace != nil {
		j.force = *grace == 0
	}
	if a.pod != nil {
		j.uid = a.pod.UID
	}
	d.jobs.add(j)
}

func (d *Driver) reattach(order *pb.Attempt) {
	if a := d.attempts[order.AttemptId]; a != nil {
		if a.state != letGo {
			d.claim(a)
			return
		}
		delete(d.attempts, a.id)
	}
	a := &attempt{id: order.AttemptId, namespace: d.namespaceOf(order), order: order, claimed: true, state: adopting,
		createdAt: time.Now()}
	d.attempts[a.id] = a
	d.watch.Add(a.namespace)
	if !d.adopters[a.namespace] {
		d.adopters[a.namespace] = true
		d.running.Go(func() { d.adoptAll(a.namespace) })
	}
}

// adoptAll waits until it is known what there is in a namespace, and then answers for its attempts.
func (d *Driver) adoptAll(namespace string) {
	for d.ctx.Err() == nil {
		ctx, cancel := context.WithTimeout(d.ctx, d.Times.Call)
		err := d.watch.Synced(ctx, namespace, d.Times.Tick/8+time.Millisecond)
		cancel()
		if d.ctx.Err() != nil {
			return
		}
		d.mu.Lock()
		if err == nil {
			d.adopters[namespace] = false
		}
		for _, a := range d.attempts {
			if a.state != adopting || a.namespace != namespace {
				continue
			}
			if err == nil {
				d.adopt(a)
			} else {
				d.tellWaiting(a, pb.Wait_API_SERVER, "the pods in the namespace "+namespace+" cannot be seen: "+
					bounded(cluster.Told(err).Message))
			}
		}
		d.mu.Unlock()
		if err == nil {
			return
		}
	}
}

// adopt goes on with an attempt as its pod, or its result, shows it.
func (d *Driver) adopt(a *attempt) {
	if a.gang == nil && d.adoptGang(a) {
		return
	}
	a.result = d.stored(a.key())
	if pod := d.watch.Pod(a.namespace, podspec.PodName(a.id)); pod != nil && podspec.MemberOf(pod) == a.id {
		a.pod, a.createdAt, a.order = pod, pod.CreationTimestamp.Time, nil
		d.setState(a, living)
		if a.verdict == nil {
			a.verdict = causeOf(pod.Annotations[podspec.VerdictAnnotation])
		}
		if a.verdict != nil && pod.DeletionTimestamp == nil {
			d.endPod(a, a.verdict, nil)
		}
		d.evaluate(a)
		return
	}
	if a.result != nil {
		a.gone = true
		d.setState(a, living)
		d.evaluate(a)
		return
	}
	if a.verdict != nil { // there never was a pod
		d.finish(a, neverRan(a.id, a.verdict))
		return
	}
	if a.gang != nil {
		d.finish(a, neverRan(a.id, notThere))
		return
	}
	d.emit(a, &pb.Event{Event: &pb.Event_NeverStarted{NeverStarted: &pb.NeverStarted{AttemptId: a.id}}}, "")
	delete(d.attempts, a.id)
}

// allNamed: what the session has not claimed is nobody's.
func (d *Driver) allNamed() {
	d.reattached = true
	for _, a := range d.attempts {
		if !a.claimed && a.state != letGo {
			d.abandon(a)
		}
	}
	d.watch.Each(d.leftover)
	for _, id := range d.Store.IDs() {
		if a := d.attempts[trimMark(id)]; a == nil || a.state == letGo {
			d.Store.Remove(id)
		}
	}
}

// leftover lets go of a pod that no attempt of the session has.
func (d *Driver) leftover(pod *corev1.Pod) {
	id := podspec.MemberOf(pod)
	if of := d.attempts[pod.Labels[podspec.AttemptLabel]]; of != nil && of.state == adopting {
		return // it may be one of several that the attempt has
	}
	if id != "" && d.attempts[id] == nil && holds(pod) {
		a := &attempt{id: id, namespace: pod.Namespace, pod: pod, state: letGo}
		d.attempts[a.id] = a
		d.jobs.add(d.release(a, d.removalOf(pod)))
	}
}

// removalOf says when a pod goes that nobody drives: one that has not ended goes at once.
func (d *Driver) removalOf(pod *corev1.Pod) settings.Removal {
	switch pod.Status.Phase {
	case corev1.PodSucceeded:
		return d.Settings.Pods.Succeeded
	case corev1.PodFailed:
		return d.Settings.Pods.Failed
	}
	return settings.Removal{}
}

// forget lets go of an attempt whose end is committed.
func (d *Driver) forget(id string) {
	d.Store.Remove(id)
	d.Store.Remove(id + volumes.RemovingSuffix)
	a := d.attempts[id]
	if a == nil { // its pods are found by allNamed, or come into sight
		for _, pod := range d.watch.PodsOf(id) {
			d.leftover(pod)
		}
		return
	}
	end := a.finished
	if a.gang != nil {
		end = a.gang.finished
	}
	for _, one := range a.all() {
		d.Store.Remove(one.key())
		d.forgetOne(one, end)
	}
}

func (d *Driver) forgetOne(a *attempt, end *pb.Finished) {
	switch {
	case a.state == letGo:
	case end == nil:
		d.abandon(a)
	case a.pod == nil || a.gone:
		d.setState(a, letGo)
		delete(d.attempts, a.id)
	default:
		removal := d.Settings.Pods.Failed
		if end.Outcome == pb.Outcome_SUCCEEDED {
			removal = d.Settings.Pods.Succeeded
		}
		d.setState(a, letGo)
		d.jobs.add(d.release(a, removal))
	}
}

// abandon ends an attempt that nobody asks for any more.
func (d *Driver) abandon(a *attempt) {
	before := a.state
	d.dequeue(a)
	d.setState(a, letGo)
	if before == making { // its pod is let go of once it is there
		return
	}
	if a.pod == nil && !a.doubtful && before != living || a.gone {
		delete(d.attempts, a.id)
		return
	}
	d.jobs.add(d.release(a, settings.Removal{}))
}

// release is the job that takes our hand off a pod.
func (d *Driver) release(a *attempt, removal settings.Removal) job {
	j := job{kind: release, namespace: a.namespace, name: podspec.PodName(a.id), attempt: a.id, removal: removal}
	if a.pod != nil {
		j.uid, j.force = a.pod.UID, over(a.pod)
		if a.pod.DeletionTimestamp != nil {
			j.removal, j.deleted = settings.Removal{}, true
		}
	}
	return j
}

func (d *Driver) tellFull(a *attempt) {
	d.tellWaiting(a, pb.Wait_QUOTA, fullWords(d.Settings.MaxPods))
}
