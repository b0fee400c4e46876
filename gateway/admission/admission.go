// Package admission bounds how many requests are in work at once.
package admission

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/penstock/penstock/gateway/apierror"
	"github.com/penstock/penstock/gateway/limits"
)

// Slots bounds how many requests of a kind are in work: its capacity. Safe for concurrent use.
type Slots chan struct{}

// tryAcquire does not wait.
func (s Slots) tryAcquire() bool {
	select {
	case s <- struct{}{}:
		return true
	default:
		return false
	}
}

// acquire waits for a slot as long as ctx and the time allow.
func (s Slots) acquire(ctx context.Context, longest time.Duration) bool {
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

func (s Slots) release() { <-s }

func writeBusy(w http.ResponseWriter, r *http.Request, bound int, what string) {
	apierror.WriteStatus(w, r, http.StatusServiceUnavailable, status.New(codes.Unavailable,
		fmt.Sprintf("The gateway is busy with %d %s, the most that it serves at once; try again.", bound, what)))
}

// Limited admits at most cap(s) requests at once and answers the others with 503, saying that it is busy with that many
// of what.
func Limited(s Slots, what string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !s.tryAcquire() {
			writeBusy(w, r, cap(s), what)
			return
		}
		defer s.release()
		next.ServeHTTP(w, r)
	})
}

// LargeBodies keeps the memory that bodies take within bounds, as they are held whole while they are translated. A request
// with more than limits.LargeBodyBytes, or that does not say how many, waits limits.LargeBodyWait for one of s, and is
// answered with 503 if there is none.
func LargeBodies(s Slots, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ContentLength >= 0 && r.ContentLength <= limits.LargeBodyBytes {
			next.ServeHTTP(w, r)
			return
		}
		if !s.acquire(r.Context(), limits.LargeBodyWait) {
			writeBusy(w, r, cap(s), "requests with large bodies")
			return
		}
		defer s.release()
		next.ServeHTTP(w, r)
	})
}
