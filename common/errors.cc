#include "common/errors.h"

#include "absl/strings/str_cat.h"
#include "common/limits.h"
#include "common/redacted.h"
#include "common/text.h"

namespace penstock::error {

bool IsTransient(const absl::Status& status) {
  return absl::IsUnavailable(status) || absl::IsResourceExhausted(status) || absl::IsAborted(status);
}

using absl::StrCat;

absl::Status FieldRequired(absl::string_view field, absl::string_view what_to_do) {
  return absl::InvalidArgumentError(StrCat(field, " is required: ", what_to_do));
}
absl::Status FieldTooLong(absl::string_view field, int64_t bytes, int64_t limit_bytes) {
  return absl::InvalidArgumentError(
      StrCat(field, " is ", bytes, " bytes long; at most ", limit_bytes, " bytes are allowed"));
}
absl::Status ListTooLong(absl::string_view field, int64_t count, int64_t limit) {
  return absl::InvalidArgumentError(
      StrCat(field, " has ", count, " elements; at most ", limit, " are allowed"));
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

absl::Status RunNotRetryable(absl::string_view run_id, absl::string_view state) {
  return absl::AbortedError(
      StrCat("Run ", run_id, " is ", state, "; only a run that FAILED or was terminated can be retried"));
}
absl::Status RunDrivenByEngine(absl::string_view run_id) {
  return absl::FailedPreconditionError(
      StrCat("Run ", run_id, " is driven by Penstock itself: its state follows from its tasks"));
}
absl::Status RunRecordedByClient(absl::string_view run_id) {
  return absl::FailedPreconditionError(
      StrCat("Run ", run_id,
             " was recorded by a client that ran it elsewhere: Penstock has no pipeline to run it again"));
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

absl::Status ArtifactNotFound(absl::string_view run_id, absl::string_view task, absl::string_view artifact) {
  return absl::NotFoundError(
      absl::StrCat("Task '", task, "' of run ", run_id, " has no output artifact '", artifact, "'"));
}

absl::Status ArtifactIdNotFound(absl::string_view artifact_id) {
  return absl::NotFoundError(absl::StrCat("No artifact has the id '", artifact_id, "'"));
}

absl::Status LoggedModelNotFound(absl::string_view model_id) {
  return absl::NotFoundError(StrCat("Logged model ", model_id, " not found"));
}
absl::Status RunArchived(absl::string_view run_id) {
  return absl::FailedPreconditionError(
      StrCat("Run ", run_id, " is archived, so nothing is added to it; unarchive it first"));
}
absl::Status MetricNotFound(absl::string_view run_id, absl::string_view task, absl::string_view name) {
  return absl::NotFoundError(
      task.empty() ? StrCat("Run ", run_id, " itself has no metric ", QuoteForMessage(name),
                            "; its tasks may have one")
                   : StrCat("Task '", task, "' of run ", run_id, " has no metric ", QuoteForMessage(name)));
}
absl::Status RegisteredModelNotFound(absl::string_view name) {
  return absl::NotFoundError(StrCat("Registered model ", QuoteForMessage(name), " not found"));
}
absl::Status RegisteredModelTaken(absl::string_view name) {
  return absl::AlreadyExistsError(
      StrCat("A registered model named ", QuoteForMessage(name), " exists already"));
}
absl::Status ModelVersionNotFound(absl::string_view name, absl::string_view version) {
  return absl::NotFoundError(StrCat("Registered model ", QuoteForMessage(name), " has no version ", version));
}
absl::Status MetricSeriesTooMany(absl::string_view run_id) {
  return absl::ResourceExhaustedError(
      absl::StrCat("Run ", run_id, " would have more than ", limits::kRunMetricSeries,
                   " series of metrics: a name for each value is not what they are for, "
                   "use the step"));
}
absl::Status ContentRemovalNotFound(absl::string_view run_id) {
  return absl::NotFoundError(StrCat("No report of the removal of run ", run_id,
                                    "'s content is kept: the run was not deleted, or longer than ",
                                    limits::kRemovalReportDays, " days ago"));
}
absl::Status RetentionPolicyNotFound(absl::string_view policy_id) {
  return absl::NotFoundError(StrCat("Retention policy ", policy_id, " not found"));
}
absl::Status RetentionPolicyWrong(absl::string_view field, absl::string_view what_is_right) {
  return absl::InvalidArgumentError(StrCat("policy.", field, ": ", what_is_right));
}
absl::Status RetentionPolicyMoved(absl::string_view policy_id) {
  return absl::AbortedError(StrCat("Retention policy ", policy_id, " was changed meanwhile"));
}
absl::Status RetentionPreviewCountWrong(int64_t count, int64_t limit) {
  return absl::InvalidArgumentError(StrCat("count is ", count, "; use 1 to ", limit, ", or 0 for 20"));
}
absl::Status RetentionPoliciesTooMany(int64_t limit) {
  return absl::ResourceExhaustedError(
      StrCat("There are ", limit, " retention policies already, which is the most"));
}

absl::Status ArtifactGone(absl::string_view artifact, absl::string_view uri) {
  return absl::NotFoundError(absl::StrCat("Artifact '", artifact, "' has no content: nothing lies at ",
                                          WithoutPasswords(std::string(uri)),
                                          ". It was never written, or was removed"));
}

absl::Status ArtifactElsewhere(absl::string_view artifact, absl::string_view uri) {
  return absl::FailedPreconditionError(absl::StrCat("Artifact '", artifact, "' lies at ",
                                                    WithoutPasswords(std::string(uri)),
                                                    ", where this server does not read"));
}

absl::Status ArtifactNoFile(absl::string_view artifact, absl::string_view uri) {
  return absl::FailedPreconditionError(absl::StrCat(
      "Artifact '", artifact, "' is no single file; it lies at ", WithoutPasswords(std::string(uri))));
}

absl::Status TaskWithoutCommand(absl::string_view task) {
  return absl::InvalidArgumentError(absl::StrCat(
      "Task '", task,
      "' gives no command: an image's own entry point cannot run on this machine. Name the program in the "
      "component's command"));
}

absl::Status ArtifactsUnreachable(absl::string_view task, absl::string_view root) {
  return absl::InvalidArgumentError(absl::StrCat(
      "Task '", task,
      "' puts out artifacts, and runs where the server's disk is not seen; the run's pipeline root is ",
      root.empty() ? "on that disk" : root,
      ". Give the run, or the server (--pipeline_root), one in an object store, such as s3://bucket/prefix"));
}

absl::Status InputUnreachable(absl::string_view task, absl::string_view input, absl::string_view uri) {
  return absl::InvalidArgumentError(
      absl::StrCat("Task '", task, "' runs where the server's disk is not seen, and its input '", input,
                   "' lies there: ", uri, ". Make it in a run whose pipeline root is in an object store"));
}

absl::Status ImportWithoutWorkspace(absl::string_view task) {
  return absl::InvalidArgumentError(
      absl::StrCat("task '", task,
                   "' is to bring its artifact to the workspace, and the run has none: set "
                   "dsl.PipelineConfig(workspace=dsl.WorkspaceConfig(size=...))"));
}

absl::Status RecurringRunNotFound(absl::string_view recurring_run_id) {
  return absl::NotFoundError(StrCat("Recurring run ", recurring_run_id, " not found"));
}
absl::Status RecurringRunMoved(absl::string_view recurring_run_id) {
  return absl::AbortedError(StrCat("Recurring run ", recurring_run_id,
                                   " was changed by someone else at the same moment; try again"));
}

absl::Status PageSizeNegative(int64_t page_size) {
  return absl::InvalidArgumentError(StrCat("page_size is ", page_size, "; it must not be negative"));
}
absl::Status PageTokenWrong() {
  return absl::InvalidArgumentError(
      "page_token is not one that this server gave for this list: start again without it, with the same "
      "scope, "
      "sort_by and filter on every page");
}
absl::Status SortKeyUnknown(absl::string_view resource, absl::string_view key, absl::string_view known_keys) {
  return absl::InvalidArgumentError(
      StrCat("sort_by: ", resource, " cannot be sorted by '", key, "'; use one of ", known_keys));
}
absl::Status SortByWrong(absl::string_view sort_by) {
  return absl::InvalidArgumentError(
      StrCat("sort_by: '", sort_by, "' must be a key, optionally followed by asc or desc"));
}
absl::Status SearchTooManyRows(int64_t limit) {
  return absl::InvalidArgumentError(
      StrCat("There are more than ", limit,
             " runs to be sorted, in an order that no index has. Order by the start time "
             "or by one metric, or let the filter leave fewer runs"));
}
absl::Status ListTooManyRows(int64_t rows, absl::string_view resource) {
  return absl::FailedPreconditionError(
      StrCat("filter: ", rows, " ", resource,
             " were looked at (the bound kListRowsRead) and do not fill the page, so the "
             "search ends: narrow it by another predicate, or sort by the key that is filtered"));
}
absl::Status FilterTooLong(int64_t bytes, int64_t limit_bytes) {
  return absl::InvalidArgumentError(
      StrCat("filter is ", bytes, " bytes long; at most ", limit_bytes, " are allowed"));
}
absl::Status FilterNotJson(absl::string_view reason) {
  return absl::InvalidArgumentError(StrCat("filter is not JSON: ", reason));
}
absl::Status FilterNotObject() {
  return absl::InvalidArgumentError("filter must be a JSON object with a list 'predicates'");
}
absl::Status FilterFieldUnknown(absl::string_view name) {
  return absl::InvalidArgumentError(StrCat("filter: unknown field '", name, "'"));
}
absl::Status FilterPredicatesNotList() {
  return absl::InvalidArgumentError("filter: 'predicates' must be a list");
}
absl::Status FilterTooManyPredicates(int64_t count, int64_t limit) {
  return absl::InvalidArgumentError(
      StrCat("filter has ", count, " predicates; at most ", limit, " are allowed"));
}
absl::Status InFilterPredicate(int64_t index, const absl::Status& wrong) {
  return absl::InvalidArgumentError(StrCat("filter: predicates[", index, "]: ", wrong.message()));
}
absl::Status PredicateNotObject() { return absl::InvalidArgumentError("must be an object"); }
absl::Status PredicateFieldUnknown(absl::string_view name) {
  return absl::InvalidArgumentError(StrCat("'", name, "' is not a field of a predicate"));
}
absl::Status PredicateOperationUnknown() {
  return absl::InvalidArgumentError(
      "'operation' must be one of EQUALS, NOT_EQUALS, GREATER_THAN, GREATER_THAN_EQUALS, LESS_THAN, "
      "LESS_THAN_EQUALS, IN, IS_SUBSTRING");
}
absl::Status PredicateWithoutOperation() {
  return absl::InvalidArgumentError("'operation' is missing, for example \"operation\": \"EQUALS\"");
}
absl::Status PredicateKeyNotText() { return absl::InvalidArgumentError("'key' must be a string"); }
absl::Status PredicateWithoutKey() { return absl::InvalidArgumentError("'key' is missing"); }
absl::Status PredicateKeyUnknown(absl::string_view key, absl::string_view resource,
                                 absl::string_view known_keys) {
  return absl::InvalidArgumentError(
      StrCat("'", key, "' is not a key of ", resource, "; use one of ", known_keys));
}
absl::Status PredicateWithoutValue() {
  return absl::InvalidArgumentError("has no value, for example \"string_value\": \"x\"");
}
absl::Status PredicateHasTwoValues() { return absl::InvalidArgumentError("has two values; give one"); }
absl::Status PredicateValueNotInteger(absl::string_view field) {
  return absl::InvalidArgumentError(StrCat("'", field, "' must be an integer"));
}
absl::Status PredicateValueNotText(absl::string_view field) {
  return absl::InvalidArgumentError(StrCat("'", field, "' must be a string"));
}
absl::Status PredicateValueNotTime(absl::string_view field, absl::string_view reason) {
  return absl::InvalidArgumentError(StrCat("'", field, "' must be an RFC 3339 time: ", reason));
}
absl::Status PredicateValuesNotList(absl::string_view field) {
  return absl::InvalidArgumentError(StrCat("'", field, "' must be an object with one list named 'values'"));
}
absl::Status PredicateHasTooManyValues(absl::string_view field, int64_t count, int64_t limit) {
  return absl::InvalidArgumentError(
      StrCat("'", field, "' has ", count, " values; at most ", limit, " are allowed"));
}
absl::Status PredicateListWithoutIn() {
  return absl::InvalidArgumentError("a list of values needs the operation IN");
}
absl::Status PredicateInWithoutList() {
  return absl::InvalidArgumentError("the operation IN needs a list, for example string_values");
}
absl::Status PredicateSubstringNotText() {
  return absl::InvalidArgumentError("IS_SUBSTRING needs a string_value");
}
absl::Status PredicateSubstringOfTime() {
  return absl::InvalidArgumentError("IS_SUBSTRING needs a key that is text");
}
absl::Status PredicateOfTagWrong() {
  return absl::InvalidArgumentError("tags can only be compared by EQUALS with a string_value");
}
absl::Status InPredicateValue(absl::string_view key, const absl::Status& wrong) {
  return absl::InvalidArgumentError(StrCat("'", key, "': ", wrong.message()));
}
absl::Status ValueIsText() { return absl::InvalidArgumentError("this key is text: give a string_value"); }
absl::Status ValueHasNul() {
  return absl::InvalidArgumentError("the text has a NUL character, which no stored text has");
}
absl::Status ValueIsNoTime(absl::string_view text) {
  return absl::InvalidArgumentError(
      StrCat("'", text, "' is no time; give RFC 3339 (2030-01-02T03:04:05Z) or seconds since 1970"));
}
absl::Status ValueTimeOutOfRange() { return absl::InvalidArgumentError("the time is out of range"); }

absl::Status DatabaseUrlNotServed(absl::string_view url) {
  return absl::InvalidArgumentError(StrCat("database URL '", url,
                                           "' is not served; use sqlite:///absolute/path/of/the/file.db or "
                                           "postgresql://USER@HOST:PORT/DATABASE"));
}
absl::Status DatabaseServerTooOld(absl::string_view server, int major_min) {
  return absl::FailedPreconditionError(StrCat("the database server is ", server,
                                              "; Penstock needs PostgreSQL ", major_min,
                                              " or newer: upgrade the server, or name another one"));
}
absl::Status DatabaseNotUtf8(absl::string_view encoding) {
  return absl::FailedPreconditionError(
      StrCat("the database's encoding is ", encoding,
             "; Penstock needs UTF8: make another database with createdb -E UTF8 -T template0 NAME"));
}
absl::Status DatabaseBusy() {
  return absl::UnavailableError("all connections to the database are busy; try again");
}
absl::Status CommitUnknown() {
  return absl::UnavailableError(
      "the connection to the database was lost while the write was being committed, and the database has not "
      "come back since: it may or may not be stored. Read before trying again");
}
absl::Status SchemaNewer(int version, absl::string_view name, int64_t known) {
  return absl::FailedPreconditionError(StrCat(
      "The database has schema version ", version, " (", name, "), newer than the ", known,
      " that this program knows: start the newer Penstock that wrote it, or use another data directory"));
}
absl::Status SchemaOther(int version, absl::string_view name) {
  return absl::FailedPreconditionError(
      StrCat("Migration ", version, " (", name,
             ") of the database is not the one this program holds: they come from different builds. Use the "
             "program that made the database, or another data directory"));
}
absl::Status NoMigrationToRevert() {
  return absl::FailedPreconditionError("The database has no migration to take back");
}
absl::Status LeaseTakenOver(absl::string_view name) {
  return absl::AbortedError(StrCat("another scheduler has taken the lease '", name, "' over"));
}
absl::Status CopySchemaOther(absl::string_view which, int64_t migrations) {
  return absl::FailedPreconditionError(StrCat("the ", which, " has not this program's schema: ", migrations,
                                              " migrations are to be applied; run penstock migrate first"));
}
absl::Status CopyTargetNotEmpty(absl::string_view table) {
  return absl::FailedPreconditionError(
      StrCat("the target is not empty: its table ", table, " has rows. Copy into a new database or file"));
}
absl::Status CopyOfAnotherSource() {
  return absl::FailedPreconditionError(
      "the target holds an unfinished copy of another source: finish that one, or copy into a new database");
}
absl::Status CopyUnfinished() {
  return absl::FailedPreconditionError(
      "a copy into this database was begun and not finished: run the same penstock copy again, or use "
      "another "
      "database");
}
absl::Status CopyDiffers(absl::string_view table, int64_t target_rows, absl::string_view target_sha256,
                         int64_t source_rows, absl::string_view source_sha256) {
  return absl::FailedPreconditionError(
      StrCat("the table ", table, " of the target has ", target_rows, " rows with checksum ", target_sha256,
             ", the source ", source_rows, " with ", source_sha256,
             ": somebody wrote to one of them meanwhile. Stop the servers and copy into a new database"));
}
absl::Status SpecNotFound(absl::string_view spec_sha256) {
  return absl::NotFoundError(StrCat("pipeline spec ", spec_sha256, " not found"));
}
absl::Status SpecDamaged(absl::string_view spec_sha256) {
  return absl::DataLossError(StrCat("the stored pipeline ", spec_sha256, " cannot be unpacked"));
}
absl::Status SpecSizeWrong() { return absl::DataLossError("a stored pipeline has a wrong size"); }
absl::Status AttemptTextDamaged(absl::string_view sha256) {
  return absl::DataLossError(StrCat("the stored record ", sha256, " of attempts cannot be read"));
}
absl::Status CacheDecisionDamaged() { return absl::DataLossError("a stored cache decision cannot be read"); }

absl::Status NotServedAsInKfp(absl::string_view what) {
  return absl::UnimplementedError(StrCat(what, " is declared and not served, as in Kubeflow Pipelines"));
}

}  // namespace penstock::error
