#include "executor/local/local_executor.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <iterator>
#include <optional>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/files.h"
#include "common/status_macros.h"
#include "executor/local/launch.h"
#include "executor/parts/launch_request.h"
#include "executor/posix/argument_file.h"
#include "spdlog/spdlog.h"

namespace penstock {
namespace {

constexpr absl::Duration kReattachPatience = absl::Seconds(30);
constexpr absl::Duration kStopPatience = absl::Seconds(5);

int64_t MachineCpuMillicores() { return 1000 * std::max(1L, sysconf(_SC_NPROCESSORS_ONLN)); }

int64_t MachineMemoryBytes() {
  return std::max<int64_t>(int64_t{sysconf(_SC_PHYS_PAGES)} * sysconf(_SC_PAGESIZE), int64_t{1} << 20);
}

Slots MakeSlots(const LocalExecutorOptions& options) {
  int64_t cpu = options.cpu_millicores > 0 ? options.cpu_millicores : MachineCpuMillicores();
  if (options.max_parallel_tasks > 0) cpu = Slots::kDefaultCpuMillicores * options.max_parallel_tasks;
  return Slots(cpu, options.memory_bytes > 0 ? options.memory_bytes : MachineMemoryBytes());
}

TaskWorld WorldOf(const LocalExecutorOptions& options, const LocalMounts& mounts) {
  TaskWorld world;
  world.artifacts = mounts.artifacts;
  world.workspaces = mounts.workspaces;
  world.logs_uri = mounts.logs.uri;
  world.brought = options.brought;
  world.work_root = options.data_dir + "/work/runs";
  return world;
}

std::string SparesDirOf(const LocalExecutorOptions& options) { return options.data_dir + "/work/venvs"; }

PythonEnvironments::Options PythonOptions(const LocalExecutorOptions& options,
                                          const TaskEnvironment& environment) {
  return {.python = options.python,
          .search_path = environment.search_path(),
          .envs_dir = options.data_dir + "/envs",
          .env_program = options.env_path.empty()
                             ? absl::StrCat(ParentOf(options.runner_path), "/penstock-env")
                             : options.env_path,
          .envs_bytes = options.python_envs_bytes,
          .warm_dir = options.warm_python_bytes > 0 ? options.data_dir + "/work/warm" : "",
          .spares_dir = SparesDirOf(options),
          .environment = environment.base()};
}

// A program of ours, with its arguments in the file `name` of the work directory.
absl::StatusOr<std::vector<std::string>> WithArgumentFile(const LaunchSpec& spec, absl::string_view name,
                                                          const std::string& program,
                                                          const std::vector<std::string>& arguments) {
  const std::string path = absl::StrCat(spec.work_dir, "/.penstock-", name, "-arguments");
  if (!WriteArguments(path, arguments)) {
    return absl::UnavailableError(absl::StrCat("cannot write ", path, ": ", std::strerror(errno)));
  }
  return std::vector<std::string>{program, absl::StrCat(std::string(kArgumentsFlag), path)};
}

// What the attempt begins as: its command, or the launcher, if something of it lies elsewhere.
absl::StatusOr<std::vector<std::string>> WithLauncher(const LocalExecutorOptions& options,
                                                      const LaunchSpec& spec, const std::string& log_path,
                                                      std::vector<std::string> argv) {
  if (!NeedsLauncher(spec)) return argv;
  const std::string path = absl::StrCat(spec.work_dir, "/", kLaunchRequestFile);
  if (!WritePrivateFile(path, LaunchRequestText(spec, options.stores, log_path, argv))) {
    return absl::UnavailableError(absl::StrCat("cannot write ", path, ": ", std::strerror(errno)));
  }
  return std::vector<std::string>{options.launch_path.empty()
                                      ? absl::StrCat(ParentOf(options.runner_path), "/penstock-launch")
                                      : options.launch_path,
                                  "attempt", path};
}

absl::Status CheckAbsoluteOption(absl::string_view option, absl::string_view path) {
  if (!absl::StartsWith(path, "/")) {
    return absl::InvalidArgumentError(absl::StrCat(option, " must be an absolute path, not '", path, "'"));
  }
  return absl::OkStatus();
}

// When an id was made, if it is a UUID of version 7.
std::optional<int64_t> Uuid7Micros(absl::string_view id) {
  if (id.size() != 36 || id[8] != '-' || id[14] != '7') return std::nullopt;
  const std::string digits = absl::StrCat(id.substr(0, 8), id.substr(9, 4));
  int64_t millis = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), millis, 16);
  if (error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
  return millis * 1000;
}

}  // namespace

absl::Status Validate(const LocalExecutorOptions& options) {
  RETURN_IF_ERROR(CheckAbsoluteOption("data_dir", options.data_dir));
  RETURN_IF_ERROR(CheckAbsoluteOption("runner_path", options.runner_path));
  if (!options.python.empty()) RETURN_IF_ERROR(CheckAbsoluteOption("python", options.python));
  if (!options.env_path.empty()) RETURN_IF_ERROR(CheckAbsoluteOption("env_path", options.env_path));
  if (options.cpu_millicores < 0 || options.memory_bytes < 0 || options.max_parallel_tasks < 0) {
    return absl::InvalidArgumentError(
        "cpu_millicores, memory_bytes and max_parallel_tasks must not be negative");
  }
  if (options.task_log_bytes <= 0 || options.python_envs_bytes < 0) {
    return absl::InvalidArgumentError(
        "task_log_bytes must be positive and python_envs_bytes not be negative");
  }
  if (options.warm_python_bytes < 0) {
    return absl::InvalidArgumentError("warm_python_bytes must not be negative");
  }
  if (options.cancel_grace < absl::ZeroDuration() || options.cancel_grace > absl::Hours(24)) {
    return absl::InvalidArgumentError("cancel_grace must be between 0 and 24h");
  }
  if (options.runner_idle_exit < absl::ZeroDuration() || options.runner_idle_exit > absl::Hours(24)) {
    return absl::InvalidArgumentError("runner_idle_exit must be between 0 and 24h");
  }
  for (const auto& [name, value] : options.base_env) {
    if (name.empty() || absl::StrContains(name, '=') || absl::StrContains(value, '\0')) {
      return absl::InvalidArgumentError(absl::StrCat("base_env: '", name, "' is not a variable's name"));
    }
  }
  return absl::OkStatus();
}

wire::Hello HelloOf(const LocalExecutorOptions& options) {
  return {.idle_exit_ms = absl::ToInt64Milliseconds(options.runner_idle_exit),
          .warm_bytes = options.warm_python_bytes};
}

LocalExecutor::LocalExecutor(LocalExecutorOptions options, const Clock& clock)
    : options_(std::move(options)),
      clock_(clock),
      mounts_(LocalMounts::Of(options_.data_dir)),
      world_(WorldOf(options_, mounts_)),
      runner_dir_(options_.data_dir + "/work/runner"),
      environment_(options_.base_env),
      python_(PythonOptions(options_, environment_)),
      slots_(MakeSlots(options_)) {}

absl::Status LocalExecutor::Open(EventSink sink) {
  RETURN_IF_ERROR(Validate(options_));
  RemoveTree(SparesDirOf(options_)).IgnoreError();  // what an earlier server kept
  for (const std::string& directory : {runner_dir_, options_.data_dir + "/envs", SparesDirOf(options_)}) {
    const absl::Status made = MakeDirectories(directory);
    if (!made.ok()) return absl::UnavailableError(absl::StrCat("Local tasks cannot run: ", made.message()));
  }
  wake_.Reset(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!wake_.valid()) return absl::ErrnoToStatus(errno, "cannot make an eventfd");
  RunnerSnapshot snapshot;
  absl::StatusOr<std::unique_ptr<RunnerLink>> link =
      RunnerLink::Connect(runner_dir_, options_.runner_path, HelloOf(options_), &snapshot);
  RETURN_IF_ERROR(link.status());
  sink_ = std::move(sink);
  Adopt(*std::move(link), snapshot);
  // The link is there by now, over which it tells what may be forgotten.
  work_dirs_ = std::make_unique<WorkDirs>(
      options_.data_dir + "/work", options_.keep_work_dirs, options_.short_names_dirs,
      [this](std::vector<std::string> ids) { SendForgets(std::move(ids)); },
      [this](const std::string& work_dir) { python_.TakeBack(work_dir); });
  io_thread_ = std::thread([this] { Run(); });
  prepare_thread_ = std::thread([this] { RunPreparer(); });
  warm_thread_ = std::thread([this] { python_.Warm(); });
  return absl::OkStatus();
}

// In this order: what is being prepared is still sent, and what work_dirs_ has taken care of still forgotten,
// over the link that the I/O thread serves.
LocalExecutor::~LocalExecutor() {
  {
    absl::MutexLock lock(&mutex_);
    closing_ = true;
  }
  if (prepare_thread_.joinable()) prepare_thread_.join();
  if (warm_thread_.joinable()) warm_thread_.join();
  work_dirs_.reset();
  {
    absl::MutexLock lock(&mutex_);
    stopping_ = true;
  }
  if (io_thread_.joinable()) {
    Wake();
    io_thread_.join();
  }
  absl::MutexLock lock(&mutex_);
  if (link_ != nullptr && !AnythingRuns()) link_->StopIfIdle(kStopPatience);
}

bool LocalExecutor::AnythingRuns() const {
  return std::any_of(attempts_.begin(), attempts_.end(),
                     [](const auto& entry) {
                       const Phase phase = entry.second.phase;
                       return phase != Phase::kFinished && phase != Phase::kReserved &&
                              phase != Phase::kParked;
                     }) ||
         std::any_of(unclaimed_.begin(), unclaimed_.end(),
                     [](const auto& entry) { return std::holds_alternative<wire::Started>(entry.second); });
}

std::string LocalExecutor::LogPathOf(const LaunchSpec& spec) const {
  return mounts_.PathOf(spec.log_uri).value_or("");
}

// The attempt, if its events are for us to tell.
LocalExecutor::Attempt* LocalExecutor::Known(const std::string& attempt_id) {
  const auto it = attempts_.find(attempt_id);
  return it == attempts_.end() || it->second.phase == Phase::kReattaching ? nullptr : &it->second;
}

absl::Status LocalExecutor::Start(const LaunchSpec& spec) {
  absl::MutexLock lock(&mutex_);
  const bool reserved = ReleaseReservation(spec.attempt_id);
  const std::string log_path = LogPathOf(spec);
  RETURN_IF_ERROR(CheckSpec(spec, log_path));
  // From here on no other Start with its id does anything.
  if (attempts_.count(spec.attempt_id) > 0 || Claim(spec, {})) {
    return absl::AlreadyExistsError(absl::StrCat("attempt ", spec.attempt_id, " was started before"));
  }
  const ResourceRequest charge = slots_.Charge(spec.resources);
  // What was reserved fits: its slots have just been given back under this lock.
  if (!reserved && !slots_.Fits(charge)) {
    return absl::ResourceExhaustedError("no free slot for the attempt's CPU and memory requests");
  }
  if (attempts_.size() >= kAttemptsMax) {
    return absl::ResourceExhaustedError(
        absl::StrCat("more than ", kAttemptsMax, " attempts have ended and were not forgotten"));
  }
  slots_.Take(charge);
  Attempt& attempt = attempts_[spec.attempt_id];
  attempt.charge = charge;
  attempt.may_idle = spec.resources.cpu_millicores <= 0;
  attempt.work_dir = spec.work_dir;
  attempt.log_path = log_path;
  attempt.image = spec.image;
  attempt.timeout = spec.timeout;
  if (!StartAnnounced(spec)) jobs_.push_back({Job::Kind::kStart, spec});
  return absl::OkStatus();
}

void LocalExecutor::RunPreparer() {
  std::deque<Job> jobs;
  const auto something = [this]()
                             ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return closing_ || !jobs_.empty(); };
  while (true) {
    {
      absl::MutexLock lock(&mutex_);
      mutex_.Await(absl::Condition(&something));
      // What was given before the end is still done.
      if (jobs_.empty()) return;
      jobs.swap(jobs_);
    }
    for (const Job& job : jobs) Do(job);
    jobs.clear();
  }
}

void LocalExecutor::Do(const Job& job) {
  switch (job.kind) {
    case Job::Kind::kAnnounced:
      return PrepareAnnounced(job.spec);
    case Job::Kind::kPrepared:
      return LaunchAnnounced(job.spec);
    case Job::Kind::kStart:
      return LaunchPrepared(job.spec, Prepare(job.spec));
    case Job::Kind::kReattach:
      return FindAgain(job.spec);
    case Job::Kind::kRemoveUnknown:
      return RemoveUnknown();
  }
}

void LocalExecutor::LaunchPrepared(const LaunchSpec& spec, absl::StatusOr<Prepared> prepared) {
  if (prepared.ok() && !prepared->awaited_env.empty()) {
    // Before the supervisor hears of it, whose events another thread tells: they must not come first.
    sink_(AttemptWaiting{
        .attempt_id = spec.attempt_id,
        .reason = AttemptWait::kEnvironment,
        .message = absl::StrCat("Its Python environment is being built: ", prepared->awaited_packages)});
  }
  Launch(spec, std::move(prepared));
}

absl::StatusOr<LocalExecutor::Prepared> LocalExecutor::Prepare(const LaunchSpec& spec) {
  RETURN_IF_ERROR(work_dirs_->Make(spec.work_dir));
  const std::string log_path = LogPathOf(spec);
  RETURN_IF_ERROR(MakeDeclaredDirectories(spec, log_path));
  ASSIGN_OR_RETURN(const std::optional<LaunchSpec> shorter, WithInputsInFile(spec));
  const LaunchSpec& fitting = shorter.has_value() ? *shorter : spec;
  ASSIGN_OR_RETURN(PythonEnvironments::Choice python, python_.Choose(fitting));
  wire::StartRequest request;
  request.env = environment_.For(spec, python, work_dirs_->ShortNameOf(spec.work_dir));
  RETURN_IF_ERROR(CheckCommand(fitting.argv, request.env));
  if (python.is_request) {
    ASSIGN_OR_RETURN(python.argv, WithArgumentFile(spec, "env", python.argv[0],
                                                   {python.argv.begin() + 1, python.argv.end()}));
  }
  ASSIGN_OR_RETURN(request.argv, WithLauncher(options_, spec, log_path, std::move(python.argv)));
  RETURN_IF_ERROR(CheckCommand(request.argv, request.env));
  request.id = spec.attempt_id;
  request.work_dir = spec.work_dir;
  request.log_path = log_path;
  request.timeout_ms = TimeoutMillis(spec.timeout);
  request.grace_ms = absl::ToInt64Milliseconds(options_.cancel_grace);
  request.log_limit_bytes = options_.task_log_bytes;
  // The launcher has its command as a child, or becomes it.
  if (python.warm.has_value() && !NeedsLauncher(spec)) request.warm = WarmStartOf(*std::move(python.warm));
  Prepared prepared;
  wire::Append(std::move(request), &prepared.frame);
  prepared.outputs = PlanOutputs(spec);
  prepared.begins_as_launcher = NeedsLauncher(spec);
  prepared.begins_as_env = python.is_request;
  prepared.awaited_env = std::move(python.awaited_env);
  prepared.awaited_packages = std::move(python.awaited_packages);
  return prepared;
}

wire::WarmStart LocalExecutor::WarmStartOf(PythonEnvironments::WarmChoice warm) const {
  wire::WarmStart start;
  start.env = environment_.ForWarm(warm);
  start.python = warm.home + "/venv/bin/python3";
  start.key = std::move(warm.key);
  start.words = std::move(warm.words);
  start.home = std::move(warm.home);
  start.module = std::move(warm.module);
  start.imports = options_.warm_python_imports;
  start.command = std::move(warm.command);
  start.lock = std::move(warm.lock);
  start.note = std::move(warm.note);
  return start;
}

void LocalExecutor::Launch(const LaunchSpec& spec, absl::StatusOr<Prepared> prepared) {
  absl::MutexLock lock(&mutex_);
  if (!prepared.ok()) {
    QueueEnd(spec.attempt_id, wire::Ending::kNotStarted, prepared.status().message());
  } else if (prepared->awaited_env.empty() || !Park(spec, prepared->awaited_env)) {
    Send(spec.attempt_id, *std::move(prepared));
  }
}

void LocalExecutor::Send(const std::string& attempt_id, Prepared prepared) {
  Attempt& attempt = attempts_.at(attempt_id);
  attempt.frame = std::move(prepared.frame);
  attempt.outputs = std::move(prepared.outputs);
  attempt.may_begin_as_env = prepared.begins_as_env;
  attempt.phase = Phase::kSent;
  if (!prepared.awaited_env.empty()) awaiting_env_[attempt_id] = std::move(prepared.awaited_env);
  if (prepared.begins_as_launcher) launching_.emplace(attempt_id, attempt.work_dir);
  if (link_ == nullptr) {
    return;  // Adopt sends it
  }
  link_->Send(attempt.frame);
  attempt.was_sent = true;
  if (attempt.cancel_requested) link_->Send(wire::CancelRequest{.id = attempt_id});
  if (link_->has_unsent() || !awaiting_env_.empty() || !launching_.empty()) Wake();
}

absl::Status LocalExecutor::Cancel(absl::string_view attempt_id) {
  absl::MutexLock lock(&mutex_);
  const auto it = attempts_.find(std::string(attempt_id));
  if (it == attempts_.end() || it->second.phase == Phase::kFinished || it->second.phase == Phase::kReserved) {
    return absl::NotFoundError(absl::StrCat("attempt ", attempt_id, " does not run"));
  }
  it->second.cancel_requested = true;
  if (it->second.phase == Phase::kParked) {
    std::erase_if(parked_, [&](const Parked& parked) { return parked.spec.attempt_id == attempt_id; });
    QueueEnd(attempt_id, wire::Ending::kCancelled, "");
    return absl::OkStatus();
  }
  // Of one that is being prepared or found again the supervisor may know nothing yet. Launch and Claim tell
  // it later.
  if (it->second.phase != Phase::kPreparing && it->second.phase != Phase::kReattaching && link_ != nullptr) {
    link_->Send(wire::CancelRequest{.id = it->first});
  }
  return absl::OkStatus();
}

void LocalExecutor::Reattach(absl::Span<const LaunchSpec> specs) {
  absl::MutexLock lock(&mutex_);
  for (const LaunchSpec& spec : specs) {
    ReleaseReservation(spec.attempt_id);
    const auto [attempt, fresh] = attempts_.try_emplace(spec.attempt_id);
    if (!fresh) continue;
    attempt->second.phase = Phase::kReattaching;
    attempt->second.work_dir = spec.work_dir;
    attempt->second.charge = slots_.Charge(spec.resources);
    attempt->second.may_idle = spec.resources.cpu_millicores <= 0;
    slots_.Take(attempt->second.charge);
    jobs_.push_back({Job::Kind::kReattach, spec});
  }
  jobs_.push_back({Job::Kind::kRemoveUnknown, {}});
}

// Finds out what became of an attempt that was given to an executor before us.
void LocalExecutor::FindAgain(const LaunchSpec& spec) {
  OutputPlan outputs = PlanOutputs(spec);
  {
    absl::MutexLock lock(&mutex_);
    const auto settled = [this]()
                             ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return link_ != nullptr || closing_; };
    mutex_.AwaitWithTimeout(absl::Condition(&settled), kReattachPatience);
    const bool reachable = link_ != nullptr;
    if (!reachable && closing_) {
      return;  // the next server asks again
    }
    if (Claim(spec, std::move(outputs))) return;
    Attempt& attempt = attempts_.at(spec.attempt_id);
    // If it never ran it keeps what Reattach took, for the Start that follows.
    attempt.phase = Phase::kReserved;
    if (!reachable || MayHaveRun(spec.attempt_id)) {
      attempt.phase = Phase::kRunning;
      QueueEnd(
          spec.attempt_id, wire::Ending::kLost,
          welcome_.records_begin == wire::RecordsBegin::kRestart
              ? "The machine was restarted; whether it ran, and how it ended, is not known."
              : "The supervisor's records do not have it; whether it ran, and how it ended, is not known.");
      return;
    }
    if (attempt.cancel_requested) {
      attempt.phase = Phase::kRunning;
      QueueEnd(spec.attempt_id, wire::Ending::kCancelled, "");
      return;
    }
  }
  sink_(AttemptNeverStarted{.attempt_id = spec.attempt_id});
}

// Takes over an attempt that the supervisor knows from before. False if it does not.
bool LocalExecutor::Claim(const LaunchSpec& spec, OutputPlan outputs) {
  const auto it = unclaimed_.find(spec.attempt_id);
  if (it == unclaimed_.end()) return false;
  Attempt& attempt = attempts_[spec.attempt_id];
  if (attempt.phase != Phase::kReattaching) {
    attempt.charge = slots_.Charge(spec.resources);
    slots_.Take(attempt.charge);
  }
  attempt.phase = Phase::kRunning;
  attempt.may_idle = spec.resources.cpu_millicores <= 0;
  attempt.work_dir = spec.work_dir;
  attempt.log_path = LogPathOf(spec);
  attempt.image = spec.image;
  attempt.timeout = spec.timeout;
  attempt.outputs = std::move(outputs);
  if (NeedsLauncher(spec)) launching_.emplace(spec.attempt_id, spec.work_dir);
  if (attempt.cancel_requested && link_ != nullptr) link_->Send(wire::CancelRequest{.id = spec.attempt_id});
  queued_.push_back(std::move(it->second));
  unclaimed_.erase(it);
  Wake();
  return true;
}

// Whether an attempt that is not in the supervisor's records may have been started: only if its id is older
// than they.
bool LocalExecutor::MayHaveRun(absl::string_view attempt_id) const {
  const std::optional<int64_t> made_at_us = Uuid7Micros(attempt_id);
  if (!made_at_us.has_value()) return welcome_.records_begin != wire::RecordsBegin::kNew;
  // Ids have milliseconds, records microseconds.
  return *made_at_us + 999 < welcome_.complete_since_us;
}

// An end that the supervisor knows nothing of.
void LocalExecutor::QueueEnd(absl::string_view attempt_id, wire::Ending ending, absl::string_view message) {
  const int64_t now_us = absl::ToUnixMicros(clock_.Now());
  queued_.push_back(wire::Finished{.id = std::string(attempt_id),
                                   .ending = ending,
                                   .started_at_us = now_us,
                                   .finished_at_us = now_us,
                                   .message = std::string(message)});
  Wake();
}

void LocalExecutor::Forget(absl::string_view attempt_id) {
  std::string work_dir;
  {
    absl::MutexLock lock(&mutex_);
    const auto it = attempts_.find(std::string(attempt_id));
    if (it != attempts_.end()) {
      if (it->second.phase != Phase::kFinished) {
        spdlog::error("asked to forget attempt {}, which has not ended", std::string(attempt_id));
        return;
      }
      work_dir = std::move(it->second.work_dir);
      attempts_.erase(it);
    } else {
      unclaimed_.erase(std::string(attempt_id));
    }
  }
  work_dirs_->Remove(std::string(attempt_id), std::move(work_dir));
}

void LocalExecutor::RemoveWorkspace(absl::string_view run_id) {
  work_dirs_->Remove("", world_.WorkspaceOf(run_id));
}

int64_t LocalExecutor::RunnerPid() const {
  absl::MutexLock lock(&mutex_);
  return link_ != nullptr ? link_->runner_pid() : 0;
}

void LocalExecutor::SendForgets(std::vector<std::string> attempt_ids) {
  absl::MutexLock lock(&mutex_);
  if (link_ != nullptr) {
    link_->Send(wire::ForgetRequest{.ids = std::move(attempt_ids)});
    if (link_->has_unsent()) Wake();
  }
}

void LocalExecutor::Wake() const {
  const uint64_t one = 1;
  [[maybe_unused]] const ssize_t n = write(wake_.get(), &one, sizeof(one));
}

}  // namespace penstock
