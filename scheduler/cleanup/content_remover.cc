#include "scheduler/cleanup/content_remover.h"

#include <algorithm>
#include <atomic>
#include <nlohmann/json.hpp>
#include <set>
#include <thread>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/background.h"
#include "common/errors.h"
#include "common/limits.h"
#include "common/log.h"
#include "common/status_macros.h"
#include "content/uri.h"
#include "storage/run_store.h"
#include "storage/setting_store.h"

namespace penstock {
namespace {

constexpr absl::Duration kWaitStep = absl::Seconds(1);  // for attempts that are being cancelled
constexpr int kCallsPerPass = 4;                        // of one folder, before others have their turn
constexpr char kDefaultExperimentSetting[] = "default_experiment_id";

bool IsRefused(const absl::Status& status) {
  return absl::IsPermissionDenied(status) || absl::IsFailedPrecondition(status) ||
         absl::IsInvalidArgument(status);
}

}  // namespace

ContentRemover::ContentRemover(Store& store, const Lease& lease, ContentStore& content,
                               const AttemptsInWork& in_work, const Clock& clock,
                               ContentRemoverOptions options)
    : store_(store),
      lease_(lease),
      content_(content),
      in_work_(in_work),
      clock_(clock),
      options_(options),
      began_at_(clock.Now()) {}

absl::StatusOr<ContentRemover::PassResult> ContentRemover::RunOnce() {
  const absl::Time now = clock_.Now();
  PassResult result;
  const std::optional<int64_t> fence = lease_.fence();
  if (!fence.has_value()) return result;
  std::vector<Job> jobs;
  RETURN_IF_ERROR(ReadDue(*fence, now, &result, &jobs));
  if (!result.leads) return result;
  if (!jobs.empty()) {
    listed_.clear();
    PlanParts(&jobs);
    RETURN_IF_ERROR(ReadReferences(&jobs));
    jobs.resize(WorkSome(now + options_.pass_time, &jobs));
    RETURN_IF_ERROR(WriteAll(*fence, jobs));
  }
  result.removals = static_cast<int>(jobs.size());
  for (const Job& job : jobs) result.done += job.row.state == RemovalState::kDone ? 1 : 0;
  RETURN_IF_ERROR(store_.Read([&](db::Tx& tx) -> absl::Status {
    ASSIGN_OR_RETURN(const auto next, ContentRemovalNextDue(tx));
    result.wake_at = next.value_or(absl::InfiniteFuture());
    return absl::OkStatus();
  }));
  return result;
}

absl::Status ContentRemover::ReadDue(int64_t fence, absl::Time now, PassResult* result,
                                     std::vector<Job>* jobs) {
  return store_.Read([&](db::Tx& tx) -> absl::Status {
    jobs->clear();
    const absl::Status ours = lease_.Check(tx, fence);
    result->leads = ours.ok();
    if (absl::IsAborted(ours)) return absl::OkStatus();
    RETURN_IF_ERROR(ours);
    ASSIGN_OR_RETURN(auto rows, ContentRemovalsDue(tx, now, options_.removals_per_pass));
    for (ContentRemovalRow& row : rows) {
      jobs->emplace_back().row = std::move(row);
      jobs->back().waits = Waits(jobs->back().row, now);
    }
    if (rows.empty()) return absl::OkStatus();
    ASSIGN_OR_RETURN(const auto experiment_id, SettingGet(tx, kDefaultExperimentSetting));
    default_experiment_id_ = experiment_id.value_or("");
    return absl::OkStatus();
  });
}

// Whether attempts of the run may still write: what goes now would be made again.
bool ContentRemover::Waits(const ContentRemovalRow& row, absl::Time now) const {
  if (!row.unfinished || now >= row.created_at + absl::Seconds(limits::kRemovalWaitSeconds)) return false;
  return in_work_.Any(row.run_id) || (row.created_at < began_at_ && now < began_at_ + options_.settle_time);
}

absl::StatusOr<const std::vector<ContentEntry>*> ContentRemover::Listed(const std::string& uri) {
  const auto [found, is_new] = listed_.try_emplace(uri);
  if (is_new) {
    auto entries = content_.List(uri);
    if (!entries.ok()) {
      listed_.erase(found);
      return entries.status();
    }
    found->second = *std::move(entries);
  }
  return &found->second;
}

void ContentRemover::PlanParts(std::vector<Job>* jobs) {
  for (Job& job : *jobs) {
    if (job.waits) continue;
    std::vector<std::string> pipelines;
    if (job.row.pipeline_name.empty()) {
      const auto entries = Listed(std::string(kArtifactsUri));
      job.error = entries.status();
      if (!entries.ok()) continue;
      for (const ContentEntry& entry : **entries) {
        if (entry.kind == ContentKind::kFolder && entry.name.front() != '@') pipelines.push_back(entry.name);
      }
    }
    for (RemovalFolder& folder : RemovalFolders(job.row, pipelines)) {
      job.parts.push_back({std::move(folder), {}, false});
    }
    const auto root = MlflowRoot(job.row, default_experiment_id_);
    if (!root.has_value()) continue;
    const auto entries = Listed(root->uri);
    job.error = entries.status();
    if (!entries.ok()) continue;
    for (auto at =
             std::lower_bound((*entries)->begin(), (*entries)->end(), job.row.run_id,
                              [](const ContentEntry&entry, const std::string&id) { return entry.name < id; });
         at != (*entries)->end() && absl::StartsWith(at->name, job.row.run_id); ++at) {
      if (!IsMlflowFolderOf(job.row.run_id, at->name)) continue;
      job.parts.push_back({{absl::StrCat(root->uri, "/", at->name),
                            absl::StrCat(root->mlflow_uri, "/", at->name), root->owner},
                           {},
                           false});
    }
  }
}

// Who names what is to go, as of now: another row may have come to since the run was deleted.
absl::Status ContentRemover::ReadReferences(std::vector<Job>* jobs) {
  return store_.Read([&](db::Tx& tx) -> absl::Status {
    std::set<std::string> owners;
    for (Job& job : *jobs) {
      for (Part& part : job.parts) {
        owners.insert(part.folder.owner);
        RETURN_IF_ERROR(ContentReferencesLater(tx, part.folder.uri, part.folder.mlflow_uri,
                                               limits::kRemovalReferences + 1, &part.references));
      }
    }
    RunRows rows;
    RETURN_IF_ERROR(RunsFindLater(tx, {owners.begin(), owners.end()}, &rows));
    RETURN_IF_ERROR(tx.Finish());
    std::set<std::string> there;
    for (const auto& [run_id, row] : rows) there.insert(PathComponent(run_id));
    for (Job& job : *jobs) {
      for (Part& part : job.parts) part.owner_is_there = there.contains(part.folder.owner);
    }
    return absl::OkStatus();
  });
}

// Works on jobs from the first on, on several threads, until the time has passed; returns on how many. No two at once remove
// the same folder: a job that has one in common with an earlier one is where this stops.
size_t ContentRemover::WorkSome(absl::Time until, std::vector<Job>* all) {
  std::vector<Job>& jobs = *all;
  std::set<std::string> folders;
  size_t apart = 0;
  while (apart < jobs.size()) {
    const size_t before = folders.size();
    for (const Part& part : jobs[apart].parts) folders.insert(part.folder.uri);
    if (apart > 0 && folders.size() < before + jobs[apart].parts.size()) break;
    ++apart;
  }
  std::atomic<size_t> next{0};
  const auto work = [&] {
    for (size_t i = next++; i < apart; i = next++) {
      if (i > 0 && clock_.Now() >= until) return;
      Work(jobs[i], clock_.Now());
      jobs[i].is_worked = true;
    }
  };
  std::vector<std::thread> threads;
  const int wanted = static_cast<int>(std::min<size_t>(options_.threads, apart));
  // This thread commits too, for which others may wait: it stays as it is.
  for (int i = 0; i < wanted && wanted > 1; ++i) {
    threads.emplace_back([&work] {
      BecomeBackground();
      work();
    });
  }
  if (threads.empty()) work();
  for (std::thread& thread : threads) thread.join();
  // What one thread has left because the time had passed, all behind it have.
  const auto left = std::find_if(jobs.begin(), jobs.end(), [](const Job& job) { return !job.is_worked; });
  return static_cast<size_t>(left - jobs.begin());
}

void ContentRemover::Work(Job& job, absl::Time now) {
  ContentRemovalRow& row = job.row;
  if (job.waits) {
    row.due_at = now + kWaitStep;
    return;
  }
  if (row.started_at == absl::UnixEpoch()) row.started_at = now;
  std::vector<Kept> kept;
  absl::Status first = job.error;
  bool more = false;
  for (Part& part : job.parts) {
    const auto left = RemovePart(part, row, &kept);
    if (left.ok()) {
      more = more || *left;
    } else if (first.ok() || IsRefused(first)) {
      first = left.status();  // what may pass by itself goes first
    }
  }
  nlohmann::json list = nlohmann::json::array();
  for (const Kept& one : kept) {
    if (list.size() < limits::kRemovalKeptNamed) list.push_back({one.uri, one.reason});
  }
  using Handler = nlohmann::json::error_handler_t;
  row.kept = kept.empty() ? "" : list.dump(-1, ' ', false, Handler::replace);
  row.kept_count = static_cast<int64_t>(kept.size());
  if (!first.ok()) return Fail(first, now, row);
  row.tries = 0;
  row.error.clear();
  row.state = more ? RemovalState::kRunning : RemovalState::kDone;
  row.finished_at = more ? absl::UnixEpoch() : now;
  row.due_at = more ? std::optional<absl::Time>(now) : std::nullopt;
}

// Whether there is more to remove.
absl::StatusOr<bool> ContentRemover::RemovePart(Part& part, ContentRemovalRow& row, std::vector<Kept>* kept) {
  const std::string& uri = part.folder.uri;
  if (part.owner_is_there) {
    if (part.folder.owner == PathComponent(row.run_id)) {
      kept->push_back({uri, absl::StrCat("run ", row.run_id, " is there again")});
    }
    return false;
  }
  if (!content_.Serves(uri)) {
    kept->push_back({uri, "no content store of this server serves it"});
    return false;
  }
  if (part.references.size() > limits::kRemovalReferences) {
    return absl::FailedPreconditionError(
        absl::StrCat("more than ", limits::kRemovalReferences, " artifacts of other runs lie in ", uri));
  }
  std::map<std::string, std::string> reasons;
  for (const ContentReference& one : part.references) reasons.try_emplace(one.uri, one.Sentence());
  std::vector<std::string> uris;
  for (const auto& [kept_uri, reason] : reasons) {
    uris.push_back(kept_uri);
    kept->push_back({kept_uri, reason});
  }
  for (int calls = 0; calls < kCallsPerPass; ++calls) {
    ASSIGN_OR_RETURN(const ContentRemoved some, content_.RemoveSome(uri, uris, options_.entries_per_call));
    row.removed_files += some.files;
    row.removed_bytes += some.size_bytes;
    if (!some.more) return false;
  }
  return true;
}

void ContentRemover::Fail(const absl::Status& status, absl::Time now, ContentRemovalRow& row) {
  const bool refused = IsRefused(status);
  // The tries of one kind count.
  if (refused != (row.state == RemovalState::kFailed)) row.tries = 0;
  ++row.tries;
  if (row.error != status.message()) {
    spdlog::warn("content of a deleted run stays for now run={} error={}", row.run_id,
                 LogValue(status.ToString()));
  }
  row.error = std::string(status.message().substr(0, limits::kTaskErrorBytes));
  if (refused) {
    row.state = RemovalState::kFailed;
    row.finished_at = now;
    row.due_at.reset();
    if (row.tries < limits::kRemovalRefusals) {
      row.due_at = now + absl::Seconds(limits::kRemovalRefusedSeconds);
    }
    return;
  }
  row.state = row.removed_files > 0 ? RemovalState::kRunning : RemovalState::kWaiting;
  const absl::Duration longest = absl::Seconds(limits::kRemovalBackoffMaxSeconds);
  row.due_at = now + std::min(longest, absl::Seconds(int64_t{1} << std::min(row.tries, 20)));
}

absl::Status ContentRemover::WriteAll(int64_t fence, const std::vector<Job>& jobs) {
  std::vector<ContentRemovalRow> rows;
  for (const Job& job : jobs) rows.push_back(job.row);
  return store_.Write([&](db::Tx& tx) -> absl::Status {
    RETURN_IF_ERROR(lease_.Check(tx, fence));
    return ContentRemovalsPut(tx, rows);
  });
}

}  // namespace penstock
