// The executor: runs one attempt of one task somewhere else and tells how it ended.
//
// An executor knows neither storage nor the plan. The engine commits an attempt's id before it calls Start,
// and that id is the idempotency key: an executor never runs the same attempt id twice, not even across a
// restart of the server. What was announced is prepared while its id is being committed.
//
// An attempt's life, as its executor tells it:
//
//   Start ──▶ AttemptWaiting* ──▶ AttemptStarted ──▶ AttemptFinished
//   Reattach ──▶ AttemptNeverStarted, or what is left of the above
//
// Every verb returns at once: it looks at memory only. Whatever takes a disk, a process or a network happens
// in the executor's own threads, and its outcome is an event.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "content/content.h"
#include "executor/attempt_place.h"
#include "executor/task_world.h"

namespace penstock {

// What one attempt asks of the machine. Zero means the executor's default (local: one CPU slot, no memory).
struct ResourceRequest {
  int64_t cpu_millicores = 0;
  int64_t memory_bytes = 0;
};

// What one attempt may use at most. Zero: no bound.
struct ResourceLimits {
  int64_t cpu_millicores = 0;
  int64_t memory_bytes = 0;
};

// Devices that one attempt asks for.
struct Accelerator {
  std::string type;  // such as "nvidia.com/gpu"
  int64_t count = 0;
};

// A file in which the task leaves one output parameter.
struct OutputFile {
  std::string name;  // of the output
  std::string path;  // as the task sees it
};

// A file or folder in which the task leaves an output artifact.
struct OutputArtifact {
  std::string name;  // of the output
  std::string uri;   // what storage keeps: where the content is to be found afterwards
  std::string path;  // as the task sees it
};

// The content of an input artifact that is not the executor's own. Before the command starts, the attempt
// itself brings it, or looks whether it is there.
struct InputContent {
  enum class Need {
    kFetched,   // the content behind `uri`, which may be a path, is put at `path`, or the attempt fails
    kWanted,    // the same, if there is any
    kPresent,   // `path` is there, or the attempt fails
    kPresumed,  // the attempt may do without; if `path` is missing and it fails, its message says so
  };
  std::string name;  // of the input
  std::string uri;
  std::string path;  // absolute unless the URI gives none
  Need need = Need::kPresumed;
  std::string sha256;  // recorded when it was made; empty: nothing was
};

// Where the attempt itself puts what its command left, when that has succeeded: in an object store.
struct ContentUpload {
  std::string
      directory;  // as the task sees it; all that lies in it goes to the place of the same name below `uri`
  std::string uri;
  std::string root_uri;  // the pipeline root that it is in
};

// What an attempt does in place of a program, where volumes can be had: kfp-kubernetes' CreatePVC and DeletePVC.
struct VolumeRequest {
  bool remove = false;     // else it is made
  std::string parameters;  // the component's input parameters that were given, JSON
};

// Everything an executor needs to run one attempt. Plain data; paths are absolute, and as the task sees them
// (TaskWorld).
struct LaunchSpec {
  std::string attempt_id;  // idempotency key, a UUID
  std::string run_id;
  std::string task_id;
  std::string task_name;  // key of the task in its DAG
  int attempt_number = 1;
  std::string image;  // container image
  std::vector<std::string> argv;
  std::vector<std::pair<std::string, std::string>> env;
  std::string work_dir;  // the attempt's own directory, made by the executor; also the working directory
  std::string log_uri;   // where standard output and error of the attempt are to be found
  std::vector<std::string> directories;  // made before the start (parents of output files and artifacts)
  std::string executor_output_path;      // JSON the kfp executor leaves; may stay absent
  std::vector<OutputFile> parameter_files;
  std::vector<InputContent> inputs;
  std::string workspace;                  // that attempts of the run share, made by the executor; empty: none
  std::vector<OutputArtifact> artifacts;  // whose content is to be told apart
  std::optional<ContentUpload> upload;    // of the artifacts; nothing: they lie where they belong
  std::string log_copy_uri;               // where a copy of the log is kept too; empty: nowhere
  // What every pip of the attempt keeps to when it installs something, "name==version"; empty: to nothing.
  std::vector<std::string> constraints;
  ResourceRequest resources;
  absl::Duration timeout = absl::InfiniteDuration();  // of the attempt, from its start
  // What follows has an effect only where the executor heeds it; see TaskWorld::heeds_platforms.
  ResourceLimits limits;
  std::vector<Accelerator> accelerators;
  // Settings of this task, JSON, by platform ("kubernetes"). What names an input or another task's output there is
  // resolved: {"runtimeValue": {"constant": VALUE}}.
  std::map<std::string, std::string> platforms;
  std::string namespace_;       // of the run; empty: none
  std::string service_account;  // that it asks a cluster as; empty: as the executor decides
  // How the workspace is made where it is a volume: KFP's WorkspaceConfig as JSON; empty: the run has none.
  std::string workspace_volume;
  std::optional<VolumeRequest> volume;
};

// What the task left behind, read by the executor with the bounds of common/limits.h.
struct AttemptOutputs {
  std::optional<std::string> executor_output;  // content of LaunchSpec::executor_output_path
  std::map<std::string, std::string>
      parameter_files;  // output parameter name -> content; absent files are left out
  // LaunchSpec::artifacts, by path, as they lay there after the task had ended; read up to
  // limits::kContentBytes in all. What was uploaded is by its URI.
  std::map<std::string, Content> artifacts;
  // Where what lay at a path is kept now, if that was uploaded from outside of ContentUpload::directory.
  std::map<std::string, std::string> uploaded;
  // Set when an output could not be taken (too large, not a regular file, outside the work directory); the
  // task fails with it.
  absl::Status status;
};

// Why an attempt that was given to Start does not run yet.
enum class AttemptWait {
  kImage,          // its image is being brought
  kUnschedulable,  // nothing that it may run on has room for it
  kEnvironment,    // its Python environment is being built, by itself or by another attempt
  kContent,        // its inputs are being brought, or, once it has started, its outputs put where they belong
  kQuota,          // a quota of its namespace lets nothing more in just now
  kVolume,         // a volume, secret or config map is missing, or cannot be mounted
  kPlatform,       // the platform does not answer, or takes nothing more just now
  kStarting,       // it has a place, where it is being made ready
};

// The attempt waits; told again when the reason changes.
struct AttemptWaiting {
  std::string attempt_id;
  AttemptWait reason = AttemptWait::kUnschedulable;
  std::string message;  // one sentence for the user: what it waits for
};

// The attempt waits for nothing any more: its command runs, or is about to. May come again after Reattach.
struct AttemptStarted {
  std::string attempt_id;
  absl::Time at;
};

// The answer to Reattach for an attempt that this executor was never given: it has no process, keeps the
// resources that Reattach took, and may be given to Start.
struct AttemptNeverStarted {
  std::string attempt_id;
};

enum class AttemptOutcome {
  kSucceeded,  // exit code 0
  kFailed,     // another exit code, a signal, or it could not be started at all
  kTimedOut,   // LaunchSpec::timeout passed
  kCancelled,  // Cancel was asked
  kLost,       // it may have run, and nobody knows how it ended
  kDisrupted,  // the platform ended it, or could not run it; the task had no part in that
};

// The end of an attempt, exactly one for each started attempt, however often the server restarts.
struct AttemptFinished {
  std::string attempt_id;
  AttemptOutcome outcome = AttemptOutcome::kLost;
  std::optional<int> exit_code;
  std::optional<int> signal;
  std::string message;  // for the user when it did not succeed; the first line is the cause
  absl::Time started_at = absl::InfinitePast();
  absl::Time finished_at = absl::InfinitePast();
  absl::Duration cpu_time;  // user and system
  int64_t max_rss_bytes = 0;
  std::string log_tail;     // last lines of the log when it did not succeed, bounded
  std::string environment;  // name of the shared environment it ran in; empty: none
  // What is installed there, and over it what was installed for the attempt alone, "name==version" a line, bounded.
  std::string packages;
  std::shared_ptr<const AttemptPlace>
      place;  // where it ran, the same object for attempts of one place; null: unknown
  AttemptOutputs outputs;
};

using ExecutorEvent = std::variant<AttemptWaiting, AttemptStarted, AttemptNeverStarted, AttemptFinished>;

// What attempts have taken of an executor's capacity.
struct RoomUse {
  struct Holder {
    std::string attempt_id;
    ResourceRequest charge;  // what it is counted with now
  };
  ResourceRequest used;
  std::vector<Holder> holders;
  std::string setting;  // which would change the capacity, with its value; empty: none would
};

// Thread-safe. Events are delivered from the executor's own threads to the sink, which must not block or call
// back into the executor. Events of one attempt come in their order.
class Executor {
 public:
  using EventSink = std::function<void(ExecutorEvent)>;

  virtual ~Executor() = default;

  // How its tasks see the world. Constant; may be asked before Open.
  virtual const TaskWorld& world() const = 0;

  // Starts delivering events. Called once, before anything else below; may take its time. UNAVAILABLE if the
  // executor cannot work here.
  virtual absl::Status Open(EventSink sink) = 0;

  // All that its attempts may take together; zero: no bound is known.
  virtual ResourceRequest Capacity() const = 0;
  // What an attempt with this request is counted with when it starts; at most the capacity.
  virtual ResourceRequest ChargeOf(const ResourceRequest& request) const = 0;
  // Who has what, for people who wait.
  virtual RoomUse Room() const = 0;

  // Sets the resources of an attempt aside while its id is being committed; false, and nothing changes, if
  // they are not free now. A request larger than the whole capacity fits when nothing runs. Start takes them
  // over, Unreserve gives them back if the commit failed.
  virtual bool Reserve(absl::string_view attempt_id, const ResourceRequest& request) = 0;
  virtual void Unreserve(absl::string_view attempt_id) = 0;

  // An attempt whose resources are set aside, and which will be started once its id is committed: what it needs may be
  // made meanwhile. Until Start it has no process and gives no event; Unreserve takes it back.
  virtual void Announce(const LaunchSpec& spec) = 0;

  // Takes the attempt's resources and starts it. Whatever goes wrong later, also a program that does not
  // exist, comes as an AttemptFinished. ALREADY_EXISTS if this id was started before: nothing is done, its
  // events still come. RESOURCE_EXHAUSTED if it does not fit now. UNAVAILABLE if the executor takes nothing
  // just now: not started.
  virtual absl::Status Start(const LaunchSpec& spec) = 0;

  // Asks the attempt to end: politely, then hard after the grace period. Its AttemptFinished says kCancelled
  // unless it ended by itself before. NOT_FOUND if the id is unknown or already finished.
  virtual absl::Status Cancel(absl::string_view attempt_id) = 0;

  // After a restart: the attempts that storage believes are running. Takes their resources again, at once and
  // whether they are free or not. Each gives exactly one AttemptFinished sooner or later, or an
  // AttemptNeverStarted.
  virtual void Reattach(absl::Span<const LaunchSpec> specs) = 0;

  // The engine has committed the end of this attempt: the executor may forget it and remove its work
  // directory.
  virtual void Forget(absl::string_view attempt_id) = 0;

  // The run is gone: the workspace that its attempts shared may be removed. Nothing if there is none.
  virtual void RemoveWorkspace(absl::string_view run_id) = 0;
};

}  // namespace penstock
