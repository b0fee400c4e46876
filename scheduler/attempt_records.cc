#include "scheduler/attempt_records.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/types/span.h"
#include "common/json.h"
#include "common/limits.h"
#include "common/log.h"
#include "common/redacted.h"
#include "common/sha256.h"
#include "common/status_macros.h"

namespace penstock {
namespace {

constexpr char kExecutorInput[] = "{{$}}";
// Of what is known; all is forgotten past these.
constexpr int64_t kSetupsBytes = int64_t{16} << 20;
constexpr size_t kSetups = 10'000;
constexpr size_t kPlaces = 1'000;
// What was put is not put again for so long, and is not removed for much longer.
constexpr absl::Duration kFresh = absl::Minutes(1);
constexpr absl::Duration kKeptUnused = absl::Hours(1);
constexpr absl::Duration kSweepInterval = absl::Minutes(1);
constexpr int kSweptAtOnce = 1'000;

// The argument with placeholders in place of ids.
std::string WithoutIds(const LaunchSpec& spec, absl::string_view argument) {
  return absl::StrReplaceAll(argument, {{spec.run_id, kRunIdPlaceholder},
                                        {spec.task_id, kTaskIdPlaceholder},
                                        {spec.attempt_id, kAttemptIdPlaceholder}});
}

// Calls `add` with each argument as it is recorded; nothing is copied that need not be.
template <typename Add>
void ForEachArgument(const TaskLaunchPlan& plan, Add add) {
  const LaunchSpec& spec = plan.spec;
  const auto has = [](const std::vector<int>& marks, size_t i) {
    return std::find(marks.begin(), marks.end(), static_cast<int>(i)) != marks.end();
  };
  for (size_t i = 0; i < spec.argv.size(); ++i) {
    if (has(plan.marks.executor_inputs, i)) {
      add(kExecutorInput);
    } else if (has(plan.marks.filled, i)) {
      add(WithoutIds(spec, spec.argv[i]));
    } else {
      add(spec.argv[i]);
    }
  }
}

// Those that the pipeline sets: others name the run, the task and the attempt, which are known.
absl::Span<const std::pair<std::string, std::string>> VariablesOf(const TaskLaunchPlan& plan) {
  return absl::MakeConstSpan(plan.spec.env).first(std::min(plan.variables, plan.spec.env.size()));
}

void AddField(absl::string_view field, std::string* key) { absl::StrAppend(key, field.size(), ":", field); }

// All that is in the setup, before anything is redacted: equal for equal setups, and made much faster than they.
void SetupKey(const TaskLaunchPlan& plan, std::string* key) {
  const LaunchSpec& spec = plan.spec;
  key->clear();
  ForEachArgument(plan, [&](absl::string_view argument) { AddField(argument, key); });
  for (const int position : plan.marks.filled) absl::StrAppend(key, "f", position);
  absl::StrAppend(key, "/", spec.resources.cpu_millicores, "/", spec.resources.memory_bytes, "/");
  AddField(spec.image, key);
  for (const auto& [name, value] : VariablesOf(plan)) {
    AddField(name, key);
    AddField(value, key);
  }
  for (const Accelerator& accelerator : spec.accelerators) {
    AddField(accelerator.type, key);
    absl::StrAppend(key, "x", accelerator.count);
  }
}

}  // namespace

std::string SetupText(const TaskLaunchPlan& plan) {
  const LaunchSpec& spec = plan.spec;
  Json setup = {{"command", Json::array()},
                {"filled", plan.marks.filled},
                {"image", spec.image},
                {"variables", Json::object()},
                {"cpu_millicores", spec.resources.cpu_millicores},
                {"memory_bytes", spec.resources.memory_bytes},
                {"accelerators", Json::object()}};
  ForEachArgument(plan, [&](absl::string_view argument) {
    setup["command"].push_back(WithoutPasswords(std::string(argument)));
  });
  for (const auto& [name, value] : VariablesOf(plan)) {
    setup["variables"][name] = IsSecretName(name) ? std::string(kRedacted) : WithoutPasswords(value);
  }
  for (const Accelerator& accelerator : spec.accelerators) {
    setup["accelerators"][accelerator.type] = accelerator.count;
  }
  return DumpJson(setup);
}

std::string PlaceText(const AttemptPlace& place) {
  const Machine& machine = place.machine;
  Json text = {{"machine",
                {{"hostname", machine.hostname},
                 {"kernel", machine.kernel},
                 {"os", machine.os},
                 {"architecture", machine.architecture},
                 {"cpu_model", machine.cpu_model},
                 {"cpus", machine.cpus},
                 {"memory_bytes", machine.memory_bytes},
                 {"gpus", machine.gpus}}},
               {"image_digest", place.image_digest}};
  if (place.interpreter.has_value()) {
    std::vector<std::string> packages = place.interpreter->packages;
    if (packages.size() > limits::kInterpreterPackages) packages.resize(limits::kInterpreterPackages);
    text["interpreter"] = {{"path", place.interpreter->path},
                           {"version", place.interpreter->version},
                           {"packages", std::move(packages)}};
  }
  return DumpJson(text);
}

bool AttemptRecords::IsFresh(const Known& known, absl::Time now) {
  return known.put_at <= now && now < known.put_at + kFresh;
}

std::string AttemptRecords::SetupOf(const TaskLaunchPlan& plan, absl::Time now) {
  SetupKey(plan, &key_);
  const auto found = setups_.find(key_);
  if (found != setups_.end() && IsFresh(found->second, now)) return found->second.sha256;
  std::string text = SetupText(plan);
  if (static_cast<int64_t>(text.size()) > limits::kAttemptTextBytes) return "";
  Known known{Sha256Hex(text), now};
  new_.push_back({AttemptText::kSetup, known.sha256, std::move(text)});
  std::string sha256 = known.sha256;
  if (found != setups_.end()) {
    found->second = std::move(known);
    return sha256;
  }
  setups_bytes_ += static_cast<int64_t>(key_.size());
  if (setups_bytes_ > kSetupsBytes || setups_.size() >= kSetups) {
    setups_.clear();
    setups_bytes_ = static_cast<int64_t>(key_.size());
  }
  setups_.emplace(key_, std::move(known));
  return sha256;
}

std::string AttemptRecords::PlaceOf(const std::shared_ptr<const AttemptPlace>& place, absl::Time now) {
  if (place == nullptr) return "";
  const auto found = places_.find(place);
  if (found != places_.end()) return found->second.sha256;
  std::string text = PlaceText(*place);
  if (static_cast<int64_t>(text.size()) > limits::kAttemptTextBytes) return "";
  std::string sha256 = Sha256Hex(text);
  new_.push_back({AttemptText::kPlace, sha256, std::move(text)});
  if (places_.size() >= kPlaces) places_.clear();
  places_.emplace(place, Known{sha256, now});
  return sha256;
}

absl::Status AttemptRecords::WriteNew(db::Tx& tx, absl::Time now) const {
  for (const New& fresh : new_) {
    RETURN_IF_ERROR(AttemptTextPut(tx, fresh.kind, fresh.sha256, fresh.text, now));
  }
  return absl::OkStatus();
}

// Nobody knows which of them were to be stored: all are stored again when they are needed.
void AttemptRecords::Abandoned() {
  new_.clear();
  setups_.clear();
  setups_bytes_ = 0;
  places_.clear();
}

void AttemptRecords::Sweep(Store& store, absl::Time now) {
  if (now < swept_at_ + kSweepInterval) return;
  swept_at_ = now;
  std::string last;
  const absl::Status swept = store.Write([&](db::Tx& tx) -> absl::Status {
    ASSIGN_OR_RETURN(last, AttemptSetupsSweep(tx, swept_to_, kSweptAtOnce, now - kKeptUnused));
    return absl::OkStatus();
  });
  if (!swept.ok()) {
    spdlog::warn("records of attempts cannot be removed error={}", LogValue(swept.ToString()));
    return;
  }
  swept_to_ = std::move(last);
}

}  // namespace penstock
