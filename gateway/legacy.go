package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/penstock/penstock/gateway/apierror"
	"github.com/penstock/penstock/gateway/gen/kfp"
	"github.com/penstock/penstock/gateway/limits"
	"github.com/penstock/penstock/gateway/marshal"
	"github.com/penstock/penstock/gateway/request"
)

const legacyPrefix = "/apis/v1beta1/"

// legacyRoute is one of the v1beta1 paths that current clients of Kubeflow Pipelines still call. A part in braces is a
// variable; answer gets the variables in their order.
type legacyRoute struct {
	method, path string
	answer       func(ctx context.Context, names []string, query url.Values) (any, error)
}

func (g *gateway) legacyRoutes() []legacyRoute {
	return []legacyRoute{
		{http.MethodGet, "pipelines/{id}", g.legacyPipeline},
		{http.MethodGet, "pipelines/{id}/templates", g.legacyPipelineTemplate},
		{http.MethodGet, "pipeline_versions", g.legacyVersions},
		{http.MethodGet, "pipeline_versions/{version_id}", g.legacyVersion},
		{http.MethodGet, "pipeline_versions/{version_id}/templates", g.legacyVersionTemplate},
		{http.MethodGet, "runs/{run_id}", g.legacyRun},
		{http.MethodDelete, "runs/{run_id}", g.legacyDeleteRun},
		{http.MethodGet, "jobs/{id}", g.legacyJob},
		{http.MethodGet, "auth", legacyAuth},
		{http.MethodPost, "visualizations/{namespace}", legacyVisualization},
	}
}

// serveLegacy answers a request below /apis/v1beta1 and tells whether it did.
func (g *gateway) serveLegacy(w http.ResponseWriter, r *http.Request) bool {
	path, ok := strings.CutPrefix(r.URL.EscapedPath(), legacyPrefix)
	if !ok {
		return false
	}
	allowed := ""
	for _, route := range g.legacy {
		names, matches := matchPath(route.path, path)
		if !matches {
			continue
		}
		request.InfoOf(r.Context()).Route = legacyPrefix + route.path
		if route.method != r.Method {
			allowed = cmp.Or(allowed, route.method)
			continue
		}
		reply, err := route.answer(g.headers.Outgoing(r), names, r.URL.Query())
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

// The messages of v1beta1, as far as these clients read them.
type legacyKey struct {
	Type string `json:"type"`
	ID   string `json:"id"`
}

type legacyReference struct {
	Key          legacyKey `json:"key"`
	Relationship string    `json:"relationship"`
}

type legacyURL struct {
	PipelineURL string `json:"pipeline_url"`
}

type legacyVersionReply struct {
	ID                 string            `json:"id"`
	Name               string            `json:"name,omitempty"`
	CreatedAt          string            `json:"created_at,omitempty"`
	CodeSourceURL      string            `json:"code_source_url,omitempty"`
	PackageURL         *legacyURL        `json:"package_url,omitempty"`
	ResourceReferences []legacyReference `json:"resource_references,omitempty"`
	Description        string            `json:"description,omitempty"`
}

type legacyPipelineReply struct {
	ID             string              `json:"id"`
	CreatedAt      string              `json:"created_at,omitempty"`
	Name           string              `json:"name,omitempty"`
	Description    string              `json:"description,omitempty"`
	DefaultVersion *legacyVersionReply `json:"default_version,omitempty"`
}

type legacySpec struct {
	PipelineID       string `json:"pipeline_id,omitempty"`
	PipelineManifest string `json:"pipeline_manifest,omitempty"`
}

type legacyRunReply struct {
	ID                 string            `json:"id"`
	Name               string            `json:"name,omitempty"`
	Description        string            `json:"description,omitempty"`
	PipelineSpec       legacySpec        `json:"pipeline_spec"`
	ResourceReferences []legacyReference `json:"resource_references,omitempty"`
	CreatedAt          string            `json:"created_at,omitempty"`
	ScheduledAt        string            `json:"scheduled_at,omitempty"`
	FinishedAt         string            `json:"finished_at,omitempty"`
	Status             string            `json:"status,omitempty"`
	StorageState       string            `json:"storage_state,omitempty"`
	ServiceAccount     string            `json:"service_account,omitempty"`
}

type legacyJobReply struct {
	ID                 string            `json:"id"`
	Name               string            `json:"name,omitempty"`
	Description        string            `json:"description,omitempty"`
	PipelineSpec       legacySpec        `json:"pipeline_spec"`
	ResourceReferences []legacyReference `json:"resource_references,omitempty"`
	MaxConcurrency     string            `json:"max_concurrency,omitempty"`
	CreatedAt          string            `json:"created_at,omitempty"`
	UpdatedAt          string            `json:"updated_at,omitempty"`
	Enabled            bool              `json:"enabled,omitempty"`
	NoCatchup          bool              `json:"no_catchup,omitempty"`
	ServiceAccount     string            `json:"service_account,omitempty"`
}

func timeText(t *timestamppb.Timestamp) string {
	if t == nil {
		return ""
	}
	return t.AsTime().Format(time.RFC3339Nano)
}

func legacyVersionOf(version *kfp.PipelineVersion) *legacyVersionReply {
	reply := &legacyVersionReply{
		ID: version.PipelineVersionId, Name: cmp.Or(version.DisplayName, version.Name),
		CreatedAt: timeText(version.CreatedAt), CodeSourceURL: version.CodeSourceUrl, Description: version.Description,
		ResourceReferences: []legacyReference{{legacyKey{"PIPELINE", version.PipelineId}, "OWNER"}},
	}
	if address := version.GetPackageUrl().GetPipelineUrl(); address != "" {
		reply.PackageURL = &legacyURL{address}
	}
	return reply
}

func (g *gateway) latestVersion(ctx context.Context, pipelineID string) (*kfp.PipelineVersion, error) {
	list, err := g.pipelines.ListPipelineVersions(ctx, &kfp.ListPipelineVersionsRequest{
		PipelineId: pipelineID, PageSize: 1, SortBy: "created_at desc"})
	if err != nil || len(list.PipelineVersions) == 0 {
		return nil, err
	}
	return list.PipelineVersions[0], nil
}

func (g *gateway) legacyPipeline(ctx context.Context, names []string, _ url.Values) (any, error) {
	pipeline, err := g.pipelines.GetPipeline(ctx, &kfp.GetPipelineRequest{PipelineId: names[0]})
	if err != nil {
		return nil, err
	}
	return g.legacyPipelineOf(ctx, pipeline)
}

// legacyPipelineOf looks up the latest version, which v1beta1 calls the default.
func (g *gateway) legacyPipelineOf(ctx context.Context, pipeline *kfp.Pipeline) (any, error) {
	version, err := g.latestVersion(ctx, pipeline.PipelineId)
	if err != nil {
		return nil, err
	}
	reply := &legacyPipelineReply{ID: pipeline.PipelineId, CreatedAt: timeText(pipeline.CreatedAt),
		Name: cmp.Or(pipeline.DisplayName, pipeline.Name), Description: pipeline.Description}
	if version != nil {
		reply.DefaultVersion = legacyVersionOf(version)
	}
	return reply, nil
}

// The version's own id names it, whatever pipeline is asked for.
func (g *gateway) version(ctx context.Context, id string) (*kfp.PipelineVersion, error) {
	return g.pipelines.GetPipelineVersion(ctx, &kfp.GetPipelineVersionRequest{PipelineVersionId: id})
}

func (g *gateway) legacyVersion(ctx context.Context, names []string, _ url.Values) (any, error) {
	version, err := g.version(ctx, names[0])
	if err != nil {
		return nil, err
	}
	return legacyVersionOf(version), nil
}

func (g *gateway) legacyVersions(ctx context.Context, _ []string, query url.Values) (any, error) {
	if kind := query.Get("resource_key.type"); kind != "PIPELINE" && kind != "3" {
		return nil, status.Error(codes.InvalidArgument, "resource_key.type must be PIPELINE: versions belong to pipelines")
	}
	request := &kfp.ListPipelineVersionsRequest{PipelineId: query.Get("resource_key.id"),
		PageToken: query.Get("page_token"), SortBy: query.Get("sort_by"), Filter: query.Get("filter")}
	if size := query.Get("page_size"); size != "" {
		number, err := strconv.ParseInt(size, 10, 32)
		if err != nil {
			return nil, status.Errorf(codes.InvalidArgument, "page_size is %q; it must be a whole number", limits.Shortened(size))
		}
		request.PageSize = int32(number)
	}
	list, err := g.pipelines.ListPipelineVersions(ctx, request)
	if err != nil {
		return nil, err
	}
	reply := struct {
		Versions      []*legacyVersionReply `json:"versions,omitempty"`
		NextPageToken string                `json:"next_page_token,omitempty"`
		TotalSize     int32                 `json:"total_size,omitempty"`
	}{nil, list.NextPageToken, list.TotalSize}
	for _, version := range list.PipelineVersions {
		reply.Versions = append(reply.Versions, legacyVersionOf(version))
	}
	return reply, nil
}

type legacyTemplate struct {
	Template string `json:"template"`
}

// specText is the pipeline as JSON, which is YAML too.
func specText(spec *structpb.Struct) (string, error) {
	text, err := protojson.Marshal(spec)
	if err != nil {
		return "", status.Error(codes.Internal, "Internal Server Error")
	}
	return string(text), nil
}

func templateOf(version *kfp.PipelineVersion) (any, error) {
	text, err := specText(version.PipelineSpec)
	return legacyTemplate{text}, err
}

func (g *gateway) legacyVersionTemplate(ctx context.Context, names []string, _ url.Values) (any, error) {
	version, err := g.version(ctx, names[0])
	if err != nil {
		return nil, err
	}
	return templateOf(version)
}

func (g *gateway) legacyPipelineTemplate(ctx context.Context, names []string, _ url.Values) (any, error) {
	version, err := g.latestVersion(ctx, names[0])
	if err != nil {
		return nil, err
	}
	if version == nil {
		return nil, status.Errorf(codes.NotFound, "Pipeline %s has no version", limits.Shortened(names[0]))
	}
	return templateOf(version)
}

// legacySpecOf gives the pipeline that a run or recurring run is made of. A version that was deleted leaves no manifest.
func (g *gateway) legacySpecOf(ctx context.Context, spec *structpb.Struct,
	reference *kfp.PipelineVersionReference) (legacySpec, error) {
	out := legacySpec{PipelineID: reference.GetPipelineId()}
	if spec == nil {
		version, err := (*kfp.PipelineVersion)(nil), error(nil)
		if id := reference.GetPipelineVersionId(); id != "" {
			version, err = g.version(ctx, id)
		} else if reference.GetPipelineId() != "" {
			version, err = g.latestVersion(ctx, reference.GetPipelineId())
		}
		if status.Code(err) == codes.NotFound {
			return out, nil
		}
		if err != nil {
			return out, err
		}
		spec = version.GetPipelineSpec()
	}
	if spec == nil {
		return out, nil
	}
	var err error
	out.PipelineManifest, err = specText(spec)
	return out, err
}

func legacyReferences(experimentID, versionID, recurringRunID string) []legacyReference {
	var references []legacyReference
	for _, one := range []legacyReference{
		{legacyKey{"EXPERIMENT", experimentID}, "OWNER"},
		{legacyKey{"PIPELINE_VERSION", versionID}, "CREATOR"},
		{legacyKey{"JOB", recurringRunID}, "CREATOR"},
	} {
		if one.Key.ID != "" {
			references = append(references, one)
		}
	}
	return references
}

// legacyStatus names a state as v1beta1 does.
func legacyStatus(state kfp.RuntimeState) string {
	switch state {
	case kfp.RuntimeState_CANCELING:
		return "Terminating"
	case kfp.RuntimeState_CANCELED:
		return "Failed"
	case kfp.RuntimeState_RUNTIME_STATE_UNSPECIFIED:
		return ""
	}
	name := state.String()
	return name[:1] + strings.ToLower(name[1:])
}

func (g *gateway) legacyRun(ctx context.Context, names []string, _ url.Values) (any, error) {
	run, err := g.runs.GetRun(ctx, &kfp.GetRunRequest{RunId: names[0]})
	if err != nil {
		return nil, err
	}
	spec, err := g.legacySpecOf(ctx, run.GetPipelineSpec(), run.GetPipelineVersionReference())
	if err != nil {
		return nil, err
	}
	reply := legacyRunReply{
		ID: run.RunId, Name: run.DisplayName, Description: run.Description, PipelineSpec: spec,
		ResourceReferences: legacyReferences(run.ExperimentId, run.GetPipelineVersionReference().GetPipelineVersionId(),
			run.RecurringRunId),
		CreatedAt: timeText(run.CreatedAt), ScheduledAt: timeText(run.ScheduledAt), FinishedAt: timeText(run.FinishedAt),
		Status: legacyStatus(run.State), ServiceAccount: run.ServiceAccount,
	}
	if run.StorageState == kfp.Run_ARCHIVED {
		reply.StorageState = "STORAGESTATE_ARCHIVED"
	}
	return struct {
		Run legacyRunReply `json:"run"`
	}{reply}, nil
}

func (g *gateway) legacyDeleteRun(ctx context.Context, names []string, _ url.Values) (any, error) {
	_, err := g.runs.DeleteRun(ctx, &kfp.DeleteRunRequest{RunId: names[0]})
	return struct{}{}, err
}

func (g *gateway) legacyJob(ctx context.Context, names []string, _ url.Values) (any, error) {
	job, err := g.recurring.GetRecurringRun(ctx, &kfp.GetRecurringRunRequest{RecurringRunId: names[0]})
	if err != nil {
		return nil, err
	}
	spec, err := g.legacySpecOf(ctx, job.GetPipelineSpec(), job.GetPipelineVersionReference())
	if err != nil {
		return nil, err
	}
	return legacyJobReply{
		ID: job.RecurringRunId, Name: job.DisplayName, Description: job.Description, PipelineSpec: spec,
		ResourceReferences: legacyReferences(job.ExperimentId, job.GetPipelineVersionReference().GetPipelineVersionId(), ""),
		MaxConcurrency:     strconv.FormatInt(job.MaxConcurrency, 10),
		CreatedAt:          timeText(job.CreatedAt), UpdatedAt: timeText(job.UpdatedAt),
		Enabled: job.Status == kfp.RecurringRun_ENABLED, NoCatchup: job.NoCatchup, ServiceAccount: job.ServiceAccount,
	}, nil
}

// legacyAuth: there is one user, who may do everything.
func legacyAuth(context.Context, []string, url.Values) (any, error) { return struct{}{}, nil }

func legacyVisualization(context.Context, []string, url.Values) (any, error) {
	return nil, status.Error(codes.Unimplemented,
		"Visualizations need a service of Kubeflow Pipelines that is not part of this server.")
}

// legacyUpload gives the answer of an upload as v1beta1 does.
func (g *gateway) legacyUpload(call uploadCall) uploadCall {
	return func(ctx context.Context, file uploadedFile, query url.Values, tags map[string]string) (any, error) {
		reply, err := call(ctx, file, query, tags)
		if err != nil {
			return nil, err
		}
		switch reply := reply.(type) {
		case *kfp.Pipeline:
			return g.legacyPipelineOf(ctx, reply)
		case *kfp.PipelineVersion:
			return legacyVersionOf(reply), nil
		}
		return nil, errors.New("an upload answers with something else")
	}
}

// marshalReply writes a message of the API, or one of v1beta1.
func marshalReply(reply any) ([]byte, error) {
	if message, ok := reply.(proto.Message); ok {
		return marshal.JSON.Marshal(message)
	}
	return json.Marshal(reply)
}
