// Runs and their tasks between storage and the wire.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "kubeflow/pipelines/v2beta1/run.pb.h"
#include "server/convert/api.h"
#include "storage/model.h"

namespace penstock {

// The narrow row. A run that was terminated is FAILED with error code 1 on the wire, since KFP's clients wait
// for ever for a run that is CANCELED.
void ToApi(const RunRow& row, api::Run* out);

// Parameters and pipeline root as they are stored. DATA_LOSS if the parameters cannot be read.
absl::StatusOr<api::RuntimeConfig> RuntimeConfigFrom(const std::string& parameters,
                                                     const std::string& pipeline_root);

// The same of a run, and what plugins are given; nothing if there are none.
absl::Status ConfigToApi(const RunConfigRow& row, api::Run* out);

// Parameters that a client logged, which are texts.
void ParametersToApi(const std::map<std::string, std::string>& parameters, api::Run* out);

// The history, and the error that the last state carries.
void StatesToApi(const std::vector<RunStateRow>& states, api::Run* out);

// A run's tasks with everything that belongs to them.
struct RunTasks {
  std::vector<TaskRow> tasks;
  std::vector<TaskStateRow> states;
  std::vector<TaskAttemptRow> attempts;
  std::vector<ArtifactTaskRow> artifacts;
};
// Nothing if there are none.
void TasksToApi(const RunTasks& rows, api::Run* out);

}  // namespace penstock
