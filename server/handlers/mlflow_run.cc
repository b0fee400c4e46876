#include "server/handlers/mlflow_run.h"

#include "absl/strings/str_replace.h"
#include "common/errors.h"
#include "common/limits.h"
#include "common/status_macros.h"
#include "pipeline/spec/recorded_pipeline.h"
#include "runs/run_verbs.h"
#include "server/convert/mlflow.h"
#include "server/mlflow_errors.h"
#include "server/random_name.h"
#include "server/validate.h"
#include "storage/run_store.h"
#include "storage/spec_store.h"

namespace penstock {
namespace {

// As KFP's API tells of runs that were cancelled.
constexpr int kCancelledCode = 1;

// The name of a new run: that of the field, of the tag, or one that follows from its id.
absl::StatusOr<std::string> NewRunName(const mlflow::CreateRunRequest& request, absl::string_view run_id,
                                       MlflowTags& tags) {
  const auto tag = tags.find(kMlflowRunName);
  std::string name = request.run_name();
  if (tag != tags.end()) {
    if (!name.empty() && !tag->second.empty() && name != tag->second) {
      return error::MlflowRunNamesDiffer(name, tag->second);
    }
    if (name.empty()) name = tag->second;
    tags.erase(tag);
  }
  if (name.empty()) return NameForId(run_id);
  RETURN_IF_ERROR(CheckText("run_name", name, limits::kDisplayNameBytes, /*multi_line=*/true));
  return name;
}

absl::StatusOr<RunRow> NewRecordedRun(RequestContext& context, const mlflow::CreateRunRequest& request,
                                      MlflowTags& tags) {
  RunRow row;
  // As MLflow's own: 32 hexadecimal digits.
  row.run_id = absl::StrReplaceAll(context.deps.ids.NewId(), {{"-", ""}});
  ASSIGN_OR_RETURN(row.display_name, NewRunName(request, row.run_id, tags));
  const auto note = tags.find(kMlflowNote);
  if (note != tags.end()) {
    row.description = note->second;
    tags.erase(note);
  }
  row.driver = RunDriver::kClient;
  row.state = RunState::kRunning;
  row.service_account = kDefaultServiceAccount;
  row.created_at = context.deps.clock.Now();
  row.scheduled_at = row.created_at;
  if (request.has_start_time()) {
    ASSIGN_OR_RETURN(row.scheduled_at, TimeFromMlflow("start_time", request.start_time()));
  }
  row.finished_at = absl::UnixEpoch();
  return row;
}

// A run that is read back after it was written.
absl::Status ReadTarget(RequestContext& context, db::Tx& tx, const MlflowTarget& target,
                        const MlflowRunAdd& add) {
  if (target.task.has_value()) return MlflowTasksRead(context, tx, target.run, {*target.task}, add);
  return MlflowRunsRead(context, tx, {target.run}, add);
}

// Moves a run that a client records.
absl::Status MoveRecorded(db::Tx& tx, const RunRow& run, const mlflow::UpdateRunRequest& request,
                          absl::Time now, absl::Time end) {
  const bool moves = request.status() != mlflow::RUN_STATUS_UNSPECIFIED;
  const RunState state = moves ? StateFromMlflow(request.status()) : run.state;
  if (!moves && !request.has_end_time()) return absl::OkStatus();
  absl::Time finished_at = run.finished_at;
  if (request.has_end_time()) {
    finished_at = end;
  } else if (!IsFinal(state)) {
    finished_at = absl::UnixEpoch();
  } else if (finished_at == absl::UnixEpoch()) {
    finished_at = now;
  }
  RunStateRow to = {state, now, 0, ""};
  if (state == RunState::kCanceled) {
    to.error_code = kCancelledCode;
    to.error_message = "The client that recorded the run ended it as KILLED";
  }
  return RunSetClientState(tx, run.run_id, to, finished_at);
}

}  // namespace

absl::Status MlflowRunCreate(RequestContext& context, const mlflow::CreateRunRequest& request,
                             mlflow::CreateRunResponse* reply) {
  ASSIGN_OR_RETURN(MlflowTags tags, MlflowTagsFrom(request.tags()));
  RETURN_IF_ERROR(CheckRunes("user_id", request.user_id(), limits::kMlflowTagRunes));
  if (!request.user_id().empty()) tags.emplace(kMlflowUser, request.user_id());
  ASSIGN_OR_RETURN(RunRow row, NewRecordedRun(context, request, tags));
  const PipelineDocument& pipeline = RecordedPipeline();
  RunConfigRow config;
  config.spec_sha256 = pipeline.sha256_hex;
  config.parameters = "{}";
  RETURN_IF_ERROR(context.deps.store.Write([&](db::Tx& tx) -> absl::Status {
    ASSIGN_OR_RETURN(const ExperimentRow experiment,
                     MlflowExperimentFind(context, tx, request.experiment_id()));
    RETURN_IF_ERROR(CheckActive(context, experiment));
    row.experiment_id = experiment.experiment_id;
    row.namespace_ = experiment.namespace_;
    RETURN_IF_ERROR(SpecPut(tx, pipeline.sha256_hex, pipeline.canonical_json));
    RETURN_IF_ERROR(RunInsert(tx, row, config));
    RETURN_IF_ERROR(MlflowTagsSet(tx, {row, std::nullopt}, tags));
    reply->Clear();
    return MlflowRunsRead(context, tx, {row}, [reply] { return reply->mutable_run(); });
  }));
  return absl::OkStatus();
}

absl::Status MlflowRunGet(RequestContext& context, const mlflow::GetRunRequest& request,
                          mlflow::GetRunResponse* reply) {
  ASSIGN_OR_RETURN(const std::string run_id, RunIdOf(request));
  return context.deps.store.Read([&](db::Tx& tx) -> absl::Status {
    ASSIGN_OR_RETURN(const MlflowTarget target, MlflowTargetFind(tx, run_id));
    reply->Clear();
    return ReadTarget(context, tx, target, [reply] { return reply->mutable_run(); });
  });
}

absl::Status MlflowRunUpdate(RequestContext& context, const mlflow::UpdateRunRequest& request,
                             mlflow::UpdateRunResponse* reply) {
  ASSIGN_OR_RETURN(const std::string run_id, RunIdOf(request));
  RETURN_IF_ERROR(CheckText("run_name", request.run_name(), limits::kDisplayNameBytes, /*multi_line=*/true));
  absl::Time end = absl::UnixEpoch();
  if (request.has_end_time()) {
    ASSIGN_OR_RETURN(end, TimeFromMlflow("end_time", request.end_time()));
  }
  const absl::Time now = context.deps.clock.Now();
  return context.deps.store.Write([&](db::Tx& tx) -> absl::Status {
    ASSIGN_OR_RETURN(MlflowTarget target, MlflowTargetForWrite(tx, run_id));
    if (!target.task.has_value()) {
      if (target.run.driver == RunDriver::kClient) {
        RETURN_IF_ERROR(MoveRecorded(tx, target.run, request, now, end));
      }
      if (!request.run_name().empty()) {
        RETURN_IF_ERROR(RunSetDisplayName(tx, target.run.run_id, request.run_name()));
      }
    }
    ASSIGN_OR_RETURN(target, MlflowTargetFind(tx, run_id));
    mlflow::Run run;
    RETURN_IF_ERROR(ReadTarget(context, tx, target, [&run] { return &run; }));
    reply->Clear();
    *reply->mutable_run_info() = std::move(*run.mutable_info());
    return absl::OkStatus();
  });
}

absl::Status MlflowRunDelete(RequestContext& context, const mlflow::DeleteRunRequest& request) {
  ASSIGN_OR_RETURN(const std::string run_id, RunIdOf(request));
  return context.deps.store.Write([&](db::Tx& tx) -> absl::Status {
    ASSIGN_OR_RETURN(const MlflowTarget target, MlflowTargetFind(tx, run_id));
    return target.task.has_value() ? error::MlflowTaskNotDeleted(run_id) : RunArchive(tx, run_id);
  });
}

absl::Status MlflowRunRestore(RequestContext& context, const mlflow::RestoreRunRequest& request) {
  ASSIGN_OR_RETURN(const std::string run_id, RunIdOf(request));
  return context.deps.store.Write([&](db::Tx& tx) -> absl::Status {
    ASSIGN_OR_RETURN(const MlflowTarget target, MlflowTargetFind(tx, run_id));
    return target.task.has_value() ? error::MlflowTaskNotDeleted(run_id) : RunUnarchive(tx, run_id);
  });
}

}  // namespace penstock
