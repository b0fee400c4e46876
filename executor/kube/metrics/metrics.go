// Package metrics counts what the program does, for Prometheus.
package metrics

import (
	"context"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	clientmetrics "k8s.io/client-go/tools/metrics"
)

// Metrics are of one program; safe for concurrent use.
type Metrics struct {
	registry *prometheus.Registry
	pods     prometheus.Counter
	ends     *prometheus.CounterVec
}

// New also counts all calls of client-go from now on.
func New() *Metrics {
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		pods:     prometheus.NewCounter(prometheus.CounterOpts{Name: "penstock_kube_pods_made_total", Help: "Pods that were made."}),
		ends: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "penstock_kube_attempts_ended_total",
			Help: "Attempts that ended, by outcome and Kubernetes' reason."}, []string{"outcome", "reason"}),
	}
	calls := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "penstock_kube_api_calls_total",
		Help: "Calls of the API server, by method and status code."}, []string{"method", "code"})
	m.registry.MustRegister(m.pods, m.ends, calls)
	clientmetrics.RequestResult = adapter{calls}
	return m
}

// PodMade counts a pod. A nil Metrics counts nothing.
func (m *Metrics) PodMade() {
	if m != nil {
		m.pods.Inc()
	}
}

// Ended counts the end of an attempt.
func (m *Metrics) Ended(outcome, reason string) {
	if m != nil {
		m.ends.WithLabelValues(outcome, reason).Inc()
	}
}

// Ask has the number of attempts that wait, by reason, asked for whenever somebody looks.
func (m *Metrics) Ask(waiting func() map[string]int) { m.registry.MustRegister(&waits{waiting}) }

// Handler answers with the text form.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}

type adapter struct{ calls *prometheus.CounterVec }

func (a adapter) Increment(_ context.Context, code, method, _ string) {
	a.calls.WithLabelValues(method, code).Inc()
}

// waits asks when it is asked.
type waits struct{ now func() map[string]int }

var waiting = prometheus.NewDesc("penstock_kube_attempts_waiting", "Attempts that wait to begin, by what they wait for.",
	[]string{"reason"}, nil)

func (w *waits) Describe(out chan<- *prometheus.Desc) { out <- waiting }

func (w *waits) Collect(out chan<- prometheus.Metric) {
	for reason, count := range w.now() {
		out <- prometheus.MustNewConstMetric(waiting, prometheus.GaugeValue, float64(count), reason)
	}
}
