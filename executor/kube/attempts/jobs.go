package attempts

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"

	"github.com/penstock/penstock/kube/cluster"
	"github.com/penstock/penstock/kube/limits"
	"github.com/penstock/penstock/kube/podspec"
	"github.com/penstock/penstock/kube/settings"
)

// kind is what a job does.
type kind int

const (
	remove          kind = iota // deletes a pod
	release                     // lets go of a pod whose end is committed
	removeWorkspace             // name is the run's id
	begin                       // notes that all pods of an attempt may begin
)

// job is something that is tried until it is done.
type job struct {
	kind            kind
	namespace, name string
	attempt         string // whose pod it is; empty: nobody's
	uid             types.UID
	force           bool // without grace
	removal         settings.Removal
	why             string // what is noted at the pod before it is deleted; empty: nothing
	deleted         bool   // the pod is deleted already
}

type key struct {
	kind            kind
	namespace, name string
}

// jobs are done by a few workers; a later job on the same thing takes the place of one that is not done yet.
type jobs struct {
	driver  *Driver
	queue   workqueue.TypedRateLimitingInterface[key]
	running sync.WaitGroup

	mu   sync.Mutex
	todo map[key]job
}

func newJobs(d *Driver) *jobs {
	limiter := workqueue.NewTypedItemExponentialFailureRateLimiter[key](d.Times.RetryShortest, d.Times.RetryLongest)
	return &jobs{driver: d, queue: workqueue.NewTypedRateLimitingQueue(limiter), todo: map[key]job{}}
}

func (j *jobs) start() {
	for range limits.RemoveWorkers {
		j.running.Go(j.work)
	}
}

func (j *jobs) close() {
	j.queue.ShutDown()
	j.running.Wait()
}

func (j *jobs) add(one job) {
	k := key{one.kind, one.namespace, one.name}
	j.mu.Lock()
	j.todo[k] = one
	j.mu.Unlock()
	j.queue.Forget(k)
	j.queue.Add(k)
}

func (j *jobs) work() {
	for {
		k, down := j.queue.Get()
		if down {
			return
		}
		j.try(k)
		j.queue.Done(k)
	}
}

func (j *jobs) try(k key) {
	j.mu.Lock()
	one, is := j.todo[k]
	delete(j.todo, k)
	j.mu.Unlock()
	if !is || j.driver.ctx.Err() != nil {
		return
	}
	ctx, cancel := context.WithTimeout(j.driver.ctx, j.driver.Times.Call)
	failure := j.driver.do(ctx, &one)
	cancel()
	if failure.Kind == cluster.None {
		j.queue.Forget(k)
		return
	}
	if tries := j.queue.NumRequeues(k); tries > 0 && tries&(tries-1) == 0 && j.driver.ctx.Err() == nil {
		j.driver.Log.Warn("a call of the API server fails, and is tried again", "what", k.name, "namespace", k.namespace,
			"tries", tries, "error", failure.Message)
	}
	j.mu.Lock()
	if _, later := j.todo[k]; !later {
		j.todo[k] = one
	}
	j.mu.Unlock()
	if failure.After > 0 {
		j.queue.AddAfter(k, min(failure.After, limits.RetryAfterLongest))
		return
	}
	j.queue.AddRateLimited(k)
}

func (d *Driver) do(ctx context.Context, one *job) cluster.Failure {
	switch one.kind {
	case remove:
		return d.removePod(ctx, one)
	case release:
		return d.releasePod(ctx, one)
	case begin:
		return d.noteBegin(ctx, one)
	}
	if err := d.claims.RemoveWorkspace(ctx, one.namespace, one.name); err != nil {
		return cluster.Told(err)
	}
	return cluster.Failure{}
}

// removePod deletes a pod, with its own grace unless the job says otherwise.
func (d *Driver) removePod(ctx context.Context, one *job) cluster.Failure {
	options := metav1.DeleteOptions{}
	if one.why != "" {
		if failure := d.note(ctx, one); failure.Kind != cluster.None {
			return failure
		}
	}
	if one.uid != "" {
		options.Preconditions = &metav1.Preconditions{UID: &one.uid}
	}
	if one.force {
		options.GracePeriodSeconds = new(int64(0))
	} else if pod := d.watch.Pod(one.namespace, one.name); pod != nil && graceOf(pod) > 0 {
		options.GracePeriodSeconds = new(int64(graceOf(pod).Seconds()))
	}
	failure := cluster.Told(d.Client.CoreV1().Pods(one.namespace).Delete(ctx, one.name, options))
	if failure.Kind == cluster.Missing || failure.Kind == cluster.Changed {
		if one.kind == remove && one.attempt != "" {
			d.mu.Lock()
			if a := d.attempts[one.attempt]; a != nil {
				d.vanished(a)
			}
			d.mu.Unlock()
		}
		return cluster.Failure{}
	}
	return failure
}

// note keeps at the pod why it is ended, so that a program that comes after this one knows. A pod that is not there, or is
// being refused for another reason, is deleted all the same.
func (d *Driver) note(ctx context.Context, one *job) cluster.Failure {
	meta := map[string]any{"annotations": map[string]string{podspec.VerdictAnnotation: one.why}}
	if one.uid != "" {
		meta["uid"] = one.uid
	}
	patch, _ := json.Marshal(map[string]any{"metadata": meta})
	_, err := d.Client.CoreV1().Pods(one.namespace).Patch(ctx, one.name, types.MergePatchType, patch, metav1.PatchOptions{})
	failure := cluster.Told(err)
	if failure.Kind == cluster.Away {
		return failure
	}
	one.why = ""
	return cluster.Failure{}
}

// noteBegin keeps at the pod of rank 0 that all may begin, and then lets them.
func (d *Driver) noteBegin(ctx context.Context, one *job) cluster.Failure {
	at := time.Now().UnixMicro()
	patch, _ := json.Marshal(map[string]any{"metadata": map[string]any{"uid": one.uid,
		"annotations": map[string]string{podspec.BegunAnnotation: fmt.Sprint(at)}}})
	_, err := d.Client.CoreV1().Pods(one.namespace).Patch(ctx, one.name, types.MergePatchType, patch, metav1.PatchOptions{})
	failure := cluster.Told(err)
	if failure.Kind == cluster.Away || failure.Kind == cluster.Quota {
		return failure
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if a := d.attempts[one.attempt]; a != nil && a.gang != nil && a.gang.noting {
		a.gang.noting = false
		if failure.Kind == cluster.None && a.gang.culprit() == nil {
			a.gang.begin(at, a.pod.Status.PodIP)
			d.review(a.gang)
		}
	}
	return cluster.Failure{} // what cannot be noted is gone, or being refused: it is looked at again
}

// releasePod deletes the pod, or marks when it is to go, and takes the finalizer off.
func (d *Driver) releasePod(ctx context.Context, one *job) cluster.Failure {
	kept := one.removal.Keep || one.removal.After > 0
	if !kept && !one.deleted {
		if failure := d.removePod(ctx, one); failure.Kind != cluster.None {
			return failure
		}
		one.deleted = true
	}
	patch, failure := d.releasePatch(ctx, one)
	if failure.Kind == cluster.None && patch != nil {
		_, err := d.Client.CoreV1().Pods(one.namespace).Patch(ctx, one.name, types.JSONPatchType, patch, metav1.PatchOptions{})
		failure = cluster.Told(err)
	}
	switch failure.Kind {
	case cluster.None, cluster.Missing:
		d.released(one)
		return cluster.Failure{}
	case cluster.Refused, cluster.Changed:
		one.uid = "" // what was seen of the pod is old: it is asked for
	}
	return failure
}

// releasePatch takes the finalizer off the pod as it was seen last; nil: there is nothing to take off.
func (d *Driver) releasePatch(ctx context.Context, one *job) ([]byte, cluster.Failure) {
	pod := d.watch.Pod(one.namespace, one.name)
	if pod == nil || one.uid == "" || pod.UID != one.uid {
		fresh, err := d.Client.CoreV1().Pods(one.namespace).Get(ctx, one.name, metav1.GetOptions{})
		if err != nil {
			return nil, cluster.Told(err)
		}
		pod = fresh
	}
	return patchOf(pod, one), cluster.Failure{}
}

type operation struct {
	Op    string `json:"op"`
	Path  string `json:"path"`
	Value any    `json:"value,omitempty"`
}

func patchOf(pod *corev1.Pod, one *job) []byte {
	at := slices.Index(pod.Finalizers, podspec.Finalizer)
	if at < 0 {
		return nil
	}
	path := fmt.Sprintf("/metadata/finalizers/%d", at)
	operations := []operation{{"test", path, podspec.Finalizer}, {"remove", path, nil}}
	if one.removal.After > 0 && !one.removal.Keep && !one.deleted {
		if pod.Annotations == nil {
			operations = append(operations, operation{"add", "/metadata/annotations", map[string]string{}})
		}
		operations = append(operations, operation{"add",
			"/metadata/annotations/" + strings.ReplaceAll(podspec.RemoveAfterAnnotation, "/", "~1"),
			fmt.Sprint(time.Now().Add(one.removal.After).Unix())})
	}
	text, _ := json.Marshal(operations)
	return text
}

// released: the pod is not ours any more. It is forgotten once it is seen so, lest it be taken for one that nobody drives.
func (d *Driver) released(one *job) {
	d.mu.Lock()
	defer d.mu.Unlock()
	a := d.attempts[one.attempt]
	if a == nil || a.state != letGo {
		return
	}
	if pod := d.watch.Pod(one.namespace, one.name); pod == nil || !holds(pod) {
		delete(d.attempts, one.attempt)
	}
}
