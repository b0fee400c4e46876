package main

import (
	"context"
	"errors"
	"io"
	"net/http"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/penstock/penstock/gateway/apierror"
	"github.com/penstock/penstock/gateway/limits"
	"github.com/penstock/penstock/gateway/request"
)

// byteStream is a stream of an RPC, reduced to its bytes.
type byteStream func() ([]byte, error)

// streamContext ends when the client goes, and when the gateway stops: a followed log would hold it up for ever.
func (g *gateway) streamContext(r *http.Request) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(g.headers.Outgoing(r))
	unregister := context.AfterFunc(g.stopping, cancel)
	return ctx, func() { unregister(); cancel() }
}

// copyStream answers with the bytes of the stream. begin is called once, when the stream is known to be good; until then
// an error gets its proper status. Later all that is left is to break off, so that a part is not taken for the whole.
func (g *gateway) copyStream(w http.ResponseWriter, r *http.Request, next byteStream, begin func() io.Writer, flush bool) {
	var out io.Writer
	control := http.NewResponseController(w)
	for {
		data, err := next()
		if err != nil && !errors.Is(err, io.EOF) {
			g.failStream(w, r, err, out != nil)
			return
		}
		if out == nil {
			out = begin()
		}
		if err != nil {
			return
		}
		if _, err := out.Write(data); err != nil {
			g.failStream(w, r, err, true)
			return
		}
		if flush {
			_ = control.Flush()
		}
	}
}

func (g *gateway) failStream(w http.ResponseWriter, r *http.Request, err error, begun bool) {
	if g.stopping.Err() != nil {
		err = status.Error(codes.Unavailable, "The gateway is stopping; try again.")
	}
	if !begun {
		apierror.WriteHTTPFrom(w, r, err)
		return
	}
	info := request.InfoOf(r.Context())
	info.Failure = err.Error()
	if r.Context().Err() == nil && g.stopping.Err() == nil {
		g.log.Warn("stream broke", "route", info.Route, "error", limits.Shortened(info.Failure))
	}
	panic(http.ErrAbortHandler)
}
