// Package routes tells by its path who answers a request.
package routes

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/penstock/penstock/gateway/admission"
	"github.com/penstock/penstock/gateway/apierror"
	"github.com/penstock/penstock/gateway/dashboard"
	"github.com/penstock/penstock/gateway/grpcweb"
	"github.com/penstock/penstock/gateway/legacy"
	"github.com/penstock/penstock/gateway/limits"
	"github.com/penstock/penstock/gateway/mlflow"
	"github.com/penstock/penstock/gateway/passthrough"
	"github.com/penstock/penstock/gateway/request"
	"github.com/penstock/penstock/gateway/rpcmux"
	"github.com/penstock/penstock/gateway/streams"
	"github.com/penstock/penstock/gateway/upload"
)

// Parts answer what the routes lead to.
type Parts struct {
	Dashboard                http.Handler // what dashboard.Accepts tells
	RPCs                     http.Handler // see RPCs
	GRPC                     http.Handler // calls of gRPC, as passthrough.Accepts tells them
	GRPCWeb                  http.Handler // and of gRPC-web, as grpcweb.Accepts does
	MLflow                   *mlflow.MLflow
	Legacy                   *legacy.Legacy
	Uploads                  *upload.Uploads
	Streams                  *streams.Streams
	Health, Metrics, OpenAPI http.HandlerFunc
	HealthText               http.HandlerFunc
	TagName                  string          // the version that the index page names
	Stopping                 context.Context // watches end when it does
}

// Table finds the part that answers a request, and admits streams in bounded number: limits.MaxReads and
// limits.MaxFollowers. Constant after New; safe for concurrent use.
type Table struct {
	parts     Parts
	fixed     map[string]fixedRoute // what exists only over HTTP, by path
	reads     *admission.Slots      // streams that end when all has been read
	followers *admission.Slots      // those that end when nothing can change any more
	watches   *admission.Slots
}

// fixedRoute is a path without variables.
type fixedRoute struct {
	method string // in the OpenAPI document; the handler refuses others itself
	handle http.HandlerFunc
}

// New makes the table of the parts.
func New(parts Parts) *Table {
	t := &Table{parts: parts, reads: admission.NewSlots(limits.MaxReads, "reads of logs and artifacts"),
		followers: admission.NewSlots(limits.MaxFollowers, "followers of logs"),
		watches:   admission.NewSlots(limits.MaxWatches, "watches of runs")}
	t.fixed = t.fixedPaths()
	return t
}

// Calls lists what exists only over HTTP, as "GET /apis/v1beta1/runs/{run_id}", in no order. The OpenAPI document has
// each of them.
func (t *Table) Calls() []string {
	calls := append(t.parts.Legacy.Calls(), t.parts.MLflow.Calls()...)
	for path, route := range t.fixed {
		calls = append(calls, route.method+" "+path)
	}
	for _, version := range logVersions {
		calls = append(calls, "GET "+logRoute(version))
	}
	for _, version := range artifactVersions {
		calls = append(calls, "GET "+artifactRoute(version))
	}
	calls = append(calls, "GET "+exportRoute, "GET "+contentRoute)
	return calls
}

// ServeHTTP finds the handler by the path.
func (t *Table) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case grpcweb.Accepts(r): // before gRPC, whose content type is the beginning of its own
		t.parts.GRPCWeb.ServeHTTP(w, r)
	case passthrough.Accepts(r):
		t.parts.GRPC.ServeHTTP(w, r)
	case dashboard.Accepts(r):
		request.InfoOf(r.Context()).Route = "/dashboard"
		t.parts.Dashboard.ServeHTTP(w, r)
	case mlflow.Accepts(r):
		t.parts.MLflow.ServeHTTP(w, r)
	default:
		t.serveOwn(w, r)
	}
}

// serveOwn answers the API of Kubeflow Pipelines, and what is ours.
func (t *Table) serveOwn(w http.ResponseWriter, r *http.Request) {
	stream, isStream := t.streamFor(r)
	if !rpcmux.IsUTF8(r.URL) {
		refuseURL(w, r, isStream)
		return
	}
	if isStream {
		slots := t.reads
		if follow, _ := strconv.ParseBool(r.URL.Query().Get("follow")); follow {
			slots = t.followers
		}
		admission.Limited(slots, stream).ServeHTTP(w, r)
		return
	}
	if strings.HasPrefix(r.URL.Path, "/apis/penstock/") && strings.HasSuffix(r.URL.Path, ":watch") {
		admission.Limited(t.watches, http.HandlerFunc(t.serveWatch)).ServeHTTP(w, r)
		return
	}
	t.routeCall(w, r)
}

func refuseURL(w http.ResponseWriter, r *http.Request, isStream bool) {
	const why = "The URL has bytes that are not UTF-8."
	if isStream {
		apierror.WriteHTTP(w, r, http.StatusBadRequest, why, "")
	} else {
		apierror.WriteRPC(w, r, status.Error(codes.InvalidArgument, why))
	}
}

// IsHealth tells requests that are answered whatever else is in work.
func IsHealth(r *http.Request) bool {
	return r.URL.Path == "/metrics" || r.URL.Path == "/health" || strings.HasSuffix(r.URL.Path, "/healthz")
}

// serveVersion says in plain text which version this is, as MLflow does. Its clients export spans only to newer ones.
func (t *Table) serveVersion(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = io.WriteString(w, t.parts.TagName)
}

// serveWatch ends when the gateway stops.
func (t *Table) serveWatch(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	defer context.AfterFunc(t.parts.Stopping, cancel)()
	t.parts.RPCs.ServeHTTP(w, r.WithContext(ctx))
}

// routeCall looks at what exists only over HTTP first, as paths of RPCs match there too.
func (t *Table) routeCall(w http.ResponseWriter, r *http.Request) {
	path := r.URL.Path
	if route, ok := t.fixed[path]; ok {
		request.InfoOf(r.Context()).Route = path
		route.handle(w, r)
		return
	}
	if t.parts.Legacy.Serve(w, r) {
		return
	}
	if strings.HasPrefix(path, "/apis/") {
		t.parts.RPCs.ServeHTTP(w, r)
		return
	}
	if !t.serveUI(w, r) {
		apierror.WriteNotFound(w, r)
	}
}

func (t *Table) fixedPaths() map[string]fixedRoute {
	uploads, legacy := t.parts.Uploads, t.parts.Legacy
	get, post := http.MethodGet, http.MethodPost
	return map[string]fixedRoute{
		"/":                                      {get, t.serveIndex},
		"/metrics":                               {get, t.parts.Metrics},
		"/apis/v2beta1/healthz":                  {get, t.parts.Health},
		"/apis/v1beta1/healthz":                  {get, t.parts.Health},
		"/apis/v2beta1/pipelines/upload":         {post, uploads.Handler(uploads.Pipeline)},
		"/apis/v2beta1/pipelines/upload_version": {post, uploads.Handler(uploads.PipelineVersion)},
		"/apis/v1beta1/pipelines/upload":         {post, uploads.Handler(legacy.Upload(uploads.Pipeline))},
		"/apis/v1beta1/pipelines/upload_version": {post, uploads.Handler(legacy.Upload(uploads.PipelineVersion))},
		"/apis/penstock/v1/runs:import":          {post, t.serveImport},
		"/openapi.json":                          {get, t.parts.OpenAPI},
		"/health":                                {get, t.parts.HealthText},
		"/version":                               {get, t.serveVersion},
	}
}

// streamFor recognises
//
//	/apis/{version}/runs/{run_id}/nodes/{node_id}/log
//	/apis/{version}/runs/{run_id}/nodes/{node_id}/artifacts/{artifact_name}:read
//	/apis/penstock/v1/runs/{run_id}:export
//	/apis/penstock/v1/artifacts/{artifact_id}/content
//
// with percent-encoded slashes inside the names.
func (t *Table) streamFor(r *http.Request) (http.Handler, bool) {
	escaped, ok := strings.CutPrefix(r.URL.EscapedPath(), "/apis/")
	if !ok {
		return nil, false
	}
	parts := strings.Split(escaped, "/")
	if runID, isExport := exportedRun(parts); isExport {
		request.InfoOf(r.Context()).Route = exportRoute
		return getOnly(t.parts.Streams.ExportRun(runID)), true
	}
	if artifactID, isContent := contentOf(parts); isContent {
		request.InfoOf(r.Context()).Route = contentRoute
		return getOrHead(t.parts.Streams.Content(artifactID)), true
	}
	if len(parts) < 6 || parts[1] != "runs" || parts[3] != "nodes" {
		return nil, false
	}
	for i, part := range parts {
		unescaped, err := url.PathUnescape(part)
		if err != nil {
			return nil, false
		}
		parts[i] = unescaped
	}
	node := streams.Node{RunID: parts[2], NodeID: parts[4]}
	info := request.InfoOf(r.Context())
	switch {
	case len(parts) == 6 && parts[5] == "log" && slices.Contains(logVersions, parts[0]):
		info.Route = logRoute(parts[0])
		if parts[0] != "v2beta1" { // only that UI asks for them, which shows what it gets
			return getOnly(t.parts.Streams.LogOrReason(node)), true
		}
		return getOnly(t.parts.Streams.Log(node)), true
	case len(parts) == 7 && parts[5] == "artifacts" && slices.Contains(artifactVersions, parts[0]):
		name, isRead := strings.CutSuffix(parts[6], ":read")
		node.Artifact = name
		info.Route = artifactRoute(parts[0])
		return getOnly(t.parts.Streams.Artifact(node)), isRead
	}
	return nil, false
}

// Kubeflow Pipelines documents one version, and its web UI asks for others.
var (
	logVersions      = []string{"v1alpha1", "v1beta1", "v2beta1"}
	artifactVersions = []string{"v1beta1", "v2beta1"}
)

const (
	exportRoute  = "/apis/penstock/v1/runs/{run_id}:export"
	contentRoute = "/apis/penstock/v1/artifacts/{artifact_id}/content"
)

// contentOf is the id of the artifact whose bytes a path below /apis/ asks for.
func contentOf(parts []string) (string, bool) {
	if len(parts) != 5 || parts[0] != "penstock" || parts[1] != "v1" || parts[2] != "artifacts" || parts[4] != "content" {
		return "", false
	}
	artifactID, err := url.PathUnescape(parts[3])
	return artifactID, err == nil
}

// exportedRun is the id of the run that a path below /apis/ asks to export.
func exportedRun(parts []string) (string, bool) {
	if len(parts) != 4 || parts[0] != "penstock" || parts[1] != "v1" || parts[2] != "runs" {
		return "", false
	}
	last, err := url.PathUnescape(parts[3])
	runID, isExport := strings.CutSuffix(last, ":export")
	return runID, isExport && err == nil
}

// serveImport takes runs in as it gives them out: in bounded number.
func (t *Table) serveImport(w http.ResponseWriter, r *http.Request) {
	admission.Limited(t.reads, http.HandlerFunc(t.parts.Streams.ImportRun)).ServeHTTP(w, r)
}

func logRoute(version string) string {
	return "/apis/" + version + "/runs/{run_id}/nodes/{node_id}/log"
}

func artifactRoute(version string) string {
	return "/apis/" + version + "/runs/{run_id}/nodes/{node_id}/artifacts/{artifact_name}:read"
}

// getOrHead is for what a client may ask the size of.
func getOrHead(next http.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodHead {
			next(w, r)
			return
		}
		getOnly(next).ServeHTTP(w, r)
	})
}

func getOnly(next http.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet {
			apierror.WriteWrongMethod(w, r, http.MethodGet)
			return
		}
		next(w, r)
	})
}
