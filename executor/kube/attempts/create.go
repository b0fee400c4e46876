package attempts

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/penstock/penstock/kube/cluster"
	pb "github.com/penstock/penstock/kube/gen/pods"
	"github.com/penstock/penstock/kube/launch"
	"github.com/penstock/penstock/kube/limits"
	"github.com/penstock/penstock/kube/podspec"
	corev1 "k8s.io/api/core/v1"
)

// createInOrder makes what waits, so many at once, as soon as there is room.
func (d *Driver) createInOrder() {
	places := make(chan struct{}, limits.CreateWorkers)
	for {
		select {
		case places <- struct{}{}:
		case <-d.ctx.Done():
			return
		}
		a := d.nextToMake()
		if a == nil {
			return
		}
		d.running.Go(func() {
			defer func() { <-places }()
			d.make(a)
		})
	}
}

// nextToMake waits for the first attempt that may be tried now; nil at the end.
func (d *Driver) nextToMake() *attempt {
	for d.ctx.Err() == nil {
		d.mu.Lock()
		a, wait := d.firstInOrder(time.Now())
		if a != nil {
			if a.gang != nil && a.gang.admitted.IsZero() {
				d.admit(a.gang)
			}
			d.dequeue(a)
			d.setState(a, making)
			a.makingSince = time.Now()
		}
		d.mu.Unlock()
		if a != nil {
			return a
		}
		timer := time.NewTimer(wait)
		select {
		case <-d.wake:
		case <-timer.C:
		case <-d.ctx.Done():
		}
		timer.Stop()
	}
	return nil
}

// firstInOrder is the first that may be tried, or how long to wait for one.
func (d *Driver) firstInOrder(now time.Time) (*attempt, time.Duration) {
	wait := time.Minute
	full := false // what comes later does not take the room that a gang waits for
	for _, a := range d.queue {
		if a.order.PersistentVolume == nil && !a.counted {
			if full = full || !d.hasRoom(a); full {
				continue
			}
		}
		if !a.notBefore.After(now) {
			return a, 0
		}
		wait = min(wait, a.notBefore.Sub(now))
	}
	return nil, wait
}

func (d *Driver) make(a *attempt) {
	ctx, cancel := context.WithTimeout(d.ctx, d.Times.Call)
	defer cancel()
	if a.order.PersistentVolume != nil {
		d.makeVolume(ctx, a)
		return
	}
	pod, err := podspec.Build(a.order, d.Settings, d.placeOf(a))
	if err != nil {
		d.refused(a, "InvalidPod", err.Error())
		return
	}
	if a.order.Workspace != "" {
		if err := d.makeWorkspace(ctx, a); err != nil {
			d.notMade(a, err)
			return
		}
	}
	made, err := d.Client.CoreV1().Pods(a.namespace).Create(ctx, pod, metav1.CreateOptions{})
	failure := cluster.Told(err)
	if failure.Kind == cluster.Exists {
		made, err = d.Client.CoreV1().Pods(a.namespace).Get(ctx, pod.Name, metav1.GetOptions{})
		failure = cluster.Told(err)
		if failure.Kind == cluster.Missing { // it has gone since
			failure.Kind = cluster.Away
		} else if err == nil && (podspec.MemberOf(made) != a.id || made.Labels[podspec.ServerLabel] != d.ServerID) {
			d.refused(a, "NameTaken", fmt.Sprintf("the pod %s is there already, and is none of this server", pod.Name))
			return
		}
	}
	if failure.Kind != cluster.None {
		d.notMade(a, failure)
		return
	}
	d.Metrics.PodMade()
	d.made(a, made)
}

func (d *Driver) placeOf(a *attempt) podspec.Place {
	place := podspec.Place{ServerID: d.ServerID, Namespace: a.namespace}
	if d.Settings.Report.URL != "" {
		place.Report = &launch.Report{URL: d.Settings.Report.URL, ID: a.attemptID(), Token: d.Store.Token(a.attemptID())}
	}
	if a.gang != nil {
		place.Gang = &launch.Gang{Rank: a.rank, Size: len(a.gang.members)}
	}
	return place
}

func (d *Driver) makeWorkspace(ctx context.Context, a *attempt) error {
	key := a.namespace + "/" + a.order.RunId
	d.mu.Lock()
	there := d.workspaces[key]
	d.mu.Unlock()
	if there {
		return nil
	}
	if err := d.claims.MakeWorkspace(ctx, a.order, a.namespace); err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.workspaces[key] = true
	return nil
}

func (d *Driver) made(a *attempt, pod *corev1.Pod) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if a.pod == nil {
		a.pod = cluster.Small(pod)
	}
	a.order, a.createdAt = nil, time.Now()
	if a.state == letGo { // abandoned meanwhile
		d.jobs.add(d.release(a, d.removalOf(a.pod)))
		return
	}
	d.setState(a, living)
	if a.verdict != nil {
		d.endPod(a, a.verdict, nil)
	}
	d.evaluate(a)
}

// refused: the attempt can never be made.
func (d *Driver) refused(a *attempt, reason, message string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if a.state == letGo {
		delete(d.attempts, a.id)
		return
	}
	d.finish(a, neverRan(a.id, &cause{outcome: pb.Outcome_FAILED, reason: reason, message: message}))
}

// notMade tries again later what may go better then.
func (d *Driver) notMade(a *attempt, err error) {
	var failure cluster.Failure
	if !errors.As(err, &failure) {
		failure = cluster.Told(err)
	}
	words := bounded(failure.Message)
	switch failure.Kind {
	case cluster.Missing:
		d.refused(a, "NamespaceGone", fmt.Sprintf("the namespace %s is not there: %s", a.namespace, words))
		return
	case cluster.Refused:
		d.refused(a, failure.Reason, "Kubernetes refuses what the task asks for: "+words)
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.ctx.Err() != nil {
		return
	}
	a.doubtful = a.doubtful || failure.Kind == cluster.Away
	if a.state == letGo {
		d.jobs.add(d.release(a, d.removalOf(&corev1.Pod{})))
		return
	}
	if a.verdict != nil { // cancelled meanwhile
		if a.order.PersistentVolume != nil {
			d.finish(a, neverRan(a.id, a.verdict))
			return
		}
		d.setState(a, living)
		d.jobs.add(job{kind: remove, namespace: a.namespace, name: podspec.PodName(a.id), attempt: a.id})
		return
	}
	a.quota = failure.Kind == cluster.Quota
	longest := d.Times.RetryLongest
	wait, sentence := pb.Wait_API_SERVER, "the API server does not take it now: "
	if a.quota {
		longest, wait, sentence = d.Times.MaxQuota, pb.Wait_QUOTA, "a rule of the namespace does not let it in now: "
	}
	a.notBefore = time.Now().Add(max(backOff(a.tries, d.Times.RetryShortest, longest), min(failure.After, limits.RetryAfterLongest)))
	a.tries++
	d.enqueue(a)
	d.tellWaiting(a, wait, sentence+words)
}

// backOff doubles with each try, and spreads those that failed together.
func backOff(tries int, shortest, longest time.Duration) time.Duration {
	delay := min(longest, shortest<<min(tries, 20))
	return delay/2 + rand.N(delay/2+1)
}

// makeVolume is for an attempt that has no pod.
func (d *Driver) makeVolume(ctx context.Context, a *attempt) {
	startedAt := time.Now()
	result, err := d.claims.Run(ctx, a.order, a.namespace, d.Store)
	if err != nil {
		var failure cluster.Failure
		if errors.As(err, &failure) && failure.Kind == cluster.Refused && failure.Reason != "Forbidden" {
			d.refused(a, failure.Reason, bounded(failure.Message))
			return
		}
		d.notMade(a, err)
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if a.state == letGo {
		delete(d.attempts, a.id)
		return
	}
	d.tellStarted(a, startedAt.UnixMicro())
	d.finish(a, &pb.Finished{AttemptId: a.id, Outcome: pb.Outcome_SUCCEEDED, Result: result,
		StartedAtUs: startedAt.UnixMicro(), FinishedAtUs: time.Now().UnixMicro()})
}
