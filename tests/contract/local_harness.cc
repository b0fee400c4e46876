#include "tests/contract/local_harness.h"

#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include <fstream>
#include <sstream>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/clock.h"
#include "common/files.h"
#include "content/local/local_content_store.h"

namespace penstock {

LocalHarness::LocalHarness() : ids_(RealClock::Instance()) {
  std::string name = testing::TempDir() + "penstock_executor_XXXXXX";
  data_dir_ = mkdtemp(name.data());
  options_.data_dir = data_dir_;
  options_.runner_path = PENSTOCK_RUNNER_PATH;
  options_.runner_idle_exit = absl::Seconds(30);
}

LocalHarness::~LocalHarness() {
  KillRunner(SIGTERM);
  EXPECT_TRUE(RemoveTree(data_dir_).ok());
}

std::unique_ptr<Executor> LocalHarness::MakeExecutor(const HarnessOptions& options) {
  options_.max_parallel_tasks = options.slots;
  options_.cancel_grace = options.cancel_grace;
  options_.task_log_bytes = options.task_log_bytes;
  return std::make_unique<LocalExecutor>(options_, RealClock::Instance());
}

LaunchSpec LocalHarness::NewSpec(std::vector<std::string> argv) {
  LaunchSpec spec;
  spec.attempt_id = ids_.NewId();
  spec.run_id = "run";
  spec.task_id = "task";
  spec.task_name = "print-text";
  spec.argv = std::move(argv);
  spec.work_dir = absl::StrCat(data_dir_, "/work/run/", spec.attempt_id);
  spec.log_uri = absl::StrCat(kLogsUri, "/run/", spec.attempt_id, ".log");
  return spec;
}

std::string LocalHarness::ReadLog(const LaunchSpec& spec) {
  return ReadFileText(*LocalMounts::Of(data_dir_).PathOf(spec.log_uri));
}

bool LocalHarness::FileExists(const std::string& path) { return access(path.c_str(), F_OK) == 0; }

pid_t LocalHarness::RunnerPid() const {
  pid_t pid = 0;
  std::ifstream(runner_dir() + "/lock") >> pid;
  const std::string command = ReadFileText(absl::StrCat("/proc/", pid, "/cmdline"));
  return absl::StrContains(command, runner_dir()) && ProcessRuns(pid) ? pid : 0;
}

void LocalHarness::KillRunner(int signal) const {
  const pid_t pid = RunnerPid();
  if (pid > 0) {
    kill(pid, signal);
    EXPECT_TRUE(Eventually([&] { return !ProcessRuns(pid); })) << "supervisor " << pid << " stays";
  }
}

std::string ReadFileText(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();  // a file of a process that ends meanwhile gives an error, and no text
  return text.str();
}

bool ProcessRuns(pid_t pid) {
  std::ifstream file(absl::StrCat("/proc/", pid, "/stat"));
  std::string stat;
  std::getline(file, stat);  // one that ends meanwhile gives an error, and no text
  const size_t name_end = stat.rfind(')');
  return name_end != std::string::npos && name_end + 2 < stat.size() && stat[name_end + 2] != 'Z' &&
         stat[name_end + 2] != 'X';
}

}  // namespace penstock
