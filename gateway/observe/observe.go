// Package observe is the outermost layer of the gateway: what it does for every request, whatever becomes of it.
package observe

import (
	"log/slog"
	"net"
	"net/http"
	"runtime/debug"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/penstock/penstock/gateway/apierror"
	"github.com/penstock/penstock/gateway/limits"
	"github.com/penstock/penstock/gateway/memory"
	"github.com/penstock/penstock/gateway/metrics"
	"github.com/penstock/penstock/gateway/request"
)

type observer struct {
	metrics *metrics.Metrics
	log     *slog.Logger
	memory  *memory.Budget
}

// Handler gives each request its request.Info, with a draw of the memory, turns a panic into an answer, and logs and
// counts. An answer that a panic breaks off breaks the connection off, too.
func Handler(counted *metrics.Metrics, log *slog.Logger, budget *memory.Budget, next http.Handler) http.Handler {
	o := &observer{counted, log, budget}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		info := &request.Info{Start: time.Now(), Route: "other", Client: clientOf(r)}
		info.Memory = o.memory.Begin(info.Client)
		defer info.Memory.Release()
		rw := newResponseWriter(w, r.ProtoMajor == 2)
		r = r.WithContext(request.WithInfo(r.Context(), info))
		o.metrics.Begin()
		defer func() {
			o.metrics.End()
			failure := recover()
			aborted := failure == http.ErrAbortHandler
			if failure != nil && !aborted {
				o.log.Error("panic", "route", info.Route, "panic", failure, "stack", string(debug.Stack()))
				if rw.code == 0 {
					apierror.WriteStatus(rw, r, http.StatusInternalServerError, status.New(codes.Internal, "Internal Server Error"))
				} else {
					aborted = true // a truncated answer must not look whole
				}
			}
			if rw.code == 0 {
				rw.code = http.StatusOK
			}
			o.record(r, rw, info)
			rw.setDeadline() // for what is still to be sent
			if aborted {
				panic(http.ErrAbortHandler)
			}
		}()
		next.ServeHTTP(rw, r)
	})
}

// clientOf tells clients apart by their addresses: one that opens many connections stays one. All that come over a unix
// socket, or through one proxy, are one.
func clientOf(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}

func (o *observer) record(r *http.Request, rw *responseWriter, info *request.Info) {
	elapsed := time.Since(info.Start)
	o.metrics.Observe(info.Route, r.Method, rw.code, elapsed)
	level := slog.LevelDebug
	if rw.code >= 500 && rw.code != http.StatusNotImplemented {
		level = slog.LevelWarn
	}
	if !o.log.Enabled(r.Context(), level) {
		return
	}
	attributes := []slog.Attr{
		slog.String("method", r.Method), slog.String("path", limits.Shortened(r.URL.Path)),
		slog.String("route", info.Route),
		slog.Int("code", rw.code), slog.Int64("bytes", rw.bytes), slog.Duration("elapsed", elapsed),
		slog.String("remote", r.RemoteAddr),
	}
	if info.Failure != "" {
		attributes = append(attributes, slog.String("error", limits.Shortened(info.Failure)))
	}
	o.log.LogAttrs(r.Context(), level, "request", attributes...)
}
