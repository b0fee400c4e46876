// Errors that only the API's server tells users, as common/errors.h has those that more parts tell: one named
// function for each.
#pragma once

#include <cstdint>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace penstock::error {

// --- Fields of any request. `field` names the field, or the place in it ---
absl::Status IdWrong(absl::string_view field, absl::string_view id);
absl::Status TimeOutOfRange(absl::string_view field);
absl::Status EnumUnknown(absl::string_view field, int number);
absl::Status TagsTooMany(int64_t count, int64_t limit);
absl::Status TagKeyEmpty();
absl::Status TagKeyHasDot(absl::string_view field);
absl::Status TagTooLong(absl::string_view field, int64_t limit_characters);
absl::Status PluginsTooMany(absl::string_view field, int64_t count, int64_t limit);
absl::Status PluginTooDeep(absl::string_view field, int64_t limit_levels);
absl::Status ExecutorUnknown(absl::string_view field, absl::string_view kind, absl::string_view known);
absl::Status CacheEnabledWrong(absl::string_view field);
absl::Status CacheAgeWrong(absl::string_view field, int64_t limit_seconds);
absl::Status CacheInputWrong(absl::string_view field);

// --- Memory ---
absl::Status MemoryBusy();

// --- Packages ---
// `schemes` and `hosts` say what is allowed.
absl::Status PackageUrlRefused(absl::string_view reason, absl::string_view schemes, absl::string_view hosts);
absl::Status PackageNotFetched(absl::string_view field, absl::string_view reason);
absl::Status PackageFetchesTooMany(int64_t limit);

// --- Runs ---
absl::Status RunPluginsOutputGiven();
absl::Status RunOfRequestDeleted(absl::string_view request_id, absl::string_view run_id);
absl::Status RunArtifactGivenTwice(absl::string_view name);
absl::Status RunArtifactUnknown(absl::string_view name, int64_t artifact_id);
absl::Status RunPackagesUnknown(absl::string_view run_id);
absl::Status RunPackagesTooMany(absl::string_view run_id, int64_t bytes, int64_t limit_bytes);
absl::Status RunIsNoRerun(absl::string_view run_id, absl::string_view tag);
absl::Status AttemptNumberNegative();
absl::Status ComparedRunsWrong(int64_t given, int64_t limit);
absl::Status ComparedRunTwice(absl::string_view run_id);
absl::Status LogNumberNegative();
absl::Status ArtifactOffsetBehindEnd(int64_t offset, int64_t size);
absl::Status ArtifactPathWrong(absl::string_view path);
absl::Status FieldNegative(absl::string_view field);
absl::Status FieldsExclude(absl::string_view field, absl::string_view other);
absl::Status LogFollowersTooMany(int64_t limit);
absl::Status WatchesTooMany(int64_t limit);
absl::Status WatchedTooMuch();
absl::Status WatcherTooSlow();
absl::Status ServerStops();
absl::Status ApplyRunsNotSaid();
absl::Status ApplyTagTwice(absl::string_view name);
absl::Status ApplyTagsWithoutAction();
absl::Status ApplyPageTokenWrong();
absl::Status SearchExperimentsTooMany(int64_t limit);

// --- Metadata of users ---
absl::Status MetadataOwnerWrong();
absl::Status MetadataComparisonWrong();
absl::Status MetadataSetAndRemoved(absl::string_view name);
absl::Status MetadataTooMany(int64_t limit);
absl::Status MetadataTooDeep(absl::string_view field, int64_t limit_levels);

// --- Runs as files ---
absl::Status ExportOfUnfinishedRun(absl::string_view run_id, absl::string_view state);
absl::Status ImportedRunExists(absl::string_view run_id);
absl::Status ImportedRunStillGoes(absl::string_view run_id);
absl::Status ImportedModelTaken(absl::string_view model_id);
// The experiment has MLflow's files at a location where this server has none.
absl::Status ImportedFilesElsewhere(absl::string_view experiment_id, absl::string_view location);
absl::Status BundleNotWhole(absl::string_view why);
absl::Status BundleFormatUnknown();
absl::Status BundleTooLarge(absl::string_view limit_name, int64_t limit);
absl::Status BundleTooManyMembers(int64_t limit);
absl::Status BundleMemberMissing(absl::string_view name);
absl::Status BundleMemberUnknown(absl::string_view name);
absl::Status BundleMemberTwice(absl::string_view name);
absl::Status BundleMemberChanged(absl::string_view name);
absl::Status BundleRowWrong(absl::string_view where, absl::string_view why);
absl::Status BundleSourceChanged(absl::string_view member);

// --- Recurring runs ---
absl::Status MaxConcurrencyOutOfRange(int64_t given, int64_t limit);
absl::Status TriggerTooFrequent(int64_t runs_an_hour, int64_t limit);
absl::Status TriggerBacklogTooLong(int64_t limit);
absl::Status TriggerEndsBeforeItStarts();
absl::Status RecurringRunFieldFixed(absl::string_view field, absl::Span<const absl::string_view> changeable);
absl::Status UpdateMaskEmpty();
absl::Status UpdateMaskUnknown(absl::string_view path);
absl::Status PreviewWithoutSlots();
absl::Status PreviewOfTwo();
absl::Status PreviewCountOutOfRange(int64_t given, int64_t limit);

// --- Artifacts and tasks of KFP 3.0 ---
absl::Status ArtifactTypeMissing();
absl::Status MetricIncomplete();
absl::Status NumberOfNoMetric();
absl::Status BulkTooMany(int64_t count, int64_t limit);
absl::Status ArtifactRunWithoutTask();
absl::Status LinkFilterOperation();
absl::Status TaskIdGiven();
absl::Status RecordedTasksTooMany(absl::string_view run_id, int64_t limit);
absl::Status RootExists(absl::string_view run_id);
absl::Status TaskFieldFixed(absl::string_view field, absl::string_view task_id);
absl::Status TaskOfEngineFixed(absl::string_view field, absl::string_view task_id);
absl::Status TaskStateFixed(absl::string_view task_id, absl::string_view from, absl::string_view to);
absl::Status TaskRecordDamaged(absl::string_view task_id);

// --- ML Metadata ---
absl::Status MetadataIdsTooMany(int64_t count, int64_t limit);
absl::Status MetadataPageSizeWrong(int64_t given);
absl::Status MetadataOptionNotServed(absl::string_view option);
absl::Status MetadataTypeNotFound(absl::string_view name);

// --- Reports of objects of Kubernetes. `field` is the field of the request ---
absl::Status ReportNotJson(absl::string_view field, absl::string_view reason);
absl::Status ReportMetadataMissing(absl::string_view field, absl::string_view key);
absl::Status ReportWithoutRunId(absl::string_view label);
absl::Status ReportedRunUnknownYet(absl::string_view run_id);

}  // namespace penstock::error
