// The work directories of attempts: made before the start, removed in the background once the attempt is
// forgotten.
//
// File systems punish making and removing very many small directories: ext4 does not use an inode again for
// minutes and searches past all such at each creation, several times the cost of a small task's everything
// else. So a directory that an attempt left empty is kept and becomes the next attempt's, by renaming, and
// the others are removed when there is a pause. Thread-safe.
#pragma once

#include <cstdint>
#include <functional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "executor/local/short_names.h"

namespace penstock {

class WorkDirs {
 public:
  using Forget = std::function<void(std::vector<std::string> attempt_ids)>;
  using TakeOut = std::function<void(const std::string& work_dir)>;

  // `forget` is called from a thread of this object, in batches, for attempts whose directories are taken
  // care of. Spare directories are kept in `root`/spare; parents of work directories below `root` are removed
  // once they are empty. With `keep` nothing is removed and nothing used again. Short names are made below
  // one of `short_names_dirs`. `take_out`, called from the same thread, may move what it can use again out of a
  // directory that nobody needs any more.
  WorkDirs(std::string root, bool keep, const std::vector<std::string>& short_names_dirs, Forget forget,
           TakeOut take_out = {});
  // Does what is left to do.
  ~WorkDirs();

  // An empty directory at `work_dir`, an absolute path, with mode 0700.
  absl::Status Make(const std::string& work_dir);

  // Another path of `work_dir`, which is there, for programs to which its own is too long; removed with it.
  std::string ShortNameOf(const std::string& work_dir) const { return short_names_.Give(work_dir); }

  // `work_dir` may be empty: there is none. So may `attempt_id`: the directory is no attempt's.
  void Remove(std::string attempt_id, std::string work_dir);

 private:
  struct Item {
    std::string attempt_id;
    std::string work_dir;
  };

  void AdoptSpares();
  bool TakeSpare(const std::string& work_dir);
  bool KeepAsSpare(const std::string& work_dir);
  void Run();
  // What is done soon; the rest is noted down for RemoveNoted. Returns the ids.
  std::vector<std::string> TakeBack(std::vector<Item> items);
  void RemoveNoted();

  const std::string root_;
  const bool keep_;
  const Forget forget_;
  const TakeOut take_out_;
  const ShortNames short_names_;
  absl::Mutex mutex_;
  std::vector<Item> items_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::string> spares_ ABSL_GUARDED_BY(mutex_);
  int64_t next_spare_ ABSL_GUARDED_BY(mutex_) = 0;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  // Of the thread alone: what a pause is for.
  std::vector<std::string> trees_;
  std::set<std::string> parents_;
  std::thread thread_;
};

}  // namespace penstock
