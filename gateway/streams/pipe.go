package streams

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/penstock/penstock/gateway/limits"
	"github.com/penstock/penstock/gateway/request"
)

// ByteStream is a stream of an RPC, reduced to its bytes: the next ones, or io.EOF.
type ByteStream func() ([]byte, error)

// Pipe passes streams of bytes on. Constant; safe for concurrent use.
type Pipe struct {
	Stopping   context.Context // all streams end when it does
	Log        *slog.Logger
	WriteError func(http.ResponseWriter, *http.Request, error) // answers with the error of an RPC
}

// Context ends with the one given, which ends when the client goes, and when the gateway stops: a followed log would hold
// it up for ever.
func (p Pipe) Context(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	unregister := context.AfterFunc(p.Stopping, cancel)
	return ctx, func() { unregister(); cancel() }
}

// Copy answers with the bytes of the stream. begin is called once, when the stream is known to be good; until then
// an error gets its proper status. Later all that is left is to break off, so that a part is not taken for the whole.
func (p Pipe) Copy(w http.ResponseWriter, r *http.Request, next ByteStream, begin func() io.Writer, flush bool) {
	var out io.Writer
	control := http.NewResponseController(w)
	for {
		data, err := next()
		if err != nil && !errors.Is(err, io.EOF) {
			p.Fail(w, r, err, out != nil)
			return
		}
		if out == nil {
			out = begin()
		}
		if err != nil {
			return
		}
		if _, err := out.Write(data); err != nil {
			p.Fail(w, r, err, true)
			return
		}
		if flush {
			_ = control.Flush()
		}
	}
}

// Fail answers with the error, or breaks off an answer that is begun.
func (p Pipe) Fail(w http.ResponseWriter, r *http.Request, err error, begun bool) {
	if p.Stopping.Err() != nil {
		err = status.Error(codes.Unavailable, "The gateway is stopping; try again.")
	}
	if !begun {
		p.WriteError(w, r, err)
		return
	}
	info := request.InfoOf(r.Context())
	info.Failure = err.Error()
	if r.Context().Err() == nil && p.Stopping.Err() == nil {
		p.Log.Warn("stream broke", "route", info.Route, "error", limits.Shortened(info.Failure))
	}
	panic(http.ErrAbortHandler)
}
