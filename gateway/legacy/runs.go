package legacy

import (
	"context"
	"net/url"
	"strconv"
	"strings"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/penstock/penstock/gateway/gen/kfp"
)

// specOf gives the pipeline that a run or recurring run is made of. A version that was deleted leaves no manifest.
func (l *Legacy) specOf(ctx context.Context, spec *structpb.Struct,
	reference *kfp.PipelineVersionReference) (pipelineSpec, error) {
	out := pipelineSpec{PipelineID: reference.GetPipelineId()}
	if spec == nil {
		version, err := (*kfp.PipelineVersion)(nil), error(nil)
		if id := reference.GetPipelineVersionId(); id != "" {
			version, err = l.version(ctx, id)
		} else if reference.GetPipelineId() != "" {
			version, err = l.latestVersion(ctx, reference.GetPipelineId())
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

func referencesOf(experimentID, versionID, recurringRunID string) []resourceReference {
	var references []resourceReference
	for _, one := range []resourceReference{
		{resourceKey{"EXPERIMENT", experimentID}, "OWNER"},
		{resourceKey{"PIPELINE_VERSION", versionID}, "CREATOR"},
		{resourceKey{"JOB", recurringRunID}, "CREATOR"},
	} {
		if one.Key.ID != "" {
			references = append(references, one)
		}
	}
	return references
}

// statusOf names a state as v1beta1 does.
func statusOf(state kfp.RuntimeState) string {
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

func (l *Legacy) answerRun(ctx context.Context, names []string, _ url.Values) (any, error) {
	run, err := l.runs.GetRun(ctx, &kfp.GetRunRequest{RunId: names[0]})
	if err != nil {
		return nil, err
	}
	spec, err := l.specOf(ctx, run.GetPipelineSpec(), run.GetPipelineVersionReference())
	if err != nil {
		return nil, err
	}
	reply := runReply{
		ID: run.RunId, Name: run.DisplayName, Description: run.Description, PipelineSpec: spec,
		ResourceReferences: referencesOf(run.ExperimentId, run.GetPipelineVersionReference().GetPipelineVersionId(),
			run.RecurringRunId),
		CreatedAt: timeText(run.CreatedAt), ScheduledAt: timeText(run.ScheduledAt), FinishedAt: timeText(run.FinishedAt),
		Status: statusOf(run.State), ServiceAccount: run.ServiceAccount,
	}
	if run.StorageState == kfp.Run_ARCHIVED {
		reply.StorageState = "STORAGESTATE_ARCHIVED"
	}
	return struct {
		Run     runReply `json:"run"`
		Runtime struct{} `json:"pipeline_runtime"` // of Argo's workflows, which there are none of
	}{Run: reply}, nil
}

func (l *Legacy) answerDeleteRun(ctx context.Context, names []string, _ url.Values) (any, error) {
	_, err := l.runs.DeleteRun(ctx, &kfp.DeleteRunRequest{RunId: names[0]})
	return struct{}{}, err
}

func (l *Legacy) answerJob(ctx context.Context, names []string, _ url.Values) (any, error) {
	job, err := l.recurring.GetRecurringRun(ctx, &kfp.GetRecurringRunRequest{RecurringRunId: names[0]})
	if err != nil {
		return nil, err
	}
	spec, err := l.specOf(ctx, job.GetPipelineSpec(), job.GetPipelineVersionReference())
	if err != nil {
		return nil, err
	}
	return jobReply{
		ID: job.RecurringRunId, Name: job.DisplayName, Description: job.Description, PipelineSpec: spec,
		ResourceReferences: referencesOf(job.ExperimentId, job.GetPipelineVersionReference().GetPipelineVersionId(), ""),
		MaxConcurrency:     strconv.FormatInt(job.MaxConcurrency, 10),
		CreatedAt:          timeText(job.CreatedAt), UpdatedAt: timeText(job.UpdatedAt),
		Enabled: job.Status == kfp.RecurringRun_ENABLED, NoCatchup: job.NoCatchup, ServiceAccount: job.ServiceAccount,
	}, nil
}
