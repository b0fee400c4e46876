package legacy

import (
	"context"
	"net/url"

	"github.com/penstock/penstock/gateway/gen/kfp"
)

// answerExperiment is for pages that a run of v1beta1 sends there.
func (l *Legacy) answerExperiment(ctx context.Context, names []string, _ url.Values) (any, error) {
	experiment, err := l.experiments.GetExperiment(ctx, &kfp.GetExperimentRequest{ExperimentId: names[0]})
	if err != nil {
		return nil, err
	}
	reply := experimentReply{ID: experiment.ExperimentId, Name: experiment.DisplayName, Description: experiment.Description,
		CreatedAt: timeText(experiment.CreatedAt), StorageState: "STORAGESTATE_AVAILABLE"}
	if experiment.Namespace != "" {
		reply.ResourceReferences = []resourceReference{{resourceKey{"NAMESPACE", experiment.Namespace}, "OWNER"}}
	}
	if experiment.StorageState == kfp.Experiment_ARCHIVED {
		reply.StorageState = "STORAGESTATE_ARCHIVED"
	}
	return reply, nil
}
