// One named function for each error that users see, so that a sentence and its code live in one place.
// ABORTED = conflict, retry now; UNAVAILABLE = retry later; FAILED_PRECONDITION = wrong state, do not retry;
// INTERNAL = our bug, logged as one.
#pragma once

#include <cstdint>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace penstock::error {

// Whether the same thing may work later: the database is away or full, or somebody else was faster.
bool IsTransient(const absl::Status& status);

// --- Anything ---
absl::Status FieldRequired(absl::string_view field, absl::string_view what_to_do);
absl::Status FieldTooLong(absl::string_view field, int64_t bytes, int64_t limit_bytes);
absl::Status FieldNotUtf8(absl::string_view field);
absl::Status ListTooLong(absl::string_view field, int64_t count, int64_t limit);

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
absl::Status RunRecordedByClient(absl::string_view run_id);
absl::Status RunDrivenByEngine(absl::string_view run_id);
absl::Status RunExperimentArchived(absl::string_view run_id, absl::string_view experiment_id);
absl::Status RunWithoutPipeline();
absl::Status TaskNotFound(absl::string_view run_id, absl::string_view task);
absl::Status TaskMoved(absl::string_view task_id);
absl::Status ArtifactNotFound(absl::string_view run_id, absl::string_view task, absl::string_view artifact);
absl::Status ArtifactIdNotFound(absl::string_view artifact_id);
absl::Status ArtifactGone(absl::string_view artifact, absl::string_view uri);
absl::Status ArtifactElsewhere(absl::string_view artifact, absl::string_view uri);
absl::Status ArtifactNoFile(absl::string_view artifact, absl::string_view uri);
absl::Status TaskWithoutCommand(absl::string_view task);
absl::Status ImportWithoutWorkspace(absl::string_view task);
absl::Status ArtifactsUnreachable(absl::string_view task, absl::string_view root);
absl::Status InputUnreachable(absl::string_view task, absl::string_view input, absl::string_view uri);
absl::Status TaskNotStarted(absl::string_view task);
absl::Status TaskDidNotRun(absl::string_view task);
absl::Status TaskAttemptNotFound(absl::string_view task, int number);
absl::Status TaskAttemptEnded(absl::string_view attempt_id);
absl::Status LoggedModelNotFound(absl::string_view model_id);
absl::Status RunArchived(absl::string_view run_id);
absl::Status MetricNotFound(absl::string_view run_id, absl::string_view task, absl::string_view name);
absl::Status RegisteredModelNotFound(absl::string_view name);
absl::Status RegisteredModelTaken(absl::string_view name);
absl::Status ModelVersionNotFound(absl::string_view name, absl::string_view version);
absl::Status MetricSeriesTooMany(absl::string_view run_id);
absl::Status ContentRemovalNotFound(absl::string_view run_id);

// --- Retention ---
absl::Status RetentionPolicyNotFound(absl::string_view policy_id);
absl::Status RetentionPolicyWrong(absl::string_view field, absl::string_view what_is_right);
absl::Status RetentionPoliciesTooMany(int64_t limit);
absl::Status RetentionPolicyMoved(absl::string_view policy_id);
absl::Status RetentionPreviewCountWrong(int64_t count, int64_t limit);

// --- Recurring runs ---
absl::Status RecurringRunNotFound(absl::string_view recurring_run_id);
absl::Status RecurringRunMoved(absl::string_view recurring_run_id);

// --- Lists and their filters ---
absl::Status PageSizeNegative(int64_t page_size);
absl::Status PageTokenWrong();
absl::Status SortKeyUnknown(absl::string_view resource, absl::string_view key, absl::string_view known_keys);
absl::Status SortByWrong(absl::string_view sort_by);
absl::Status SearchTooManyRows(int64_t limit);
absl::Status ListTooManyRows(int64_t rows, absl::string_view resource);
absl::Status FilterTooLong(int64_t bytes, int64_t limit_bytes);
absl::Status FilterNotJson(absl::string_view reason);
absl::Status FilterNotObject();
absl::Status FilterFieldUnknown(absl::string_view name);
absl::Status FilterPredicatesNotList();
absl::Status FilterTooManyPredicates(int64_t count, int64_t limit);
// What is wrong with one of its predicates, which one of the functions below says.
absl::Status InFilterPredicate(int64_t index, const absl::Status& wrong);
absl::Status PredicateNotObject();
absl::Status PredicateFieldUnknown(absl::string_view name);
absl::Status PredicateOperationUnknown();
absl::Status PredicateWithoutOperation();
absl::Status PredicateKeyNotText();
absl::Status PredicateWithoutKey();
absl::Status PredicateKeyUnknown(absl::string_view key, absl::string_view resource,
                                 absl::string_view known_keys);
absl::Status PredicateWithoutValue();
absl::Status PredicateHasTwoValues();
absl::Status PredicateValueNotInteger(absl::string_view field);
absl::Status PredicateValueNotText(absl::string_view field);
absl::Status PredicateValueNotTime(absl::string_view field, absl::string_view reason);
absl::Status PredicateValuesNotList(absl::string_view field);
absl::Status PredicateHasTooManyValues(absl::string_view field, int64_t count, int64_t limit);
absl::Status PredicateListWithoutIn();
absl::Status PredicateInWithoutList();
absl::Status PredicateSubstringNotText();
absl::Status PredicateSubstringOfTime();
absl::Status PredicateOfTagWrong();
// What is wrong with the value of a key, likewise.
absl::Status InPredicateValue(absl::string_view key, const absl::Status& wrong);
absl::Status ValueIsText();
absl::Status ValueHasNul();
absl::Status ValueIsNoTime(absl::string_view text);
absl::Status ValueTimeOutOfRange();

// --- The database ---
absl::Status DatabaseUrlNotServed(absl::string_view url);
absl::Status DatabaseServerTooOld(absl::string_view server, int major_min);
absl::Status DatabaseNotUtf8(absl::string_view encoding);
absl::Status DatabaseBusy();
absl::Status CommitUnknown();
absl::Status SchemaNewer(int version, absl::string_view name, int64_t known);
absl::Status SchemaOther(int version, absl::string_view name);
absl::Status NoMigrationToRevert();
absl::Status LeaseTakenOver(absl::string_view name);
absl::Status CopySchemaOther(absl::string_view which, int64_t migrations);
absl::Status CopyTargetNotEmpty(absl::string_view table);
absl::Status CopyOfAnotherSource();
absl::Status CopyUnfinished();
absl::Status CopyDiffers(absl::string_view table, int64_t target_rows, absl::string_view target_sha256,
                         int64_t source_rows, absl::string_view source_sha256);
absl::Status SpecNotFound(absl::string_view spec_sha256);
absl::Status SpecDamaged(absl::string_view spec_sha256);
absl::Status SpecSizeWrong();
absl::Status CacheDecisionDamaged();
absl::Status AttemptTextDamaged(absl::string_view sha256);

// --- What is not served ---
absl::Status NotServedAsInKfp(absl::string_view what);

}  // namespace penstock::error
