#include "server/handlers/mlflow_target.h"

#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "common/errors.h"
#include "common/limits.h"
#include "common/status_macros.h"
#include "common/text.h"
#include "server/convert/mlflow.h"
#include "server/errors.h"
#include "server/mlflow_errors.h"
#include "server/validate.h"
#include "storage/experiment_store.h"
#include "storage/run_store.h"
#include "storage/task_store.h"

namespace penstock {
namespace {

int64_t CountRunes(absl::string_view text) {
  int64_t runes = 0;
  for (const char c : text) runes += (static_cast<unsigned char>(c) & 0xc0) != 0x80;
  return runes;
}

// Letters and digits of any language pass: which of the others they are is nobody's concern here.
bool IsOfMlflowKey(char c) {
  return absl::ascii_isalnum(c) || (c & 0x80) != 0 || c == '_' || c == '-' || c == '.' || c == '/' ||
         c == ':' || c == ' ';
}

}  // namespace

std::string MlflowTarget::id() const {
  return task.has_value() ? TaskRunId(run.run_id, task->task_id) : run.run_id;
}

std::string MlflowTarget::tag_owner() const {
  return task.has_value() ? TaskTagOwner(run.run_id, task->task_id) : run.run_id;
}

absl::StatusOr<std::string> RunIdOfTexts(const std::string& run_id, const std::string& run_uuid) {
  const std::string& id = run_id.empty() ? run_uuid : run_id;
  if (id.empty()) return error::MlflowFieldMissing("run_id");
  return id;
}

absl::StatusOr<MlflowTarget> MlflowTargetFind(db::Tx& tx, absl::string_view run_id) {
  MlflowTarget target;
  auto run = RunGet(tx, run_id);
  const size_t split = run_id.rfind('_');
  if (!absl::IsNotFound(run.status()) || split == absl::string_view::npos) {
    ASSIGN_OR_RETURN(target.run, std::move(run));
    return target;
  }
  auto parent = RunGet(tx, run_id.substr(0, split));
  auto task = parent.ok() ? TaskGet(tx, run_id.substr(0, split), run_id.substr(split + 1)) : parent.status();
  if (absl::IsNotFound(parent.status()) || absl::IsNotFound(task.status())) return error::RunNotFound(run_id);
  ASSIGN_OR_RETURN(target.run, std::move(parent));
  ASSIGN_OR_RETURN(target.task, std::move(task));
  return target;
}

absl::StatusOr<MlflowTarget> MlflowTargetForWrite(db::Tx& tx, absl::string_view run_id) {
  ASSIGN_OR_RETURN(MlflowTarget target, MlflowTargetFind(tx, run_id));
  if (target.run.storage_state != StorageState::kAvailable) return error::MlflowRunNotActive(run_id);
  return target;
}

absl::StatusOr<ExperimentRow> MlflowExperimentFind(RequestContext& context, db::Tx& tx,
                                                   absl::string_view experiment_id) {
  if (experiment_id.empty()) return error::MlflowFieldMissing("experiment_id");
  return ExperimentGet(tx, ExperimentIdFromMlflow(context.deps.default_experiment_id, experiment_id));
}

absl::Status CheckActive(RequestContext& context, const ExperimentRow& experiment) {
  if (experiment.storage_state == StorageState::kAvailable) return absl::OkStatus();
  return error::MlflowExperimentNotActive(
      ExperimentIdToMlflow(context.deps.default_experiment_id, experiment.experiment_id));
}

absl::Status CheckMlflowKey(absl::string_view what, absl::string_view key) {
  if (key.empty()) return error::MlflowKeyWrong(what, key, "is empty");
  if (!IsUtf8(key)) return error::MlflowKeyWrong(what, key, "is not valid UTF-8");
  if (CountRunes(key) > limits::kMlflowKeyRunes) {
    return error::MlflowTextTooLong(absl::StrCat("The name of ", what), CountRunes(key),
                                    limits::kMlflowKeyRunes);
  }
  for (const char c : key) {
    if (IsOfMlflowKey(c)) continue;
    return error::MlflowKeyWrong(
        what, key,
        "may hold only letters, digits, underscores (_), dashes (-), periods (.), spaces ( ), "
        "colons (:) and slashes (/)");
  }
  // A key names a file in some of MLflow's stores.
  if (!IsShortestPath(key)) {
    return error::MlflowKeyWrong(what, key,
                                 "must not begin or end with a slash, nor hold //, . or .. between slashes");
  }
  return absl::OkStatus();
}

absl::Status CheckRunes(absl::string_view field, absl::string_view text, int64_t limit) {
  if (!IsUtf8(text) || text.find('\0') != absl::string_view::npos) return error::FieldNotUtf8(field);
  const int64_t runes = CountRunes(text);
  return runes > limit ? error::MlflowTextTooLong(field, runes, limit) : absl::OkStatus();
}

absl::StatusOr<std::string> CutMlflowValue(absl::string_view field, absl::string_view value, int runes) {
  if (!IsUtf8(value) || value.find('\0') != absl::string_view::npos) return error::FieldNotUtf8(field);
  return std::string(FirstRunes(value, runes));
}

absl::StatusOr<int> MlflowPageSize(std::optional<int64_t> given, int fallback, int limit) {
  if (!given.has_value()) return fallback;
  if (*given < 1 || *given > limit) return error::MlflowCountWrong("max_results", *given, limit);
  return static_cast<int>(*given);
}

absl::StatusOr<MlflowTags> MlflowTagsFrom(const google::protobuf::RepeatedPtrField<mlflow::KeyValue>& tags) {
  MlflowTags checked;
  for (const mlflow::KeyValue& tag : tags) {
    RETURN_IF_ERROR(CheckMlflowKey("a tag", tag.key()));
    ASSIGN_OR_RETURN(checked[tag.key()],
                     CutMlflowValue("a tag's value", tag.value(), limits::kMlflowTagRunes));
  }
  const auto name = checked.find(kMlflowRunName);
  if (name != checked.end() && name->second.size() > limits::kDisplayNameBytes) {
    return error::FieldTooLong(kMlflowRunName, name->second.size(), limits::kDisplayNameBytes);
  }
  return checked;
}

absl::Status MlflowTagsSet(db::Tx& tx, const MlflowTarget& target, const MlflowTags& tags) {
  if (tags.empty()) return absl::OkStatus();
  const std::string owner = target.tag_owner();
  ASSIGN_OR_RETURN(const TypedTags known, TypedTagsRead(tx, owner));
  auto count = static_cast<int64_t>(known.size());
  for (const auto& [name, value] : tags) {
    if (name == kMlflowRunName) {
      // The name of a task is the pipeline's.
      if (!target.task.has_value()) RETURN_IF_ERROR(RunSetDisplayName(tx, target.run.run_id, value));
      continue;
    }
    if (name == kMlflowNote) {
      RETURN_IF_ERROR(target.task.has_value()
                          ? TaskSetDescription(tx, target.run.run_id, target.task->task_id, value)
                          : RunSetDescription(tx, target.run.run_id, value));
      continue;
    }
    count += known.contains(name) ? 0 : 1;
    RETURN_IF_ERROR(TagSet(tx, owner, name, {TagType::kString, value}));
  }
  return count > limits::kTypedTags ? error::TagsTooMany(count, limits::kTypedTags) : absl::OkStatus();
}

}  // namespace penstock
