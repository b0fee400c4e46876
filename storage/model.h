// Rows as plain structs, without behaviour. Names are the columns'; see migrations/sqlite/schema.sql.
// A time that is not set is absl::UnixEpoch(), as on KFP's wire.
#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "common/state.h"
#include "common/tick.h"
#include "common/trigger_spec.h"

namespace penstock {

struct ExperimentRow {
  std::string experiment_id;
  std::string namespace_;
  std::string name;
  std::string description;
  StorageState storage_state = StorageState::kAvailable;
  absl::Time created_at;
  absl::Time last_run_created_at;
  std::string artifact_location = {};         // empty: by its id
  absl::Time updated_at = absl::UnixEpoch();  // at least created_at where it is stored
};

using Tags = std::map<std::string, std::string>;

struct PipelineRow {
  std::string pipeline_id;
  std::string namespace_;
  std::string name;
  std::string display_name;
  std::string description;
  absl::Time created_at;
  Tags tags;
};

struct PipelineVersionRow {
  std::string pipeline_version_id;
  std::string pipeline_id;
  std::string name;
  std::string display_name;
  std::string description;
  std::string package_url;
  std::string code_source_url;
  std::string spec_sha256;
  absl::Time created_at;
  Tags tags;
};

// Of runs that name none.
inline constexpr char kDefaultServiceAccount[] = "pipeline-runner";

// Who moves a run: the engine, or the client that records what it does elsewhere.
enum class RunDriver { kEngine, kClient };

struct RunRow {
  std::string run_id;
  std::string experiment_id;
  std::string namespace_;
  std::string display_name;
  std::string description;
  StorageState storage_state = StorageState::kAvailable;
  RunState state = RunState::kPending;
  std::string service_account;
  std::string pipeline_id;          // empty when the spec came with the run
  std::string pipeline_version_id;  // likewise
  std::string recurring_run_id;
  absl::Time created_at;
  absl::Time scheduled_at;
  absl::Time finished_at;
  RunDriver driver = RunDriver::kEngine;
  int64_t number = 0;  // that of its root among the numbers of tasks; given out when it is inserted
};

struct RunConfigRow {
  std::string spec_sha256;
  std::string parameters;  // JSON object
  std::string pipeline_root;
  std::string plugins_input;  // JSON object by name of the plugin; empty for none
  bool cache_enabled = true;
  absl::Duration cache_max_age = absl::ZeroDuration();  // zero: no bound of its own
  // Those of the pipeline, as a JSON object: by these runs are searched, too. They are not stored with the rest, and a row
  // that was read has none.
  std::string parameter_defaults = {};
};

// A client's request to create a run at most once.
struct RunRequestRow {
  std::string request_id;  // chosen by the client
  std::string run_id;
  std::string request_sha256;  // of the whole request
  absl::Time created_at;
};

struct RunStateRow {
  RunState state = RunState::kPending;
  absl::Time updated_at;
  int error_code = 0;  // google.rpc.Code
  std::string error_message;
  int64_t sequence = 0;  // among the states of a run that was read
};

struct TaskRow {
  std::string run_id;
  std::string task_id;
  std::string parent_task_id;
  std::string name;  // key in its DAG
  std::string display_name;
  TaskState state = TaskState::kPending;
  WaitReason wait_reason = WaitReason::kNone;
  std::string wait_message;  // what it waits for, in the words of who makes it wait; may be empty
  int error_code = 0;        // google.rpc.Code
  std::string error_message;
  absl::Time created_at;
  absl::Time started_at;
  absl::Time finished_at;
  int iteration = -1;                      // number of an iteration of a loop, -1 for any other task
  absl::Time wake_at = absl::UnixEpoch();  // when its next attempt may start
  int attempts_before = 0;                 // made before its run was retried last
  std::string cache_decision;              // JSON object; empty if the cache was not asked
  bool recorded = false;                   // by a client: the engine leaves it alone
  std::string description;                 // a user's note
  int64_t number = 0;                      // unique; given out when it is inserted
};

// Names a task of any run; an empty task id, where that is allowed, names the run's root.
struct TaskKey {
  std::string run_id;
  std::string task_id;

  auto operator<=>(const TaskKey&) const = default;
};

struct TaskStateRow {
  std::string task_id;
  TaskState state = TaskState::kPending;
  absl::Time updated_at;
};

struct TaskAttemptRow {
  std::string run_id;
  std::string task_id;
  int number = 1;
  std::string attempt_id;
  std::string outcome;     // empty while it runs; else SUCCEEDED, FAILED, TIMED_OUT, CANCELED, LOST
  bool disrupted = false;  // it is LOST because its platform ended it, or could not run it
  std::optional<int> exit_code;
  std::optional<int> signal;
  std::string message;
  std::string log_tail;
  std::string log_path;  // relative to the data directory
  std::string holder;    // whose executor it was given to; empty: before this was noted
  absl::Duration cpu_time;
  int64_t max_rss_bytes = 0;
  absl::Time created_at;
  absl::Time started_at;
  absl::Time finished_at;
  std::string environment;  // name of the shared Python environment it ran in; empty: none
  std::string packages;     // what was installed there, "name==version" a line
  // Of the documents that say what was to be run and where it ran; empty: nothing is known. See attempt_record_store.h.
  std::string setup_sha256;
  std::string place_sha256;
};

enum class Direction { kInput, kOutput };

struct TaskParameterRow {
  std::string task_id;
  Direction direction = Direction::kOutput;
  std::string name;
  std::string value;  // JSON
};

struct ArtifactRow {
  int64_t artifact_id = 0;
  std::string uuid;    // the same artifact for clients that know texts
  std::string run_id;  // that made it, or has taken it over; empty: of no run
  std::string namespace_;
  std::string name;
  std::string description;  // a user's note
  std::string schema_title;
  std::string schema_version;
  std::string uri;          // logical
  std::string custom_path;  // where the content lies instead; empty: at the uri
  std::string metadata;     // JSON object
  std::optional<int64_t> size_bytes;
  std::string content_sha256;  // of what lies there; see content/content.h
  std::string content_stat;
  std::string import_key;  // of an imported artifact: equal for equal imports; else empty
  absl::Time created_at;
};

// What a task has to do with an artifact that it is linked with.
enum class LinkRole {
  kOwn,    // it takes or has made it itself
  kScope,  // it is a graph, a loop or the root: it hands on what tasks in it take or make
  kCache,  // it was found in the cache: it would have taken it, or has it from another task
};

// Links that clients add to tasks and runs that the engine drives have positions from here on, so that they are never in
// the way of the engine's own. They are no inputs and outputs of the pipeline.
inline constexpr int kRecordedPosition = 1 << 24;

// An artifact as an input or output of a task: a link.
struct ArtifactTaskRow {
  std::string run_id;
  std::string task_id;  // empty: the root of the run
  Direction direction = Direction::kOutput;
  std::string name;
  int position = 0;
  int64_t artifact_id = 0;
  std::string io_type;        // KFP's IOType: OUTPUT, COMPONENT_INPUT, TASK_OUTPUT_INPUT and so on
  std::string producer_task;  // that the pipeline names as the source of an input; else empty
  std::optional<int64_t> producer_iteration;
  LinkRole role = LinkRole::kOwn;
  int64_t link_id = 0;  // given out when it is inserted
};

// A value of a metric.
struct MetricPoint {
  int64_t step = 0;
  absl::Time at;
  double value = 0;  // may be NaN or infinite
};

// All values of one metric of a task, or of the run itself, in the order of step, time and value.
struct MetricSeriesRow {
  int64_t series_id = 0;
  std::string run_id;
  std::string task_id;  // empty: of the run itself
  std::string name;
  int64_t points = 0;
  MetricPoint first;
  MetricPoint latest;
  MetricPoint least;     // by value; NaN counts as greater than everything
  MetricPoint greatest;  // likewise
};

// The latest value of a metric of a run, whichever of its tasks has it.
struct RunMetricRow {
  std::string run_id;
  std::string name;
  MetricPoint latest;
};

// A data set that runs take: an artifact, which is the same in an experiment if name and digest are.
struct DatasetRow {
  int64_t artifact_id = 0;
  std::string experiment_id;
  std::string name;
  std::string digest;
  std::string source_type;
  // JSON as the client wrote it.
  std::string source;
  std::string columns;
  std::string profile;
};

// A data set as an input of a run or a task.
struct DatasetInputRow {
  std::string run_id;
  std::string task_id;  // empty: the run itself
  DatasetRow dataset;
  Tags tags;  // what for
};

// What a task, or with an empty id the run, takes an artifact for.
struct InputTagRow {
  std::string run_id;
  std::string task_id;
  int64_t artifact_id = 0;
  std::string name;
  std::string value;
};

// A parameter that a task logs.
struct LoggedParameterRow {
  std::string task_id;
  std::string name;
  std::string value;
};

// A model that a run logs: an artifact, with what MLflow knows of it besides.
struct LoggedModelRow {
  std::string model_id;
  std::string experiment_id;
  std::string name;
  std::string model_type;
  std::string source_run_id;  // as MLflow names runs and tasks; empty: it comes from none
  std::string status;         // PENDING, READY, UPLOAD_FAILED
  int64_t artifact_id = 0;
  absl::Time created_at;
  absl::Time updated_at;
};

struct LoggedModelParameterRow {
  std::string model_id;
  std::string name;
  std::string value;
};

// The latest value of a metric of a model on one data set.
struct LoggedModelMetricRow {
  std::string model_id;
  std::string name;
  std::string dataset_name;  // both empty: of no data set
  std::string dataset_digest;
  std::string run_id;  // as MLflow names it
  MetricPoint latest;
};

// A model that a run or a task takes or puts out.
struct ModelLinkRow {
  std::string run_id;
  std::string task_id;  // empty: the run itself
  Direction direction = Direction::kOutput;
  std::string model_id;
  int64_t step = 0;
};

// A name for models, with numbered versions.
struct RegisteredModelRow {
  std::string name;
  std::string description;
  int64_t versions = 0;  // the number that was given out last
  absl::Time created_at;
  absl::Time updated_at;
};

struct ModelVersionRow {
  std::string name;
  int64_t version = 0;
  std::string description;
  std::string source;    // as the client named it
  std::string location;  // where the files are
  std::string run_id;    // as MLflow names it; empty: of none
  std::string run_link;
  std::string model_id;  // empty: it is no logged model
  absl::Time created_at;
  absl::Time updated_at;
};

struct RecurringRunRow {
  std::string recurring_run_id;
  std::string experiment_id;
  std::string namespace_;
  std::string display_name;
  std::string description;
  std::string run_name;  // with what the names of its runs begin
  std::string service_account;
  std::string pipeline_id;          // empty when the spec came with it
  std::string pipeline_version_id;  // likewise; also empty where each run takes the latest version
  std::string spec_sha256;          // empty where each run takes the latest version
  std::string pipeline_root;
  int64_t max_concurrency = 1;
  bool no_catchup = false;
  bool enabled = false;
  absl::Time enabled_at = absl::UnixEpoch();  // when it was enabled last after it had been disabled
  TriggerSpec trigger;
  absl::Time created_at;
  absl::Time updated_at;
  std::optional<absl::Time> next_due_at;  // the first slot that is not decided
  std::optional<absl::Time> wake_at;      // when to look at it; nothing while it waits or is disabled
  int64_t run_count = 0;
  int64_t revision = 0;  // raised by whoever edits it
  int error_code = 0;    // google.rpc.Code; of the last tick, if that was refused
  std::string error_message;
  // As RunConfigRow has them.
  std::string parameters;
  std::string plugins_input;
  bool cache_enabled = true;
  absl::Duration cache_max_age = absl::ZeroDuration();
};

// What became of one slot, or of `slot_count` of them that were decided alike.
struct ScheduleTickRow {
  std::string recurring_run_id;
  absl::Time due_at;
  absl::Time last_due_at;
  int64_t slot_count = 1;
  TickDecision decision = TickDecision::kFired;
  TickReason reason = TickReason::kDue;
  std::string message;    // a sentence, where the reason does not say all
  std::string run_id;     // empty unless it started a run
  int64_t run_index = 0;  // likewise
  absl::Time decided_at;
};

// WAITING: nothing was removed yet, or a store is away. RUNNING: some of it was. FAILED: a store refused it.
enum class RemovalState { kWaiting, kRunning, kDone, kFailed };

// The content of a deleted run, which is to be removed or was.
struct ContentRemovalRow {
  std::string run_id;
  std::string experiment_id;
  std::string namespace_;
  std::string pipeline_name;      // whose folder the run's artifacts are in; empty: it is not known
  std::string pipeline_root;      // of the run; empty: none of its own
  std::string artifact_location;  // of the experiment, for MLflow's files; empty: by its id
  // URIs of further folders, a line each: elsewhere, or of runs deleted before whose artifacts this run had.
  std::string folders;
  bool unfinished = false;  // when it was deleted: attempts may still have been running
  RemovalState state = RemovalState::kWaiting;
  int64_t removed_files = 0;
  int64_t removed_bytes = 0;
  std::string kept;        // JSON: a list of [URI, sentence]; empty: none
  int64_t kept_count = 0;  // all of them
  int tries = 0;           // that failed since the last one that did not
  std::string error;       // of the last try
  absl::Time created_at = absl::UnixEpoch();
  absl::Time started_at = absl::UnixEpoch();
  absl::Time finished_at = absl::UnixEpoch();
  std::optional<absl::Time> due_at;  // of the next try; nothing when it is over
};

// Which runs a retention policy is about, by whether they are archived.
enum class RetentionStorage { kAny, kAvailable, kArchived };

// Which old runs of a namespace or an experiment are deleted.
struct RetentionPolicyRow {
  std::string policy_id;
  std::string namespace_;
  std::string experiment_id;  // empty: it is the namespace's
  bool enabled = false;
  absl::Duration max_age = absl::ZeroDuration();  // zero: the age does not matter
  int64_t max_runs = 0;                           // 0: the number does not matter
  std::string states;                             // names with commas between them; empty: all final ones
  RetentionStorage storage = RetentionStorage::kAny;
  int keep_latest = 0;             // of each recurring run
  int64_t revision = 1;            // raised when the rules change
  int64_t previewed_revision = 0;  // 0: never
  absl::Time created_at = absl::UnixEpoch();
  absl::Time updated_at = absl::UnixEpoch();
  absl::Time applied_at = absl::UnixEpoch();
  int64_t deleted_runs = 0;
};

// What a task put out, to be found by what it did.
struct CacheEntryRow {
  std::string namespace_;
  std::string fingerprint;
  std::string cache_group;  // entries of one group are compared
  std::string run_id;       // whose task it was
  std::string task_id;
  std::string fields;  // JSON object: what the fingerprint is made of
  int output_parameters = 0;
  int output_artifacts = 0;
  absl::Time created_at;
};

enum class CacheResult { kHit, kMiss, kNotAsked };

// What the cache said of one task.
struct CacheDecision {
  CacheResult result = CacheResult::kMiss;
  // Of kMiss: NO_ENTRY, FIELD_DIFFERS, TOO_OLD, OUTPUTS_GONE, ARTIFACT_GONE or ARTIFACT_CHANGED.
  // Of kNotAsked: SERVER_OFF, RUN_OFF, RUNS_WHATEVER_HAPPENS, READS_FINAL_STATUS or INPUT_UNKNOWN.
  std::string reason;
  std::string field;  // the one that differs, or the output whose artifact is gone or changed
  std::string fingerprint;
  // The task whose outputs were taken, or could not be, or that comes nearest.
  std::string run_id;
  std::string task_id;
};

struct LeaseRow {
  std::string holder;
  int64_t fence = 0;
  absl::Time expires_at;
};

}  // namespace penstock
