#include "server/errors.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/text.h"

namespace penstock::error {

using absl::StrCat;

absl::Status IdWrong(absl::string_view field, absl::string_view id) {
  return absl::InvalidArgumentError(
      StrCat(field, " ", QuoteForMessage(id), " must consist of letters, digits, '-', '_' and '.'"));
}
absl::Status TimeOutOfRange(absl::string_view field) {
  return absl::InvalidArgumentError(StrCat(field, " is not a time of the years 1 to 9999"));
}

absl::Status EnumUnknown(absl::string_view field, int number) {
  return absl::InvalidArgumentError(absl::StrCat(field, ": ", number, " is none of its values"));
}
absl::Status TagsTooMany(int64_t count, int64_t limit) {
  return absl::InvalidArgumentError(StrCat("there are ", count, " tags; at most ", limit, " are allowed"));
}
absl::Status TagKeyEmpty() { return absl::InvalidArgumentError("a tag has an empty key"); }
absl::Status TagKeyHasDot(absl::string_view field) {
  return absl::InvalidArgumentError(StrCat(field, ": a key must not hold '.'"));
}
absl::Status TagTooLong(absl::string_view field, int64_t limit_characters) {
  return absl::InvalidArgumentError(
      StrCat(field, ": key and value may be at most ", limit_characters, " characters long"));
}
absl::Status PluginsTooMany(absl::string_view field, int64_t count, int64_t limit) {
  return absl::InvalidArgumentError(
      StrCat(field, " names ", count, " plugins; at most ", limit, " are allowed"));
}
absl::Status PluginTooDeep(absl::string_view field, int64_t limit_levels) {
  return absl::InvalidArgumentError(
      StrCat(field, " is nested deeper than ", limit_levels, " levels, which is the most"));
}
absl::Status ExecutorUnknown(absl::string_view field, absl::string_view kind, absl::string_view known) {
  return absl::InvalidArgumentError(absl::StrCat(
      field, ": this server has no executor ", QuoteForMessage(kind), "; it has: ", known, " (--executors)"));
}

absl::Status CacheEnabledWrong(absl::string_view field) {
  return absl::InvalidArgumentError(StrCat(field, " must be true or false"));
}
absl::Status CacheAgeWrong(absl::string_view field, int64_t limit_seconds) {
  return absl::InvalidArgumentError(StrCat(field, " must be a whole number from 1 to ", limit_seconds));
}
absl::Status CacheInputWrong(absl::string_view field) {
  return absl::InvalidArgumentError(StrCat(field, " must be an object with \"enabled\" or \"max_age_s\""));
}

absl::Status PackageUrlRefused(absl::string_view reason, absl::string_view schemes, absl::string_view hosts) {
  return absl::InvalidArgumentError(StrCat("Pipeline URL validation failed: ", reason, ". Allowed are ",
                                           schemes, " and the hosts ", hosts));
}
absl::Status PackageNotFetched(absl::string_view field, absl::string_view reason) {
  return absl::InvalidArgumentError(StrCat(field, ": ", reason));
}
absl::Status PackageFetchesTooMany(int64_t limit) {
  return absl::ResourceExhaustedError(
      StrCat("at most ", limit, " packages can be fetched at once; try again in a moment"));
}

absl::Status RunPluginsOutputGiven() {
  return absl::AbortedError("run.plugins_output is filled by the server; leave it out");
}

absl::Status RunOfRequestDeleted(absl::string_view request_id, absl::string_view run_id) {
  return absl::FailedPreconditionError(
      absl::StrCat("request_id ", QuoteForMessage(request_id), " created the run ", run_id,
                   ", which has been deleted; give a new id for another run"));
}

absl::Status RunArtifactGivenTwice(absl::string_view name) {
  return absl::InvalidArgumentError(absl::StrCat("artifacts: ", QuoteForMessage(name),
                                                 " is also in run.runtime_config.parameters; give it once"));
}

absl::Status RunArtifactUnknown(absl::string_view name, int64_t artifact_id) {
  return absl::InvalidArgumentError(
      absl::StrCat("the artifact ", QuoteForMessage(name), ": there is no artifact ", artifact_id,
                   "; a run's task_details name the ids of those that it put out"));
}
absl::Status AttemptNumberNegative() {
  return absl::InvalidArgumentError(
      "number must not be negative: attempts are counted from 1, and 0 is the latest");
}
absl::Status ComparedRunsWrong(int64_t given, int64_t limit) {
  return absl::InvalidArgumentError(StrCat("run_ids has ", given, " runs: give 2 to ", limit,
                                           " (kComparedRuns), as run_ids=ONE&run_ids=OTHER"));
}
absl::Status ComparedRunTwice(absl::string_view run_id) {
  return absl::InvalidArgumentError(StrCat("run_ids names run ", run_id, " twice"));
}
absl::Status RunPackagesUnknown(absl::string_view run_id) {
  return absl::FailedPreconditionError(
      StrCat("Run ", run_id,
             " has no attempt with a record of its packages: leave pin_packages out, or name versions in the "
             "pipeline"));
}
absl::Status RunPackagesTooMany(absl::string_view run_id, int64_t bytes, int64_t limit_bytes) {
  return absl::FailedPreconditionError(StrCat(
      "The packages of the tasks of run ", run_id, ", with the other plugins, take ", bytes,
      " bytes, of which a run may have ", limit_bytes,
      " (kPluginsBytes): leave pin_packages out, and create the run with plugins_input that pins those "
      "packages alone which matter"));
}
absl::Status RunIsNoRerun(absl::string_view run_id, absl::string_view tag) {
  return absl::FailedPreconditionError(StrCat("Run ", run_id, " has no tag ", tag,
                                              ": give original_run_id to say which run it is compared with"));
}
absl::Status FieldNegative(absl::string_view field) {
  return absl::InvalidArgumentError(StrCat(field, " must not be negative"));
}
absl::Status FieldsExclude(absl::string_view field, absl::string_view other) {
  return absl::InvalidArgumentError(StrCat(field, " goes without ", other, ": give one of them"));
}
absl::Status LogNumberNegative() {
  return absl::InvalidArgumentError(
      "attempt, offset_bytes, tail_bytes, limit_bytes and line_number must not be negative");
}
absl::Status ArtifactOffsetBehindEnd(int64_t offset, int64_t size) {
  return absl::OutOfRangeError(StrCat("offset_bytes is ", offset, ", and the artifact has ", size, " bytes"));
}
absl::Status ArtifactPathWrong(absl::string_view path) {
  return absl::InvalidArgumentError(StrCat(
      "path ", QuoteForMessage(path),
      " names nothing in an artifact: names with one slash between them are expected, none of them . or .."));
}
absl::Status LogFollowersTooMany(int64_t limit) {
  return absl::ResourceExhaustedError(
      StrCat("at most ", limit, " logs can be followed at once; read it without follow"));
}
absl::Status WatchesTooMany(int64_t limit) {
  return absl::ResourceExhaustedError(
      StrCat("at most ", limit, " watches are served at once; ask with GetRun or ListRuns"));
}
absl::Status WatchedTooMuch() {
  return absl::ResourceExhaustedError(
      "what is watched already takes all the memory that watches may have; ask with GetRunStatus or "
      "ListRuns");
}
absl::Status WatcherTooSlow() {
  return absl::AbortedError("what changed was not read in time; watch it again");
}
absl::Status ServerStops() { return absl::UnavailableError("the server stops; call again in a moment"); }
absl::Status ApplyRunsNotSaid() {
  return absl::InvalidArgumentError(
      "say which runs are meant: give experiment_id or a filter with predicates, or set all to mean every "
      "run, but not both");
}
absl::Status ApplyTagTwice(absl::string_view name) {
  return absl::InvalidArgumentError(
      StrCat("the tag ", QuoteForMessage(name), " is in tags and in remove_tags; give it once"));
}
absl::Status ApplyTagsWithoutAction() {
  return absl::InvalidArgumentError("tags and remove_tags belong to the action TAG, which needs one of them");
}
absl::Status ApplyPageTokenWrong() {
  return absl::InvalidArgumentError(
      "page_token is not one that this server gave for this request: repeat the request that gave it, with "
      "all its other fields as they were");
}

absl::Status SearchExperimentsTooMany(int64_t limit) {
  return absl::InvalidArgumentError(
      StrCat("there are more than ", limit, " experiments: name those to search with experiment_ids"));
}

absl::Status MetadataOwnerWrong() {
  return absl::InvalidArgumentError(
      "owner: give one of experiment_id, run_id and artifact_id, and task_id only with run_id");
}
absl::Status MetadataComparisonWrong() {
  return absl::InvalidArgumentError(
      "comparison: LESS and GREATER are for numbers; a value of another type EQUALS or not");
}
absl::Status MetadataSetAndRemoved(absl::string_view name) {
  return absl::InvalidArgumentError(StrCat(QuoteForMessage(name), " is in set and in remove; give it once"));
}
absl::Status MetadataTooMany(int64_t limit) {
  return absl::ResourceExhaustedError(
      StrCat("there would be more than ", limit, " values; remove some first"));
}
absl::Status MetadataTooDeep(absl::string_view field, int64_t limit_levels) {
  return absl::InvalidArgumentError(
      StrCat(field, " has lists and objects more than ", limit_levels, " levels within one another"));
}

absl::Status ExportOfUnfinishedRun(absl::string_view run_id, absl::string_view state) {
  return absl::FailedPreconditionError(
      StrCat("Run ", run_id, " is ", state, "; only a run that has ended can be exported"));
}
absl::Status ImportedRunExists(absl::string_view run_id) {
  return absl::AlreadyExistsError(
      StrCat("There is a run ", run_id, " already; with new_id the bundle becomes a run of another id"));
}
absl::Status ImportedRunStillGoes(absl::string_view run_id) {
  return absl::AbortedError(StrCat("The content of the deleted run ", run_id,
                                   " is still being removed; try again in a moment, or with new_id"));
}
absl::Status ImportedModelTaken(absl::string_view model_id) {
  return absl::AbortedError(
      StrCat("Another import has taken the id of the model ", model_id, " meanwhile; try again"));
}
absl::Status ImportedFilesElsewhere(absl::string_view experiment_id, absl::string_view location) {
  return absl::FailedPreconditionError(StrCat(
      "The bundle has files of MLflow's clients, which experiment ", experiment_id, " keeps at ",
      QuoteForMessage(location), ", where this server puts none; name another experiment by experiment_id"));
}
absl::Status BundleNotWhole(absl::string_view why) {
  return absl::InvalidArgumentError(StrCat("This is no whole bundle of a run: ", why));
}
absl::Status BundleFormatUnknown() {
  return absl::InvalidArgumentError(
      "The bundle has a format that this server does not know: it reads format 1");
}
absl::Status BundleTooLarge(absl::string_view limit_name, int64_t limit) {
  return absl::InvalidArgumentError(
      StrCat("The bundle is larger than a bundle may be: the bound is ", limit, " (", limit_name, ")"));
}
absl::Status BundleTooManyMembers(int64_t limit) {
  return absl::InvalidArgumentError(
      StrCat("The bundle has more files than a bundle may have: the bound is ", limit, " (kBundleMembers)"));
}
absl::Status BundleMemberMissing(absl::string_view name) {
  return absl::InvalidArgumentError(
      StrCat("This is no whole bundle of a run: it has no ", QuoteForMessage(name)));
}
absl::Status BundleMemberUnknown(absl::string_view name) {
  return absl::InvalidArgumentError(
      StrCat("The bundle has ", QuoteForMessage(name), ", which does not belong into a bundle of a run"));
}
absl::Status BundleMemberTwice(absl::string_view name) {
  return absl::InvalidArgumentError(StrCat("The bundle has ", QuoteForMessage(name), " twice"));
}
absl::Status BundleMemberChanged(absl::string_view name) {
  return absl::InvalidArgumentError(
      StrCat("The bundle was changed: ", QuoteForMessage(name), " is not what manifest.json says of it"));
}
absl::Status BundleRowWrong(absl::string_view where, absl::string_view why) {
  return absl::InvalidArgumentError(StrCat("The bundle cannot be read: ", where, ": ", why));
}
absl::Status BundleSourceChanged(absl::string_view member) {
  return absl::AbortedError(StrCat("The file behind ", member, " changed while it was read; try again"));
}

absl::Status MaxConcurrencyOutOfRange(int64_t given, int64_t limit) {
  return absl::InvalidArgumentError(
      StrCat("recurring_run.max_concurrency is ", given, "; it has to be from 1 to ", limit));
}
absl::Status TriggerTooFrequent(int64_t runs_an_hour, int64_t limit) {
  return absl::InvalidArgumentError(
      StrCat("the trigger would start up to ", runs_an_hour, " runs in an hour; more than ", limit,
             " have to be asked for with force=true, at /apis/penstock/v1/recurringruns"));
}
absl::Status TriggerBacklogTooLong(int64_t limit) {
  return absl::InvalidArgumentError(
      StrCat("the trigger has more than ", limit,
             " slots between its start_time and now, each of which would start a run: set no_catchup, give "
             "a later start_time, or ask for them with force=true, at /apis/penstock/v1/recurringruns"));
}

absl::Status TriggerEndsBeforeItStarts() {
  return absl::InvalidArgumentError(
      "trigger.end_time is before trigger.start_time, so it would never be due");
}
absl::Status RecurringRunFieldFixed(absl::string_view field, absl::Span<const absl::string_view> changeable) {
  return absl::InvalidArgumentError(StrCat(QuoteForMessage(field), " cannot be changed; of ",
                                           absl::StrJoin(changeable, ", "), " each can"));
}
absl::Status UpdateMaskEmpty() {
  return absl::InvalidArgumentError("update_mask is empty: it has to name the fields to change");
}

absl::Status UpdateMaskUnknown(absl::string_view path) {
  return absl::InvalidArgumentError(absl::StrCat(
      "update_mask: ", QuoteForMessage(path),
      " is no field of a recurring run; a field within a field is trigger.cron_schedule.cron, for "
      "example, and maps are given as a whole"));
}
absl::Status PreviewWithoutSlots() {
  return absl::InvalidArgumentError(
      "give a recurring_run_id, or a trigger with a cron_schedule or a periodic_schedule");
}
absl::Status PreviewOfTwo() {
  return absl::InvalidArgumentError("give a recurring_run_id, or a trigger with its time_zone, not both");
}
absl::Status PreviewCountOutOfRange(int64_t given, int64_t limit) {
  return absl::InvalidArgumentError(StrCat("count is ", given, "; it has to be from 0 to ", limit));
}

absl::Status ArtifactTypeMissing() {
  return absl::InvalidArgumentError(
      "artifact.type is missing: give Artifact, Model, Dataset, HTML, Markdown, Metric, ClassificationMetric "
      "or SlicedClassificationMetric");
}
absl::Status MetricIncomplete() {
  return absl::InvalidArgumentError(
      "A Metric needs its key as artifact.name, and a finite artifact.number_value");
}
absl::Status NumberOfNoMetric() {
  return absl::InvalidArgumentError("artifact.number_value is only for artifacts of type Metric");
}

absl::Status BulkTooMany(int64_t count, int64_t limit) {
  return absl::InvalidArgumentError(StrCat("The request has ", count, " of what may be at most ", limit));
}
absl::Status ArtifactRunWithoutTask() {
  return absl::InvalidArgumentError(
      "run_id and task_id belong together: give both to make the artifact an output of the task, or neither");
}
absl::Status LinkFilterOperation() {
  return absl::InvalidArgumentError("artifact_tasks are filtered by EQUALS and IN only");
}
absl::Status RecordedTasksTooMany(absl::string_view run_id, int64_t limit) {
  return absl::ResourceExhaustedError(
      StrCat("Run ", run_id, " would have more than ", limit,
             " tasks that clients record (kRecordedTasks): record further ones in another run"));
}
absl::Status TaskIdGiven() {
  return absl::InvalidArgumentError("task.task_id is made by the server; leave it out");
}
absl::Status RootExists(absl::string_view run_id) {
  return absl::AlreadyExistsError(
      StrCat("A run has one root, from its beginning on; its task id is the run's, ", run_id));
}
absl::Status TaskFieldFixed(absl::string_view field, absl::string_view task_id) {
  return absl::FailedPreconditionError(
      StrCat(field, " of task ", task_id, " stays as it was when it was created"));
}
absl::Status TaskOfEngineFixed(absl::string_view field, absl::string_view task_id) {
  return absl::FailedPreconditionError(StrCat("Task ", task_id,
                                              " is recorded by no client: the engine has set its ", field,
                                              "; only status_metadata.custom_properties may be changed"));
}
absl::Status TaskStateFixed(absl::string_view task_id, absl::string_view from, absl::string_view to) {
  return absl::FailedPreconditionError(StrCat("Task ", task_id, " is ", from, " and cannot become ", to));
}
absl::Status TaskRecordDamaged(absl::string_view task_id) {
  return absl::DataLossError(StrCat("what was recorded of task ", task_id, " cannot be read"));
}

absl::Status MetadataIdsTooMany(int64_t count, int64_t limit) {
  return absl::InvalidArgumentError(
      absl::StrCat("The request names ", count, " ids; at most ", limit, " are looked up at once"));
}
absl::Status MetadataPageSizeWrong(int64_t given) {
  return absl::InvalidArgumentError(absl::StrCat("max_result_size is ", given, "; it has to be at least 1"));
}
absl::Status MetadataOptionNotServed(absl::string_view option) {
  return absl::UnimplementedError(absl::StrCat("Lists of metadata are not served with ", option,
                                               "; they are in the order of ids, in pages or whole"));
}
absl::Status MetadataTypeNotFound(absl::string_view name) {
  return absl::NotFoundError(absl::StrCat("There is no type of context ", QuoteForMessage(name),
                                          "; there are 'system.Pipeline' and 'system.PipelineRun'"));
}

absl::Status ReportNotJson(absl::string_view field, absl::string_view reason) {
  return absl::InvalidArgumentError(StrCat(field, " must be an object of Kubernetes as JSON: ", reason));
}
absl::Status ReportMetadataMissing(absl::string_view field, absl::string_view key) {
  return absl::InvalidArgumentError(StrCat(field, ": metadata.", key, " is missing"));
}
absl::Status ReportWithoutRunId(absl::string_view label) {
  return absl::InvalidArgumentError(
      StrCat("workflow: metadata.labels has no ", label, ", which names the run"));
}
absl::Status ReportedRunUnknownYet(absl::string_view run_id) {
  return absl::UnavailableError(StrCat("Run ", run_id, " is not known yet; report it again in a moment"));
}

absl::Status MemoryBusy() {
  return absl::ResourceExhaustedError(
      "the server has no memory for this call, as others fill it; try again, or give it more with "
      "--memory_budget");
}

}  // namespace penstock::error
