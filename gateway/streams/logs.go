package streams

import (
	"errors"
	"io"
	"net/http"
	"net/url"
	"strconv"

	"github.com/penstock/penstock/gateway/apierror"
	"github.com/penstock/penstock/gateway/gen/penstock"
	"github.com/penstock/penstock/gateway/limits"
)

// Log streams what a task printed. ?follow=true stays until the task ends, ?attempt=N picks an attempt,
// ?offset_bytes=N leaves out a start that the client has already, ?tail_bytes=N begins at a line near the end, and
// ?limit_bytes=N ends early.
func (s *Streams) Log(node Node) http.HandlerFunc {
	return s.logOr(node, func(w http.ResponseWriter, r *http.Request, err error) { s.pipe.Fail(w, r, err, false) })
}

// logOr is Log, and leaves it to fail what to answer where the log does not begin.
func (s *Streams) logOr(node Node, fail func(http.ResponseWriter, *http.Request, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		request, refused := parseLogQuery(node, r.URL.RawQuery)
		if refused != nil {
			apierror.WriteHTTP(w, r, refused.HTTPCode, refused.Message, "")
			return
		}
		ctx, cancel := s.pipe.Context(s.headers.Outgoing(r))
		defer cancel()
		stream, err := s.logs.ReadTaskLog(ctx, request)
		if err != nil {
			fail(w, r, err)
			return
		}
		first, err := stream.Recv()
		if err != nil && !errors.Is(err, io.EOF) {
			fail(w, r, err)
			return
		}
		isFirst := true
		next := func() ([]byte, error) {
			if isFirst {
				isFirst = false
				return first.GetData(), err
			}
			chunk, err := stream.Recv()
			return chunk.GetData(), err
		}
		s.pipe.Copy(w, r, next, func() io.Writer { return beginLog(w, first.GetOffsetBytes()) }, true)
	}
}

func beginLog(w http.ResponseWriter, offset int64) io.Writer {
	header := w.Header()
	header.Set("X-Log-Offset", strconv.FormatInt(offset, 10)) // where in the log the answer begins
	header.Set("Content-Type", "text/plain; charset=utf-8")
	header.Set("X-Content-Type-Options", "nosniff") // a log is never a web page
	header.Set("Cache-Control", "no-cache, private")
	header.Set("X-Accel-Buffering", "no") // proxies must pass each line on
	w.WriteHeader(http.StatusOK)
	return w
}

func parseLogQuery(node Node, rawQuery string) (*penstock.ReadTaskLogRequest, *apierror.Refusal) {
	query, err := url.ParseQuery(rawQuery)
	if err != nil {
		return nil, apierror.Refuse("The query string is malformed: %v.", err)
	}
	request := &penstock.ReadTaskLogRequest{RunId: node.RunID, TaskId: node.NodeID}
	if refused := readFlag(query, "follow", &request.Follow); refused != nil {
		return nil, refused
	}
	if text := query.Get("attempt"); text != "" {
		attempt, err := strconv.ParseInt(text, 10, 32)
		if err != nil || attempt < 0 {
			return nil, apierror.Refuse("The query parameter attempt must be a number from 1, or 0 for the last, not %q.",
				limits.Shortened(text))
		}
		request.Attempt = int32(attempt)
	}
	for name, field := range map[string]*int64{"offset_bytes": &request.OffsetBytes, "tail_bytes": &request.TailBytes,
		"limit_bytes": &request.LimitBytes} {
		number, refused := numberOf(query, name)
		if refused != nil {
			return nil, refused
		}
		*field = number
	}
	return request, nil
}
