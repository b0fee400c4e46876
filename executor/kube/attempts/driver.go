// Package attempts drives attempts as pods: it makes them, follows them, ends them and lets go of them. What it knows it
// has from the cluster, so that another can go on where it stopped.
package attempts

import (
	"context"
	"log/slog"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/penstock/penstock/kube/cluster"
	pb "github.com/penstock/penstock/kube/gen/pods"
	"github.com/penstock/penstock/kube/launch"
	"github.com/penstock/penstock/kube/limits"
	"github.com/penstock/penstock/kube/metrics"
	"github.com/penstock/penstock/kube/podspec"
	"github.com/penstock/penstock/kube/reports"
	"github.com/penstock/penstock/kube/settings"
	"github.com/penstock/penstock/kube/volumes"
)

// Times are how long things take, and how often they are looked at.
type Times struct {
	Tick, Sweep                                  time.Duration
	Pending, Image, NodeLost, Cause, Quiet, Slow time.Duration
	Call, RetryShortest, RetryLongest, MaxQuota  time.Duration
	GangEnd                                      time.Duration
}

// TimesOf are the usual ones.
func TimesOf(s *settings.Settings) Times {
	return Times{Tick: limits.Tick, Sweep: limits.SweepInterval, Pending: s.PendingTimeout(), Image: s.ImageTimeout(),
		NodeLost: s.NodeLostTimeout(), Cause: limits.CauseTimeout, Quiet: limits.StartingQuiet, Slow: limits.SlowCall, Call: limits.CallTimeout,
		RetryShortest: limits.RetryShortest, RetryLongest: limits.RetryLongest, MaxQuota: limits.QuotaLongest,
		GangEnd: limits.GangEndTimeout}
}

// Config is what a Driver works with.
type Config struct {
	Client    kubernetes.Interface
	Store     *reports.Store
	Settings  *settings.Settings
	ServerID  string
	Namespace string // of attempts that name none
	Times     Times
	Log       *slog.Logger
	Metrics   *metrics.Metrics // nil: nothing is counted
}

// Waiting is how many attempts wait to begin, by reason.
func (d *Driver) Waiting() map[string]int {
	d.mu.Lock()
	defer d.mu.Unlock()
	counts := map[string]int{}
	for _, a := range d.attempts {
		if a.toldWait != nil && a.finished == nil {
			counts[a.toldWait.Wait.String()]++
		}
	}
	return counts
}

// Driver is thread-safe.
type Driver struct {
	Config
	watch   *cluster.Watch
	claims  *volumes.Claims
	ctx     context.Context
	stop    context.CancelFunc
	running sync.WaitGroup
	wake    chan struct{} // something may be made now
	jobs    *jobs

	mu         sync.Mutex
	attempts   map[string]*attempt
	queue      []*attempt // to be made, in the order of their numbers
	numbered   int64
	alive      int // pods that are being made or have not ended
	session    *Session
	reattached bool // the session has named all its attempts
	adopters   map[string]bool
	workspaces map[string]bool // that are there for sure
}

type state int

const (
	queued   state = iota // waits to be made
	making                // is being made
	living                // is there
	adopting              // may be there; that is not known yet
	tailing               // has ended; the end of its log is being read
	ended                 // the end was told, or will be as soon as there is a session
	letGo                 // is being removed, or has been
)

// attempt is one, or one pod of an attempt that has several, from its first order until its pod is there no more.
type attempt struct {
	id, namespace string
	gang          *gang // nil: the attempt has one pod
	rank          int
	ready         bool // its launcher waits for the other members
	state         state
	counted       bool        // it is among those that are alive
	order         *pb.Attempt // until it is made
	claimed       bool        // by this session
	number        int64       // in the order of their starts; 0: it has none yet
	tries         int
	notBefore     time.Time
	doubtful      bool // a creation got no answer
	quota         bool // waits for one

	pod      *corev1.Pod
	gone     bool
	heard    warning
	verdict  *cause
	result   *launch.Result // reported; it is in the store
	progress launch.Progress

	makingSince, createdAt                                time.Time
	brokenSince, stoppedSince, unwellSince, deletingSince time.Time

	started  bool
	toldWait *pb.Waiting // nil: told that it runs, or nothing
	finished *pb.Finished
	stored   bool // the result of finished is in the store
}

// New drives nothing yet, and follows the namespaces of the settings.
func New(config Config) *Driver {
	ctx, stop := context.WithCancel(context.Background())
	d := &Driver{Config: config, ctx: ctx, stop: stop, wake: make(chan struct{}, 1), attempts: map[string]*attempt{},
		adopters: map[string]bool{}, workspaces: map[string]bool{},
		claims: &volumes.Claims{Client: config.Client, ServerID: config.ServerID}}
	d.jobs = newJobs(d)
	d.watch = cluster.NewWatch(config.Client, config.ServerID, d, config.Log)
	d.watch.Add(config.Namespace)
	for namespace := range config.Settings.Namespaces {
		d.watch.Add(namespace)
	}
	d.running.Go(d.createInOrder)
	d.running.Go(d.tick)
	d.jobs.start()
	return d
}

// Close stops all work and waits for it; pods go on.
func (d *Driver) Close() {
	d.stop()
	d.jobs.close()
	d.watch.Close()
	d.running.Wait()
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.session != nil {
		d.session.close()
	}
}

// Watch is where pods are seen.
func (d *Driver) Watch() *cluster.Watch { return d.watch }

func (d *Driver) namespaceOf(attempt *pb.Attempt) string {
	if attempt.Namespace != "" {
		return attempt.Namespace
	}
	return d.Namespace
}

// setState keeps count of what is alive.
func (d *Driver) setState(a *attempt, to state) {
	counts := to == making || to == living || to == queued && a.gang != nil && !a.gang.admitted.IsZero()
	if a.counted && !counts {
		d.alive--
		d.wakeQuota()
		d.wakeUp()
	} else if !a.counted && counts {
		d.alive++
	}
	a.state, a.counted = to, counts
}

func (d *Driver) wakeUp() {
	select {
	case d.wake <- struct{}{}:
	default:
	}
}

// wakeQuota lets the first of those try again that wait for a quota: a pod has ended.
func (d *Driver) wakeQuota() {
	woken := 0
	for _, a := range d.queue {
		if a.quota && woken < limits.QuotaWoken {
			a.notBefore = time.Time{}
			woken++
		}
	}
}

// PodChanged is cluster.Watcher's.
func (d *Driver) PodChanged(pod *corev1.Pod) {
	d.mu.Lock()
	defer d.mu.Unlock()
	a := d.attempts[podspec.MemberOf(pod)]
	if a == nil {
		if d.reattached {
			d.leftover(pod)
		}
		return
	}
	a.pod = pod
	switch {
	case a.state == letGo && !holds(pod):
		delete(d.attempts, a.id)
	case a.state == living:
		d.evaluate(a)
		if a.gang != nil {
			d.review(a.gang)
		}
	}
}

// PodGone is cluster.Watcher's.
func (d *Driver) PodGone(pod *corev1.Pod) {
	d.mu.Lock()
	defer d.mu.Unlock()
	a := d.attempts[podspec.MemberOf(pod)]
	if a == nil || a.pod != nil && a.pod.UID != pod.UID {
		return
	}
	if a.state == letGo {
		delete(d.attempts, a.id)
		return
	}
	a.pod = pod
	d.vanished(a)
}

// vanished: the pod is there no more, though its end may not be known.
func (d *Driver) vanished(a *attempt) {
	a.gone = true
	if a.state == living {
		d.evaluate(a)
	}
}

// PodWarned is cluster.Watcher's.
func (d *Driver) PodWarned(_, pod, reason, message string) {
	id, is := attemptOf(pod)
	if !is {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if a := d.attempts[id]; a != nil && !a.started {
		a.heard = warning{reason, message}
		if a.state == living {
			d.evaluate(a)
		}
	}
}

// Progressed is reports.Listener's.
func (d *Driver) Progressed(id string, rank int, progress launch.Progress) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if a := d.member(id, rank); a != nil && a.finished == nil {
		a.progress = progress
		if a.state == living {
			d.evaluate(a)
		}
	}
}

// Reported is reports.Listener's.
func (d *Driver) Reported(id string, rank int) {
	key := reports.Key(id, rank)
	result := d.stored(key)
	d.mu.Lock()
	defer d.mu.Unlock()
	a := d.member(id, rank)
	if a == nil || a.state == letGo {
		if d.reattached {
			d.Store.Remove(key)
		}
		return
	}
	if a.finished == nil {
		a.result = result
		if a.state == living {
			d.evaluate(a)
		}
	}
}

// stored is the result that is in the store; nil if there is none.
func (d *Driver) stored(key string) *launch.Result {
	text, err := d.Store.Read(key)
	if err != nil {
		d.Log.Error("a result cannot be read", "attempt", key, "error", err)
	}
	if text == nil {
		return nil
	}
	result, err := launch.ParseResult(text)
	if err != nil {
		d.Log.Error("a result makes no sense", "attempt", key, "error", err)
		return nil
	}
	return result
}

// holds: the pod is kept for its end to be committed.
func holds(pod *corev1.Pod) bool {
	for _, finalizer := range pod.Finalizers {
		if finalizer == podspec.Finalizer {
			return true
		}
	}
	return false
}
