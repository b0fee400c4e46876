// Attempts that are prepared while their ids are being committed, and what is left of those whose ids never were.
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/files.h"
#include "executor/local/launch.h"
#include "executor/local/local_executor.h"

namespace penstock {

void LocalExecutor::Announce(const LaunchSpec& spec) {
  // The workspace of a run that is being deleted must not be made again.
  if (!spec.workspace.empty() || !CheckSpec(spec, LogPathOf(spec)).ok()) return;
  absl::MutexLock lock(&mutex_);
  const auto it = attempts_.find(spec.attempt_id);
  if (it == attempts_.end() || it->second.phase != Phase::kReserved) return;
  if (announced_.try_emplace(spec.attempt_id, Announced{spec.work_dir, {}}).second) {
    jobs_.push_back({Job::Kind::kAnnounced, spec});
  }
}

void LocalExecutor::PrepareAnnounced(const LaunchSpec& spec) {
  absl::StatusOr<Prepared> prepared = Prepare(spec);
  {
    absl::MutexLock lock(&mutex_);
    if (const auto announced = announced_.find(spec.attempt_id); announced != announced_.end()) {
      announced->second.prepared = std::move(prepared);
      return;
    }
    const auto attempt = attempts_.find(spec.attempt_id);
    if (attempt == attempts_.end() || attempt->second.phase != Phase::kPreparing) {
      work_dirs_->Remove("", spec.work_dir);
      return;
    }
  }
  LaunchPrepared(spec, std::move(prepared));
}

// Of an attempt that was just started. False if it was not announced.
bool LocalExecutor::StartAnnounced(const LaunchSpec& spec) {
  const auto announced = announced_.find(spec.attempt_id);
  if (announced == announced_.end()) return false;
  std::optional<absl::StatusOr<Prepared>>& prepared = announced->second.prepared;
  if (prepared.has_value() && (!prepared->ok() || !(*prepared)->awaited_env.empty())) {
    jobs_.push_back({Job::Kind::kPrepared, spec});  // something is to be told, which must not be done here
    return true;
  }
  // If it is still being prepared, who does that goes on with it.
  if (prepared.has_value()) Send(spec.attempt_id, **std::move(prepared));
  announced_.erase(announced);
  return true;
}

void LocalExecutor::LaunchAnnounced(const LaunchSpec& spec) {
  std::optional<absl::StatusOr<Prepared>> prepared;
  {
    absl::MutexLock lock(&mutex_);
    prepared = std::move(announced_.extract(spec.attempt_id).mapped().prepared);
  }
  LaunchPrepared(spec, *std::move(prepared));
}

void LocalExecutor::DropAnnounced(const std::string& attempt_id) {
  auto announced = announced_.extract(attempt_id);
  if (!announced.empty() && announced.mapped().prepared.has_value()) {
    work_dirs_->Remove("", std::move(announced.mapped().work_dir));
  }
}

// A server that died may have prepared attempts whose ids it had not committed.
void LocalExecutor::RemoveUnknown() {
  for (const std::string& run : DirectoriesIn(world_.work_root)) {
    const std::string of_run = absl::StrCat(world_.work_root, "/", run);
    for (const std::string& attempt_id : DirectoriesIn(of_run)) {
      absl::MutexLock lock(&mutex_);
      if (attempts_.count(attempt_id) > 0 || unclaimed_.count(attempt_id) > 0) continue;
      work_dirs_->Remove("", absl::StrCat(of_run, "/", attempt_id));
    }
  }
}

}  // namespace penstock
