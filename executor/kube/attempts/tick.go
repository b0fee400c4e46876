package attempts

import (
	"strconv"
	"time"

	corev1 "k8s.io/api/core/v1"

	pb "github.com/penstock/penstock/kube/gen/pods"
	"github.com/penstock/penstock/kube/podspec"
)

// tick looks at what passes by time alone.
func (d *Driver) tick() {
	ticker := time.NewTicker(d.Times.Tick)
	defer ticker.Stop()
	swept := time.Now()
	for {
		select {
		case <-ticker.C:
		case <-d.ctx.Done():
			return
		}
		d.mu.Lock()
		for _, a := range d.attempts {
			switch {
			case a.state == living:
				d.evaluate(a)
			case a.state == making && time.Since(a.makingSince) >= d.Times.Slow:
				d.tellWaiting(a, pb.Wait_API_SERVER, "the API server is slow to answer")
			}
			if a.gang != nil && a.rank == 0 {
				d.review(a.gang)
			}
		}
		full := false
		for _, a := range d.queue {
			if a.order.PersistentVolume == nil && !a.counted {
				if full = full || !d.hasRoom(a); full && a.toldWait == nil {
					d.tellFull(a)
				}
			}
		}
		d.mu.Unlock()
		if now := time.Now(); now.Sub(swept) >= d.Times.Sweep {
			swept = now
			d.sweep(now)
		}
	}
}

// sweep removes kept pods whose time has come, and lets go of what nobody drives.
func (d *Driver) sweep(now time.Time) {
	d.watch.Each(func(pod *corev1.Pod) {
		if holds(pod) {
			d.mu.Lock()
			if d.reattached {
				d.leftover(pod)
			}
			d.mu.Unlock()
			return
		}
		after, err := strconv.ParseInt(pod.Annotations[podspec.RemoveAfterAnnotation], 10, 64)
		if err == nil && pod.DeletionTimestamp == nil && now.Unix() >= after {
			d.jobs.add(job{kind: remove, namespace: pod.Namespace, name: pod.Name, uid: pod.UID})
		}
	})
}

// graceOf is how long a pod may take to end when it is told to.
func graceOf(pod *corev1.Pod) time.Duration {
	if pod == nil {
		return 0
	}
	seconds, _ := strconv.ParseInt(pod.Annotations[podspec.GraceAnnotation], 10, 32)
	return time.Duration(seconds) * time.Second
}
