package main

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/penstock/penstock/gateway/apierror"
	"github.com/penstock/penstock/gateway/limits"
	"github.com/penstock/penstock/gateway/request"
)

// observed is the outermost layer: it gives each request its info, turns a panic into an answer, and logs and counts.
func (g *gateway) observed(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		info := &request.Info{Start: time.Now(), Route: "other"}
		rw := newResponseWriter(w)
		r = r.WithContext(request.WithInfo(r.Context(), info))
		g.metrics.inFlight.Inc()
		defer func() {
			g.metrics.inFlight.Dec()
			failure := recover()
			aborted := failure == http.ErrAbortHandler
			if failure != nil && !aborted {
				g.log.Error("panic", "route", info.Route, "panic", failure, "stack", string(debug.Stack()))
				if rw.code == 0 {
					apierror.WriteStatus(rw, r, http.StatusInternalServerError, status.New(codes.Internal, "Internal Server Error"))
				} else {
					aborted = true // a truncated answer must not look whole
				}
			}
			if rw.code == 0 {
				rw.code = http.StatusOK
			}
			g.record(r, rw, info)
			if aborted {
				panic(http.ErrAbortHandler)
			}
		}()
		next.ServeHTTP(rw, r)
	})
}

func (g *gateway) record(r *http.Request, rw *responseWriter, info *request.Info) {
	elapsed := time.Since(info.Start)
	g.metrics.observe(info.Route, r.Method, rw.code, elapsed)
	level := slog.LevelDebug
	if rw.code >= 500 && rw.code != http.StatusNotImplemented {
		level = slog.LevelWarn
	}
	if !g.log.Enabled(r.Context(), level) {
		return
	}
	attributes := []slog.Attr{
		slog.String("method", r.Method), slog.String("path", limits.Shortened(r.URL.Path)), slog.String("route", info.Route),
		slog.Int("code", rw.code), slog.Int64("bytes", rw.bytes), slog.Duration("elapsed", elapsed),
		slog.String("remote", r.RemoteAddr),
	}
	if info.Failure != "" {
		attributes = append(attributes, slog.String("error", limits.Shortened(info.Failure)))
	}
	g.log.LogAttrs(r.Context(), level, "request", attributes...)
}

// slots bounds how many requests of a kind are in work.
type slots chan struct{}

// tryAcquire does not wait.
func (s slots) tryAcquire() bool {
	select {
	case s <- struct{}{}:
		return true
	default:
		return false
	}
}

// acquire waits for a slot as long as ctx and the time allow.
func (s slots) acquire(ctx context.Context, longest time.Duration) bool {
	if s.tryAcquire() {
		return true
	}
	timer := time.NewTimer(longest)
	defer timer.Stop()
	select {
	case s <- struct{}{}:
		return true
	case <-timer.C:
		return false
	case <-ctx.Done():
		return false
	}
}

func (s slots) release() { <-s }

func writeBusy(w http.ResponseWriter, r *http.Request, bound int, what string) {
	apierror.WriteStatus(w, r, http.StatusServiceUnavailable, status.New(codes.Unavailable,
		fmt.Sprintf("The gateway is busy with %d %s, the most that it serves at once; try again.", bound, what)))
}

// limited admits at most cap(s) requests at once.
func limited(s slots, what string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !s.tryAcquire() {
			writeBusy(w, r, cap(s), what)
			return
		}
		defer s.release()
		next.ServeHTTP(w, r)
	})
}

// withLargeBodySlot keeps the memory that bodies take within bounds, as they are held whole while they are translated.
func (g *gateway) withLargeBodySlot(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ContentLength >= 0 && r.ContentLength <= limits.LargeBodyBytes {
			next.ServeHTTP(w, r)
			return
		}
		if !g.largeBodies.acquire(r.Context(), limits.LargeBodyWait) {
			writeBusy(w, r, cap(g.largeBodies), "requests with large bodies")
			return
		}
		defer g.largeBodies.release()
		next.ServeHTTP(w, r)
	})
}
