package cluster

import (
	"context"
	"errors"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/tools/cache"
)

// The Events that tell more than a pod's status: what is wrong, and that an image is being pulled.
var warningFields = []string{
	"involvedObject.kind=Pod,type=Warning",
	"involvedObject.kind=Pod,reason=Pulling",
}

// followWarnings does its best: without the right, or while there is no answer, there are no words.
func (w *Watch) followWarnings(name string) {
	events := w.client.CoreV1().Events(name)
	for _, fields := range warningFields {
		ctx, cancel := context.WithCancel(w.ctx)
		heeds := func(err error) error {
			if apierrors.IsForbidden(err) { // it would be tried for ever, with a line each time
				w.log.Info("events cannot be watched, so that less is told of pods that wait", "namespace", name, "error", err)
				cancel()
			}
			return err
		}
		source := cache.ToListWatcherWithWatchListSemantics(&cache.ListWatch{
			ListWithContextFunc: func(ctx context.Context, options metav1.ListOptions) (runtime.Object, error) {
				options.FieldSelector = fields
				list, err := events.List(ctx, options)
				return list, heeds(err)
			},
			WatchFuncWithContext: func(ctx context.Context, options metav1.ListOptions) (watch.Interface, error) {
				options.FieldSelector = fields
				watch, err := events.Watch(ctx, options)
				return watch, heeds(err)
			},
		}, w.client)
		reflector := cache.NewReflectorWithOptions(source, &corev1.Event{}, &heard{watch: w}, cache.ReflectorOptions{})
		w.running.Go(func() {
			defer cancel()
			reflector.RunWithContext(ctx)
		})
	}
}

// heard is a store that keeps nothing and passes on.
type heard struct{ watch *Watch }

func (h *heard) tell(object any) error {
	event, is := object.(*corev1.Event)
	if !is {
		return errors.New("this is no event")
	}
	h.watch.watcher.PodWarned(event.InvolvedObject.Namespace, event.InvolvedObject.Name, event.Reason, event.Message)
	return nil
}

func (h *heard) Add(object any) error    { return h.tell(object) }
func (h *heard) Update(object any) error { return h.tell(object) }
func (h *heard) Delete(any) error        { return nil }
func (h *heard) Resync() error           { return nil }
func (h *heard) Replace(objects []any, _ string) error {
	for _, object := range objects {
		_ = h.tell(object)
	}
	return nil
}
