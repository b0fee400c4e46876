// What every executor must do, whatever it runs attempts on: the promises of executor/executor.h as
// tests.
//
// An executor's own test program names a harness and instantiates the suite:
//
//   INSTANTIATE_TEST_SUITE_P(Local, ExecutorContract, testing::Values(ExecutorContractParam{"local",
//   &MakeHarness}));
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <ostream>
#include <set>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "executor/executor.h"
#include "gtest/gtest.h"

namespace penstock {

// How long a test waits for what must happen. Generous: a busy machine under a sanitizer must pass.
inline constexpr absl::Duration kContractPatience = absl::Seconds(60);

// Whether `condition` came true in time. Looks again every few milliseconds.
bool Eventually(const std::function<bool()>& condition, absl::Duration patience = kContractPatience);

// Collects what an executor tells. Thread-safe.
class EventLog {
 public:
  Executor::EventSink Sink();

  // Waits for the end of an attempt; a test failure and an empty event if it does not come.
  AttemptFinished AwaitFinished(const std::string& attempt_id);
  // Waits until the attempt was reported as started.
  bool AwaitStarted(const std::string& attempt_id);
  // Waits until the attempt was reported to wait, and returns why; a test failure if it does not come.
  AttemptWaiting AwaitWaiting(const std::string& attempt_id);
  // Waits until there are more events of an attempt than `count`. Whether it was never started.
  bool AwaitAnswer(const std::string& attempt_id, int count);
  // How many events of an attempt were reported so far.
  int Count(const std::string& attempt_id) const;
  // How many ends were reported for an attempt so far.
  int FinishedCount(const std::string& attempt_id) const;

 private:
  void Add(ExecutorEvent event);

  mutable absl::Mutex mutex_;
  std::map<std::string, int> events_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, int> started_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, AttemptWaiting> waiting_ ABSL_GUARDED_BY(mutex_);
  std::set<std::string> never_started_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, std::vector<AttemptFinished>> finished_ ABSL_GUARDED_BY(mutex_);
};

// Whether an attempt with these requests may start now.
bool Fits(Executor& executor, const ResourceRequest& request);

// Reattaches attempts of before a restart, waits for the answer to each, and returns those never started.
std::vector<std::string> Reattached(Executor& executor, EventLog& events,
                                    const std::vector<LaunchSpec>& specs);

struct HarnessOptions {
  int slots = 4;  // attempts without requests that fit at once
  absl::Duration cancel_grace = absl::Seconds(10);
  int64_t task_log_bytes = int64_t{1} << 20;
};

// One world to run attempts in, empty at first. Making an executor again over the same world is a restart of
// the server.
class ExecutorHarness {
 public:
  // Ends whatever still runs.
  virtual ~ExecutorHarness() = default;

  // Not yet opened.
  virtual std::unique_ptr<Executor> MakeExecutor(const HarnessOptions& options) = 0;

  // A description with a new id and directories of its own, which the test may complete.
  virtual LaunchSpec NewSpec(std::vector<std::string> argv) = 0;

  // What the executor measures of its attempts: their processor time and memory.
  virtual bool MeasuresUsage() const = 0;

  // Whether it tells artifacts apart that lie in the work directory.
  virtual bool TellsLocalArtifactsApart() const { return true; }

  // Whether attempts take processors and memory of a capacity; else their number is bounded.
  virtual bool CountsProcessors() const { return true; }

  // Whether attempts begin in their work directory, with a place for temporary files there; else where their image says.
  virtual bool BeginsInWorkDirectory() const { return true; }

  // Whether Start knows after a restart, without being asked to reattach, what was started before; else it finds out.
  virtual bool KnowsAtOnce() const { return true; }

  // How many attempts a test makes that would like to make `count`.
  virtual int Scale(int count) const { return count; }

  // Whether anything is left of an attempt that has ended.
  virtual bool IsKept(const LaunchSpec& spec) { return FileExists(spec.work_dir); }

  // The whole log of an attempt; empty if it wrote nothing.
  virtual std::string ReadLog(const LaunchSpec& spec) = 0;

  // Whether a file that the attempt sees under `path` exists; for tasks that say so how far they are.
  virtual bool FileExists(const std::string& path) = 0;
};

struct ExecutorContractParam {
  std::string name;
  std::function<std::unique_ptr<ExecutorHarness>()> make_harness;  // null: this machine lacks what it needs
};

inline void PrintTo(const ExecutorContractParam& param, std::ostream* out) { *out << param.name; }

class ExecutorContract : public testing::TestWithParam<ExecutorContractParam> {
 protected:
  void SetUp() override;
  void TearDown() override;

  // Begins (or, called again, restarts) the server's executor. False, with a test failure, if it cannot be
  // opened.
  void Open(const HarnessOptions& options = {});
  // The server goes away; attempts run on.
  void Close() { executor_.reset(); }

  // Starts a shell script and returns its description.
  LaunchSpec StartShell(const std::string& script);
  AttemptFinished Run(const LaunchSpec& spec);
  AttemptFinished RunShell(const std::string& script);

  // Declared before the executor: it must outlive what calls it.
  std::unique_ptr<ExecutorHarness> harness_;
  EventLog events_;
  std::unique_ptr<Executor> executor_;
};

}  // namespace penstock
