// An executor that does what the test says, and remembers what it was told. It outlives engines, as a
// supervisor does.
#pragma once

#include <algorithm>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "content/local/local_content_store.h"
#include "executor/executor.h"

namespace penstock {

// A task takes as many slots as CPUs it asks for, at least one and at most all. Not thread-safe; the engine
// is driven by RunOnce from the same thread.
class ScriptedExecutor final : public Executor {
 public:
  explicit ScriptedExecutor(int slots) : slots_(slots) {}

  // Its tasks see the data directory as it is.
  void SetDataDir(const std::string& data_dir) {
    const LocalMounts mounts = LocalMounts::Of(data_dir);
    world_.artifacts = mounts.artifacts;
    world_.workspaces = mounts.workspaces;
    world_.logs_uri = mounts.logs.uri;
    world_.work_root = data_dir + "/work/runs";
  }
  const TaskWorld& world() const override { return world_; }

  absl::Status Open(EventSink sink) override {
    sink_ = std::move(sink);
    return absl::OkStatus();
  }
  ResourceRequest Capacity() const override { return {.cpu_millicores = slots_ * int64_t{1000}}; }
  ResourceRequest ChargeOf(const ResourceRequest& request) const override {
    return {.cpu_millicores = SlotsOf(request) * 1000};
  }
  RoomUse Room() const override {
    RoomUse use;
    for (const auto& [id, taken] : taken_) {
      use.used.cpu_millicores += taken * 1000;
      use.holders.push_back({id, {.cpu_millicores = taken * 1000}});
    }
    use.setting = absl::StrCat("--slots=", slots_);
    return use;
  }
  bool Reserve(absl::string_view attempt_id, const ResourceRequest& request) override {
    int64_t slots = SlotsOf(request);
    for (const auto& [id, taken] : taken_) slots += taken;
    if (slots > slots_) return false;
    taken_.emplace(attempt_id, SlotsOf(request));
    return true;
  }
  void Unreserve(absl::string_view attempt_id) override {
    taken_.erase(std::string(attempt_id));
    announced.erase(std::string(attempt_id));
  }
  void Announce(const LaunchSpec& spec) override {
    announced.insert(spec.attempt_id);
    most_announced = std::max(most_announced, announced.size());
  }

  absl::Status Start(const LaunchSpec& spec) override {
    if (unavailable) return absl::UnavailableError("not now");
    if (lose_starts) return absl::OkStatus();  // the server dies before the supervisor hears of it
    announced.erase(spec.attempt_id);
    if (starts[spec.attempt_id]++ > 0) return absl::AlreadyExistsError("again");
    specs[spec.attempt_id] = spec;
    running.insert(spec.attempt_id);
    taken_.emplace(spec.attempt_id, SlotsOf(spec.resources));
    return absl::OkStatus();
  }
  absl::Status Cancel(absl::string_view attempt_id) override {
    if (running.count(std::string(attempt_id)) == 0) return absl::NotFoundError("");
    cancelled.emplace(attempt_id);
    return absl::OkStatus();
  }
  void Reattach(absl::Span<const LaunchSpec> attempts) override {
    taken_.clear();
    for (const LaunchSpec& spec : attempts) {
      if (const auto end = ended_.find(spec.attempt_id); end != ended_.end()) {
        sink_(end->second);
        continue;
      }
      taken_.emplace(spec.attempt_id, SlotsOf(spec.resources));
      if (starts.count(spec.attempt_id) == 0) {
        sink_(AttemptNeverStarted{spec.attempt_id});
      } else {
        sink_(AttemptStarted{spec.attempt_id, absl::UnixEpoch()});
      }
    }
  }
  void Forget(absl::string_view attempt_id) override { ended_.erase(std::string(attempt_id)); }
  void RemoveWorkspace(absl::string_view run_id) override { removed_workspaces.emplace(run_id); }

  // The attempt says why it does not run yet.
  void Wait(const std::string& attempt_id, AttemptWait reason) {
    sink_(AttemptWaiting{attempt_id, reason, "scripted"});
  }
  // It waits for nothing any more.
  void Begin(const std::string& attempt_id) { sink_(AttemptStarted{attempt_id, absl::UnixEpoch()}); }

  // The attempt ends and leaves `outputs`; told again after a restart until it is forgotten.
  void Finish(const std::string& attempt_id, AttemptOutcome outcome, bool tell = true,
              AttemptOutputs outputs = {}) {
    running.erase(attempt_id);
    taken_.erase(attempt_id);
    AttemptFinished event;
    event.attempt_id = attempt_id;
    event.outcome = outcome;
    event.message = "scripted";
    event.outputs = std::move(outputs);
    if (leave && outcome == AttemptOutcome::kSucceeded) event.outputs = leave(specs[attempt_id]);
    ended_[attempt_id] = event;
    if (tell) sink_(event);
  }

  bool unavailable = false;
  bool lose_starts = false;
  std::function<AttemptOutputs(const LaunchSpec&)> leave;  // what an attempt that succeeds leaves behind
  std::map<std::string, int> starts;                       // by attempt
  std::map<std::string, LaunchSpec> specs;                 // likewise
  std::set<std::string> announced;                         // attempts that were not started yet
  size_t most_announced = 0;
  std::set<std::string> running;
  std::set<std::string> cancelled;
  std::set<std::string> removed_workspaces;  // of runs

 private:
  int64_t SlotsOf(const ResourceRequest& request) const {
    return std::clamp<int64_t>(request.cpu_millicores / 1000, 1, slots_);
  }

  const int slots_;
  TaskWorld world_;
  EventSink sink_;
  std::map<std::string, int64_t> taken_;  // slots by attempt
  std::map<std::string, AttemptFinished> ended_;
};

}  // namespace penstock
