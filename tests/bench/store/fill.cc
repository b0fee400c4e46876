// A large table of runs, made by the stores themselves, so that every row is one that the server would have
// written.
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "common/clock.h"
#include "common/ids.h"
#include "common/status_macros.h"
#include "storage/experiment_store.h"
#include "storage/pipeline_store.h"
#include "storage/run_store.h"
#include "storage/store.h"
#include "storage/task_attempt_store.h"
#include "storage/task_store.h"
#include "tests/bench/store/commands.h"
#include "tests/bench/store/common.h"

namespace penstock::bench {
namespace {

constexpr int kExperiments = 10;
constexpr int kRunsPerCommit = 500;

class Filler {
 public:
  Filler(Store& store, PipelineVersionRow version) : store_(store), version_(std::move(version)) {}

  absl::Status AddExperiments() {
    return store_.Write([&](db::Tx& tx) -> absl::Status {
      experiment_ids_.clear();
      for (int i = 0; i < kExperiments; ++i) {
        ExperimentRow row;
        row.experiment_id = ids_.NewId();
        row.name = absl::StrCat("experiment ", i);
        row.created_at = row.last_run_created_at = clock_.Now();
        RETURN_IF_ERROR(ExperimentInsert(tx, row));
        experiment_ids_.push_back(row.experiment_id);
      }
      return absl::OkStatus();
    });
  }

  absl::Status AddRuns(int begin, int end) {
    return store_.Write([&](db::Tx& tx) -> absl::Status {
      for (int i = begin; i < end; ++i) RETURN_IF_ERROR(AddRun(tx, i));
      return absl::OkStatus();
    });
  }

 private:
  absl::Status AddRun(db::Tx& tx, int number) {
    RunRow row;
    row.run_id = ids_.NewId();
    row.experiment_id = experiment_ids_[number % kExperiments];
    row.display_name = absl::StrCat("run ", number);
    row.service_account = "pipeline-runner";
    row.pipeline_id = version_.pipeline_id;
    row.pipeline_version_id = version_.pipeline_version_id;
    row.created_at = row.scheduled_at = clock_.Now();
    row.finished_at = absl::UnixEpoch();
    RETURN_IF_ERROR(RunInsert(tx, row, {version_.spec_sha256, "{}", ""}));
    RETURN_IF_ERROR(
        RunSetState(tx, row.run_id, RunState::kPending, {RunState::kRunning, clock_.Now(), 0, ""}));
    RETURN_IF_ERROR(AddTask(tx, row.run_id));
    const RunState last = number % 10 == 0 ? RunState::kFailed : RunState::kSucceeded;
    return RunSetState(tx, row.run_id, RunState::kRunning, {last, clock_.Now(), 0, ""});
  }

  absl::Status AddTask(db::Tx& tx, const std::string& run_id) {
    TaskRow task;
    task.run_id = run_id;
    task.task_id = ids_.NewId();
    task.name = task.display_name = "only";
    task.wait_reason = WaitReason::kCapacity;
    task.created_at = clock_.Now();
    task.started_at = task.finished_at = absl::UnixEpoch();
    RETURN_IF_ERROR(TaskInsert(tx, task));
    TaskAttemptRow attempt;
    attempt.run_id = run_id;
    attempt.task_id = task.task_id;
    attempt.attempt_id = ids_.NewId();
    attempt.log_path = absl::StrCat("logs/", run_id, "/only-1.log");
    attempt.created_at = attempt.started_at = attempt.finished_at = task.started_at = clock_.Now();
    RETURN_IF_ERROR(TaskAttemptInsert(tx, attempt));
    task.wait_reason = WaitReason::kNone;
    task.state = TaskState::kRunning;
    RETURN_IF_ERROR(TaskSetState(tx, TaskState::kPending, task, task.started_at));
    attempt.outcome = "SUCCEEDED";
    attempt.exit_code = 0;
    RETURN_IF_ERROR(TaskAttemptFinish(tx, attempt));
    task.state = TaskState::kSucceeded;
    task.finished_at = clock_.Now();
    return TaskSetState(tx, TaskState::kRunning, task, task.finished_at);
  }

  Store& store_;
  const PipelineVersionRow version_;
  const RealClock& clock_ = RealClock::Instance();
  Uuid7Generator ids_{clock_};
  std::vector<std::string> experiment_ids_;
};

absl::Status FillStore(const std::string& path, const std::string& version_id, int count) {
  ASSIGN_OR_RETURN(const auto store, Store::Open(absl::StrCat("sqlite://", path), RealClock::Instance()));
  PipelineVersionRow version;
  RETURN_IF_ERROR(store->Read([&](db::Tx& tx) -> absl::Status {
    ASSIGN_OR_RETURN(version, PipelineVersionGet(tx, version_id));
    return absl::OkStatus();
  }));
  Filler filler(*store, std::move(version));
  RETURN_IF_ERROR(filler.AddExperiments());
  for (int done = 0; done < count; done += kRunsPerCommit) {
    RETURN_IF_ERROR(filler.AddRuns(done, std::min(done + kRunsPerCommit, count)));
  }
  return absl::OkStatus();
}

}  // namespace

Json Fill(const std::string& path, const std::string& version_id, int count) {
  Check(FillStore(path, version_id, count));
  return {{"runs", count}};
}

}  // namespace penstock::bench
