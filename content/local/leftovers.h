// What deaths have left in a data directory: files that were being written, trash that nobody emptied, and working directories
// and workspaces of runs that are gone.
#pragma once

#include <dirent.h>

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "content/local/local_content_store.h"

namespace penstock {

// Not thread-safe; others may use the directory meanwhile.
class Leftovers {
 public:
  // Whether there is a run of this id; an error if that cannot be said now.
  using IsKnownRun = std::function<absl::StatusOr<bool>(const std::string& run_id)>;

  // `data_dir` is absolute and free of symbolic links.
  Leftovers(const std::string& data_dir, IsKnownRun is_known_run);
  ~Leftovers();
  Leftovers(const Leftovers&) = delete;
  Leftovers& operator=(const Leftovers&) = delete;

  // Removes what was last changed before `before`, looking at no more than about `entries_max` files and folders; whether
  // it has to be called again to have looked at all. Links are not followed.
  absl::StatusOr<bool> Clean(absl::Time before, int64_t entries_max);

 private:
  struct OpenFolder {
    DIR* folder;
    std::string path;
  };
  bool Open(const std::string& path);
  void Step(absl::Time before);
  absl::Status CleanFoldersOfRuns(const std::string& parent, absl::Time before);

  const std::string data_dir_;
  const LocalMounts mounts_;
  const IsKnownRun is_known_run_;
  std::vector<OpenFolder> walk_;      // from the top to where the last call was; empty: a round begins
  std::vector<std::string> to_walk_;  // directories that this round has still to look through
};

}  // namespace penstock
