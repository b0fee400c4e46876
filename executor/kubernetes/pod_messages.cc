#include "executor/kubernetes/pod_messages.h"

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "common/json.h"
#include "common/limits.h"
#include "common/status_macros.h"
#include "content/uri.h"
#include "executor/parts/attempt_end.h"
#include "executor/parts/log_text.h"

namespace penstock {
namespace {

// Whoever installs packages in the attempt keeps to them; see PodConstraintsPath.
constexpr const char* kConstraintVariables[] = {"PIP_CONSTRAINT", "UV_CONSTRAINT"};

void SetResources(const LaunchSpec& spec, kubernetes::Resources* out) {
  const auto millicores = [](int64_t value) { return value > 0 ? absl::StrCat(value, "m") : std::string(); };
  const auto bytes = [](int64_t value) { return value > 0 ? absl::StrCat(value) : std::string(); };
  out->set_cpu_request(millicores(spec.resources.cpu_millicores));
  out->set_cpu_limit(millicores(spec.limits.cpu_millicores));
  out->set_memory_request(bytes(spec.resources.memory_bytes));
  out->set_memory_limit(bytes(spec.limits.memory_bytes));
  if (spec.accelerators.empty()) return;
  out->set_accelerator_type(spec.accelerators.front().type);
  out->set_accelerator_count(absl::StrCat(spec.accelerators.front().count));
}

void AddVariable(absl::string_view name, absl::string_view value, kubernetes::Attempt* out) {
  auto* variable = out->add_env();
  variable->set_name(std::string(name));
  variable->set_value(std::string(value));
}

void SetEnvironment(const LaunchSpec& spec, kubernetes::Attempt* out) {
  bool sets_constraint = false;
  for (const auto& [name, value] : spec.env) {
    AddVariable(name, value, out);
    for (const char* variable : kConstraintVariables) sets_constraint |= name == variable;
  }
  if (spec.constraints.empty() || sets_constraint) return;
  for (const char* variable : kConstraintVariables) AddVariable(variable, PodConstraintsPath(spec), out);
}

void SetWorkspace(const LaunchSpec& spec, kubernetes::Attempt* out) {
  // A volume for one node at a time would keep those together that have no use for it.
  const bool is_used = absl::StrContains(out->request(), spec.workspace);
  if (spec.workspace.empty() || spec.workspace_volume.empty() || !is_used) return;
  out->set_workspace(spec.workspace);
  const absl::StatusOr<Json> config = ParseJson(spec.workspace_volume);
  if (!config.ok() || !config->is_object()) return;
  auto* volume = out->mutable_workspace_volume();
  volume->set_size(config->value("size", ""));
  if (const auto kubernetes = config->find("kubernetes"); kubernetes != config->end()) {
    if (const auto patch = kubernetes->find("pvcSpecPatch"); patch != kubernetes->end()) {
      volume->set_spec_patch(DumpJson(*patch));
    }
  }
}

AttemptOutcome ToOutcome(const kubernetes::Finished& finished) {
  switch (finished.outcome()) {
    case kubernetes::SUCCEEDED:
      return AttemptOutcome::kSucceeded;
    case kubernetes::TIMED_OUT:
      return AttemptOutcome::kTimedOut;
    case kubernetes::CANCELLED:
      return AttemptOutcome::kCancelled;
    case kubernetes::LOST:
      return finished.is_platform_fault() ? AttemptOutcome::kDisrupted : AttemptOutcome::kLost;
    default:
      return finished.is_platform_fault() ? AttemptOutcome::kDisrupted : AttemptOutcome::kFailed;
  }
}

std::shared_ptr<const AttemptPlace> PlaceOf(const kubernetes::Finished& finished, Machine machine) {
  if (finished.node().empty() && machine.hostname.empty()) return nullptr;
  auto place = std::make_shared<AttemptPlace>();
  place->machine = std::move(machine);
  // A pod's own name says nothing of where it ran.
  if (!finished.node().empty()) place->machine.hostname = finished.node();
  place->image_digest = finished.image_digest();
  return place;
}

std::string TailText(absl::string_view bytes) {
  const bool is_cut = bytes.size() > static_cast<size_t>(limits::kLogTailBytes);
  if (is_cut) bytes.remove_prefix(bytes.size() - limits::kLogTailBytes);
  return LogTailText(bytes, is_cut);
}

// Why a program that has ended by itself did not succeed.
std::string FailureMessage(const PodEnd& end, const std::string& log_tail) {
  std::string message = end.error;
  if (message.empty() && end.signal != 0) message = SignalMessage(end.signal);
  if (message.empty()) message = MessageWithCause(ExitMessage(end.exit_code), log_tail);
  return end.notes.empty() ? message : absl::StrCat(message, " ", end.notes);
}

void AddEnd(PodEnd end, const kubernetes::Finished& finished, const PodFacts& facts, AttemptFinished* out) {
  if (end.started_at != absl::InfinitePast()) out->started_at = end.started_at;
  if (end.finished_at != absl::InfinitePast()) out->finished_at = end.finished_at;
  out->cpu_time = end.cpu_time;
  out->max_rss_bytes = end.max_rss_bytes;
  out->signal = end.signal != 0 ? std::make_optional(end.signal) : std::nullopt;
  out->exit_code = end.signal == 0 ? std::make_optional(end.exit_code) : std::nullopt;
  out->place = PlaceOf(finished, std::move(end.machine));
  if (out->outcome == AttemptOutcome::kSucceeded) {
    out->outputs = std::move(end.outputs);
    out->message.clear();
    return;
  }
  out->log_tail = TailText(end.log_tail);
  if (out->outcome == AttemptOutcome::kTimedOut && facts.timeout != absl::InfiniteDuration()) {
    out->message = TimeoutMessage(facts.timeout);
  } else if (out->outcome == AttemptOutcome::kFailed &&
             (finished.reason().empty() || finished.reason() == "Error")) {
    out->message = FailureMessage(end, out->log_tail);
  }
}

}  // namespace

std::string PodLogPath(absl::string_view log_uri) {
  if (!absl::ConsumePrefix(&log_uri, absl::StrCat(kLogsUri, "/"))) return "";
  return std::string(log_uri);
}

absl::StatusOr<kubernetes::Attempt> ToPodAttempt(const LaunchSpec& spec, const PodRequest& request) {
  kubernetes::Attempt out;
  out.set_attempt_id(spec.attempt_id);
  out.set_run_id(spec.run_id);
  out.set_task_id(spec.task_id);
  out.set_task_name(spec.task_name);
  out.set_attempt_number(spec.attempt_number);
  out.set_namespace_(spec.namespace_);
  out.set_service_account(spec.service_account);
  out.set_image(spec.image);
  out.set_work_dir(spec.work_dir);
  out.set_log_path(PodLogPath(spec.log_uri));
  out.set_log_is_kept(!spec.log_copy_uri.empty());
  if (spec.volume.has_value()) {
    out.mutable_persistent_volume()->set_remove(spec.volume->remove);
    out.mutable_persistent_volume()->set_parameters(spec.volume->parameters);
    return out;
  }
  ASSIGN_OR_RETURN(*out.mutable_request(), PodRequestText(spec, request));
  out.set_command(spec.argv.front().substr(0, limits::kIdBytes));
  SetEnvironment(spec, &out);
  SetWorkspace(spec, &out);
  SetResources(spec, out.mutable_resources());
  if (spec.timeout != absl::InfiniteDuration()) {
    out.set_timeout_ms(std::max<int64_t>(absl::ToInt64Milliseconds(spec.timeout), 1));
  }
  if (const auto settings = spec.platforms.find("kubernetes"); settings != spec.platforms.end()) {
    out.set_settings(settings->second);
  }
  return out;
}

kubernetes::Attempt NameOf(const kubernetes::Attempt& attempt) {
  kubernetes::Attempt out;
  out.set_attempt_id(attempt.attempt_id());
  out.set_run_id(attempt.run_id());
  out.set_namespace_(attempt.namespace_());
  out.set_timeout_ms(attempt.timeout_ms());
  out.set_log_path(attempt.log_path());
  out.set_log_is_kept(attempt.log_is_kept());
  if (attempt.has_persistent_volume()) *out.mutable_persistent_volume() = attempt.persistent_volume();
  return out;
}

AttemptWait ToWait(kubernetes::Wait wait) {
  switch (wait) {
    case kubernetes::IMAGE:
      return AttemptWait::kImage;
    case kubernetes::CONTENT:
      return AttemptWait::kContent;
    case kubernetes::QUOTA:
      return AttemptWait::kQuota;
    case kubernetes::VOLUME:
      return AttemptWait::kVolume;
    case kubernetes::API_SERVER:
      return AttemptWait::kPlatform;
    case kubernetes::STARTING:
      return AttemptWait::kStarting;
    default:
      return AttemptWait::kUnschedulable;
  }
}

AttemptFinished ToFinished(const kubernetes::Finished& finished, const PodFacts& facts,
                           absl::string_view result) {
  AttemptFinished out;
  out.attempt_id = finished.attempt_id();
  out.outcome = ToOutcome(finished);
  out.message = out.outcome == AttemptOutcome::kCancelled ? "It was cancelled." : finished.message();
  if (out.outcome == AttemptOutcome::kTimedOut && facts.timeout != absl::InfiniteDuration()) {
    out.message = TimeoutMessage(facts.timeout);
  }
  if (finished.started_at_us() > 0) out.started_at = absl::FromUnixMicros(finished.started_at_us());
  if (finished.finished_at_us() > 0) out.finished_at = absl::FromUnixMicros(finished.finished_at_us());
  if (finished.exit_code() > 0) out.exit_code = finished.exit_code();
  out.place = PlaceOf(finished, {});
  if (out.outcome != AttemptOutcome::kSucceeded) out.log_tail = TailText(finished.log_tail());
  if (result.empty()) {
    if (out.outcome == AttemptOutcome::kSucceeded) {
      out.outcome = AttemptOutcome::kFailed;
      out.message = "What it left is not known: its pod ended without a word of its launcher.";
    }
    return out;
  }
  absl::StatusOr<PodEnd> end = ReadPodEnd(result, facts.upload_directory);
  if (end.ok()) {
    AddEnd(*std::move(end), finished, facts, &out);
  } else if (out.outcome == AttemptOutcome::kSucceeded) {
    out.outcome = AttemptOutcome::kFailed;
    out.message = std::string(end.status().message());
  }
  return out;
}

}  // namespace penstock
