package cluster

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	coreinformers "k8s.io/client-go/informers/core/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"

	"github.com/penstock/penstock/kube/podspec"
)

// Watcher is told what happens to pods of ours. It must not block.
type Watcher interface {
	// PodChanged: a pod is there, or is another than before.
	PodChanged(pod *corev1.Pod)
	// PodGone: it is there no more; the pod is what was seen last.
	PodGone(pod *corev1.Pod)
	// PodWarned: the cluster says something of a pod, of the kinds that Warnings asks for.
	PodWarned(namespace, pod, reason, message string)
}

// Watch follows the pods of one server in namespaces, which are named as they are needed.
type Watch struct {
	client   kubernetes.Interface
	serverID string
	watcher  Watcher
	log      *slog.Logger
	ctx      context.Context
	stop     context.CancelFunc
	running  sync.WaitGroup

	mu         sync.Mutex
	namespaces map[string]*namespace
}

type namespace struct {
	informer cache.SharedIndexInformer
	handled  cache.ResourceEventHandlerRegistration

	mu      sync.Mutex
	lastErr error
}

const (
	byLog     = "log"
	byAttempt = "attempt"
)

// NewWatch watches nothing yet.
func NewWatch(client kubernetes.Interface, serverID string, watcher Watcher, log *slog.Logger) *Watch {
	ctx, stop := context.WithCancel(context.Background())
	return &Watch{client: client, serverID: serverID, watcher: watcher, log: log, ctx: ctx, stop: stop,
		namespaces: map[string]*namespace{}}
}

// Close ends all, and waits for it.
func (w *Watch) Close() {
	w.stop()
	w.running.Wait()
}

// Add follows a namespace from now on, if it does not yet.
func (w *Watch) Add(name string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.namespaces[name] != nil || w.ctx.Err() != nil {
		return
	}
	informer := coreinformers.NewFilteredPodInformer(w.client, name, 0, cache.Indexers{byLog: logOf, byAttempt: attemptOf},
		func(options *metav1.ListOptions) { options.LabelSelector = podspec.ServerLabel + "=" + w.serverID })
	n := &namespace{informer: informer}
	// Neither fails before the informer runs.
	_ = informer.SetTransform(small)
	_ = informer.SetWatchErrorHandler(func(_ *cache.Reflector, err error) { w.failed(name, n, err) })
	n.handled, _ = informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    func(object any) { w.watcher.PodChanged(object.(*corev1.Pod)) },
		UpdateFunc: func(_, object any) { w.watcher.PodChanged(object.(*corev1.Pod)) },
		DeleteFunc: func(object any) {
			if missed, is := object.(cache.DeletedFinalStateUnknown); is { // while there was no watch
				object = missed.Obj
			}
			if pod, is := object.(*corev1.Pod); is {
				w.watcher.PodGone(pod)
			}
		},
	})
	w.namespaces[name] = n
	w.running.Go(func() { informer.Run(w.ctx.Done()) })
	w.followWarnings(name)
}

func (w *Watch) failed(name string, n *namespace, err error) {
	if apierrors.IsResourceExpired(err) || apierrors.IsGone(err) {
		return // it is listed anew
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.lastErr == nil || n.lastErr.Error() != err.Error() {
		w.log.Warn("pods cannot be watched", "namespace", name, "error", err)
	}
	n.lastErr = err
}

func logOf(object any) ([]string, error) {
	if pod, is := object.(*corev1.Pod); is && pod.Annotations[podspec.LogAnnotation] != "" {
		return []string{pod.Annotations[podspec.LogAnnotation]}, nil
	}
	return nil, nil
}

func attemptOf(object any) ([]string, error) {
	if pod, is := object.(*corev1.Pod); is && pod.Labels[podspec.AttemptLabel] != "" {
		return []string{pod.Labels[podspec.AttemptLabel]}, nil
	}
	return nil, nil
}

func (w *Watch) of(name string) *namespace {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.namespaces[name]
}

// Synced waits until all pods of a namespace are known that were there when it was added, and its watcher was told.
func (w *Watch) Synced(ctx context.Context, name string, look time.Duration) error {
	n := w.of(name)
	if n == nil {
		return errors.New("the namespace is not watched")
	}
	for !n.handled.HasSynced() {
		select {
		case <-ctx.Done():
			n.mu.Lock()
			defer n.mu.Unlock()
			if n.lastErr != nil {
				return n.lastErr
			}
			return ctx.Err()
		case <-w.ctx.Done():
			return w.ctx.Err()
		case <-time.After(look):
		}
	}
	return nil
}

// Pod is the pod of that name as it was seen last; nil if there is none.
func (w *Watch) Pod(namespace, name string) *corev1.Pod {
	if n := w.of(namespace); n != nil {
		if object, is, _ := n.informer.GetStore().GetByKey(namespace + "/" + name); is {
			return object.(*corev1.Pod)
		}
	}
	return nil
}

// PodOfLog is the pod whose log has that path; nil if there is none.
func (w *Watch) PodOfLog(path string) *corev1.Pod {
	for _, n := range w.all() {
		if found, _ := n.informer.GetIndexer().ByIndex(byLog, path); len(found) > 0 {
			return found[0].(*corev1.Pod)
		}
	}
	return nil
}

// PodsOf are those of an attempt.
func (w *Watch) PodsOf(attemptID string) []*corev1.Pod {
	var pods []*corev1.Pod
	for _, n := range w.all() {
		found, _ := n.informer.GetIndexer().ByIndex(byAttempt, attemptID)
		for _, object := range found {
			pods = append(pods, object.(*corev1.Pod))
		}
	}
	return pods
}

// Each calls for every pod that is known.
func (w *Watch) Each(call func(*corev1.Pod)) {
	for _, n := range w.all() {
		for _, object := range n.informer.GetStore().List() {
			call(object.(*corev1.Pod))
		}
	}
}

func (w *Watch) all() []*namespace {
	w.mu.Lock()
	defer w.mu.Unlock()
	var all []*namespace
	for _, n := range w.namespaces {
		all = append(all, n)
	}
	return all
}
