// Package streams passes on the logs of tasks and the content of artifacts as they come from the server. An answer that
// is not whole does not end like one that is.
package streams

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/penstock/penstock/gateway/apierror"
	"github.com/penstock/penstock/gateway/gen/penstock"
	"github.com/penstock/penstock/gateway/limits"
	"github.com/penstock/penstock/gateway/metadata"
	"github.com/penstock/penstock/gateway/request"
)

// Node is what the paths of logs and artifacts name.
type Node struct {
	RunID, NodeID, Artifact string
}

// Streams reads both from the server. Constant after New; safe for concurrent use.
type Streams struct {
	stopping  context.Context
	headers   *metadata.Headers
	log       *slog.Logger
	logs      penstock.RunLogServiceClient
	artifacts penstock.ArtifactContentServiceClient
}

// New reads over conn. All streams end when stopping does.
func New(stopping context.Context, conn grpc.ClientConnInterface, headers *metadata.Headers, log *slog.Logger) *Streams {
	return &Streams{stopping: stopping, headers: headers, log: log,
		logs: penstock.NewRunLogServiceClient(conn), artifacts: penstock.NewArtifactContentServiceClient(conn)}
}

// byteStream is a stream of an RPC, reduced to its bytes.
type byteStream func() ([]byte, error)

// streamContext ends when the client goes, and when the gateway stops: a followed log would hold it up for ever.
func (s *Streams) streamContext(r *http.Request) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(s.headers.Outgoing(r))
	unregister := context.AfterFunc(s.stopping, cancel)
	return ctx, func() { unregister(); cancel() }
}

// copyStream answers with the bytes of the stream. begin is called once, when the stream is known to be good; until then
// an error gets its proper status. Later all that is left is to break off, so that a part is not taken for the whole.
func (s *Streams) copyStream(w http.ResponseWriter, r *http.Request, next byteStream, begin func() io.Writer, flush bool) {
	var out io.Writer
	control := http.NewResponseController(w)
	for {
		data, err := next()
		if err != nil && !errors.Is(err, io.EOF) {
			s.failStream(w, r, err, out != nil)
			return
		}
		if out == nil {
			out = begin()
		}
		if err != nil {
			return
		}
		if _, err := out.Write(data); err != nil {
			s.failStream(w, r, err, true)
			return
		}
		if flush {
			_ = control.Flush()
		}
	}
}

func (s *Streams) failStream(w http.ResponseWriter, r *http.Request, err error, begun bool) {
	if s.stopping.Err() != nil {
		err = status.Error(codes.Unavailable, "The gateway is stopping; try again.")
	}
	if !begun {
		apierror.WriteHTTPFrom(w, r, err)
		return
	}
	info := request.InfoOf(r.Context())
	info.Failure = err.Error()
	if r.Context().Err() == nil && s.stopping.Err() == nil {
		s.log.Warn("stream broke", "route", info.Route, "error", limits.Shortened(info.Failure))
	}
	panic(http.ErrAbortHandler)
}
