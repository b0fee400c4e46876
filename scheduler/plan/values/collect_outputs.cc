#include "scheduler/plan/values/collect_outputs.h"

#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/json.h"
#include "common/status_macros.h"
#include "common/text.h"
#include "pipeline/spec/parameter_type.h"
#include "scheduler/plan/values/executor_input.h"
#include "scheduler/plan/values/lenient_json.h"
#include "scheduler/plan/values/parameter_type.h"

namespace penstock {
namespace {

using ml_pipelines::ComponentSpec;

// The member of an object under either spelling, nullptr if it is absent or null.
const Json* Member(const Json& object, absl::string_view camel_case, absl::string_view snake_case) {
  for (const absl::string_view key : {camel_case, snake_case}) {
    const auto it = object.find(std::string(key));
    if (it != object.end() && !it->is_null()) return &*it;
  }
  return nullptr;
}

// The text under that key, "" if it is absent.
absl::StatusOr<std::string> TextMember(const Json& object, absl::string_view camel_case,
                                       absl::string_view snake_case) {
  const Json* member = Member(object, camel_case, snake_case);
  if (member == nullptr) return std::string();
  if (!member->is_string()) {
    return absl::InvalidArgumentError(
        absl::StrCat("its ", camel_case, " is ", JsonKindName(*member), ", not a text"));
  }
  return member->get<std::string>();
}

class OutputCollector {
 public:
  OutputCollector(const ComponentSpec& component, absl::string_view task_name, const TaskPaths& paths,
                  const UriMount& map)
      : component_(component), task_name_(task_name), paths_(paths), map_(map) {}

  absl::StatusOr<TaskOutputs> Run(const std::optional<std::string>& executor_output_text,
                                  const std::map<std::string, std::string>& parameter_files) {
    if (executor_output_text.has_value()) RETURN_IF_ERROR(ReadExecutorOutput(*executor_output_text));
    // Sorted: of several errors the same one is reported every time.
    std::map<std::string, ParameterTypeEnum> types;
    for (const auto& [name, spec] : component_.output_definitions().parameters()) {
      types[name] = DeclaredType(spec);
    }
    for (const auto& [name, type] : types) {
      const auto file = parameter_files.find(name);
      RETURN_IF_ERROR(CollectParameter(name, type, file == parameter_files.end() ? nullptr : &file->second));
    }
    for (auto& [name, declared] : DeclaredOutputArtifacts(component_, paths_)) {
      declared.front().content_path.clear();  // which is of the attempt alone
      const bool list = component_.output_definitions().artifacts().at(name).is_artifact_list();
      absl::StatusOr<std::vector<ArtifactRecord>> artifacts = CollectArtifacts(name, list, declared.front());
      if (!artifacts.ok()) {
        return Error(absl::StrCat("output artifact ", QuoteForMessage(name)), artifacts.status().message());
      }
      out_.artifacts[name] = *std::move(artifacts);
    }
    return std::move(out_);
  }

 private:
  absl::Status Error(absl::string_view what, absl::string_view problem) const {
    return absl::InvalidArgumentError(
        absl::StrCat("task ", QuoteForMessage(task_name_), ", ", what, ": ", problem));
  }

  absl::Status ReadExecutorOutput(const std::string& text) {
    absl::StatusOr<Json> json = ParseLenientJson(text);
    if (!json.ok()) return Error("executor output", json.status().message());
    if (!json->is_object()) {
      return Error("executor output", absl::StrCat("it is ", JsonKindName(*json), ", not an object"));
    }
    executor_output_ = *std::move(json);
    for (const auto& [camel_case, snake_case, section] :
         {std::tuple("parameterValues", "parameter_values", &reported_parameters_),
          std::tuple("artifacts", "artifacts", &reported_artifacts_)}) {
      const Json* member = Member(executor_output_, camel_case, snake_case);
      if (member != nullptr && !member->is_object()) {
        return Error("executor output",
                     absl::StrCat("its ", camel_case, " is ", JsonKindName(*member), ", not an object"));
      }
      *section = member;
    }
    return absl::OkStatus();
  }

  // --- Parameters ---

  // `file` is the content of the parameter's file, nullptr if it was not written.
  absl::Status CollectParameter(const std::string& name, ParameterTypeEnum type, const std::string* file) {
    const std::string what = absl::StrCat("output parameter ", QuoteForMessage(name));
    const Json* reported =
        reported_parameters_ == nullptr ? nullptr : Member(*reported_parameters_, name, name);
    if (reported != nullptr) {
      if (HasNonFiniteNumber(*reported)) return Error(what, "NaN and infinity cannot be passed on as JSON");
      if (absl::Status status = CheckParameterKind(*reported, type); !status.ok()) {
        return Error(what, status.message());
      }
      out_.parameters[name] = *reported;
      return absl::OkStatus();
    }
    if (file == nullptr) {
      return Error(
          what, absl::StrCat("the task succeeded without writing it: it is neither in the executor output ",
                             ExecutorOutputPath(component_, paths_), " nor in the file ",
                             ParameterFilePath(paths_, name)));
    }
    absl::StatusOr<Json> value = ParseParameterFile(*file, type);
    if (!value.ok()) return Error(what, value.status().message());
    out_.parameters[name] = *std::move(value);
    return absl::OkStatus();
  }

  // --- Artifacts ---

  absl::StatusOr<std::vector<ArtifactRecord>> CollectArtifacts(const std::string& name, bool list,
                                                               const ArtifactRecord& declared) const {
    const Json* reported =
        reported_artifacts_ == nullptr ? nullptr : Member(*reported_artifacts_, name, name);
    if (reported == nullptr) return std::vector<ArtifactRecord>{declared};
    if (!reported->is_object()) {
      return absl::InvalidArgumentError(
          absl::StrCat("it is reported as ", JsonKindName(*reported), ", not an object"));
    }
    const Json* entries = Member(*reported, "artifacts", "artifacts");
    if (entries != nullptr && !entries->is_array()) {
      return absl::InvalidArgumentError(
          absl::StrCat("its artifacts are ", JsonKindName(*entries), ", not a list"));
    }
    if (entries == nullptr || entries->empty()) return std::vector<ArtifactRecord>{declared};
    std::vector<ArtifactRecord> out;
    for (const Json& entry : *entries) {
      ASSIGN_OR_RETURN(ArtifactRecord artifact, Merge(declared, entry));
      out.push_back(std::move(artifact));
      if (!list) break;
    }
    return out;
  }

  // What is kept of a path or URI that the task reports.
  std::string KeptUri(absl::string_view reported) const {
    const std::string uri = LogicalUri({paths_.artifact_uri_prefix, paths_.artifact_dir}, reported);
    return uri == reported ? LogicalUri(map_, reported) : uri;
  }

  // The declared artifact with what was reported about it.
  absl::StatusOr<ArtifactRecord> Merge(ArtifactRecord artifact, const Json& reported) const {
    if (!reported.is_object()) {
      return absl::InvalidArgumentError(
          absl::StrCat("an artifact is reported as ", JsonKindName(reported), ", not an object"));
    }
    ASSIGN_OR_RETURN(std::string name, TextMember(reported, "name", "name"));
    if (!name.empty()) artifact.name = std::move(name);
    ASSIGN_OR_RETURN(const std::string uri, TextMember(reported, "uri", "uri"));
    if (!uri.empty()) artifact.uri = KeptUri(uri);
    ASSIGN_OR_RETURN(const std::string custom_path, TextMember(reported, "customPath", "custom_path"));
    if (!custom_path.empty()) {
      // A relative path is meant from where the program was started.
      const bool relative = custom_path[0] != '/' && !absl::StrContains(custom_path, "://");
      std::string kept = KeptUri(relative ? absl::StrCat(paths_.work_dir, "/", custom_path) : custom_path);
      // What was left beside the outputs is uploaded with them: there it lies, and at no path.
      const bool is_uploaded = IsObjectUri(kept) && kept != custom_path;
      (is_uploaded ? artifact.uri : artifact.custom_path.emplace()) = std::move(kept);
    }
    const Json* metadata = Member(reported, "metadata", "metadata");
    if (metadata == nullptr) return artifact;
    if (!metadata->is_object()) {
      return absl::InvalidArgumentError(
          absl::StrCat("its metadata are ", JsonKindName(*metadata), ", not an object"));
    }
    for (const auto& item : metadata->items()) {
      Json value = item.value();
      ReplaceNonFiniteNumbers(&value);
      artifact.metadata[item.key()] = std::move(value);
    }
    return artifact;
  }

  const ComponentSpec& component_;
  const absl::string_view task_name_;
  const TaskPaths& paths_;
  const UriMount& map_;
  Json executor_output_;
  const Json* reported_parameters_ = nullptr;  // into executor_output_
  const Json* reported_artifacts_ = nullptr;
  TaskOutputs out_;
};

}  // namespace

absl::StatusOr<TaskOutputs> CollectOutputs(const ComponentSpec& component, absl::string_view task_name,
                                           const TaskPaths& paths, const UriMount& map,
                                           const std::optional<std::string>& executor_output_text,
                                           const std::map<std::string, std::string>& parameter_files) {
  return OutputCollector(component, task_name, paths, map).Run(executor_output_text, parameter_files);
}

}  // namespace penstock
