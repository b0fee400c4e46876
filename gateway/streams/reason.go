package streams

import (
	"context"
	"fmt"
	"net/http"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/penstock/penstock/gateway/gen/kfp"
	"github.com/penstock/penstock/gateway/gen/penstock"
)

// LogOrReason is Log, and of a task that never ran the reason for that, as text: a page that shows logs shows it then, and
// no error.
func (s *Streams) LogOrReason(node Node) http.HandlerFunc {
	return s.logOr(node, func(w http.ResponseWriter, r *http.Request, err error) {
		if status.Code(err) == codes.NotFound {
			if reason := s.reasonOf(s.headers.Outgoing(r), node); reason != "" {
				_, _ = fmt.Fprintln(beginLog(w, 0), reason)
				return
			}
		}
		s.pipe.Fail(w, r, err, false)
	})
}

// reasonOf is empty for a task that ran, and where there is no such task.
func (s *Streams) reasonOf(ctx context.Context, node Node) string {
	found, err := s.statuses.GetRunStatus(ctx,
		&penstock.GetRunStatusRequest{RunId: node.RunID, Task: node.NodeID, Brief: true})
	if err != nil || len(found.GetTasks()) != 1 || len(found.GetTasks()[0].GetAttempts()) > 0 {
		return ""
	}
	task := found.GetTasks()[0]
	const notRun = "This task did not run: "
	switch {
	case task.GetState() == "SKIPPED":
		return notRun + "skipped" + causeOf(task.GetSkippedBecauseOf()) + "."
	case task.GetError().GetMessage() != "":
		return notRun + task.GetError().GetMessage()
	case task.GetState() == "CANCELED":
		return notRun + "the run was terminated before."
	case task.GetCache().GetResult() == "HIT":
		return fmt.Sprintf("%sits outputs are those of task %s of run %s, from the cache.", notRun,
			task.GetCache().GetTaskId(), task.GetCache().GetRunId())
	case task.GetState() == "SUCCEEDED":
		return s.importOf(ctx, node.RunID, task.GetTaskId())
	case task.GetWait().GetMessage() != "":
		return "This task has not started. " + task.GetWait().GetMessage() + "."
	}
	return "This task has not started."
}

func causeOf(task *penstock.TaskReference) string {
	ends := map[string]string{"FAILED": "failed", "CANCELED": "was terminated", "SKIPPED": "was skipped"}
	if end, known := ends[task.GetState()]; known {
		return ", since " + task.GetName() + " " + end
	}
	return ""
}

// importOf tells where an importer's artifact comes from.
func (s *Streams) importOf(ctx context.Context, runID, taskID string) string {
	task, err := s.runs.GetTask(ctx, &kfp.GetTaskRequest{RunId: runID, TaskId: taskID})
	if err == nil && task.GetType() == kfp.PipelineTask_IMPORTER {
		for _, output := range task.GetOutputs().GetArtifacts() {
			for _, artifact := range output.GetArtifacts() {
				return "Imported from " + artifact.GetUri() + "."
			}
		}
	}
	return "This task succeeded without a program that would have a log."
}
