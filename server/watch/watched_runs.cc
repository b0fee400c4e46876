#include "server/watch/watched_runs.h"

#include <algorithm>
#include <map>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/hash/hash.h"
#include "common/limits.h"
#include "common/state.h"
#include "common/status_macros.h"
#include "server/convert/api.h"
#include "server/convert/bytes.h"
#include "server/handlers/run.h"
#include "server/handlers/run_status.h"
#include "server/memory.h"

namespace penstock {
namespace {

// What the entry of a hash map takes besides what it holds.
constexpr int64_t kEntryBytes = 96;

WatchMessage MessageOf(const google::protobuf::MessageLite& message) {
  return std::make_shared<const std::string>(BytesOf(message));
}

size_t MarkOf(const google::protobuf::MessageLite& message) {
  return absl::Hash<std::string>()(BytesOf(message));
}

int64_t SizeOf(const std::vector<WatchMessage>& messages) {
  int64_t bytes = 0;
  for (const WatchMessage& message : messages) bytes += static_cast<int64_t>(message->size());
  return bytes;
}

// What has been read last, as messages.
class Kept : public Watched {
 public:
  explicit Kept(std::string run_id) : run_id_(std::move(run_id)) {}
  const std::vector<WatchMessage>& Whole() override { return whole_; }
  int64_t bytes() const override { return SizeOf(whole_); }
  const std::string& run_id() const override { return run_id_; }

 protected:
  bool is_empty() const { return whole_.empty(); }
  void Keep(std::vector<WatchMessage> whole) { whole_ = std::move(whole); }
  // Of what is one message. Whether it differs from what was kept before.
  bool KeepOne(WatchMessage whole) {
    const bool differs = is_empty() || *whole_.front() != *whole;
    Keep({std::move(whole)});
    return differs;
  }

 private:
  const std::string run_id_;
  std::vector<WatchMessage> whole_;
};

class OfRun final : public Kept {
 public:
  using Kept::Kept;
  absl::StatusOr<News> Read(RequestContext& context) override {
    RETURN_IF_ERROR(TakeMemoryForRun(context, run_id()));
    api::GetRunRequest get;
    get.set_run_id(run_id());
    api::Run run;
    RETURN_IF_ERROR(RunGet(context, get, &run));
    NoteRunTasks(context, run_id(), run.run_details().task_details_size());
    const WatchMessage now = MessageOf(run);
    const bool ended = run.state() == api::SUCCEEDED || run.state() == api::FAILED ||
                       run.state() == api::CANCELED || run.state() == api::SKIPPED;
    return News{KeepOne(now) ? now : nullptr, ended};
  }
};

class OfRunStatus final : public Kept {
 public:
  using Kept::Kept;
  absl::StatusOr<News> Read(RequestContext& context) override {
    RETURN_IF_ERROR(TakeMemoryForRun(context, run_id()));
    penstock::v1::GetRunStatusRequest get;
    get.set_run_id(run_id());
    get.set_brief(true);
    penstock::v1::RunStatus now;
    RETURN_IF_ERROR(RunStatusGet(context, get, &now));
    const auto state = RunStateFromName(now.state());
    const bool ended = state.has_value() && IsFinal(*state);
    const penstock::v1::RunStatus head = HeadOf(&now);
    const penstock::v1::RunStatusChange change = ChangeTo(now, head);
    // The fields of the run itself count too.
    const size_t head_mark = MarkOf(head);
    const bool differs = is_empty() || head_mark != head_mark_ || change.status().tasks_size() > 0 ||
                         change.removed_task_ids_size() > 0;
    if (!differs) return News{nullptr, ended};
    head_mark_ = head_mark;
    Keep(Parts(std::move(now), head));
    return News{MessageOf(change), ended};
  }
  int64_t bytes() const override { return Kept::bytes() + static_cast<int64_t>(marks_.size()) * kEntryBytes; }

 private:
  // All fields but the tasks.
  static penstock::v1::RunStatus HeadOf(penstock::v1::RunStatus* status) {
    google::protobuf::RepeatedPtrField<penstock::v1::TaskStatus> tasks;
    tasks.Swap(status->mutable_tasks());
    penstock::v1::RunStatus head = *status;
    tasks.Swap(status->mutable_tasks());
    return head;
  }

  // What differs from the last time, which is then `now`.
  penstock::v1::RunStatusChange ChangeTo(const penstock::v1::RunStatus& now,
                                         const penstock::v1::RunStatus& head) {
    penstock::v1::RunStatusChange change;
    *change.mutable_status() = head;
    absl::flat_hash_map<std::string, size_t> marks;
    marks.reserve(now.tasks_size());
    for (const auto& task : now.tasks()) {
      const size_t mark = marks[task.task_id()] = MarkOf(task);
      const auto before = marks_.find(task.task_id());
      if (before == marks_.end() || before->second != mark) *change.mutable_status()->add_tasks() = task;
    }
    for (const auto& [task_id, mark] : marks_) {
      if (!marks.contains(task_id)) change.add_removed_task_ids(task_id);
    }
    marks_ = std::move(marks);
    return change;
  }

  // The first is small, so that it is there soon.
  static std::vector<WatchMessage> Parts(penstock::v1::RunStatus status,
                                         const penstock::v1::RunStatus& head) {
    std::vector<WatchMessage> parts;
    int at = 0;
    do {
      const int most = parts.empty() ? limits::kWatchedTasksFirst : limits::kWatchedTasksNext;
      const int end = std::min(status.tasks_size(), at + most);
      penstock::v1::RunStatusChange part;
      *part.mutable_status() = head;
      for (; at < end; ++at) part.mutable_status()->add_tasks()->Swap(status.mutable_tasks(at));
      part.set_tasks_to_come(status.tasks_size() - at);
      parts.push_back(MessageOf(part));
    } while (at < status.tasks_size());
    return parts;
  }

  absl::flat_hash_map<std::string, size_t> marks_;  // of the tasks, by id
  size_t head_mark_ = 0;
};

class OfRuns final : public Kept {
 public:
  explicit OfRuns(const penstock::v1::WatchRunsRequest& request) : Kept("") {
    list_.set_experiment_id(request.experiment_id());
    list_.set_page_size(request.page_size());
    list_.set_sort_by(request.sort_by().empty() ? "created_at desc" : request.sort_by());
    list_.set_filter(request.filter());
  }

  absl::StatusOr<News> Read(RequestContext& context) override {
    api::ListRunsResponse page;
    RETURN_IF_ERROR(RunList(context, list_, &page));
    penstock::v1::RunListChange change;
    penstock::v1::RunListChange whole;
    std::map<std::string, size_t> marks;
    for (api::Run& run : *page.mutable_runs()) {
      const size_t mark = marks[run.run_id()] = MarkOf(run);
      const auto before = marks_.find(run.run_id());
      if (before == marks_.end() || before->second != mark) *change.add_changed() = run;
      *whole.add_changed() = std::move(run);
    }
    for (const auto& [run_id, mark] : marks_) {
      if (marks.count(run_id) == 0) change.add_removed_run_ids(run_id);
    }
    marks_ = std::move(marks);
    change.set_total_size(page.total_size());
    whole.set_total_size(page.total_size());
    return News{KeepOne(MessageOf(whole)) ? MessageOf(change) : nullptr, false};
  }

 private:
  api::ListRunsRequest list_;
  std::map<std::string, size_t> marks_;  // of the runs, by id
};

}  // namespace

std::unique_ptr<Watched> WatchedRun(const penstock::v1::WatchRunRequest& request) {
  return std::make_unique<OfRun>(request.run_id());
}

std::unique_ptr<Watched> WatchedRunStatus(const penstock::v1::WatchRunStatusRequest& request) {
  return std::make_unique<OfRunStatus>(request.run_id());
}

std::unique_ptr<Watched> WatchedRuns(const penstock::v1::WatchRunsRequest& request) {
  return std::make_unique<OfRuns>(request);
}

}  // namespace penstock
