#include "executor/local/launch_request.h"

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/json.h"

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

absl::StatusOr<LaunchResult> ReadLaunchResult(absl::string_view text, absl::string_view directory) {
  const absl::StatusOr<Json> json = ParseJson(text);
  const auto wrong = [](absl::string_view why) {
    return absl::InvalidArgumentError(
        absl::StrCat("What became of its outputs is not known: the launcher's result ", why, "."));
  };
  if (!json.ok()) return wrong(text.empty() ? "is missing" : "cannot be read");
  const auto outputs = json->is_object() ? json->find("outputs") : json->end();
  if (outputs == json->end()) return wrong("has no outputs");
  LaunchResult result;
  if (outputs->is_null()) return result;
  for (const Json& output : *outputs) {
    if (!output.is_object()) return wrong("has an output that is no object");
    const auto text_of = [&output](const char* key) {
      const auto found = output.find(key);
      return found != output.end() && found->is_string() ? found->get<std::string>() : std::string();
    };
    const std::string path = text_of("path");
    const std::string uri = text_of("uri");
    if (path.empty() || uri.empty()) return wrong("has an output without a path or a URI");
    Content& content = result.contents[uri];
    content.sha256 = text_of("sha256");
    content.stat = text_of("version");
    const auto size = output.find("size_bytes");
    if (size != output.end() && size->is_number_integer()) content.size_bytes = size->get<int64_t>();
    if (!absl::StartsWith(path, absl::StrCat(directory, "/"))) result.uploaded[path] = uri;
  }
  return result;
}

}  // namespace penstock
