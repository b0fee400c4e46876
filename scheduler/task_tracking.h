// What tells MLflow's client in a task where to log to, and what: the run that stands for the task. Pure.
#pragma once

#include <string>

#include "absl/strings/string_view.h"
#include "executor/executor.h"
#include "scheduler/plan/types.h"

namespace penstock {

struct TaskTracking {
  std::string uri;  // of the HTTP front door, as tasks reach it; empty: tasks are told nothing
  std::string default_experiment_id;  // MLflow's clients know it as "0"
  bool reaches_everywhere = true;     // else the URI leads there only from the machine of the server
};

// Adds MLFLOW_TRACKING_URI, MLFLOW_RUN_ID and MLFLOW_EXPERIMENT_ID to the environment, but for those that its author has
// set. It is no part of what the cache compares.
void AddTaskTracking(const TaskTracking& tracking, const RunSnapshot& run, int task, LaunchSpec& spec);

}  // namespace penstock
