#include "server/handlers/run_status.h"

#include <algorithm>

#include "absl/strings/numbers.h"
#include "common/errors.h"
#include "common/limits.h"
#include "common/status_macros.h"
#include "pipeline/spec/executor_choice.h"
#include "server/convert/run_status.h"
#include "storage/lease_store.h"
#include "storage/run_store.h"
#include "storage/setting_store.h"
#include "storage/spec_store.h"
#include "storage/task_attempt_store.h"
#include "storage/task_store.h"

namespace penstock {
namespace {

absl::StatusOr<SchedulerState> SchedulerStateNow(db::Tx& tx, absl::Time now) {
  SchedulerState state;
  ASSIGN_OR_RETURN(const auto lease, LeaseGet(tx, kSchedulerLease));
  state.is_running = lease.has_value() && !lease->holder.empty() && lease->expires_at > now;
  ASSIGN_OR_RETURN(const auto max, SettingGet(tx, kActiveRunsMaxSetting));
  if (!max.has_value() || !absl::SimpleAtoi(*max, &state.active_runs_max)) return state;
  for (const RunState driven : {RunState::kRunning, RunState::kCanceling}) {
    ASSIGN_OR_RETURN(const auto ids, RunIdsInState(tx, driven, state.active_runs_max));
    state.active_runs += static_cast<int>(ids.size());
  }
  return state;
}

// Who has the room that a task waits for.
absl::Status ReadRoom(db::Tx& tx, RunStatusSource& source) {
  ASSIGN_OR_RETURN(source.room, RoomGet(tx));
  if (!source.room.has_value()) return absl::OkStatus();
  std::vector<RoomHolderRow> named = source.room->holders;
  if (source.room->kept_for.has_value()) named.push_back(*source.room->kept_for);
  for (const RoomHolderRow& holder : named) {
    if (source.run_names.contains(holder.run_id)) continue;
    const absl::StatusOr<RunRow> run = RunGet(tx, holder.run_id);
    if (run.ok()) source.run_names[holder.run_id] = run->display_name;
    if (!run.ok() && !absl::IsNotFound(run.status())) return run.status();
  }
  return absl::OkStatus();
}

absl::Status ReadSource(RequestContext& context, db::Tx& tx, const std::string& run_id,
                        RunStatusSource& source, std::string* spec_sha256, std::string* spec_text) {
  source = {};
  spec_text->clear();
  ASSIGN_OR_RETURN(source.run, RunGet(tx, run_id));
  ASSIGN_OR_RETURN(source.states, RunStates(tx, run_id));
  ASSIGN_OR_RETURN(const RunConfigRow config, RunConfigGet(tx, run_id));
  *spec_sha256 = config.spec_sha256;
  ASSIGN_OR_RETURN(std::string kind, ExecutorOfPlugins(config.plugins_input));
  if (kind.empty()) kind = context.deps.executors.front();
  source.heeds_platforms = kind == kKubernetes;
  if (context.deps.documents.Find(*spec_sha256) == nullptr) {
    ASSIGN_OR_RETURN(*spec_text, SpecGet(tx, *spec_sha256));
  }
  if (source.run.state == RunState::kPending) {
    ASSIGN_OR_RETURN(source.scheduler, SchedulerStateNow(tx, context.deps.clock.Now()));
  }
  ASSIGN_OR_RETURN(source.tasks, TaskList(tx, run_id));
  ASSIGN_OR_RETURN(source.attempts, TaskAttemptList(tx, run_id));
  const bool any_waits = std::any_of(source.tasks.begin(), source.tasks.end(), [](const TaskRow& task) {
    return task.wait_reason == WaitReason::kCapacity && !IsFinal(task.state);
  });
  if (any_waits) RETURN_IF_ERROR(ReadRoom(tx, source));
  return absl::OkStatus();
}

}  // namespace

absl::Status RunStatusGet(RequestContext& context, const penstock::v1::GetRunStatusRequest& request,
                          penstock::v1::RunStatus* reply) {
  RunStatusSource source;
  std::string spec_sha256;
  std::string spec_text;
  RETURN_IF_ERROR(context.deps.store.Read([&](db::Tx& tx) {
    return ReadSource(context, tx, request.run_id(), source, &spec_sha256, &spec_text);
  }));
  auto document = context.deps.documents.Find(spec_sha256);
  if (document == nullptr) {
    // Between the two looks it may have left the cache.
    if (spec_text.empty()) {
      RETURN_IF_ERROR(context.deps.store.Read([&](db::Tx& tx) -> absl::Status {
        ASSIGN_OR_RETURN(spec_text, SpecGet(tx, spec_sha256));
        return absl::OkStatus();
      }));
    }
    ASSIGN_OR_RETURN(document, LoadStoredPipeline(spec_text));
    context.deps.documents.Put(spec_sha256, document);
  }
  source.heeds_platforms = source.heeds_platforms || AsksForExecutor(*document, kKubernetes);
  RunStatusToApi(source, *document, {request.task(), request.unfinished_only(), request.brief()}, reply);
  const bool nothing = reply->tasks().empty() && !request.unfinished_only();
  return nothing && !request.task().empty() ? error::TaskNotFound(request.run_id(), request.task())
                                            : absl::OkStatus();
}

}  // namespace penstock
