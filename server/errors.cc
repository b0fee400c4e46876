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
absl::Status LogOffsetNegative() {
  return absl::InvalidArgumentError("attempt and offset_bytes must not be negative");
}
absl::Status LogFollowersTooMany(int64_t limit) {
  return absl::ResourceExhaustedError(
      StrCat("at most ", limit, " logs can be followed at once; read it without follow"));
}
absl::Status WatchesTooMany(int64_t limit) {
  return absl::ResourceExhaustedError(
      StrCat("at most ", limit, " watches are served at once; ask with GetRun or ListRuns"));
}
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
