// What has happened since the engine's last pass, told from any thread: by executors, by storage's hints, and by
// the worker that looks at content.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "executor/executor.h"
#include "scheduler/task_cache.h"

namespace penstock {

// An attempt that has ended, with what has to be known of the content that its outputs name.
struct AttemptEnd {
  AttemptFinished event;
  absl::StatusOr<TaskOutputs> outputs = TaskOutputs();  // if it ended well
  ContentVersions versions;
};

struct News {
  std::vector<ExecutorEvent> events;
  std::vector<AttemptEnd> ends;
  CacheLookups lookups;                // whose versions are known now
  std::set<std::string> changed_runs;  // created, terminated or deleted

  void Append(News more);
};

// Thread-safe.
class Inbox {
 public:
  // Does not end Await where an attempt starts that was not said to wait: it changes nothing, and most do.
  void Add(ExecutorEvent event);
  void Add(AttemptEnd end);
  void Add(CacheLookups lookups);
  void AddChangedRun(absl::string_view run_id);

  // All that came since the last call.
  News Take();
  CacheLookups TakeLookups();

  // Waits until something comes, Stop is called, or `pause` is over; with `only_stop`, whatever comes. Whether
  // Stop was called.
  bool Await(absl::Duration pause, bool only_stop);
  void Stop();

 private:
  bool HasSomethingToDo() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  absl::Mutex mutex_;
  News news_ ABSL_GUARDED_BY(mutex_);
  std::set<std::string> waiting_ ABSL_GUARDED_BY(mutex_);  // attempts that their executor said to wait
  bool has_event_to_hear_ ABSL_GUARDED_BY(mutex_) = false;
  bool stop_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace penstock
