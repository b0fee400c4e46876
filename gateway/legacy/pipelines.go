package legacy

import (
	"cmp"
	"context"
	"errors"
	"net/url"
	"strconv"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/penstock/penstock/gateway/gen/kfp"
	"github.com/penstock/penstock/gateway/limits"
	"github.com/penstock/penstock/gateway/upload"
)

func versionReplyOf(version *kfp.PipelineVersion) *versionReply {
	reply := &versionReply{
		ID: version.PipelineVersionId, Name: cmp.Or(version.DisplayName, version.Name),
		CreatedAt: timeText(version.CreatedAt), CodeSourceURL: version.CodeSourceUrl, Description: version.Description,
		ResourceReferences: []resourceReference{{resourceKey{"PIPELINE", version.PipelineId}, "OWNER"}},
	}
	if address := version.GetPackageUrl().GetPipelineUrl(); address != "" {
		reply.PackageURL = &packageURL{address}
	}
	return reply
}

func (l *Legacy) latestVersion(ctx context.Context, pipelineID string) (*kfp.PipelineVersion, error) {
	list, err := l.pipelines.ListPipelineVersions(ctx, &kfp.ListPipelineVersionsRequest{
		PipelineId: pipelineID, PageSize: 1, SortBy: "created_at desc"})
	if err != nil || len(list.PipelineVersions) == 0 {
		return nil, err
	}
	return list.PipelineVersions[0], nil
}

func (l *Legacy) answerPipeline(ctx context.Context, names []string, _ url.Values) (any, error) {
	pipeline, err := l.pipelines.GetPipeline(ctx, &kfp.GetPipelineRequest{PipelineId: names[0]})
	if err != nil {
		return nil, err
	}
	return l.pipelineReplyOf(ctx, pipeline)
}

// pipelineReplyOf looks up the latest version, which v1beta1 calls the default.
func (l *Legacy) pipelineReplyOf(ctx context.Context, pipeline *kfp.Pipeline) (any, error) {
	version, err := l.latestVersion(ctx, pipeline.PipelineId)
	if err != nil {
		return nil, err
	}
	reply := &pipelineReply{ID: pipeline.PipelineId, CreatedAt: timeText(pipeline.CreatedAt),
		Name: cmp.Or(pipeline.DisplayName, pipeline.Name), Description: pipeline.Description}
	if version != nil {
		reply.DefaultVersion = versionReplyOf(version)
	}
	return reply, nil
}

// The version's own id names it, whatever pipeline is asked for.
func (l *Legacy) version(ctx context.Context, id string) (*kfp.PipelineVersion, error) {
	return l.pipelines.GetPipelineVersion(ctx, &kfp.GetPipelineVersionRequest{PipelineVersionId: id})
}

func (l *Legacy) answerVersion(ctx context.Context, names []string, _ url.Values) (any, error) {
	version, err := l.version(ctx, names[0])
	if err != nil {
		return nil, err
	}
	return versionReplyOf(version), nil
}

func (l *Legacy) answerVersions(ctx context.Context, _ []string, query url.Values) (any, error) {
	if kind := query.Get("resource_key.type"); kind != "PIPELINE" && kind != "3" {
		return nil, status.Error(codes.InvalidArgument, "resource_key.type must be PIPELINE: versions belong to pipelines")
	}
	request := &kfp.ListPipelineVersionsRequest{PipelineId: query.Get("resource_key.id"),
		PageToken: query.Get("page_token"), SortBy: query.Get("sort_by"), Filter: query.Get("filter")}
	if size := query.Get("page_size"); size != "" {
		number, err := strconv.ParseInt(size, 10, 32)
		if err != nil {
			return nil, status.Errorf(codes.InvalidArgument, "page_size is %q; it must be a whole number",
				limits.Shortened(size))
		}
		request.PageSize = int32(number)
	}
	list, err := l.pipelines.ListPipelineVersions(ctx, request)
	if err != nil {
		return nil, err
	}
	reply := struct {
		Versions      []*versionReply `json:"versions,omitempty"`
		NextPageToken string          `json:"next_page_token,omitempty"`
		TotalSize     int32           `json:"total_size,omitempty"`
	}{nil, list.NextPageToken, list.TotalSize}
	for _, version := range list.PipelineVersions {
		reply.Versions = append(reply.Versions, versionReplyOf(version))
	}
	return reply, nil
}

type templateReply struct {
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
	return templateReply{text}, err
}

func (l *Legacy) answerVersionTemplate(ctx context.Context, names []string, _ url.Values) (any, error) {
	version, err := l.version(ctx, names[0])
	if err != nil {
		return nil, err
	}
	return templateOf(version)
}

func (l *Legacy) answerPipelineTemplate(ctx context.Context, names []string, _ url.Values) (any, error) {
	version, err := l.latestVersion(ctx, names[0])
	if err != nil {
		return nil, err
	}
	if version == nil {
		return nil, status.Errorf(codes.NotFound, "Pipeline %s has no version", limits.Shortened(names[0]))
	}
	return templateOf(version)
}

// Upload gives the answer of an upload as v1beta1 does.
func (l *Legacy) Upload(call upload.Call) upload.Call {
	return func(ctx context.Context, file upload.File, query url.Values, tags map[string]string) (any, error) {
		reply, err := call(ctx, file, query, tags)
		if err != nil {
			return nil, err
		}
		switch reply := reply.(type) {
		case *kfp.Pipeline:
			return l.pipelineReplyOf(ctx, reply)
		case *kfp.PipelineVersion:
			return versionReplyOf(reply), nil
		}
		return nil, errors.New("an upload answers with something else")
	}
}
