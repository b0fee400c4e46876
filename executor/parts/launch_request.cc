#include "executor/parts/launch_request.h"

#include <algorithm>
#include <optional>

#include "absl/status/status.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/json.h"
#include "common/status_macros.h"
#include "executor/parts/command_bounds.h"
#include "executor/posix/start_files.h"
#include "executor/python/executor_input.h"

namespace penstock {
namespace {

const char* NeedName(InputContent::Need need) {
  switch (need) {
    case InputContent::Need::kFetched:
      return "fetched";
    case InputContent::Need::kWanted:
      return "wanted";
    case InputContent::Need::kPresent:
      return "present";
    case InputContent::Need::kPresumed:
      return "presumed";
  }
  return "presumed";
}

Json InputJson(const InputContent& input) {
  Json out = {{"name", input.name}, {"need", NeedName(input.need)}, {"uri", input.uri}, {"path", input.path}};
  if (!input.sha256.empty()) out["sha256"] = input.sha256;
  return out;
}

// Of a member that should be there; 0 or "" for anything else.
int64_t NumberIn(const Json& json, const char* key) {
  const auto found = json.find(key);
  return found != json.end() && found->is_number_integer() ? found->get<int64_t>() : 0;
}

std::string TextIn(const Json& json, const char* key) {
  const auto found = json.find(key);
  return found != json.end() && found->is_string() ? found->get<std::string>() : std::string();
}

bool FlagIn(const Json& json, const char* key) {
  const auto found = json.find(key);
  return found != json.end() && found->is_boolean() && found->get<bool>();
}

// Bytes, in base64; nothing if there are none.
std::optional<std::string> BytesIn(const Json& json, const char* key) {
  const auto found = json.find(key);
  std::string bytes;
  if (found == json.end() || !found->is_string()) return std::nullopt;
  if (!absl::Base64Unescape(found->get_ref<const std::string&>(), &bytes)) return std::nullopt;
  return bytes;
}

absl::Status WrongResult(absl::string_view why) {
  return absl::InvalidArgumentError(
      absl::StrCat("What became of its outputs is not known: the launcher's result ", why, "."));
}

absl::Status ReadUploads(const Json& outputs, absl::string_view directory, LaunchResult* result) {
  if (outputs.is_null()) return absl::OkStatus();
  for (const Json& output : outputs) {
    if (!output.is_object()) return WrongResult("has an output that is no object");
    const std::string path = TextIn(output, "path");
    const std::string uri = TextIn(output, "uri");
    if (path.empty() || uri.empty()) return WrongResult("has an output without a path or a URI");
    Content& content = result->contents[uri];
    content.sha256 = TextIn(output, "sha256");
    content.stat = TextIn(output, "version");
    if (output.contains("size_bytes")) content.size_bytes = NumberIn(output, "size_bytes");
    if (!absl::StartsWith(path, absl::StrCat(directory, "/"))) result->uploaded[path] = uri;
  }
  return absl::OkStatus();
}

Machine MachineIn(const Json& ended) {
  Machine machine;
  const auto found = ended.find("machine");
  if (found == ended.end() || !found->is_object()) return machine;
  machine.hostname = TextIn(*found, "hostname");
  machine.kernel = TextIn(*found, "kernel");
  machine.os = TextIn(*found, "os");
  machine.architecture = TextIn(*found, "architecture");
  machine.cpu_model = TextIn(*found, "cpu_model");
  machine.cpus = static_cast<int>(NumberIn(*found, "cpus"));
  machine.memory_bytes = NumberIn(*found, "memory_bytes");
  return machine;
}

Json OutputsJson(const LaunchSpec& spec) {
  const ContentUpload& upload = *spec.upload;
  Json declared = Json::array();
  for (const OutputArtifact& artifact : spec.artifacts) {
    declared.push_back({{"name", artifact.name}, {"path", artifact.path}, {"uri", artifact.uri}});
  }
  return {{"directory", upload.directory},
          {"uri", upload.uri},
          {"root_uri", upload.root_uri},
          {"executor_output", spec.executor_output_path},
          {"declared", std::move(declared)}};
}

}  // namespace

bool NeedsLauncher(const LaunchSpec& spec) {
  return !spec.inputs.empty() || spec.upload.has_value() || !spec.log_copy_uri.empty();
}

std::string LaunchRequestText(const LaunchSpec& spec, const LaunchStores& stores, const std::string& log_path,
                              const std::vector<std::string>& command) {
  Json request = Json::object();
  if (!stores.settings_file.empty()) request["stores_file"] = stores.settings_file;
  for (const auto& [name, value] : stores.environment) request["environment"][name] = value;
  for (const InputContent& input : spec.inputs) request["inputs"].push_back(InputJson(input));
  if (spec.upload.has_value()) request["outputs"] = OutputsJson(spec);
  if (!spec.log_copy_uri.empty()) request["log"] = {{"path", log_path}, {"uri", spec.log_copy_uri}};
  request["command"] = command;
  request["group_signals"] = true;  // as the supervisor gives them
  return DumpJson(request);
}

absl::StatusOr<std::string> PodRequestText(const LaunchSpec& spec, const PodRequest& pod) {
  Json request = Json::object();
  for (const InputContent& input : spec.inputs) request["inputs"].push_back(InputJson(input));
  if (spec.upload.has_value()) request["outputs"] = OutputsJson(spec);
  if (!spec.log_copy_uri.empty()) {
    request["log"] = {{"path", absl::StrCat(pod.state_dir, "/log")}, {"uri", spec.log_copy_uri}};
  }
  const bool send_log = spec.log_copy_uri.empty();
  Json& out = request["pod"] = {{"state_dir", pod.state_dir},
                                {"log_bytes", pod.log_bytes},
                                {"grace_ms", absl::ToInt64Milliseconds(pod.grace)},
                                {"send_log", send_log},
                                {"termination_path", ""}};
  const auto add_file = [&out](const std::string& path, const std::string& text) {
    out["files"].push_back({{"path", path}, {"text", absl::Base64Escape(text)}});
  };
  std::vector<std::string> argv = spec.argv;
  if (!FitsIntoCommand(spec)) {
    const std::string path = absl::StrCat(spec.work_dir, "/", std::string(kExecutorInputFile));
    if (auto inputs = InputAsFile(argv, path); inputs.has_value()) {
      argv = std::move(inputs->argv);
      add_file(path, inputs->content);
    }
  }
  RETURN_IF_ERROR(CheckCommand(argv, {}));
  request["command"] = std::move(argv);
  out["directories"] = {spec.work_dir};
  for (const std::string& directory : spec.directories) {
    if (directory != spec.work_dir) out["directories"].push_back(directory);
  }
  if (!spec.constraints.empty()) {
    add_file(PodConstraintsPath(spec), absl::StrCat(absl::StrJoin(spec.constraints, "\n"), "\n"));
  }
  if (!spec.executor_output_path.empty()) out["executor_output"] = spec.executor_output_path;
  for (const OutputFile& file : spec.parameter_files) {
    out["parameter_files"].push_back({{"name", file.name}, {"path", file.path}});
  }
  if (spec.timeout != absl::InfiniteDuration()) {
    out["timeout_ms"] = std::max<int64_t>(absl::ToInt64Milliseconds(spec.timeout), 1);
  }
  if (!pod.result_uri.empty()) out["result_uri"] = pod.result_uri;
  return DumpJson(request);
}

std::string PodConstraintsPath(const LaunchSpec& spec) {
  return absl::StrCat(spec.work_dir, "/", std::string(kConstraintsFile));
}

absl::StatusOr<LaunchResult> ReadLaunchResult(absl::string_view text, absl::string_view directory) {
  const absl::StatusOr<Json> json = ParseJson(text);
  if (!json.ok()) return WrongResult(text.empty() ? "is missing" : "cannot be read");
  const auto outputs = json->is_object() ? json->find("outputs") : json->end();
  if (outputs == json->end()) return WrongResult("has no outputs");
  LaunchResult result;
  RETURN_IF_ERROR(ReadUploads(*outputs, directory, &result));
  return result;
}

absl::StatusOr<PodEnd> ReadPodEnd(absl::string_view text, absl::string_view directory) {
  const absl::StatusOr<Json> json = ParseJson(text);
  if (!json.ok() || !json->is_object()) return WrongResult("cannot be read");
  const auto ended = json->find("ended");
  if (ended == json->end() || !ended->is_object()) return WrongResult("does not say how the program ended");
  PodEnd end;
  end.exit_code = static_cast<int>(NumberIn(*ended, "exit_code"));
  end.signal = static_cast<int>(NumberIn(*ended, "signal"));
  end.error = TextIn(*ended, "error");
  end.notes = TextIn(*ended, "notes");
  end.timed_out = FlagIn(*ended, "timed_out");
  if (const int64_t at = NumberIn(*ended, "started_at_us"); at > 0) end.started_at = absl::FromUnixMicros(at);
  if (const int64_t at = NumberIn(*ended, "finished_at_us"); at > 0) {
    end.finished_at = absl::FromUnixMicros(at);
  }
  end.cpu_time = absl::Microseconds(NumberIn(*ended, "cpu_us"));
  end.max_rss_bytes = NumberIn(*ended, "max_rss_bytes");
  end.log_tail = BytesIn(*ended, "log_tail").value_or("");
  end.machine = MachineIn(*ended);
  end.outputs.executor_output = BytesIn(*ended, "executor_output");
  if (const auto files = ended->find("parameter_files"); files != ended->end() && files->is_object()) {
    for (const auto& [name, value] : files->items()) {
      if (auto bytes = BytesIn(*files, name.c_str())) end.outputs.parameter_files[name] = *std::move(bytes);
    }
  }
  if (const std::string why = TextIn(*ended, "outputs_error"); !why.empty()) {
    end.outputs.status = absl::InvalidArgumentError(why);
  }
  LaunchResult result;
  if (const auto outputs = json->find("outputs"); outputs != json->end()) {
    RETURN_IF_ERROR(ReadUploads(*outputs, directory, &result));
  }
  end.outputs.artifacts = std::move(result.contents);
  end.outputs.uploaded = std::move(result.uploaded);
  return end;
}

}  // namespace penstock
