// From what storage has of a run to its explanation. Pure.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "penstock/v1/run_status.pb.h"
#include "pipeline/spec/pipeline_spec.h"
#include "storage/model.h"
#include "storage/room_store.h"

namespace penstock {

// What a run that nobody drives yet waits for.
struct SchedulerState {
  bool is_running = false;  // whether one holds the lease
  int active_runs = 0;      // that are driven now
  int active_runs_max = 0;  // that it drives at once; 0: not known
};

struct RunStatusSource {
  RunRow run;
  std::vector<RunStateRow> states;  // oldest first
  std::vector<TaskRow> tasks;       // in the order of their creation
  std::vector<TaskAttemptRow> attempts;
  bool heeds_platforms = false;  // whether its settings for Kubernetes have an effect
  SchedulerState scheduler;      // filled in for a run that is PENDING
  // Filled in where a task waits for room, if it is known who has it.
  std::optional<RoomRow> room;
  std::map<std::string, std::string> run_names;  // of the runs in it that are still there, by id
};

// What of it is wanted.
struct RunStatusScope {
  std::string task;  // id or name; empty: all
  bool unfinished_only = false;
  bool brief = false;
};

// At most limits::kStatusTasks tasks are told of, or kStatusTasksBrief; the others are counted. `document` is the run's.
void RunStatusToApi(const RunStatusSource& source, const PipelineDocument& document,
                    const RunStatusScope& scope, penstock::v1::RunStatus* out);

}  // namespace penstock
