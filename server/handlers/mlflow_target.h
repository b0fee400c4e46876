// What MLflow's handlers have in common: which run or experiment a request names, and the rules for keys and values.
#pragma once

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "google/protobuf/repeated_ptr_field.h"
#include "mlflow/entities.pb.h"
#include "server/context.h"
#include "storage/db/database.h"
#include "storage/model.h"
#include "storage/tag_store.h"

namespace penstock {

// A run of MLflow's: a run, or a task of one.
struct MlflowTarget {
  RunRow run;
  std::optional<TaskRow> task;

  std::string id() const;
  std::string task_id() const { return task.has_value() ? task->task_id : ""; }
  std::string tag_owner() const;
};

// The run that a request names: by run_id, or by run_uuid as older clients do. INVALID_ARGUMENT if it names none.
template <typename Request>
absl::StatusOr<std::string> RunIdOf(const Request& request);

// NOT_FOUND.
absl::StatusOr<MlflowTarget> MlflowTargetFind(db::Tx& tx, absl::string_view run_id);
// The same, for a write: FAILED_PRECONDITION if it is deleted.
absl::StatusOr<MlflowTarget> MlflowTargetForWrite(db::Tx& tx, absl::string_view run_id);

// An experiment by its id in a request, active or not. INVALID_ARGUMENT without one, NOT_FOUND.
absl::StatusOr<ExperimentRow> MlflowExperimentFind(RequestContext& context, db::Tx& tx,
                                                   absl::string_view experiment_id);
// FAILED_PRECONDITION if it is deleted.
absl::Status CheckActive(RequestContext& context, const ExperimentRow& experiment);

// A key of a metric, a parameter or a tag; `what` is "a metric" and so on. INVALID_ARGUMENT says what is wrong.
absl::Status CheckMlflowKey(absl::string_view what, absl::string_view key);
// A text of at most so many characters, which is valid UTF-8 without NUL.
absl::Status CheckRunes(absl::string_view field, absl::string_view text, int64_t limit);
// A value of a parameter or a tag, cut to what is kept. INVALID_ARGUMENT if it is no text that can be kept.
absl::StatusOr<std::string> CutMlflowValue(absl::string_view field, absl::string_view value, int runes);

// How many results a request wants, which says so or not. INVALID_ARGUMENT below 1 and above `limit`.
absl::StatusOr<int> MlflowPageSize(std::optional<int64_t> given, int fallback, int limit);

// Tags to be set on a run, which are checked: a name and a note go where the run has them. The target has to be one for a
// write.
using MlflowTags = std::map<std::string, std::string>;
absl::StatusOr<MlflowTags> MlflowTagsFrom(const google::protobuf::RepeatedPtrField<mlflow::KeyValue>& tags);
absl::Status MlflowTagsSet(db::Tx& tx, const MlflowTarget& target, const MlflowTags& tags);

// --- How templates are made ---

absl::StatusOr<std::string> RunIdOfTexts(const std::string& run_id, const std::string& run_uuid);

template <typename Request>
absl::StatusOr<std::string> RunIdOf(const Request& request) {
  return RunIdOfTexts(request.run_id(), request.run_uuid());
}

}  // namespace penstock
