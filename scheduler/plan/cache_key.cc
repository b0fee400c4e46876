#include "scheduler/plan/cache_key.h"

#include <algorithm>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "google/protobuf/io/coded_stream.h"
#include "google/protobuf/io/zero_copy_stream_impl_lite.h"
#include "scheduler/plan/values/placeholders.h"

namespace penstock {
namespace {

constexpr size_t kShortDigestBytes = 8;

// The same bytes for the same message, whatever the order of its maps.
std::string SameBytes(const google::protobuf::MessageLite& message) {
  std::string bytes;
  {
    google::protobuf::io::StringOutputStream stream(&bytes);
    google::protobuf::io::CodedOutputStream coded(&stream);
    coded.SetSerializationDeterministic(true);
    message.SerializeToCodedStream(&coded);
  }
  return bytes;
}

// The declared outputs without what is only said about them.
std::string OutputsText(const ml_pipelines::ComponentSpec& component) {
  ml_pipelines::ComponentOutputsSpec outputs = component.output_definitions();
  for (auto& [name, artifact] : *outputs.mutable_artifacts()) artifact.clear_description();
  for (auto& [name, parameter] : *outputs.mutable_parameters()) parameter.clear_description();
  return SameBytes(outputs);
}

// Whether a placeholder in the text stands for something of the run or the task rather than of its inputs.
bool NamesFacts(absl::string_view text) {
  if (!absl::StrContains(text, "{{$")) return false;
  for (const absl::string_view fact :
       {"pipeline_job_", "pipeline_task_", "pipeline_root", "workspace_path"}) {
    if (absl::StrContains(text, fact)) return true;
  }
  return false;
}

std::string FactsText(const RunFacts& facts) {
  std::string text;
  for (const std::string& fact : {facts.run_id, facts.run_display_name, facts.run_resource_name,
                                  facts.pipeline_name, facts.pipeline_root, facts.created_at,
                                  facts.scheduled_at, facts.workspace_path, facts.task_id, facts.task_name}) {
    absl::StrAppend(&text, fact.size(), ":", fact);
  }
  return text;
}

std::string ListText(const google::protobuf::RepeatedPtrField<std::string>& texts) {
  std::string all;
  for (const std::string& text : texts) absl::StrAppend(&all, text.size(), ":", text);
  return all;
}

}  // namespace

CacheKeyMaker::Field CacheKeyMaker::FieldOf(std::string name, absl::string_view text) {
  hash_.Add(text);
  return {std::move(name), hash_.Digest()};
}

const CacheKeyMaker::Constant& CacheKeyMaker::ConstantOf(const PlannedTask& task) {
  const auto [found, fresh] = constants_.try_emplace({task.component, task.executor});
  Constant& constant = found->second;
  if (!fresh) return constant;
  const auto& container = task.executor->container();
  constant.fields.push_back(FieldOf("image", container.image()));
  constant.fields.push_back(FieldOf("command", ListText(container.command())));
  constant.fields.push_back(FieldOf("args", ListText(container.args())));
  std::map<std::string, std::string> variables;  // a later one of the same name wins, and may use the earlier
  for (const auto& variable : container.env()) {
    absl::StrAppend(&variables[variable.name()], variable.value().size(), ":", variable.value());
  }
  for (const auto& [name, value] : variables) {
    constant.fields.push_back(FieldOf(absl::StrCat("env.", name), value));
  }
  // A value may name variables that are given before it: then their order matters too.
  if (std::any_of(container.env().begin(), container.env().end(),
                  [](const auto& variable) { return absl::StrContains(variable.value(), "$("); })) {
    std::string order;
    for (const auto& variable : container.env()) absl::StrAppend(&order, variable.name(), "\n");
    constant.fields.push_back(FieldOf("env", order));
  }
  constant.fields.push_back(FieldOf("outputs", OutputsText(*task.component)));

  const std::vector<absl::string_view> command(container.command().begin(), container.command().end());
  const int python_source = PythonSourceIndex(command);
  const auto look = [&constant](absl::string_view text) {
    constant.reads_facts |= NamesFacts(text);
    constant.tells_defaulted |= absl::StrContains(text, "IfPresent");
  };
  look(container.image());
  for (int i = 0; i < container.command_size(); ++i) {
    if (i != python_source) look(container.command(i));
  }
  for (const std::string& argument : container.args()) look(argument);
  return constant;
}

CacheKeyMaker::Field CacheKeyMaker::ParameterField(const std::string& name, const Json& value,
                                                   absl::string_view origin) {
  hash_.AddField(origin);
  hash_.Add(DumpJson(value));
  return {absl::StrCat("inputs.parameters.", name), hash_.Digest()};
}

CacheKeyMaker::Field CacheKeyMaker::ArtifactField(const std::string& name,
                                                  const std::vector<ArtifactRecord>& artifacts,
                                                  const std::vector<std::string>& contents) {
  for (size_t i = 0; i < artifacts.size(); ++i) {
    const ArtifactRecord& artifact = artifacts[i];
    hash_.AddField(artifact.name);
    hash_.AddField(artifact.schema_title);
    hash_.AddField(artifact.schema_version);
    hash_.AddField(DumpJson(artifact.metadata));
    hash_.AddField(contents[i]);
  }
  return {absl::StrCat("inputs.artifacts.", name), hash_.Digest()};
}

CacheKey CacheKeyMaker::Seal(const PlannedTask& task, const std::vector<Field>& fields) {
  CacheKey key;
  key.group = absl::StrCat(pipeline_name_, "/", task.spec->component_ref().name());
  key.fields.reserve(fields.size());
  for (const auto& [name, digest] : fields) {
    hash_.AddField(name);
    hash_.Add(digest);
    key.fields.emplace_back(name,
                            absl::BytesToHexString(absl::string_view(digest).substr(0, kShortDigestBytes)));
  }
  key.fingerprint = hash_.HexDigest();
  return key;
}

CacheKey CacheKeyMaker::Make(const PlannedTask& task, const TaskInputs& inputs,
                             const ArtifactContents& contents, const RunFacts& facts,
                             const std::vector<std::string>& pins) {
  const std::string& own_key = task.spec->caching_options().cache_key();
  if (!own_key.empty()) {
    return Seal(task,
                {FieldOf("pipeline", pipeline_name_), FieldOf("component", task.spec->component_ref().name()),
                 FieldOf("cache_key", own_key), FieldOf("outputs", OutputsText(*task.component))});
  }
  const Constant& constant = ConstantOf(task);
  std::vector<Field> fields = constant.fields;
  if (constant.reads_facts) fields.push_back(FieldOf("run", FactsText(facts)));
  if (!pins.empty()) fields.push_back(FieldOf("packages", absl::StrJoin(pins, "\n")));
  for (const auto& [name, value] : inputs.parameters) {
    const bool defaulted = constant.tells_defaulted && inputs.defaulted.count(name) > 0;
    const bool filled_at_launch = inputs.launch_placeholders.count(name) > 0;
    fields.push_back(ParameterField(name, value, defaulted ? "default" : filled_at_launch ? "launch" : ""));
  }
  for (const auto& [name, artifacts] : inputs.artifacts) {
    fields.push_back(ArtifactField(name, artifacts, contents.at(name)));
  }
  return Seal(task, fields);
}

std::string FirstDifference(const CacheKey& key, const Json& stored, int* differing) {
  std::string first;
  size_t common = 0;
  *differing = 0;
  for (const auto& [name, digest] : key.fields) {
    const auto found = stored.find(name);
    if (found != stored.end()) ++common;
    if (found != stored.end() && *found == digest) continue;
    ++*differing;
    if (first.empty()) first = name;
  }
  if (common == stored.size()) return first;
  *differing += static_cast<int>(stored.size() - common);
  if (!first.empty()) return first;
  for (const auto& item : stored.items()) {  // what the other one has and this one has not
    const bool known = std::any_of(key.fields.begin(), key.fields.end(),
                                   [&](const auto& field) { return field.first == item.key(); });
    if (!known) return item.key();
  }
  return first;
}

Json FieldsOf(const CacheKey& key) {
  Json fields = Json::object();
  for (const auto& [name, digest] : key.fields) fields[name] = digest;
  return fields;
}

}  // namespace penstock
