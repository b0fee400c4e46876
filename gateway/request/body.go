package request

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/penstock/penstock/gateway/limits"
)

// BodyError is a request body that is too large, too rich or too slow.
type BodyError struct {
	HTTPCode int // 413, 400 or 408
	Message  string
}

// Error is the sentence for the client.
func (e *BodyError) Error() string { return e.Message }

// Status is the error as that of an RPC: INVALID_ARGUMENT.
func (e *BodyError) Status() error { return status.Error(codes.InvalidArgument, e.Message) }

func bodyTooLarge(limit int64) *BodyError {
	return &BodyError{http.StatusRequestEntityTooLarge,
		fmt.Sprintf("The request body is larger than %d bytes, the most that is accepted.", limit)}
}

// boundedBody bounds a body in size and time, and remembers which bound was passed.
type boundedBody struct {
	io.ReadCloser
	limit     int64
	remaining int64
	control   *http.ResponseController
	deadline  time.Time
	values    *jsonValues // nil: not JSON
	failed    *BodyError
	begun     bool
	done      bool
	asksFirst bool // the client sends nothing until the body is read
}

// BoundBody replaces the body of r by one that ends with a BodyError after limit bytes, after limits.BodyProgressTimeout
// without any, and limits.BodyTimeout after the start of the request. It fails at once if the declared size is over the
// limit. Needs an Info in the context of r.
func BoundBody(w http.ResponseWriter, r *http.Request, limit int64) *BodyError {
	info := InfoOf(r.Context())
	if r.Body == nil || r.Body == http.NoBody {
		return nil
	}
	info.body = &boundedBody{
		ReadCloser: r.Body, limit: limit, remaining: limit,
		control: http.NewResponseController(w), deadline: info.Start.Add(limits.BodyTimeout),
		asksFirst: r.Header.Get("Expect") != "",
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
	if int64(len(p)) > b.remaining+1 { // one more byte than allowed tells "full" from "too large"
		p = p[:b.remaining+1]
	}
	b.begun = true
	if !b.done {
		deadline := time.Now().Add(limits.BodyProgressTimeout)
		if deadline.After(b.deadline) {
			deadline = b.deadline
		}
		_ = b.control.SetReadDeadline(deadline)
	}
	n, err := b.ReadCloser.Read(p)
	if int64(n) > b.remaining {
		n, b.failed = int(b.remaining), bodyTooLarge(b.limit)
		b.remaining = 0
		return n, b.failed
	}
	b.remaining -= int64(n)
	if b.values != nil {
		if b.values.add(p[:n]); b.values.count > limits.MaxJSONValues {
			b.failed = &BodyError{http.StatusBadRequest,
				fmt.Sprintf("The request body has more than %d JSON values, the most that are accepted.", limits.MaxJSONValues)}
			return 0, b.failed
		}
	}
	var netErr net.Error
	if errors.As(err, &netErr) && netErr.Timeout() {
		b.failed = &BodyError{http.StatusRequestTimeout, "The request body did not arrive in time."}
		return n, b.failed
	}
	if err != nil && !b.done {
		// Left in place, the deadline would later look like a client that hung up.
		b.done = true
		_ = b.control.SetReadDeadline(time.Time{})
	}
	return n, err
}

// drain does nothing where the rest will not come: it was read, or the client waits or is too slow.
func (b *boundedBody) drain() {
	if b.done || (b.asksFirst && !b.begun) || (b.failed != nil && b.failed.HTTPCode == http.StatusRequestTimeout) {
		return
	}
	b.done = true
	_ = b.control.SetReadDeadline(time.Now().Add(limits.DrainTimeout))
	_, _ = io.CopyN(io.Discard, b.ReadCloser, limits.MaxDrainBytes)
	_ = b.control.SetReadDeadline(time.Time{})
}
