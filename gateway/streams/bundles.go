package streams

import (
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strconv"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/penstock/penstock/gateway/apierror"
	"github.com/penstock/penstock/gateway/gen/penstock"
	"github.com/penstock/penstock/gateway/limits"
	"github.com/penstock/penstock/gateway/marshal"
	"github.com/penstock/penstock/gateway/request"
)

// ExportRun streams a run as a file. ?include_contents=true takes the content of its artifacts along.
func (s *Streams) ExportRun(runID string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		query := &penstock.ExportRunRequest{RunId: runID}
		if refused := parseFlag(r, "include_contents", &query.IncludeContents); refused != nil {
			apierror.WriteHTTP(w, r, refused.HTTPCode, refused.Message, "")
			return
		}
		ctx, cancel := s.pipe.Context(s.headers.Outgoing(r))
		defer cancel()
		stream, err := s.bundles.ExportRun(ctx, query)
		if err != nil {
			s.pipe.Fail(w, r, err, false)
			return
		}
		next := func() ([]byte, error) {
			chunk, err := stream.Recv()
			return chunk.GetData(), err
		}
		begin := func() io.Writer {
			header := w.Header()
			header.Set("Content-Type", "application/zstd")
			header.Set("Content-Disposition", mime.FormatMediaType("attachment",
				map[string]string{"filename": "run-" + query.RunId + ".tar.zst"}))
			header.Set("X-Content-Type-Options", "nosniff")
			header.Set("Cache-Control", "no-cache, private")
			return w
		}
		s.pipe.Copy(w, r, next, begin, false)
	}
}

// ImportRun makes a run of the body, which is what ExportRun gives. ?new_id=true takes another id where there is a run of
// that id, ?experiment_id=ID says where the run belongs.
func (s *Streams) ImportRun(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost {
		apierror.WriteWrongMethod(w, r, http.MethodPost)
		return
	}
	options := &penstock.ImportRunOptions{ExperimentId: r.URL.Query().Get("experiment_id")}
	if refused := parseFlag(r, "new_id", &options.NewId); refused != nil {
		apierror.WriteHTTP(w, r, refused.HTTPCode, refused.Message, "")
		return
	}
	if failed := request.BoundStream(w, r, limits.MaxBundleBytes); failed != nil {
		apierror.WriteRPC(w, r, failed.Status())
		return
	}
	ctx, cancel := s.pipe.Context(s.headers.Outgoing(r))
	defer cancel() // where the body broke off, this is how the server learns of it
	stream, err := s.bundles.ImportRun(ctx)
	var answer *penstock.ImportRunResponse
	if err == nil {
		answer, err = sendBundle(stream, r.Body, options)
	}
	var body []byte
	if err == nil {
		body, err = marshal.JSON.Marshal(answer)
	}
	if err != nil {
		apierror.WriteRPC(w, r, err)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(body)
}

type bundleStream = grpc.ClientStreamingClient[penstock.ImportRunRequest, penstock.ImportRunResponse]

func sendBundle(stream bundleStream, body io.Reader, options *penstock.ImportRunOptions) (*penstock.ImportRunResponse,
	error) {
	sent := stream.Send(&penstock.ImportRunRequest{Options: options})
	buffer := make([]byte, limits.BundleChunkBytes)
	for sent == nil {
		n, err := body.Read(buffer)
		if n > 0 {
			sent = stream.Send(&penstock.ImportRunRequest{Data: buffer[:n]})
		}
		if errors.Is(err, io.EOF) {
			break
		}
		var failed *request.BodyError
		if errors.As(err, &failed) {
			return nil, failed.Status()
		}
		if err != nil {
			return nil, status.Error(codes.InvalidArgument, "The request body broke off: "+err.Error())
		}
	}
	return stream.CloseAndRecv() // also tells why nothing more could be sent
}

func parseFlag(r *http.Request, name string, flag *bool) *apierror.Refusal {
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return apierror.Refuse("The query string is malformed: %v.", err)
	}
	return readFlag(query, name, flag)
}

// readFlag leaves the flag as it is where the query has none.
func readFlag(query url.Values, name string, flag *bool) *apierror.Refusal {
	text := query.Get(name)
	if text == "" {
		return nil
	}
	var err error
	if *flag, err = strconv.ParseBool(text); err != nil {
		return apierror.Refuse("The query parameter %s must be true or false, not %q.", name, limits.Shortened(text))
	}
	return nil
}
