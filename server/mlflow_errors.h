// Errors that only MLflow's API tells, one named function for each: see server/errors.h.
#pragma once

#include <cstdint>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace penstock::error {

absl::Status MlflowFieldMissing(absl::string_view field);
absl::Status MlflowTextTooLong(absl::string_view field, int64_t characters, int64_t limit);
// `what` is "a metric", "a parameter" or "a tag".
absl::Status MlflowKeyWrong(absl::string_view what, absl::string_view key, absl::string_view reason);
absl::Status MlflowTimeWrong(absl::string_view field, int64_t milliseconds);
absl::Status MlflowEnumWrong(absl::string_view field, absl::string_view allowed);
absl::Status MlflowCountWrong(absl::string_view field, int64_t given, int64_t limit);
absl::Status MlflowTooMany(absl::string_view what, int64_t count, int64_t limit);
absl::Status MlflowOrderWrong(absl::string_view order, absl::string_view reason);

absl::Status MlflowExperimentNotActive(absl::string_view experiment_id);
absl::Status MlflowExperimentNotDeleted(absl::string_view experiment_id);
absl::Status MlflowExperimentGone(absl::string_view experiment_id);
absl::Status MlflowExperimentNameNotFound(absl::string_view name);
absl::Status MlflowRunNotActive(absl::string_view run_id);
absl::Status MlflowRunNamesDiffer(absl::string_view run_name, absl::string_view tag);
absl::Status MlflowTaskNotDeleted(absl::string_view run_id);
absl::Status MlflowTagNotFound(absl::string_view owner, absl::string_view key);
absl::Status MlflowTagFixed(absl::string_view key);
absl::Status MlflowParamChanged(absl::string_view key, absl::string_view known, absl::string_view given);
absl::Status MlflowPathWrong(absl::string_view path, absl::string_view reason);
absl::Status MlflowFileNotFound(absl::string_view path);
absl::Status MlflowFileTooLarge(absl::string_view path, int64_t limit);
absl::Status MlflowWriteBrokenOff(absl::string_view path);
absl::Status MlflowAliasNotFound(absl::string_view name, absl::string_view alias);
absl::Status MlflowNotServed(absl::string_view what);

}  // namespace penstock::error
