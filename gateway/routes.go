package main

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/penstock/penstock/gateway/admission"
	"github.com/penstock/penstock/gateway/apierror"
	"github.com/penstock/penstock/gateway/health"
	"github.com/penstock/penstock/gateway/observe"
	"github.com/penstock/penstock/gateway/openapi"
	"github.com/penstock/penstock/gateway/request"
	"github.com/penstock/penstock/gateway/streams"
)

// handler is the whole of the gateway.
func (g *gateway) handler() http.Handler {
	return observe.Handler(g.metrics, g.log, g.browsers.Guard(http.HandlerFunc(g.route)))
}

// route finds the handler by the path.
func (g *gateway) route(w http.ResponseWriter, r *http.Request) {
	if stream, ok := g.streamFor(r); ok {
		admission.Limited(g.streams, "log and artifact streams", stream).ServeHTTP(w, r)
		return
	}
	if strings.HasPrefix(r.URL.Path, "/apis/penstock/") && strings.HasSuffix(r.URL.Path, ":watch") {
		admission.Limited(g.streams, "streams", http.HandlerFunc(g.serveWatch)).ServeHTTP(w, r)
		return
	}
	g.calls.ServeHTTP(w, r)
}

// serveWatch takes no slot of the short requests, and ends when the gateway stops.
func (g *gateway) serveWatch(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	defer context.AfterFunc(g.stopping, cancel)()
	g.rpcs.ServeHTTP(w, r.WithContext(ctx))
}

// routeCall looks at what exists only over HTTP first, as paths of RPCs match there too.
func (g *gateway) routeCall(w http.ResponseWriter, r *http.Request) {
	path := r.URL.Path
	if handle, ok := g.fixed[path]; ok {
		request.InfoOf(r.Context()).Route = path
		handle(w, r)
		return
	}
	if g.legacy.Serve(w, r) {
		return
	}
	if strings.HasPrefix(path, "/apis/") {
		g.rpcs.ServeHTTP(w, r)
		return
	}
	apierror.WriteNotFound(w, r)
}

func (g *gateway) fixedPaths() map[string]http.HandlerFunc {
	return map[string]http.HandlerFunc{
		"/":                                      g.serveIndex,
		"/metrics":                               g.metrics.Handler(g.conn),
		"/apis/v2beta1/healthz":                  health.Handler(g.conn, g.headers, g.cfg.CommitSHA, g.cfg.TagName),
		"/apis/v1beta1/healthz":                  health.Handler(g.conn, g.headers, g.cfg.CommitSHA, g.cfg.TagName),
		"/apis/v2beta1/pipelines/upload":         g.uploads.Handler(g.uploads.Pipeline),
		"/apis/v2beta1/pipelines/upload_version": g.uploads.Handler(g.uploads.PipelineVersion),
		"/apis/v1beta1/pipelines/upload":         g.uploads.Handler(g.legacy.Upload(g.uploads.Pipeline)),
		"/apis/v1beta1/pipelines/upload_version": g.uploads.Handler(g.legacy.Upload(g.uploads.PipelineVersion)),
		"/openapi.json":                          openapi.Handler(g.openAPI),
	}
}

// streamFor recognises
//
//	/apis/{version}/runs/{run_id}/nodes/{node_id}/log
//	/apis/{version}/runs/{run_id}/nodes/{node_id}/artifacts/{artifact_name}:read
//
// with percent-encoded slashes inside the names.
func (g *gateway) streamFor(r *http.Request) (http.Handler, bool) {
	escaped, ok := strings.CutPrefix(r.URL.EscapedPath(), "/apis/")
	if !ok {
		return nil, false
	}
	parts := strings.Split(escaped, "/")
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
		info.Route = "/apis/" + parts[0] + "/runs/{run_id}/nodes/{node_id}/log"
		return getOnly(g.nodes.Log(node)), true
	case len(parts) == 7 && parts[5] == "artifacts" && slices.Contains(artifactVersions, parts[0]):
		name, isRead := strings.CutSuffix(parts[6], ":read")
		node.Artifact = name
		info.Route = "/apis/" + parts[0] + "/runs/{run_id}/nodes/{node_id}/artifacts/{artifact_name}:read"
		return getOnly(g.nodes.Artifact(node)), isRead
	}
	return nil, false
}

// Kubeflow Pipelines documents one version, and its web UI asks for others.
var (
	logVersions      = []string{"v1alpha1", "v1beta1", "v2beta1"}
	artifactVersions = []string{"v1beta1", "v2beta1"}
)

func getOnly(next http.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet {
			apierror.WriteWrongMethod(w, r, http.MethodGet)
			return
		}
		next(w, r)
	})
}
