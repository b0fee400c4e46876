#include "tests/contract/warm_harness.h"

#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "absl/algorithm/container.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "gtest/gtest.h"

namespace penstock {
namespace {

namespace fs = std::filesystem;

constexpr char kModule[] = "kfp.dsl.executor_main";

// As the SDK it imports logging. The warm process imports it before there is an attempt, and is known by the room for
// variables.
constexpr char kPackage[] = R"(
import logging, os, time
while 'PENSTOCK_WARM_ROOM' in os.environ and os.path.exists(os.environ['HOLD']):
    time.sleep(0.01)
)";

// Objects are frozen before a fork, and never by an interpreter that starts. The rehearsal of the warm process ends
// where that of the SDK's own program does.
constexpr char kExecutorMain[] = R"(
import gc, os, sys


def main():
    if sys.argv[1] == '--component_module_path':
        raise GeneratorExit
    with open(os.environ['BEGINNINGS'], 'a') as file:
        file.write('%s %s\n' % (os.environ['PENSTOCK_ATTEMPT_ID'], 'fork' if gc.get_freeze_count() else 'fresh'))
    if sys.argv[1] == '--code':
        return exec(sys.argv[2], {'__name__': 'component'})
    try:
        os.execvp(sys.argv[1], sys.argv[1:])
    except OSError as error:
        sys.exit('%s: %s' % (sys.argv[1], error))


if __name__ == '__main__':
    main()
)";

// The number behind the process's name in its line of /proc, counted from 0: state, parent, group.
std::string StatField(const std::string& stat, size_t index) {
  const std::vector<std::string> fields =
      absl::StrSplit(stat.substr(std::min(stat.rfind(')'), stat.size() - 1)), ' ');
  return index + 1 < fields.size() ? fields[index + 1] : "";
}

}  // namespace

bool WarmWorld::IsPossible() { return access(kPython, X_OK) == 0; }

WarmWorld::WarmWorld() : packages_(local_.data_dir() + "/packages") {
  fs::create_directories(packages_ + "/kfp/dsl");
  std::ofstream(packages_ + "/kfp/__init__.py") << "";
  std::ofstream(packages_ + "/kfp/dsl/__init__.py") << kPackage;
  std::ofstream(executor_main()) << kExecutorMain;
  local_.options().python = kPython;
  // Compiled modules would come into the folders that are watched, while they are read.
  local_.options().base_env = {{"PYTHONPATH", packages_},
                               {"PYTHONDONTWRITEBYTECODE", "1"},
                               {"HOLD", hold()},
                               {"BEGINNINGS", local_.data_dir() + "/beginnings"}};
}

std::vector<std::string> WarmWorld::AsComponent(std::vector<std::string> command) {
  command.insert(command.begin(), {"python3", "-m", kModule});
  return command;
}

LaunchSpec WarmWorld::NewCode(const std::string& code) {
  return local_.NewSpec(AsComponent({"--code", code}));
}

bool WarmWorld::WarmUp(Executor& executor, EventLog& events) {
  return Eventually([&] {
    const LaunchSpec probe = NewCode("");
    if (!executor.Start(probe).ok()) return false;
    events.AwaitFinished(probe.attempt_id);
    executor.Forget(probe.attempt_id);
    return BeginningOf(probe) == "fork";
  });
}

std::vector<std::pair<std::string, std::string>> WarmWorld::Beginnings() const {
  std::vector<std::pair<std::string, std::string>> beginnings;
  std::ifstream file(local_.data_dir() + "/beginnings");
  for (std::string id, how; file >> id >> how;) beginnings.emplace_back(id, how);
  return beginnings;
}

std::string WarmWorld::BeginningOf(const LaunchSpec& spec) const {
  std::string found;
  for (const auto& [id, how] : Beginnings()) {
    if (id == spec.attempt_id) absl::StrAppend(&found, found.empty() ? "" : ", then ", how);
  }
  return found;
}

// Both have the arguments of the warm process, which leads its session; a spare is in that of a process that has gone.
std::vector<pid_t> WarmWorld::Waiting(bool is_spare) const {
  const std::string runner = absl::StrCat(local_.RunnerPid());
  std::vector<pid_t> pids;
  for (const auto& entry : fs::directory_iterator("/proc")) {
    const std::string name = entry.path().filename();
    if (!absl::c_all_of(name, isdigit)) continue;
    const std::string stat = ReadFileText("/proc/" + name + "/stat");
    if (stat.empty() || StatField(stat, 1) != runner) continue;
    if ((StatField(stat, 2) != name) == is_spare &&
        absl::StrContains(ReadFileText("/proc/" + name + "/cmdline"), "penstock-warm")) {
      pids.push_back(static_cast<pid_t>(std::stoi(name)));
    }
  }
  return pids;
}

// Hands commands over as those of components.
class WarmHarness::WarmExecutor final : public Executor {
 public:
  WarmExecutor(WarmHarness& harness, std::unique_ptr<Executor> real)
      : harness_(harness), real_(std::move(real)) {}

  absl::Status Open(EventSink sink) override {
    const absl::Status opened = real_->Open([this, sink](ExecutorEvent event) {
      own_.Sink()(event);
      sink(std::move(event));
    });
    if (!opened.ok()) return opened;
    return harness_.world_.WarmUp(*real_, own_) ? absl::OkStatus()
                                                : absl::DeadlineExceededError("no attempt becomes a fork");
  }
  void Announce(const LaunchSpec& spec) override { real_->Announce(AsComponent(spec)); }
  absl::Status Start(const LaunchSpec& spec) override {
    harness_.started_.push_back(spec.attempt_id);
    return real_->Start(AsComponent(spec));
  }

  const TaskWorld& world() const override { return real_->world(); }
  ResourceRequest Capacity() const override { return real_->Capacity(); }
  ResourceRequest ChargeOf(const ResourceRequest& request) const override { return real_->ChargeOf(request); }
  RoomUse Room() const override { return real_->Room(); }
  bool Reserve(absl::string_view id, const ResourceRequest& request) override {
    return real_->Reserve(id, request);
  }
  void Unreserve(absl::string_view id) override { real_->Unreserve(id); }
  absl::Status Cancel(absl::string_view id) override { return real_->Cancel(id); }
  void Reattach(absl::Span<const LaunchSpec> specs) override { real_->Reattach(specs); }
  void Forget(absl::string_view id) override { real_->Forget(id); }
  void RemoveWorkspace(absl::string_view run_id) override { real_->RemoveWorkspace(run_id); }

 private:
  static LaunchSpec AsComponent(LaunchSpec spec) {
    spec.argv = WarmWorld::AsComponent(std::move(spec.argv));
    return spec;
  }

  WarmHarness& harness_;
  EventLog own_;  // outlives what calls it
  std::unique_ptr<Executor> real_;
};

WarmHarness::~WarmHarness() {
  for (const auto& [id, how] : world_.Beginnings()) {
    EXPECT_TRUE(how == "fork" || !absl::c_linear_search(started_, id)) << "attempt " << id << " is " << how;
  }
}

std::unique_ptr<Executor> WarmHarness::MakeExecutor(const HarnessOptions& options) {
  return std::make_unique<WarmExecutor>(*this, world_.local().MakeExecutor(options));
}

}  // namespace penstock
