#include "server/watch/watched_runs.h"

#include <map>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/hash/hash.h"
#include "common/state.h"
#include "common/status_macros.h"
#include "server/convert/api.h"
#include "server/handlers/run.h"
#include "server/handlers/run_status.h"
#include "server/memory.h"

namespace penstock {
namespace {

// What the entry of a hash map takes besides what it holds.
constexpr int64_t kEntryBytes = 96;

WatchMessage MessageOf(const google::protobuf::MessageLite& message) {
  return std::make_shared<const std::string>(message.SerializeAsString());
}

// Tells messages apart that this process has made; equal ones may seem to differ, since maps have no order.
size_t MarkOf(const google::protobuf::MessageLite& message) {
  return absl::Hash<std::string>()(message.SerializeAsString());
}

class OfRun final : public Watched {
 public:
  explicit OfRun(const std::string& run_id) { get_.set_run_id(run_id); }

  absl::StatusOr<News> Read(RequestContext& context) override {
    RETURN_IF_ERROR(TakeMemoryForRun(context, run_id()));
    api::Run run;
    RETURN_IF_ERROR(RunGet(context, get_, &run));
    NoteRunTasks(context, run_id(), run.run_details().task_details_size());
    WatchMessage now = MessageOf(run);
    const bool ended = run.state() == api::SUCCEEDED || run.state() == api::FAILED ||
                       run.state() == api::CANCELED || run.state() == api::SKIPPED;
    if (whole_ != nullptr && *whole_ == *now) return News{nullptr, ended};
    whole_ = std::move(now);
    return News{whole_, ended};
  }
  WatchMessage Whole() override { return whole_; }
  int64_t bytes() const override { return whole_ == nullptr ? 0 : static_cast<int64_t>(whole_->size()); }
  const std::string& run_id() const override { return get_.run_id(); }

 private:
  api::GetRunRequest get_;
  WatchMessage whole_;
};

class OfRunStatus final : public Watched {
 public:
  explicit OfRunStatus(const std::string& run_id) {
    get_.set_run_id(run_id);
    get_.set_brief(true);
  }

  absl::StatusOr<News> Read(RequestContext& context) override {
    RETURN_IF_ERROR(TakeMemoryForRun(context, run_id()));
    penstock::v1::RunStatusChange now;
    RETURN_IF_ERROR(RunStatusGet(context, get_, now.mutable_status()));
    const auto state = RunStateFromName(now.status().state());
    const bool ended = state.has_value() && IsFinal(*state);
    penstock::v1::RunStatusChange change = ChangeTo(now);
    WatchMessage whole = MessageOf(now);
    News news{nullptr, ended};
    // The fields of the run itself count too.
    if (whole_ == nullptr || *whole_ != *whole) news.change = MessageOf(change);
    whole_ = std::move(whole);
    return news;
  }
  WatchMessage Whole() override { return whole_; }
  int64_t bytes() const override {
    const auto marks = static_cast<int64_t>(marks_.size());
    return marks * kEntryBytes + (whole_ == nullptr ? 0 : static_cast<int64_t>(whole_->size()));
  }
  const std::string& run_id() const override { return get_.run_id(); }

 private:
  // What differs from the last time, which is then `now`.
  penstock::v1::RunStatusChange ChangeTo(const penstock::v1::RunStatusChange& now) {
    penstock::v1::RunStatusChange change;
    absl::flat_hash_map<std::string, size_t> marks;
    marks.reserve(now.status().tasks_size());
    for (const auto& task : now.status().tasks()) {
      const size_t mark = marks[task.task_id()] = MarkOf(task);
      const auto before = marks_.find(task.task_id());
      if (before == marks_.end() || before->second != mark) *change.mutable_status()->add_tasks() = task;
    }
    for (const auto& [task_id, mark] : marks_) {
      if (!marks.contains(task_id)) change.add_removed_task_ids(task_id);
    }
    marks_ = std::move(marks);
    penstock::v1::RunStatus& status = *change.mutable_status();
    status.set_run_id(now.status().run_id());
    status.set_state(now.status().state());
    if (now.status().has_wait()) *status.mutable_wait() = now.status().wait();
    if (now.status().has_error()) *status.mutable_error() = now.status().error();
    *status.mutable_notes() = now.status().notes();
    status.set_tasks_left_out(now.status().tasks_left_out());
    return change;
  }

  penstock::v1::GetRunStatusRequest get_;
  absl::flat_hash_map<std::string, size_t> marks_;  // of the tasks, by id
  WatchMessage whole_;
};

class OfRuns final : public Watched {
 public:
  explicit OfRuns(const penstock::v1::WatchRunsRequest& request) {
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
    change.set_total_size(page.total_size());
    whole.set_total_size(page.total_size());
    const bool differs = whole_ == nullptr || change.changed_size() > 0 ||
                         change.removed_run_ids_size() > 0 || total_size_ != page.total_size();
    marks_ = std::move(marks);
    total_size_ = page.total_size();
    whole_ = MessageOf(whole);
    return News{differs ? MessageOf(change) : nullptr, false};
  }
  WatchMessage Whole() override { return whole_; }
  int64_t bytes() const override { return whole_ == nullptr ? 0 : static_cast<int64_t>(whole_->size()); }
  const std::string& run_id() const override { return no_run_; }

 private:
  const std::string no_run_;
  api::ListRunsRequest list_;
  std::map<std::string, size_t> marks_;  // of the runs, by id
  int32_t total_size_ = 0;
  WatchMessage whole_;
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
