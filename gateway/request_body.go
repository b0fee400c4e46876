package main

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

// bodyError is a request body that is too large, too rich or too slow.
type bodyError struct {
	httpCode int
	message  string
}

func (e *bodyError) Error() string { return e.message }

func (e *bodyError) status() error { return status.Error(codes.InvalidArgument, e.message) }

func bodyTooLarge(limit int64) *bodyError {
	return &bodyError{http.StatusRequestEntityTooLarge,
		fmt.Sprintf("The request body is larger than %d bytes, the most that is accepted.", limit)}
}

// requestBody bounds a body in size and time, and remembers which bound was passed.
type requestBody struct {
	io.ReadCloser
	limit     int64
	remaining int64
	control   *http.ResponseController
	deadline  time.Time
	values    *jsonValues // nil: not JSON
	failed    *bodyError
	begun     bool
	done      bool
	asksFirst bool // the client sends nothing until the body is read
}

// boundBody replaces the body of r. It fails at once if the declared size is over the limit.
func boundBody(w http.ResponseWriter, r *http.Request, limit int64) *bodyError {
	info := infoOf(r.Context())
	if r.Body == nil || r.Body == http.NoBody {
		return nil
	}
	info.body = &requestBody{
		ReadCloser: r.Body, limit: limit, remaining: limit,
		control: http.NewResponseController(w), deadline: info.start.Add(limits.BodyTimeout),
		asksFirst: r.Header.Get("Expect") != "",
	}
	r.Body = info.body
	if r.ContentLength > limit {
		info.body.failed = bodyTooLarge(limit)
	}
	return info.body.failed
}

func (b *requestBody) Read(p []byte) (int, error) {
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
			b.failed = &bodyError{http.StatusBadRequest,
				fmt.Sprintf("The request body has more than %d JSON values, the most that are accepted.", limits.MaxJSONValues)}
			return 0, b.failed
		}
	}
	var netErr net.Error
	if errors.As(err, &netErr) && netErr.Timeout() {
		b.failed = &bodyError{http.StatusRequestTimeout, "The request body did not arrive in time."}
		return n, b.failed
	}
	if err != nil && !b.done {
		// Left in place, the deadline would later look like a client that hung up.
		b.done = true
		_ = b.control.SetReadDeadline(time.Time{})
	}
	return n, err
}

// drain takes in what is left of a body that was refused, within bounds. Most clients look for the answer only after
// they have sent everything, and would otherwise see a reset connection in its place.
func (b *requestBody) drain() {
	if b.done || (b.asksFirst && !b.begun) || (b.failed != nil && b.failed.httpCode == http.StatusRequestTimeout) {
		return
	}
	b.done = true
	_ = b.control.SetReadDeadline(time.Now().Add(limits.DrainTimeout))
	_, _ = io.CopyN(io.Discard, b.ReadCloser, limits.MaxDrainBytes)
	_ = b.control.SetReadDeadline(time.Time{})
}
