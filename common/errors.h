// One named function for each error that users see, so that a sentence and its code live in one place.
// ABORTED = conflict, retry now; UNAVAILABLE = retry later; FAILED_PRECONDITION = wrong state, do not retry;
// INTERNAL = our bug, logged as one.
#pragma once

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace penstock::error {

// --- Anything ---
absl::Status FieldRequired(absl::string_view field, absl::string_view what_to_do);
absl::Status FieldTooLong(absl::string_view field, int64_t bytes, int64_t limit_bytes);
absl::Status FieldNotUtf8(absl::string_view field);

// --- Experiments ---
absl::Status ExperimentNotFound(absl::string_view experiment_id);
absl::Status ExperimentNameTaken(absl::string_view name);
absl::Status DefaultExperimentDelete();

// --- Pipelines and versions ---
absl::Status PipelineNotFound(absl::string_view pipeline_id);
absl::Status PipelineNameNotFound(absl::string_view name);
absl::Status PipelineNameTaken(absl::string_view name);
absl::Status PipelineHasVersions(absl::string_view pipeline_id);
absl::Status PipelineHasNoVersion(absl::string_view pipeline_id);
absl::Status PipelineVersionNotFound(absl::string_view pipeline_version_id);
absl::Status PipelineVersionOfAnother(absl::string_view pipeline_version_id, absl::string_view pipeline_id);
absl::Status PipelineVersionNameTaken(absl::string_view name);

// --- Runs ---
absl::Status RunNotFound(absl::string_view run_id);
absl::Status RunIdTaken(absl::string_view run_id);
absl::Status RunRequestIdTaken(absl::string_view request_id);
absl::Status RunMoved(absl::string_view run_id);
absl::Status RunNotRetryable(absl::string_view run_id, absl::string_view state);
absl::Status RunNotTerminable(absl::string_view run_id, absl::string_view state);
absl::Status RunExperimentArchived(absl::string_view run_id, absl::string_view experiment_id);
absl::Status RunWithoutPipeline();
absl::Status TaskNotFound(absl::string_view run_id, absl::string_view task);
absl::Status TaskMoved(absl::string_view task_id);
absl::Status TaskNotStarted(absl::string_view task);
absl::Status TaskDidNotRun(absl::string_view task);
absl::Status TaskAttemptNotFound(absl::string_view task, int number);
absl::Status TaskAttemptEnded(absl::string_view attempt_id);

// --- Recurring runs ---
absl::Status RecurringRunNotFound(absl::string_view recurring_run_id);
absl::Status RecurringRunMoved(absl::string_view recurring_run_id);

// --- What is not there yet ---
absl::Status NotServed(absl::string_view what);
absl::Status NotServedAsInKfp(absl::string_view what);

}  // namespace penstock::error
