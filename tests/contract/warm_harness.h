// Test support: the local executor whose attempts begin as forks of a warm Python
// (executor/local/runner/warm_python.h).
//
// A package in the data directory stands in for the SDK, so that nothing has to be installed: its
// kfp.dsl.executor_main notes how it began, and becomes the command that it is given, or runs Python text in the very
// process of the fork. With that the contract's commands, which are no Python components, run as if they were.
#pragma once

#include <sys/types.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tests/contract/executor_contract.h"
#include "tests/contract/local_harness.h"

namespace penstock {

// A data directory with the package in it. Not thread-safe.
class WarmWorld {
 public:
  static constexpr char kPython[] = "/usr/bin/python3";
  // Whether there is such an interpreter.
  static bool IsPossible();

  WarmWorld();

  LocalHarness& local() { return local_; }

  // The command of a component that becomes `command`.
  static std::vector<std::string> AsComponent(std::vector<std::string> command);
  // An attempt of a component that runs `code`.
  LaunchSpec NewCode(const std::string& code);

  // Runs attempts on the opened `executor`, which tells `events`, until one is a fork. False if none becomes one.
  bool WarmUp(Executor& executor, EventLog& events);

  // How the attempts began, in their order: their ids, each with "fork" or "fresh".
  std::vector<std::pair<std::string, std::string>> Beginnings() const;
  std::string BeginningOf(const LaunchSpec& spec) const;

  // Warm processes, and the spares that wait, of the supervisor that serves the data directory.
  std::vector<pid_t> WarmPids() const { return Waiting(/*is_spare=*/false); }
  std::vector<pid_t> SparePids() const { return Waiting(/*is_spare=*/true); }

  std::string executor_main() const { return packages_ + "/kfp/dsl/executor_main.py"; }
  // While there is such a file, warm processes do not get ready.
  std::string hold() const { return local_.data_dir() + "/hold"; }

 private:
  std::vector<pid_t> Waiting(bool is_spare) const;

  LocalHarness local_;
  std::string packages_;
};

// The contract's harness. Each executor is warm when its Open returns; that no attempt of a test began as a fresh
// process is looked at when the harness goes.
class WarmHarness final : public ExecutorHarness {
 public:
  ~WarmHarness() override;

  std::unique_ptr<Executor> MakeExecutor(const HarnessOptions& options) override;
  LaunchSpec NewSpec(std::vector<std::string> argv) override {
    return world_.local().NewSpec(std::move(argv));
  }
  bool MeasuresUsage() const override { return true; }
  std::string ReadLog(const LaunchSpec& spec) override { return world_.local().ReadLog(spec); }
  bool FileExists(const std::string& path) override { return world_.local().FileExists(path); }

 private:
  class WarmExecutor;

  WarmWorld world_;
  std::vector<std::string> started_;  // by the tests
};

}  // namespace penstock
