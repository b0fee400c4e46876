// The shared Python environments of a data directory: `<data_dir>/envs/<key>/`, a virtual environment each,
// and
// `<key>.lock` beside it. One is complete when its record, the file `environment`, is there: it is written
// last and moved into place, so what a crash leaves is never taken for complete. Nothing is written to it
// afterwards.
//
// Its lock (flock) is held shared by every process of an attempt that uses it, and alone by who builds or
// removes it. The kernel gives it back when the last process that has it ends, however it ends. The time of
// last use is the lock file's. A lock file may be removed with its environment: who has waited for one must
// ask IsCurrent.
//
// Standard library only. Thread-safe, also towards other processes on the same directory.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "executor/posix/unique_fd.h"

namespace penstock {

// What the record says.
struct EnvRecord {
  int64_t bytes = 0;  // on disk
  int64_t built_at_us = 0;
  int64_t build_ms = 0;
  std::vector<std::string> requirements;  // as the component has them
  std::vector<std::string> packages;      // as pip resolved them, "name==version"
};

struct EnvEntry {
  std::string key;
  bool complete = false;  // else the rest of a build, or one that is being built
  bool in_use = false;
  int64_t last_used_us = 0;  // 0: never
  EnvRecord record;
};

class EnvStore {
 public:
  explicit EnvStore(std::string directory) : directory_(std::move(directory)) {}

  std::string PathOf(const std::string& key) const { return directory_ + "/" + key; }
  // Whoever has it open and locked uses the environment, see above.
  std::string LockPathOf(const std::string& key) const { return PathOf(key) + ".lock"; }
  // All packages of an environment with exact versions, as `pip freeze` gives them.
  std::string PackagesPathOf(const std::string& key) const { return PathOf(key) + "/packages.txt"; }
  // Why the last build failed, if it did.
  std::string FailurePathOf(const std::string& key) const { return PathOf(key) + ".failure"; }

  // The lock file, made if it is missing, not locked and open across exec. Invalid on failure, errno says
  // why.
  UniqueFd OpenLock(const std::string& key) const;
  // Whether `lock` still is the lock of `key`, and was not removed while we waited for it.
  bool IsCurrent(const UniqueFd& lock, const std::string& key) const;

  bool IsComplete(const std::string& key) const;
  // False if there is no record that can be read.
  bool ReadRecord(const std::string& key, EnvRecord* record) const;
  // Makes `key` complete: takes away the right to write, puts everything on disk, then writes the record. The
  // caller holds the lock alone. `bytes` and `packages` are filled in. False, with a sentence in `error`.
  bool Complete(const std::string& key, EnvRecord record, std::string* error) const;

  // By time of last use, oldest first.
  std::vector<EnvEntry> List() const;
  // False if it is in use, or cannot be removed.
  bool Remove(const std::string& key) const;
  // Removes what is not in use, least lately used first, until the rest has at most `limit_bytes`; also what
  // crashes left. Returns the keys that are gone.
  std::vector<std::string> PruneTo(int64_t limit_bytes) const;

 private:
  std::string RecordPathOf(const std::string& key) const { return PathOf(key) + "/environment"; }
  bool IsInUse(const std::string& key) const;

  const std::string directory_;
};

// Removes `path` and all below it, following no link; false if something stays.
bool RemoveAll(const std::string& path);

// Waits for the lock; `operation` as flock's. False with errno, EWOULDBLOCK if LOCK_NB was given and it is
// taken.
bool LockFile(const UniqueFd& fd, int operation);

// Some words of it, at most `bytes`: "six==1.17.0, wheel==0.4 and 3 more".
std::string Summary(const std::vector<std::string>& words, size_t bytes);

}  // namespace penstock
