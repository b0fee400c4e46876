#include "executor/local/work_dirs.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "common/files.h"
#include "spdlog/spdlog.h"

namespace penstock {
namespace {

constexpr absl::Duration kBatchTime =
    absl::Milliseconds(20);                          // between a Forget and the reuse of its directory
constexpr absl::Duration kPause = absl::Seconds(1);  // without a Forget: time to remove trees
constexpr size_t kMaxTrees = 8'192;                  // or when so many wait
constexpr size_t kMaxSpares = 256;

// Whether the directory is as Make made it.
bool IsUntouched(const std::string& path) {
  const int fd = open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  struct stat info = {};
  DIR* directory = fd >= 0 ? fdopendir(fd) : nullptr;
  if (directory == nullptr) return false;
  bool untouched = fstat(fd, &info) == 0 && info.st_uid == geteuid() && (info.st_mode & 07777) == 0700;
  while (const dirent* entry = untouched ? readdir(directory) : nullptr) {
    untouched = std::strcmp(entry->d_name, ".") == 0 || std::strcmp(entry->d_name, "..") == 0;
  }
  closedir(directory);
  return untouched;
}

}  // namespace

WorkDirs::WorkDirs(std::string root, bool keep, const std::vector<std::string>& short_names_dirs,
                   Forget forget, TakeOut take_out)
    : root_(std::move(root)),
      keep_(keep),
      forget_(std::move(forget)),
      take_out_(std::move(take_out)),
      short_names_(short_names_dirs) {
  AdoptSpares();
  thread_ = std::thread([this] { Run(); });
}

WorkDirs::~WorkDirs() {
  {
    absl::MutexLock lock(&mutex_);
    stopping_ = true;
  }
  thread_.join();
}

// What an earlier server left.
void WorkDirs::AdoptSpares() {
  absl::MutexLock lock(&mutex_);
  const std::string directory = root_ + "/spare";
  const absl::Status made = MakeDirectories(directory);
  DIR* spares = opendir(directory.c_str());
  while (const dirent* entry = spares != nullptr ? readdir(spares) : nullptr) {
    int64_t number = 0;
    const std::string path = absl::StrCat(directory, "/", entry->d_name);
    if (absl::SimpleAtoi(entry->d_name, &number) && IsUntouched(path)) {
      spares_.push_back(path);
      next_spare_ = std::max(next_spare_, number + 1);
    }
  }
  if (spares != nullptr) closedir(spares);
}

absl::Status WorkDirs::Make(const std::string& work_dir) {
  return TakeSpare(work_dir) ? absl::OkStatus() : MakeDirectories(work_dir);
}

bool WorkDirs::TakeSpare(const std::string& work_dir) {
  std::string spare;
  {
    absl::MutexLock lock(&mutex_);
    if (spares_.empty()) return false;
    spare = std::move(spares_.back());
    spares_.pop_back();
  }
  if (std::rename(spare.c_str(), work_dir.c_str()) == 0) return true;
  // Most likely it is the first attempt of its run.
  return errno == ENOENT && MakeDirectories(std::string(ParentOf(work_dir))).ok() &&
         std::rename(spare.c_str(), work_dir.c_str()) == 0;
}

bool WorkDirs::KeepAsSpare(const std::string& work_dir) {
  std::string spare;
  {
    absl::MutexLock lock(&mutex_);
    if (spares_.size() >= kMaxSpares) return false;
    spare = absl::StrCat(root_, "/spare/", next_spare_++);
  }
  if (!IsUntouched(work_dir) || std::rename(work_dir.c_str(), spare.c_str()) != 0) return false;
  absl::MutexLock lock(&mutex_);
  spares_.push_back(std::move(spare));
  return true;
}

void WorkDirs::Remove(std::string attempt_id, std::string work_dir) {
  absl::MutexLock lock(&mutex_);
  items_.push_back({std::move(attempt_id), std::move(work_dir)});
}

void WorkDirs::Run() {
  bool stop = false;
  while (!stop) {
    std::vector<Item> items;
    bool pause = false;
    {
      absl::MutexLock lock(&mutex_);
      const auto has_work = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
        return stopping_ || !items_.empty();
      };
      pause = !mutex_.AwaitWithTimeout(
          absl::Condition(&has_work), trees_.empty() && parents_.empty() ? absl::InfiniteDuration() : kPause);
      // A moment for more to come, so that ids go in batches; none in a pause.
      mutex_.AwaitWithTimeout(absl::Condition(&stopping_), pause ? absl::ZeroDuration() : kBatchTime);
      items.swap(items_);
      stop = stopping_;
    }
    std::vector<std::string> ids = TakeBack(std::move(items));
    if (pause || stop || trees_.size() + parents_.size() >= kMaxTrees) RemoveNoted();
    if (!ids.empty()) forget_(std::move(ids));
  }
}

std::vector<std::string> WorkDirs::TakeBack(std::vector<Item> items) {
  std::vector<std::string> ids;
  for (Item& item : items) {
    if (!item.attempt_id.empty()) ids.push_back(std::move(item.attempt_id));
    if (item.work_dir.empty()) continue;
    short_names_.Remove(item.work_dir);
    if (keep_) continue;
    if (take_out_) take_out_(item.work_dir);
    const absl::string_view parent = ParentOf(item.work_dir);
    if (absl::StartsWith(parent, absl::StrCat(root_, "/"))) parents_.emplace(parent);
    if (!KeepAsSpare(item.work_dir)) trees_.push_back(std::move(item.work_dir));
  }
  return ids;
}

void WorkDirs::RemoveNoted() {
  for (const std::string& tree : std::exchange(trees_, {})) {
    const absl::Status removed = RemoveTree(tree);
    if (!removed.ok()) spdlog::warn("a work directory stays: {}", std::string(removed.message()));
  }
  for (const std::string& parent : std::exchange(parents_, {})) {
    rmdir(parent.c_str());  // fails, as it should, while others are in it
  }
}

}  // namespace penstock
