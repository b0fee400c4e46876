#include "scheduler/plan/platform_settings.h"

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/status_macros.h"
#include "scheduler/plan/run_tree.h"

namespace penstock {
namespace {

// The text below two keys; nothing if it is not there.
std::optional<std::string> TextBelow(const Json& json, const char* key) {
  const auto found = json.find(key);
  if (found == json.end() || !found->is_string()) return std::nullopt;
  return found->get<std::string>();
}

bool HasReference(const Json& json) {
  return json.contains("componentInputParameter") || json.contains("taskOutputParameter");
}

// Whether the reference is one field of several: kfp-kubernetes' PvcMount names its claim so, since its first releases.
// The newer ones do it in pvcNameParameter too, which counts.
bool IsMount(const Json& json) {
  return HasReference(json) && (json.contains("mountPath") || json.contains("pvcNameParameter"));
}

Json Resolved(Json value) { return {{"runtimeValue", {{"constant", std::move(value)}}}}; }

Json ParameterOf(const ParameterMap& parameters, const std::string& name) {
  const auto found = parameters.find(name);
  return found == parameters.end() ? Json(nullptr) : found->second;
}

// Resolves references of one task; what encloses it is looked at when the first one needs it.
class Resolver {
 public:
  Resolver(const RunSnapshot& run, int task) : run_(run), task_(task) {}

  absl::StatusOr<Json> ValueOf(const Json& reference) {
    if (const auto name = TextBelow(reference, "componentInputParameter")) {
      if (enclosing_ == nullptr) {
        ASSIGN_OR_RETURN(enclosing_, EnclosingInputs(run_, task_));
      }
      return ParameterOf(enclosing_->parameters, *name);
    }
    const auto source = reference.find("taskOutputParameter");
    if (source == reference.end() || !source->is_object()) return Json(nullptr);
    const TaskOutputs* const outputs =
        SiblingOutputs(run_, task_, TextBelow(*source, "producerTask").value_or(""));
    if (outputs == nullptr) return Json(nullptr);
    return ParameterOf(outputs->parameters, TextBelow(*source, "outputParameterKey").value_or(""));
  }

 private:
  const RunSnapshot& run_;
  const int task_;
  std::shared_ptr<const TaskInputs> enclosing_;
};

}  // namespace

absl::StatusOr<Json> ResolvedSettings(const RunSnapshot& run, int task,
                                      const google::protobuf::Struct& settings) {
  ASSIGN_OR_RETURN(Json out, JsonFromStruct(settings));
  Resolver resolver(run, task);
  std::vector<Json*> pending = {&out};
  while (!pending.empty()) {
    Json* const json = pending.back();
    pending.pop_back();
    if (IsMount(*json)) {
      if (!json->contains("pvcNameParameter")) {
        ASSIGN_OR_RETURN(Json value, resolver.ValueOf(*json));
        (*json)["pvcNameParameter"] = Resolved(std::move(value));
      }
      json->erase("componentInputParameter");
      json->erase("taskOutputParameter");
    }
    if (HasReference(*json)) {
      ASSIGN_OR_RETURN(Json value, resolver.ValueOf(*json));
      *json = Resolved(std::move(value));
    } else if (json->is_structured()) {
      for (Json& part : *json) pending.push_back(&part);
    }
  }
  return out;
}

}  // namespace penstock
