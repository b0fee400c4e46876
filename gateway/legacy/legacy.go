// Package legacy answers the calls of v1beta1 that current clients of Kubeflow Pipelines still make, by calls of v2beta1.
package legacy

import (
	"cmp"
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/penstock/penstock/gateway/apierror"
	"github.com/penstock/penstock/gateway/gen/kfp"
	"github.com/penstock/penstock/gateway/metadata"
	"github.com/penstock/penstock/gateway/request"
)

// Prefix of all paths of v1beta1.
const Prefix = "/apis/v1beta1/"

// route is one of the v1beta1 paths that current clients of Kubeflow Pipelines still call. A part in braces is a
// variable; answer gets the variables in their order.
type route struct {
	method, path string
	answer       func(ctx context.Context, names []string, query url.Values) (any, error)
}

// Legacy answers them. Constant after New; safe for concurrent use.
type Legacy struct {
	pipelines   kfp.PipelineServiceClient
	runs        kfp.RunServiceClient
	recurring   kfp.RecurringRunServiceClient
	experiments kfp.ExperimentServiceClient
	headers     *metadata.Headers
	routes      []route
}

// New asks the server over conn.
func New(conn grpc.ClientConnInterface, headers *metadata.Headers) *Legacy {
	l := &Legacy{pipelines: kfp.NewPipelineServiceClient(conn), runs: kfp.NewRunServiceClient(conn),
		recurring: kfp.NewRecurringRunServiceClient(conn), experiments: kfp.NewExperimentServiceClient(conn), headers: headers}
	l.routes = l.routeTable()
	return l
}

// Calls lists what is answered, as "GET /apis/v1beta1/runs/{run_id}".
func (l *Legacy) Calls() []string {
	var calls []string
	for _, route := range l.routes {
		calls = append(calls, route.method+" "+Prefix+route.path)
	}
	return calls
}

func (l *Legacy) routeTable() []route {
	return []route{
		{http.MethodGet, "pipelines/{id}", l.answerPipeline},
		{http.MethodGet, "pipelines/{id}/templates", l.answerPipelineTemplate},
		{http.MethodGet, "pipeline_versions", l.answerVersions},
		{http.MethodGet, "pipeline_versions/{version_id}", l.answerVersion},
		{http.MethodGet, "pipeline_versions/{version_id}/templates", l.answerVersionTemplate},
		{http.MethodGet, "runs/{run_id}", l.answerRun},
		{http.MethodDelete, "runs/{run_id}", l.answerDeleteRun},
		{http.MethodGet, "jobs/{id}", l.answerJob},
		{http.MethodGet, "experiments/{id}", l.answerExperiment},
		{http.MethodGet, "auth", answerAuth},
		{http.MethodPost, "visualizations/{namespace}", answerVisualization},
	}
}

// Serve answers a request below Prefix and tells whether it did.
func (l *Legacy) Serve(w http.ResponseWriter, r *http.Request) bool {
	path, ok := strings.CutPrefix(r.URL.EscapedPath(), Prefix)
	if !ok {
		return false
	}
	allowed := ""
	for _, route := range l.routes {
		names, matches := matchPath(route.path, path)
		if !matches {
			continue
		}
		request.InfoOf(r.Context()).Route = Prefix + route.path
		if route.method != r.Method {
			allowed = cmp.Or(allowed, route.method)
			continue
		}
		reply, err := route.answer(l.headers.Outgoing(r), names, r.URL.Query())
		if err != nil {
			apierror.WriteRPC(w, r, err)
			return true
		}
		body, _ := json.Marshal(reply)
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(body)
		return true
	}
	if allowed != "" {
		apierror.WriteWrongMethod(w, r, allowed)
	}
	return allowed != ""
}

// matchPath gives what stands for the parts in braces. No variable is empty.
func matchPath(pattern, escaped string) ([]string, bool) {
	want, got := strings.Split(pattern, "/"), strings.Split(escaped, "/")
	if len(want) != len(got) {
		return nil, false
	}
	var names []string
	for i, part := range want {
		text, err := url.PathUnescape(got[i])
		if err != nil || text == "" {
			return nil, false
		}
		if strings.HasPrefix(part, "{") {
			names = append(names, text)
		} else if part != text {
			return nil, false
		}
	}
	return names, true
}

// answerAuth: there is one user, who may do everything.
func answerAuth(context.Context, []string, url.Values) (any, error) { return struct{}{}, nil }

func answerVisualization(context.Context, []string, url.Values) (any, error) {
	return nil, status.Error(codes.Unimplemented,
		"Visualizations need a service of Kubeflow Pipelines that is not part of this server.")
}
