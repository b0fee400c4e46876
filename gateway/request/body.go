package request

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/penstock/penstock/gateway/limits"
	"github.com/penstock/penstock/gateway/memory"
)

// BodyError is a request body that is too large, too rich or too slow, or for which there is no memory.
type BodyError struct {
	HTTPCode int // 413, 400, 408 or 503
	Message  string
}

// Error is the sentence for the client.
func (e *BodyError) Error() string { return e.Message }

// Status is the error as that of an RPC: UNAVAILABLE if the same body may be sent again, else INVALID_ARGUMENT.
func (e *BodyError) Status() error {
	if e.HTTPCode == http.StatusServiceUnavailable {
		return status.Error(codes.Unavailable, e.Message)
	}
	return status.Error(codes.InvalidArgument, e.Message)
}

func bodyTooLarge(limit int64) *BodyError {
	return &BodyError{http.StatusRequestEntityTooLarge,
		fmt.Sprintf("The request body is larger than %d bytes, the most that is accepted.", limit)}
}

func tooManyValues() *BodyError {
	return &BodyError{http.StatusBadRequest,
		fmt.Sprintf("The request body has more than %d JSON values, the most that are accepted.", limits.MaxJSONValues)}
}

func bodyTooSlow() *BodyError {
	return &BodyError{http.StatusRequestTimeout, fmt.Sprintf("The request body did not arrive in time: it has to bring "+
		"at least %d bytes a second, and one that is not a file to be whole within %v.", limits.MinBodyRate, limits.BodyTimeout)}
}

func noMemory() *BodyError {
	return &BodyError{http.StatusServiceUnavailable,
		"The gateway has no memory for the request body, as others fill it (--memory_budget); try again."}
}

// boundedBody bounds a body in size, time and memory, and remembers which bound was passed.
type boundedBody struct {
	io.ReadCloser
	ctx       context.Context
	control   *http.ResponseController
	limit     int64
	received  int64
	memory    *memory.Draw
	counted   int64         // bytes of the body for which memory was taken
	values    *jsonValues   // nil: not JSON
	timeout   time.Duration // for all of it; 0: only the rate counts
	begun     time.Time     // the first read; later by the time that was spent waiting for memory
	hurry     time.Time     // zero, or when the others have waited long enough
	failed    *BodyError
	done      bool
	asksFirst bool // the client sends nothing until the body is read
}

// BoundBody replaces the body of r by one that ends with a BodyError after limit bytes, where it brings less than
// limits.MinBodyRate or takes longer than limits.BodyTimeout, and where its memory is not to be had. It fails at once if
// the declared size is over the limit. Needs an Info in the context of r.
func BoundBody(w http.ResponseWriter, r *http.Request, limit int64) *BodyError {
	return bound(w, r, limit, InfoOf(r.Context()).Memory, limits.BodyTimeout)
}

// BoundStream does it for a body that is passed on as it comes: it takes no memory, and as long as it brings
// limits.MinBodyRate.
func BoundStream(w http.ResponseWriter, r *http.Request, limit int64) *BodyError {
	return bound(w, r, limit, nil, 0)
}

func bound(w http.ResponseWriter, r *http.Request, limit int64, draw *memory.Draw, timeout time.Duration) *BodyError {
	info := InfoOf(r.Context())
	if r.Body == nil || r.Body == http.NoBody {
		return nil
	}
	info.body = &boundedBody{
		ReadCloser: r.Body, ctx: r.Context(), control: http.NewResponseController(w), limit: limit, memory: draw,
		timeout: timeout, asksFirst: r.Header.Get("Expect") != "",
	}
	r.Body = info.body
	if r.ContentLength > limit {
		info.body.failed = bodyTooLarge(limit)
	}
	return info.body.failed
}

func (b *boundedBody) Read(p []byte) (int, error) {
	if b.failed != nil {
		return 0, b.failed
	}
	if b.begun.IsZero() {
		b.begun = time.Now()
	}
	if err := b.takeMemory(); err != nil {
		return 0, err
	}
	// One more byte than allowed tells "full" from "too large".
	p = p[:min(int64(len(p)), b.counted-b.received, b.limit-b.received+1)]
	if !b.done {
		_ = b.control.SetReadDeadline(b.deadline())
	}
	n, err := b.ReadCloser.Read(p)
	if over := b.received + int64(n) - b.limit; over > 0 {
		b.failed = bodyTooLarge(b.limit)
		b.received = b.limit
		return n - int(over), b.failed
	}
	b.received += int64(n)
	if err := b.countValues(p[:n]); err != nil {
		return 0, err
	}
	var netErr net.Error
	if errors.As(err, &netErr) && netErr.Timeout() {
		b.failed = bodyTooSlow()
		return n, b.failed
	}
	if err != nil && !b.done {
		// Left in place, the deadline would later look like a client that hung up.
		b.done = true
		_ = b.control.SetReadDeadline(time.Time{})
	}
	return n, err
}

// takeMemory takes it before the bytes are read: until then they wait where the client sends them from.
func (b *boundedBody) takeMemory() error {
	if b.counted > b.received {
		return nil
	}
	step := min(max(b.received, limits.BodyStepBytes), limits.BodyStepBytesMax)
	if err := b.grow(step * limits.BodyMemoryFactor); err != nil {
		return err
	}
	b.counted += step
	return nil
}

func (b *boundedBody) countValues(read []byte) error {
	if b.values == nil {
		return nil
	}
	before := b.values.count
	if b.values.add(read); b.values.count > limits.MaxJSONValues {
		b.failed = tooManyValues()
		return b.failed
	}
	return b.grow(int64(b.values.count-before) * limits.JSONValueMemoryBytes)
}

func (b *boundedBody) grow(bytes int64) error {
	if bytes == 0 {
		return nil
	}
	asked := time.Now()
	if err := b.memory.Grow(b.ctx, bytes); err != nil {
		b.failed = noMemory()
		return b.failed
	}
	b.begun = b.begun.Add(time.Since(asked))
	return nil
}

// deadline is when the next bytes have to be there.
func (b *boundedBody) deadline() time.Time {
	now := time.Now()
	if b.hurry.IsZero() && b.memory.HoldsUpOthers() {
		b.hurry = now.Add(limits.MemoryHurry)
	}
	rate := b.begun.Add(limits.RateGrace + time.Duration(b.received/limits.MinBodyRate)*time.Second)
	var whole time.Time
	if b.timeout > 0 {
		whole = b.begun.Add(b.timeout)
	}
	for _, other := range []time.Time{now.Add(limits.BodyProgressTimeout), whole, b.hurry} {
		if !other.IsZero() && other.Before(rate) {
			rate = other
		}
	}
	return rate
}

// drain does nothing where the rest will not come: it was read, or the client waits or is too slow.
func (b *boundedBody) drain() {
	if b.done || (b.asksFirst && b.begun.IsZero()) || (b.failed != nil && b.failed.HTTPCode == http.StatusRequestTimeout) {
		return
	}
	b.done = true
	_ = b.control.SetReadDeadline(time.Now().Add(limits.DrainTimeout))
	_, _ = io.CopyN(io.Discard, b.ReadCloser, limits.MaxDrainBytes)
	_ = b.control.SetReadDeadline(time.Time{})
}
