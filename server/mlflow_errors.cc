#include "server/mlflow_errors.h"

#include "absl/strings/str_cat.h"
#include "common/text.h"

namespace penstock::error {

using absl::InvalidArgumentError;
using absl::StrCat;

absl::Status MlflowFieldMissing(absl::string_view field) {
  return InvalidArgumentError(StrCat("Missing value for required parameter '", field, "'"));
}
absl::Status MlflowTextTooLong(absl::string_view field, int64_t characters, int64_t limit) {
  return InvalidArgumentError(
      StrCat(field, " has ", characters, " characters, which exceeds the maximum length of ", limit));
}
absl::Status MlflowKeyWrong(absl::string_view what, absl::string_view key, absl::string_view reason) {
  return InvalidArgumentError(StrCat("Invalid name of ", what, ": ", QuoteForMessage(key), " ", reason));
}
absl::Status MlflowTimeWrong(absl::string_view field, int64_t milliseconds) {
  return InvalidArgumentError(
      StrCat(field, ": ", milliseconds, " is no time in milliseconds since 1970 before the year 10000"));
}
absl::Status MlflowEnumWrong(absl::string_view field, absl::string_view allowed) {
  return InvalidArgumentError(StrCat("Invalid value for ", field, "; one of ", allowed, " is expected"));
}
absl::Status MlflowCountWrong(absl::string_view field, int64_t given, int64_t limit) {
  return InvalidArgumentError(
      StrCat("Invalid value ", given, " for ", field, ": it must be from 1 to ", limit));
}
absl::Status MlflowTooMany(absl::string_view what, int64_t count, int64_t limit) {
  return InvalidArgumentError(StrCat("There are ", count, " ", what, "; at most ", limit, " are allowed"));
}
absl::Status MlflowOrderWrong(absl::string_view order, absl::string_view reason) {
  return InvalidArgumentError(StrCat("Invalid order_by clause ", QuoteForMessage(order), ": ", reason));
}

absl::Status MlflowExperimentNotActive(absl::string_view experiment_id) {
  return absl::FailedPreconditionError(StrCat(
      "The experiment ", experiment_id, " must be in the 'active' state. It is deleted; restore it first"));
}
absl::Status MlflowExperimentNotDeleted(absl::string_view experiment_id) {
  return absl::NotFoundError(StrCat("No deleted experiment with ID ", experiment_id, " exists"));
}
absl::Status MlflowExperimentGone(absl::string_view experiment_id) {
  return absl::NotFoundError(
      StrCat("No active experiment with ID ", experiment_id, " exists: it is deleted already"));
}
absl::Status MlflowExperimentNameNotFound(absl::string_view name) {
  return absl::NotFoundError(StrCat("Could not find experiment with name ", QuoteForMessage(name)));
}
absl::Status MlflowRunNotActive(absl::string_view run_id) {
  return absl::FailedPreconditionError(
      StrCat("The run ", run_id, " must be in the 'active' state. It is deleted; restore it first"));
}
absl::Status MlflowRunNamesDiffer(absl::string_view run_name, absl::string_view tag) {
  return InvalidArgumentError(StrCat("run_name ", QuoteForMessage(run_name), " and the tag mlflow.runName ",
                                     QuoteForMessage(tag), " differ; give one of them, or the same in both"));
}
absl::Status MlflowTaskNotDeleted(absl::string_view run_id) {
  return absl::FailedPreconditionError(
      StrCat("Run ", run_id, " is a task of a pipeline run, and is deleted and restored together with that"));
}
absl::Status MlflowTagNotFound(absl::string_view owner, absl::string_view key) {
  return absl::NotFoundError(StrCat("No tag with name ", QuoteForMessage(key), " of ", owner));
}
absl::Status MlflowTagFixed(absl::string_view key) {
  return InvalidArgumentError(StrCat("The tag ", key, " can be set to another value, but not be deleted"));
}
absl::Status MlflowParamChanged(absl::string_view key, absl::string_view known, absl::string_view given) {
  return InvalidArgumentError(
      StrCat("Changing param values is not allowed. Param with key=", QuoteForMessage(key),
             " was already logged with value=", QuoteForMessage(known), ". Attempted logging new value ",
             QuoteForMessage(given)));
}
absl::Status MlflowPathWrong(absl::string_view path, absl::string_view reason) {
  return InvalidArgumentError(StrCat("Invalid path ", QuoteForMessage(path), ": ", reason));
}
absl::Status MlflowFileNotFound(absl::string_view path) {
  return absl::NotFoundError(StrCat("No such artifact: ", QuoteForMessage(path)));
}
absl::Status MlflowFileTooLarge(absl::string_view path, int64_t limit) {
  return InvalidArgumentError(
      StrCat("The artifact ", QuoteForMessage(path), " is larger than ", limit, " bytes, which is the most"));
}
absl::Status MlflowWriteBrokenOff(absl::string_view path) {
  return absl::CancelledError(
      StrCat("The stream ended before the artifact ", QuoteForMessage(path), " was whole"));
}
// INVALID_ARGUMENT, since that is what clients expect of it.
absl::Status MlflowAliasNotFound(absl::string_view name, absl::string_view alias) {
  return InvalidArgumentError(
      StrCat("Registered model ", QuoteForMessage(name), " has no alias ", QuoteForMessage(alias)));
}
absl::Status MlflowNotServed(absl::string_view what) {
  return absl::UnimplementedError(StrCat(what, " is not served"));
}

}  // namespace penstock::error
