// Test support: a data directory of its own with the local executor on it.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "common/ids.h"
#include "executor/local/local_executor.h"
#include "tests/contract/executor_contract.h"

namespace penstock {

class LocalHarness final : public ExecutorHarness {
 public:
  LocalHarness();
  // Ends the supervisor, and with it all it runs, and removes the data directory.
  ~LocalHarness() override;

  std::unique_ptr<Executor> MakeExecutor(const HarnessOptions& options) override;
  LaunchSpec NewSpec(std::vector<std::string> argv) override;
  bool MeasuresUsage() const override { return true; }
  std::string ReadLog(const LaunchSpec& spec) override;
  bool FileExists(const std::string& path) override;

  const std::string& data_dir() const { return data_dir_; }
  std::string runner_dir() const { return options_.data_dir + "/work/runner"; }
  // What MakeExecutor uses, to be changed before it.
  LocalExecutorOptions& options() { return options_; }
  // The supervisor that serves the data directory, 0 if none does.
  pid_t RunnerPid() const;
  // Kills the supervisor and waits until it is gone.
  void KillRunner(int signal) const;

 private:
  Uuid7Generator ids_;
  std::string data_dir_;
  LocalExecutorOptions options_;
};

// The content of a file, empty if there is none.
std::string ReadFileText(const std::string& path);

// Whether a process is there and not a zombie.
bool ProcessRuns(pid_t pid);

}  // namespace penstock
