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
)

// bodyError is a request body that is too large or too slow.
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
	failed    *bodyError
	done      bool
}

// boundBody replaces the body of r. It fails at once if the declared size is over the limit.
func boundBody(w http.ResponseWriter, r *http.Request, limit int64) *bodyError {
	info := infoOf(r.Context())
	if r.Body == nil || r.Body == http.NoBody {
		return nil
	}
	info.body = &requestBody{
		ReadCloser: r.Body, limit: limit, remaining: limit,
		control: http.NewResponseController(w), deadline: info.start.Add(bodyTimeout),
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
	if !b.done {
		deadline := time.Now().Add(bodyProgressTimeout)
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
