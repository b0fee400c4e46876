// Package mlflow serves MLflow's REST API: tracking and model registry, whose RPCs have HTTP bindings, and the files of
// runs and models.
package mlflow

import (
	"context"
	"errors"
	"log/slog"
	"mime"
	"net/http"
	"slices"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/penstock/penstock/gateway/gen/mlflow"
	"github.com/penstock/penstock/gateway/marshal"
	"github.com/penstock/penstock/gateway/metadata"
	"github.com/penstock/penstock/gateway/request"
	"github.com/penstock/penstock/gateway/rpcmux"
)

const (
	apiPrefix      = "/api/"
	browserPrefix  = "/ajax-api/" // where MLflow's web UI asks for the same
	rpcPrefix      = "/api/2.0/mlflow/"
	serverInfoPath = "/api/3.0/mlflow/server-info"
)

// MLflow answers what Accepts tells. Constant after New; safe for concurrent use.
type MLflow struct {
	rpcs  http.Handler
	files *files
}

// New asks the server over conn. Streams end when stopping does. Fails if two bindings clash.
func New(stopping context.Context, conn *grpc.ClientConn, headers *metadata.Headers, log *slog.Logger) (*MLflow, error) {
	dialect := rpcmux.Dialect{Marshaler: marshal.MLflow, WriteError: writeError, WriteNoRoute: writeNoRoute}
	mux := rpcmux.New(dialect, headers)
	unparsed := marshal.UnparsedAnswers{ClientConn: conn}
	ctx := context.Background()
	err := errors.Join(
		mlflow.RegisterTrackingServiceHandlerClient(ctx, mux, mlflow.NewTrackingServiceClient(unparsed)),
		mlflow.RegisterModelRegistryServiceHandlerClient(ctx, mux, mlflow.NewModelRegistryServiceClient(unparsed)))
	if err != nil {
		return nil, err
	}
	return &MLflow{dialect.Bounded(mux), newFiles(stopping, conn, headers, log)}, nil
}

// Accepts tells the paths of MLflow from others.
func Accepts(r *http.Request) bool {
	return strings.HasPrefix(r.URL.Path, apiPrefix) || strings.HasPrefix(r.URL.Path, browserPrefix)
}

// Calls lists what exists only over HTTP, as "GET /api/3.0/mlflow/server-info".
func (m *MLflow) Calls() []string {
	return []string{"GET " + serverInfoPath, "GET " + filesPath, "GET " + fileRoute, "PUT " + fileRoute, "DELETE " + fileRoute}
}

// ServeHTTP finds the handler by the path.
func (m *MLflow) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !rpcmux.IsUTF8(r.URL) {
		writeError(w, r, status.Error(codes.InvalidArgument, "The URL has bytes that are not UTF-8."))
		return
	}
	r = asAPI(r)
	switch path := r.URL.Path; {
	case strings.HasPrefix(path, rpcPrefix) && isForm(r):
		writeError(w, r, status.Error(codes.InvalidArgument,
			"The body has to be JSON: send it with the Content-Type application/json."))
	case strings.HasPrefix(path, rpcPrefix):
		m.rpcs.ServeHTTP(w, r)
	case strings.HasPrefix(path, filesPrefix):
		m.files.serve(w, r)
	case path == serverInfoPath && r.Method == http.MethodGet:
		request.InfoOf(r.Context()).Route = serverInfoPath
		serveServerInfo(w)
	default:
		writeNoRoute(w, r, http.StatusNotFound)
	}
}

// isForm tells the kinds of body that a web page of another site can make a browser send without asking.
func isForm(r *http.Request) bool {
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	return err == nil &&
		slices.Contains([]string{"text/plain", "application/x-www-form-urlencoded", "multipart/form-data"}, kind)
}

// asAPI makes of a path of the web UI that of the clients.
func asAPI(r *http.Request) *http.Request {
	rest, fromBrowser := strings.CutPrefix(r.URL.Path, browserPrefix)
	if !fromBrowser {
		return r
	}
	asked, target := *r, *r.URL
	target.Path, target.RawPath = apiPrefix+rest, ""
	if raw, ok := strings.CutPrefix(r.URL.RawPath, browserPrefix); ok {
		target.RawPath = apiPrefix + raw
	}
	asked.URL = &target
	return &asked
}
