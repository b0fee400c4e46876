#include "scheduler/executor/local/cleaner.h"

#include <unistd.h>

#include <set>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "scheduler/executor/local/files.h"
#include "spdlog/spdlog.h"

namespace penstock {
namespace {

// Removing many small files slows down the making of others for a while (ext4 does not use an inode again at
// once), so it waits for a pause in the work, but not for long nor with too many.
constexpr absl::Duration kPause = absl::Seconds(1);
constexpr int kMaxPauses = 10;
constexpr size_t kMaxItems = 8'192;

}  // namespace

Cleaner::Cleaner(std::string root, bool keep_work_dirs, Forget forget)
    : root_(std::move(root)),
      keep_work_dirs_(keep_work_dirs),
      forget_(std::move(forget)),
      thread_([this] { Run(); }) {}

Cleaner::~Cleaner() {
  {
    absl::MutexLock lock(&mutex_);
    stopping_ = true;
  }
  thread_.join();
}

void Cleaner::Add(std::string attempt_id, std::string work_dir) {
  absl::MutexLock lock(&mutex_);
  items_.push_back({std::move(attempt_id), std::move(work_dir)});
}

void Cleaner::Run() {
  bool stop = false;
  while (!stop) {
    std::vector<Item> items;
    {
      absl::MutexLock lock(&mutex_);
      AwaitPause();
      items.swap(items_);
      stop = stopping_;
    }
    Clean(std::move(items));
  }
}

void Cleaner::AwaitPause() {
  const auto has_work = [this]()
                            ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return stopping_ || !items_.empty(); };
  mutex_.Await(absl::Condition(&has_work));
  const auto must_work = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return stopping_ || items_.size() >= kMaxItems;
  };
  size_t before = 0;
  for (int pauses = 0; pauses < kMaxPauses && before != items_.size(); ++pauses) {
    before = items_.size();
    if (mutex_.AwaitWithTimeout(absl::Condition(&must_work), kPause)) {
      return;
    }
  }
}

void Cleaner::Clean(std::vector<Item> items) {
  if (items.empty()) {
    return;
  }
  std::vector<std::string> ids;
  std::set<std::string> parents;
  for (Item& item : items) {
    ids.push_back(std::move(item.attempt_id));
    if (keep_work_dirs_ || item.work_dir.empty()) {
      continue;
    }
    const absl::Status removed = RemoveTree(item.work_dir);
    if (!removed.ok()) {
      spdlog::warn("a work directory stays: {}", std::string(removed.message()));
    }
    const absl::string_view parent = ParentOf(item.work_dir);
    if (absl::StartsWith(parent, absl::StrCat(root_, "/"))) {
      parents.emplace(parent);
    }
  }
  for (const std::string& parent : parents) {
    rmdir(parent.c_str());  // fails, as it should, while others are in it
  }
  forget_(std::move(ids));
}

}  // namespace penstock
