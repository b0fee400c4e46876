// Package metrics counts the gateway's requests, and serves its metrics and the server's on one page.
package metrics

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/common/expfmt"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/penstock/penstock/gateway/apierror"
	"github.com/penstock/penstock/gateway/gen/penstock"
	"github.com/penstock/penstock/gateway/limits"
)

// Prefix of all metrics of the gateway, so that they can stand beside those of the server.
const Prefix = "penstock_gateway_"

// Metrics are those of one gateway. Safe for concurrent use.
type Metrics struct {
	registry *prometheus.Registry
	requests *prometheus.CounterVec
	duration *prometheus.HistogramVec
	inFlight prometheus.Gauge
	serverUp prometheus.Gauge
}

// New makes metrics without any request, with those of the Go runtime and of the process.
func New() *Metrics {
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "requests_total", Help: "HTTP requests answered."}, []string{"route", "method", "code"}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "request_seconds", Help: "Time from the header of a request to the end of its answer.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, 1, 5, 30},
		}, []string{"route"}),
		inFlight: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "requests_in_flight", Help: "HTTP requests being answered."}),
		serverUp: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "server_up", Help: "1 if the server gave its metrics at this scrape, else 0."}),
	}
	prometheus.WrapRegistererWithPrefix(Prefix, m.registry).MustRegister(
		m.requests, m.duration, m.inFlight, m.serverUp,
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
	return m
}

// Begin counts a request as in work.
func (m *Metrics) Begin() { m.inFlight.Inc() }

// End takes it out again.
func (m *Metrics) End() { m.inFlight.Dec() }

// Observe counts an answered request. The route is a pattern, as it becomes a label.
func (m *Metrics) Observe(route, method string, code int, elapsed time.Duration) {
	if !slices.Contains([]string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}, method) {
		method = "other" // clients must not be able to make series
	}
	m.requests.WithLabelValues(route, method, strconv.Itoa(code)).Inc()
	m.duration.WithLabelValues(route).Observe(elapsed.Seconds())
}

// Handler gives the metrics of the server, if it answers within limits.MetricsTimeout, and then those of the gateway.
func (m *Metrics) Handler(conn grpc.ClientConnInterface) http.HandlerFunc {
	exposed := penstock.NewMetricsExpositionServiceClient(conn)
	return func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			apierror.WriteWrongMethod(w, r, http.MethodGet)
			return
		}
		var text bytes.Buffer
		m.writeServerMetrics(r.Context(), exposed, &text)
		if err := m.write(&text); err != nil {
			apierror.WriteStatus(w, r, http.StatusInternalServerError, status.New(codes.Internal, err.Error()))
			return
		}
		w.Header().Set("Content-Type", string(expfmt.NewFormat(expfmt.TypeTextPlain)))
		_, _ = w.Write(text.Bytes())
	}
}

// writeServerMetrics: a server that is away is itself a measurement, not an error.
func (m *Metrics) writeServerMetrics(ctx context.Context, exposed penstock.MetricsExpositionServiceClient,
	out *bytes.Buffer) {
	ctx, cancel := context.WithTimeout(ctx, limits.MetricsTimeout)
	defer cancel()
	reply, err := exposed.GetMetrics(ctx, &penstock.GetMetricsRequest{})
	if err != nil {
		m.serverUp.Set(0)
		return
	}
	m.serverUp.Set(1)
	out.WriteString(reply.Text)
	if reply.Text != "" && !strings.HasSuffix(reply.Text, "\n") {
		out.WriteByte('\n')
	}
}

func (m *Metrics) write(out io.Writer) error {
	families, err := m.registry.Gather()
	if err != nil {
		return err
	}
	encoder := expfmt.NewEncoder(out, expfmt.NewFormat(expfmt.TypeTextPlain))
	for _, family := range families {
		if err := encoder.Encode(family); err != nil {
			return err
		}
	}
	return nil
}
