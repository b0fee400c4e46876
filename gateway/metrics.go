package main

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
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/penstock/penstock/gateway/apierror"
	"github.com/penstock/penstock/gateway/gen/penstock"
	"github.com/penstock/penstock/gateway/limits"
)

const metricsPrefix = "penstock_gateway_"

// gatewayMetrics all have the prefix penstock_gateway_, so that they can stand beside those of the server.
type gatewayMetrics struct {
	registry *prometheus.Registry
	requests *prometheus.CounterVec
	duration *prometheus.HistogramVec
	inFlight prometheus.Gauge
	serverUp prometheus.Gauge
}

func newGatewayMetrics() *gatewayMetrics {
	m := &gatewayMetrics{
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
	prometheus.WrapRegistererWithPrefix(metricsPrefix, m.registry).MustRegister(
		m.requests, m.duration, m.inFlight, m.serverUp,
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
	return m
}

func (m *gatewayMetrics) observe(route, method string, code int, elapsed time.Duration) {
	if !slices.Contains([]string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}, method) {
		method = "other" // clients must not be able to make series
	}
	m.requests.WithLabelValues(route, method, strconv.Itoa(code)).Inc()
	m.duration.WithLabelValues(route).Observe(elapsed.Seconds())
}

// serveMetrics gives the metrics of the server, if it answers, and then those of the gateway.
func (g *gateway) serveMetrics(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		apierror.WriteWrongMethod(w, r, http.MethodGet)
		return
	}
	var text bytes.Buffer
	g.writeServerMetrics(r.Context(), &text)
	if err := g.metrics.write(&text); err != nil {
		apierror.WriteStatus(w, r, http.StatusInternalServerError, status.New(codes.Internal, err.Error()))
		return
	}
	w.Header().Set("Content-Type", string(expfmt.NewFormat(expfmt.TypeTextPlain)))
	_, _ = w.Write(text.Bytes())
}

// writeServerMetrics: a server that is away is itself a measurement, not an error.
func (g *gateway) writeServerMetrics(ctx context.Context, out *bytes.Buffer) {
	ctx, cancel := context.WithTimeout(ctx, limits.MetricsTimeout)
	defer cancel()
	reply, err := g.exposed.GetMetrics(ctx, &penstock.GetMetricsRequest{})
	if err != nil {
		g.metrics.serverUp.Set(0)
		return
	}
	g.metrics.serverUp.Set(1)
	out.WriteString(reply.Text)
	if reply.Text != "" && !strings.HasSuffix(reply.Text, "\n") {
		out.WriteByte('\n')
	}
}

func (m *gatewayMetrics) write(out io.Writer) error {
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
