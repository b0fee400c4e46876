// Package admission bounds how many requests of a kind are in work at once.
package admission

import (
	"net/http"
	"sync"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/penstock/penstock/gateway/apierror"
	"github.com/penstock/penstock/gateway/limits"
	"github.com/penstock/penstock/gateway/request"
)

// Slots bounds how many requests of a kind are in work, and how many of them are of one client: one part in
// limits.AddressShare is always left to the others. Safe for concurrent use.
type Slots struct {
	capacity, share int
	what            string

	mu   sync.Mutex
	used int
	held map[string]int
}

// NewSlots bounds what, as in "busy with 12 log streams".
func NewSlots(capacity int, what string) *Slots {
	return &Slots{capacity: capacity, share: max(1, capacity-capacity/limits.AddressShare), what: what, held: map[string]int{}}
}

// TryAcquire takes a slot for a client, who gives it back by release. It does not wait: its error is UNAVAILABLE, with a
// sentence for the client.
func (s *Slots) TryAcquire(client string) (release func(), err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.used >= s.capacity:
		return nil, status.Errorf(codes.Unavailable,
			"The gateway is busy with %d %s, the most that it serves at once; try again.", s.capacity, s.what)
	case s.held[client] >= s.share:
		return nil, status.Errorf(codes.Unavailable,
			"The gateway is busy with %d %s of your address, the most that it serves one at once; try again.", s.share, s.what)
	}
	s.used++
	s.held[client]++
	return func() { s.release(client) }, nil
}

func (s *Slots) release(client string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.used--
	if s.held[client]--; s.held[client] == 0 {
		delete(s.held, client)
	}
}

// Limited admits as many requests at once as there are slots, and answers the others with 503.
func Limited(s *Slots, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		release, err := s.TryAcquire(request.InfoOf(r.Context()).Client)
		if err != nil {
			apierror.WriteRPC(w, r, err)
			return
		}
		defer release()
		next.ServeHTTP(w, r)
	})
}

// Spared answers with 503 what comes over more connections than the gateway serves, as isSurplus tells, but for what is
// always answered.
func Spared(isSurplus, isAlwaysAnswered func(*http.Request) bool, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !isSurplus(r) {
			next.ServeHTTP(w, r)
			return
		}
		w.Header().Set("Connection", "close")
		if isAlwaysAnswered(r) {
			next.ServeHTTP(w, r)
			return
		}
		apierror.WriteRPC(w, r, status.Errorf(codes.Unavailable,
			"The gateway has %d connections, the most that it serves at once; try again.", limits.MaxConnections))
	})
}
