// Forgets attempts in the background: tells the supervisor in batches and removes work directories, off every
// path that someone waits for. Thread-safe.
#pragma once

#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"

namespace penstock {

class Cleaner {
 public:
  using Forget = std::function<void(std::vector<std::string> attempt_ids)>;

  // `forget` is called from the cleaner's thread. Parents of work directories are removed too once they are
  // empty, if they lie below `root`. With `keep_work_dirs` nothing is removed.
  Cleaner(std::string root, bool keep_work_dirs, Forget forget);
  // Does what is left to do.
  ~Cleaner();

  void Add(std::string attempt_id, std::string work_dir);

 private:
  struct Item {
    std::string attempt_id;
    std::string work_dir;
  };

  void Run();
  void AwaitPause() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Clean(std::vector<Item> items);

  const std::string root_;
  const bool keep_work_dirs_;
  const Forget forget_;
  absl::Mutex mutex_;
  std::vector<Item> items_ ABSL_GUARDED_BY(mutex_);
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace penstock
