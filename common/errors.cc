#include "common/errors.h"

#include "absl/strings/str_cat.h"

namespace penstock::error {

using absl::StrCat;

absl::Status FieldRequired(absl::string_view field, absl::string_view what_to_do) {
  return absl::InvalidArgumentError(StrCat(field, " is required: ", what_to_do));
}
absl::Status FieldTooLong(absl::string_view field, int64_t bytes, int64_t limit_bytes) {
  return absl::InvalidArgumentError(
      StrCat(field, " is ", bytes, " bytes long; at most ", limit_bytes, " bytes are allowed"));
}
absl::Status FieldNotUtf8(absl::string_view field) {
  return absl::InvalidArgumentError(StrCat(field, " is not valid UTF-8 text without control characters"));
}

absl::Status ExperimentNotFound(absl::string_view experiment_id) {
  return absl::NotFoundError(StrCat("Experiment ", experiment_id, " not found"));
}
absl::Status ExperimentNameTaken(absl::string_view name) {
  return absl::AlreadyExistsError(
      StrCat("An experiment named '", name, "' exists already. Please specify a new name"));
}
absl::Status DefaultExperimentDelete() {
  return absl::AbortedError(
      "The default experiment takes the runs that name no experiment and cannot be deleted");
}

absl::Status PipelineNotFound(absl::string_view pipeline_id) {
  return absl::NotFoundError(StrCat("Pipeline ", pipeline_id, " not found"));
}
absl::Status PipelineNameNotFound(absl::string_view name) {
  return absl::NotFoundError(StrCat("Pipeline named '", name, "' not found"));
}
absl::Status PipelineNameTaken(absl::string_view name) {
  return absl::AlreadyExistsError(
      StrCat("A pipeline named '", name,
             "' exists already. Please specify a new name, or upload a new version of it"));
}
absl::Status PipelineHasVersions(absl::string_view pipeline_id) {
  return absl::InvalidArgumentError(
      StrCat("Pipeline ", pipeline_id, " still has versions: delete them first, or set cascade=true"));
}
absl::Status PipelineHasNoVersion(absl::string_view pipeline_id) {
  return absl::NotFoundError(StrCat("Pipeline ", pipeline_id, " has no version to run: upload one first"));
}
absl::Status PipelineVersionNotFound(absl::string_view pipeline_version_id) {
  return absl::NotFoundError(StrCat("Pipeline version ", pipeline_version_id, " not found"));
}
absl::Status PipelineVersionOfAnother(absl::string_view pipeline_version_id, absl::string_view pipeline_id) {
  return absl::InvalidArgumentError(
      StrCat("Pipeline version ", pipeline_version_id, " does not belong to pipeline ", pipeline_id));
}
absl::Status PipelineVersionNameTaken(absl::string_view name) {
  return absl::AlreadyExistsError(
      StrCat("A version named '", name, "' of this pipeline exists already. Please specify a new name"));
}

absl::Status RunNotFound(absl::string_view run_id) {
  return absl::NotFoundError(StrCat("Run ", run_id, " not found"));
}
absl::Status RunIdTaken(absl::string_view run_id) {
  return absl::AlreadyExistsError(StrCat("A run with the id ", run_id, " exists already"));
}
absl::Status RunRequestIdTaken(absl::string_view request_id) {
  return absl::AlreadyExistsError(absl::StrCat(
      "request_id ", request_id, " was used for another request; choose a new one for a new run"));
}

absl::Status RunMoved(absl::string_view run_id) {
  return absl::AbortedError(
      StrCat("Run ", run_id, " was changed by someone else at the same moment; try again"));
}
absl::Status RunNotTerminable(absl::string_view run_id, absl::string_view state) {
  return absl::InvalidArgumentError(
      StrCat("Run ", run_id, " is ", state, "; only a run that is PENDING or RUNNING can be terminated"));
}
absl::Status RunNotRetryable(absl::string_view run_id, absl::string_view state) {
  return absl::AbortedError(
      StrCat("Run ", run_id, " is ", state, "; only a run that FAILED or was terminated can be retried"));
}
absl::Status RunExperimentArchived(absl::string_view run_id, absl::string_view experiment_id) {
  return absl::FailedPreconditionError(StrCat("Run ", run_id, " belongs to experiment ", experiment_id,
                                              ", which is archived: unarchive the experiment first"));
}
absl::Status RunWithoutPipeline() {
  return absl::InvalidArgumentError(
      "The run names no pipeline: set pipeline_version_reference (pipeline_id and pipeline_version_id) or "
      "pipeline_spec");
}
absl::Status TaskNotFound(absl::string_view run_id, absl::string_view task) {
  return absl::NotFoundError(StrCat("Run ", run_id, " has no task '", task, "'"));
}
absl::Status TaskMoved(absl::string_view task_id) {
  return absl::AbortedError(StrCat("Task ", task_id, " was changed by someone else at the same moment"));
}
absl::Status TaskNotStarted(absl::string_view task) {
  return absl::NotFoundError(StrCat("Task '", task, "' has not been started"));
}
absl::Status TaskDidNotRun(absl::string_view task) {
  return absl::NotFoundError(StrCat("Task '", task, "' was taken from the cache: it did not run"));
}
absl::Status TaskAttemptNotFound(absl::string_view task, int number) {
  return absl::NotFoundError(StrCat("Task '", task, "' has no attempt ", number));
}
absl::Status TaskAttemptEnded(absl::string_view attempt_id) {
  return absl::AbortedError(StrCat("attempt ", attempt_id, " has ended already"));
}

absl::Status RecurringRunNotFound(absl::string_view recurring_run_id) {
  return absl::NotFoundError(StrCat("Recurring run ", recurring_run_id, " not found"));
}
absl::Status RecurringRunMoved(absl::string_view recurring_run_id) {
  return absl::AbortedError(StrCat("Recurring run ", recurring_run_id,
                                   " was changed by someone else at the same moment; try again"));
}

absl::Status NotServed(absl::string_view what) {
  return absl::UnimplementedError(StrCat(what, " is not served yet"));
}

absl::Status NotServedAsInKfp(absl::string_view what) {
  return absl::UnimplementedError(StrCat(what, " is declared and not served, as in Kubeflow Pipelines"));
}

}  // namespace penstock::error
