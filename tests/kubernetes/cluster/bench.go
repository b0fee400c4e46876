package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/kubernetes"
	typedcorev1 "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/tools/clientcmd"
)

// bench times pods that are made from one template.
type bench struct {
	pods     typedcorev1.PodInterface
	template corev1.Pod
	job      string // value of the label that its pods have
	count    int
	workers  int
	begun    sync.Map                 // time of creation by name
	took     map[string]time.Duration // until a watch has seen the end, by name
	endings  map[string]int
	events   int
}

// podBench creates pods and measures until a watch has seen each of them end.
func podBench(args []string) {
	flags := flag.NewFlagSet("bench", flag.ExitOnError)
	config := flags.String("kubeconfig", "", "kubeconfig file")
	namespace := flags.String("namespace", "default", "namespace")
	file := flags.String("file", "", "pod template (YAML)")
	count := flags.Int("n", 10, "pods")
	workers := flags.Int("workers", 8, "creating clients")
	limit := flags.Duration("limit", 5*time.Minute, "give up after")
	remove := flags.Bool("delete", true, "delete the pods at the end")
	must(flags.Parse(args))
	c, err := clientcmd.BuildConfigFromFlags("", *config)
	must(err)
	c.QPS, c.Burst = -1, -1
	c.ContentType = "application/vnd.kubernetes.protobuf"
	b := &bench{pods: kubernetes.NewForConfigOrDie(c).CoreV1().Pods(*namespace), count: *count, workers: *workers,
		job: fmt.Sprintf("b%d", time.Now().UnixNano()%1e9), took: map[string]time.Duration{}, endings: map[string]int{}}
	text, err := os.ReadFile(*file)
	must(err)
	must(yaml.Unmarshal(text, &b.template))
	ctx, cancel := context.WithTimeout(signals(), *limit)
	defer cancel()
	list, err := b.pods.List(ctx, metav1.ListOptions{Limit: 1})
	must(err)
	w, err := b.pods.Watch(ctx, metav1.ListOptions{LabelSelector: "job=" + b.job, ResourceVersion: list.ResourceVersion})
	must(err)
	began := time.Now()
	go b.createAll(ctx)
	b.watch(ctx, w.ResultChan())
	b.print(time.Since(began))
	if *remove {
		zero := int64(0)
		must(b.pods.DeleteCollection(ctx, metav1.DeleteOptions{GracePeriodSeconds: &zero}, metav1.ListOptions{LabelSelector: "job=" + b.job}))
	}
}

func (b *bench) createAll(ctx context.Context) {
	began := time.Now()
	var group sync.WaitGroup
	next := make(chan int)
	for range b.workers {
		group.Go(func() {
			for number := range next {
				b.create(ctx, fmt.Sprintf("%s-%d", b.job, number))
			}
		})
	}
	for number := range b.count {
		next <- number
	}
	close(next)
	group.Wait()
	seconds := time.Since(began).Seconds()
	fmt.Printf("created %d in %.2f s: %.0f/s\n", b.count, seconds, float64(b.count)/seconds)
}

func (b *bench) create(ctx context.Context, name string) {
	pod := b.template.DeepCopy()
	pod.Name = name
	if pod.Labels == nil {
		pod.Labels = map[string]string{}
	}
	pod.Labels["job"] = b.job
	b.begun.Store(name, time.Now())
	if _, err := b.pods.Create(ctx, pod, metav1.CreateOptions{}); err != nil {
		log.Printf("the pod %s cannot be created: %v", name, err)
	}
}

// watch returns when all pods have ended, or the time is over.
func (b *bench) watch(ctx context.Context, events <-chan watch.Event) {
	for len(b.took) < b.count {
		event, ok := <-events
		if !ok || ctx.Err() != nil {
			log.Printf("the watch ended with %d of %d pods: %v", len(b.took), b.count, ctx.Err())
			return
		}
		b.events++
		pod, ok := event.Object.(*corev1.Pod)
		if !ok {
			log.Printf("an event is none of a pod: %v %T", event.Type, event.Object)
			continue
		}
		if _, seen := b.took[pod.Name]; seen || (pod.Status.Phase != corev1.PodSucceeded && pod.Status.Phase != corev1.PodFailed) {
			continue
		}
		begun, _ := b.begun.Load(pod.Name)
		b.took[pod.Name] = time.Since(begun.(time.Time))
		ending := []string{string(pod.Status.Phase)}
		for _, status := range pod.Status.ContainerStatuses {
			if status.State.Terminated != nil {
				ending = append(ending, fmt.Sprint(status.State.Terminated.ExitCode))
			}
		}
		b.endings[strings.Join(ending, " ")]++
	}
}

func (b *bench) print(all time.Duration) {
	var times []time.Duration
	for _, took := range b.took {
		times = append(times, took)
	}
	slices.Sort(times)
	if len(times) == 0 {
		return
	}
	at := func(percent int) float64 { return times[min(len(times)*percent/100, len(times)-1)].Seconds() }
	fmt.Printf("ended %d in %.2f s: %.1f/s; one pod: min %.2f median %.2f p95 %.2f max %.2f s; %d events; %v\n", len(times),
		all.Seconds(), float64(len(times))/all.Seconds(), at(0), at(50), at(95), at(100), b.events, b.endings)
}
