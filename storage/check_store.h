// Whether what is derived is as it should be, for `penstock check`: counters, and entries of the cache. And rows, a part at a
// time, whose content has to be looked for.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "storage/db/database.h"
#include "storage/model.h"

namespace penstock {

// A counter that is not what there is.
struct CounterFinding {
  std::string name;  // "run_counts experiment/ID AVAILABLE SUCCEEDED", or a counter's own
  int64_t stored = 0;
  int64_t counted = 0;
};

// Counts runs and artifacts, which reads all of their rows, and compares. With `repair` it also writes what it counted.
absl::StatusOr<std::vector<CounterFinding>> CountersCheck(db::Tx& tx, bool repair);

// An entry of the cache that can give no outputs.
struct CacheFinding {
  std::string namespace_;
  std::string fingerprint;
  std::string run_id;
  std::string task_id;
};
// Entries whose task has fewer outputs than it had, at most `limit` behind the one with this namespace and fingerprint.
absl::StatusOr<std::vector<CacheFinding>> CacheEntriesBroken(db::Tx& tx, int limit);
// Entries whose task put the artifact out.
absl::StatusOr<std::vector<CacheFinding>> CacheEntriesOf(db::Tx& tx, int64_t artifact_id, int limit);
absl::Status CacheEntryDelete(db::Tx& tx, const CacheFinding& entry);

// Where the log of an attempt that has ended lies.
struct AttemptLog {
  std::string run_id;
  std::string task_id;
  int number = 0;
  std::string log_path;
};
// At most `limit` behind `after`, by run, task and number.
absl::StatusOr<std::vector<AttemptLog>> EndedAttemptLogs(db::Tx& tx, const AttemptLog& after, int limit);

}  // namespace penstock
