// The server: builds everything in order and stops it in reverse.
#include <malloc.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <thread>

#include "absl/strings/str_cat.h"
#include "common/limits.h"
#include "common/log.h"
#include "common/metrics.h"
#include "common/side_program.h"
#include "common/status_macros.h"
#include "content/content_stores.h"
#include "content/local/leftovers.h"
#include "content/local/local_content_store.h"
#include "content/remote/remote_content_store.h"
#include "content/remote/store_environment.h"
#include "executor/kubernetes/kubernetes_executor.h"
#include "executor/kubernetes/pod_log_store.h"
#include "executor/local/local_executor.h"
#include "executor/python/env_commands.h"
#include "scheduler/cleanup/cleanup_engine.h"
#include "scheduler/engine.h"
#include "scheduler/recurring/recurring_engine.h"
#include "server/commands/check.h"
#include "server/commands/check_store.h"
#include "server/commands/cli.h"
#include "server/commands/copy.h"
#include "server/commands/migrate.h"
#include "server/config.h"
#include "server/data_dir.h"
#include "server/gateway_process.h"
#include "server/handlers/experiment.h"
#include "server/memory.h"
#include "server/secrets.h"
#include "server/server.h"
#include "storage/run_store.h"

namespace penstock {
namespace {

constexpr size_t kCachedDocuments = 64;
// Of the time that stopping may take: the gateway has had its part before the calls of the server have theirs.
constexpr absl::Duration kStopLimit = absl::Seconds(5);
constexpr absl::Duration kCallsGrace = absl::Seconds(1);          // until they are cancelled
constexpr absl::Duration kCallsLimit = absl::Milliseconds(1500);  // until they are abandoned
// Parts of the memory budget. What is left is for what nobody counts: caches, threads, and what allocators keep.
constexpr int kServerShare = 3;
constexpr int kGatewayShare = 5;
// How long after a start, besides the time that they have to end, attempts of deleted runs may still write.
constexpr absl::Duration kSettleTime = absl::Seconds(5);
constexpr int kExitFindings = 1;  // of `penstock check`
constexpr int kExitUsage = 2;
constexpr int kExitInterrupted = 130;

sigset_t StopSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  return signals;
}

// Waits for the first signal to stop; a second one ends the process at once, which loses nothing that was
// acknowledged.
void WaitForStop() {
  const sigset_t signals = StopSignals();
  int signal = 0;
  sigwait(&signals, &signal);
  spdlog::info("stopping; once more to stop at once signal={}", signal);
  std::thread([signals] {
    int second = 0;
    sigwait(&signals, &second);
    _exit(kExitInterrupted);
  }).detach();
}

// Ends the process when the time to stop is over, whatever still waits for a disk or a database: that loses no
// more than a crash, which is nothing that was acknowledged.
void EndAfter(absl::Duration limit) {
  std::thread([limit] {
    Pause(limit);
    spdlog::warn("stopping took too long, what is still in work is abandoned");
    spdlog::shutdown();
    _exit(0);
  }).detach();
}

absl::Status WriteReadyFile(const Config& config, const Server* server, const GatewayProcess* gateway) {
  if (config.ready_file.empty()) return absl::OkStatus();
  // Moved into place, so that who waits for the file never reads half of it.
  const std::string draft = absl::StrCat(config.ready_file, ".tmp");
  nlohmann::ordered_json ready = {{"pid", getpid()}};
  ready["grpc_port"] = server == nullptr ? 0 : server->port();
  ready["http_port"] = gateway == nullptr ? 0 : gateway->port();
  ready["grpc_address"] = server == nullptr ? "" : server->target();
  ready["http_address"] = gateway == nullptr ? "" : gateway->address();
  std::ofstream(draft) << ready.dump() << "\n";
  if (std::rename(draft.c_str(), config.ready_file.c_str()) != 0) {
    return absl::UnavailableError(absl::StrCat("--ready_file: ", config.ready_file, " cannot be written"));
  }
  return absl::OkStatus();
}

LocalExecutorOptions ExecutorOptions(const Config& config, const std::string& data_dir,
                                     const PipelineRoots& roots) {
  LocalExecutorOptions options;
  options.launch_path = config.launch_path;
  options.stores = {config.stores_path, StoreEnvironment()};
  options.brought = roots.Reachable();
  options.data_dir = data_dir;
  options.runner_path = config.runner_path;
  options.max_parallel_tasks = static_cast<int>(config.max_parallel_tasks);
  options.max_idle_tasks = static_cast<int>(config.max_idle_tasks);
  options.task_log_bytes = config.task_log_bytes;
  options.cancel_grace = config.cancel_grace;
  options.python = config.python;
  options.python_envs_bytes = config.python_envs_bytes;
  options.warm_python_bytes = config.warm_python_bytes;
  options.warm_python_imports = config.warm_python_imports;
  return options;
}

PackageUrlOptions PackageUrls(const Config& config) {
  return {config.package_url_hosts, config.package_url_allow_http, config.package_url_allow_private,
          config.package_url_timeout};
}

// Where tasks reach the HTTP front door; empty if they cannot, or are not to be told.
std::string TrackingUri(const Config& config, const GatewayProcess* gateway) {
  if (!config.mlflow_in_tasks || !config.mlflow_tracking_uri.empty()) {
    return config.mlflow_in_tasks ? config.mlflow_tracking_uri : "";
  }
  return gateway == nullptr ? "" : gateway->url();
}

// What URIs of artifacts begin with where clients see them; empty if there is no URL that leads to them.
std::string PublicUrl(const Config& config, const GatewayProcess* gateway) {
  return config.public_url.empty() && gateway != nullptr ? gateway->url() : config.public_url;
}

// Content on this machine, and in object stores, which cost nothing until somebody asks for some.
class Content {
 public:
  // Finds out which stores there are; asks none of them. `socket_path` is for the program that knows object stores.
  // INVALID_ARGUMENT or another error, with a sentence, if the settings or the pipeline root make no sense.
  // With `kube`, the program for pods, which outlives this, logs of pods are content too.
  static absl::StatusOr<std::unique_ptr<Content>> Open(const Config& config, absl::string_view data_dir,
                                                       std::string socket_path, SideProgram* kube) {
    auto content = absl::WrapUnique(new Content(StoresProgram(config, std::move(socket_path))));
    PipelineRootOptions options{"", config.file_roots, {}, SchemesWithCredentials()};
    std::string root = config.pipeline_root;
    if (!config.stores_path.empty()) {
      ASSIGN_OR_RETURN(StoreSettings settings, RemoteContentStore(content->program_, {}).Settings());
      options.store_prefixes = std::move(settings.prefixes);
      if (root.empty()) root = std::move(settings.default_pipeline_root);
    }
    // The operator's word is enough: credentials may be given by the machine.
    if (IsObjectUri(root)) options.default_root = root;
    if (auto path = PathOfFileUri(root)) options.file_roots.push_back(*std::move(path));
    if (!root.empty()) {
      ASSIGN_OR_RETURN(options.default_root, PipelineRoots(options).Check(root));
    }
    content->local_ = std::make_unique<LocalContentStore>(data_dir, options.file_roots);
    content->default_root_ = options.default_root;
    content->roots_ = PipelineRoots(std::move(options));
    content->remote_ = std::make_unique<RemoteContentStore>(content->program_, content->roots_.Reachable());
    ContentStore* local = content->local_.get();
    if (kube != nullptr) {
      content->pod_logs_ = std::make_unique<PodLogStore>(*local, *kube);
      local = content->pod_logs_.get();
    }
    content->all_ =
        std::make_unique<ContentStores>(std::vector<ContentStore*>{local, content->remote_.get()});
    return content;
  }

  // Tries the default root. A store that does not answer just now is only a warning.
  absl::Status CheckRoot() const {
    if (!IsObjectUri(default_root_)) return absl::OkStatus();
    ASSIGN_OR_RETURN(const std::vector<StoreCheck> calls, remote_->Check(default_root_));
    for (const StoreCheck& call : calls) {
      if (call.error.empty()) continue;
      const std::string message =
          absl::StrCat("the pipeline root ", default_root_, " cannot be used: ", call.error);
      if (!call.is_unavailable) return absl::FailedPreconditionError(message);
      spdlog::warn("{}", message);
      break;
    }
    return absl::OkStatus();
  }

  ContentStore& store() { return *all_; }
  const PipelineRoots& roots() const { return roots_; }
  // Where artifacts go of runs that name no root; empty: the data directory.
  const std::string& default_root() const { return default_root_; }

 private:
  explicit Content(SideProgramOptions program) : program_(std::move(program)) {}

  static SideProgramOptions StoresProgram(const Config& config, std::string socket_path) {
    SideProgramOptions options{"Object stores",
                               config.launch_path,
                               {"serve", absl::StrCat("--socket=", socket_path)},
                               socket_path,
                               EnvironmentForChildren()};
    if (!config.stores_path.empty()) {
      options.arguments.push_back(absl::StrCat("--stores=", config.stores_path));
    }
    return options;
  }

  SideProgram program_;
  std::string default_root_;
  PipelineRoots roots_;
  std::unique_ptr<LocalContentStore> local_;
  std::unique_ptr<PodLogStore> pod_logs_;
  std::unique_ptr<RemoteContentStore> remote_;
  std::unique_ptr<ContentStores> all_;
};

bool HasExecutor(const Config& config, absl::string_view kind) {
  return std::count(config.executors.begin(), config.executors.end(), kind) > 0;
}

// The program for pods. `server_id` is the same for all servers of one database, and of no other.
std::unique_ptr<SideProgram> KubeProgram(const Config& config, const DataDir& data_dir,
                                         const std::string& server_id) {
  const std::string socket_path = data_dir.SocketPath("kube.sock");
  SideProgramOptions options{"Pods", config.kube_path, {"serve"}, socket_path, EnvironmentForChildren()};
  const std::pair<const char*, std::string> kArguments[] = {
      {"--socket=", socket_path},
      {"--data_dir=", data_dir.path() + "/kubernetes"},
      {"--server_id=", server_id},
      {"--settings=", config.kubernetes_settings},
      {"--kubeconfig=", config.kubeconfig},
      {"--context=", config.kube_context},
      {"--namespace=", config.kubernetes_namespace},
      {"--pending_timeout_s=", absl::StrCat(config.pending_timeout_s)},
      {"--max_pods=", absl::StrCat(config.kubernetes_max_pods)},
  };
  for (const auto& [name, value] : kArguments) {
    if (!value.empty()) options.arguments.push_back(absl::StrCat(name, value));
  }
  return std::make_unique<SideProgram>(std::move(options));
}

KubernetesExecutorOptions PodOptions(const Config& config, const PipelineRoots& roots) {
  KubernetesExecutorOptions options;
  options.max_pods = static_cast<int>(config.kubernetes_max_pods);
  options.task_log_bytes = config.task_log_bytes;
  options.cancel_grace = config.cancel_grace;
  options.brought = roots.Reachable();
  return options;
}

// Those that --executors names.
class Executors {
 public:
  // Asks the cluster who it is. `holder` is the local executor's name.
  static absl::StatusOr<std::unique_ptr<Executors>> Make(const Config& config, const DataDir& data_dir,
                                                         Content& content, SideProgram* kube,
                                                         const std::string& holder, const Clock& clock) {
    auto executors = absl::WrapUnique(new Executors);
    executors->by_namespace_ = config.namespace_executors;
    for (const std::string& kind : config.executors) {
      if (kind == "local") {
        executors->local_ =
            std::make_unique<LocalExecutor>(ExecutorOptions(config, data_dir.path(), content.roots()), clock);
        executors->named_.push_back({holder, executors->local_.get()});
      } else {
        executors->kubernetes_ = std::make_unique<KubernetesExecutor>(PodOptions(config, content.roots()),
                                                                      *kube, content.store(), clock);
        ASSIGN_OR_RETURN(const std::string cluster, executors->kubernetes_->Identify());
        executors->named_.push_back({absl::StrCat(kind, ":", cluster), executors->kubernetes_.get()});
      }
    }
    return executors;
  }

  ExecutorSet set() const { return ExecutorSet(named_, by_namespace_); }

 private:
  Executors() = default;

  std::unique_ptr<LocalExecutor> local_;
  std::unique_ptr<KubernetesExecutor> kubernetes_;
  std::vector<NamedExecutor> named_;
  std::map<std::string, std::string, std::less<>> by_namespace_;
};

EngineOptions EngineOptionsOf(const Config& config, TaskTracking tracking, PublicUris public_uris) {
  EngineOptions options;
  options.public_uris = std::move(public_uris);
  options.tracking = std::move(tracking);
  options.active_runs_max = static_cast<int>(config.active_runs_max);
  options.cache = {config.cache, config.cache_max_age};
  options.disruptions_allowed = static_cast<int>(config.platform_retries);
  return options;
}

GatewayOptions GatewayOptionsOf(const Config& config) {
  return {config.gateway_path, config.http_listen, config.memory_bytes / kGatewayShare,
          config.log_level == "trace" ? "debug" : config.log_level,
          config.log_format == LogFormat::kJson ? "json" : "text"};
}

ContentRemoverOptions RemoverOptions(const Config& config) {
  ContentRemoverOptions options;
  options.removals_per_pass = limits::kRemovalsPerPass;
  options.entries_per_call = limits::kRemovalEntries;
  options.settle_time = config.cancel_grace + kSettleTime;
  return options;
}

absl::StatusOr<bool> RunIsThere(Store& store, const std::string& run_id) {
  bool is_there = false;
  RETURN_IF_ERROR(store.Read([&](db::Tx& tx) {
    const absl::Status found = RunGet(tx, run_id).status();
    is_there = found.ok();
    return absl::IsNotFound(found) ? absl::OkStatus() : found;
  }));
  return is_there;
}

// The scheduler half: engine and executor on a thread of its own, recurring runs on another, and tidying up on a third.
class Scheduler {
 public:
  Scheduler(const Config& config, const DataDir& data_dir, std::string holder,
            std::unique_ptr<Executors> executors, Store& store, Content& content, DocumentCache& documents,
            const Clock& clock, IdGenerator& ids, Metrics& metrics, TaskTracking tracking,
            PublicUris public_uris)
      : executors_(std::move(executors)),
        lease_(store, std::move(holder)),
        engine_({store, executors_->set(), content.store(), worker_, lease_, documents, clock, ids, metrics,
                 in_work_},
                EngineOptionsOf(config, std::move(tracking), std::move(public_uris))),
        recurring_(store, lease_, documents, clock, metrics, {.pipeline_roots = content.roots()}),
        leftovers_(data_dir.path(),
                   [&store](const std::string& run_id) { return RunIsThere(store, run_id); }),
        remover_(store, lease_, content.store(), in_work_, clock, RemoverOptions(config)),
        retention_(store, lease_, clock, {absl::Seconds(limits::kRetentionSeconds)}),
        cleanup_(store, lease_, remover_, retention_,
                 [this](absl::Time before) { return leftovers_.Clean(before, limits::kTemporaryEntries); },
                 clock, metrics, {}) {}
  ~Scheduler() {
    cleanup_.Stop();
    if (cleanup_thread_.joinable()) cleanup_thread_.join();
    recurring_.Stop();
    if (recurring_thread_.joinable()) recurring_thread_.join();
    engine_.Stop();
    if (thread_.joinable()) thread_.join();
  }

  absl::Status Start() {
    RETURN_IF_ERROR(engine_.Open());
    thread_ = std::thread([this] { engine_.Run(); });
    recurring_thread_ = std::thread([this] { recurring_.Run(); });
    cleanup_thread_ = std::thread([this] { cleanup_.Run(); });
    return absl::OkStatus();
  }

 private:
  std::unique_ptr<Executors> executors_;
  Lease lease_;
  AttemptsInWork in_work_;
  ThreadWorker worker_;
  Engine engine_;
  RecurringEngine recurring_;
  Leftovers leftovers_;
  ContentRemover remover_;
  RetentionKeeper retention_;
  CleanupEngine cleanup_;
  std::thread thread_;
  std::thread recurring_thread_;
  std::thread cleanup_thread_;
};

// From the door inwards. Does not return if calls of the server would not end.
void StopInOrder(std::unique_ptr<GatewayProcess> gateway, Server* server,
                 std::unique_ptr<Scheduler> scheduler) {
  EndAfter(kStopLimit);
  // Nothing new comes in while the rest ends its work.
  gateway.reset();
  const bool all_ended = server == nullptr || server->Stop(kCallsGrace, kCallsLimit);
  scheduler.reset();
  if (!all_ended) {
    // Their threads still use the store, which has on disk all that it has acknowledged.
    spdlog::warn("stopped, and abandoned calls that would not end");
    spdlog::shutdown();
    _exit(0);
  }
}

absl::Status Serve(const Config& config) {
  const Clock& clock = RealClock::Instance();
  const absl::Time begun = clock.Now();
  ASSIGN_OR_RETURN(const auto data_dir, DataDir::Open(config.data_dir));
  spdlog::info("starting version={} {}", PENSTOCK_VERSION, DescribeConfig(config));
  Uuid7Generator ids(clock);
  Metrics metrics;
  ASSIGN_OR_RETURN(const auto store, Store::Open(config.database_url, clock, {config.database_wait}));
  spdlog::info("database is open migrations_applied={} database={}", store->migrations_applied(),
               LogValue(store->description()));
  DocumentCache documents(kCachedDocuments);
  ASSIGN_OR_RETURN(const std::string default_experiment_id, EnsureDefaultExperiment(*store, clock, ids));
  // Pods belong to the database, whose other servers may take them over.
  std::unique_ptr<SideProgram> kube;
  if (HasExecutor(config, "kubernetes")) kube = KubeProgram(config, *data_dir, default_experiment_id);
  ASSIGN_OR_RETURN(const auto content,
                   Content::Open(config, data_dir->path(), data_dir->SocketPath("stores.sock"), kube.get()));
  RETURN_IF_ERROR(content->CheckRoot());
  // Before the rest, which tells clients its address.
  std::unique_ptr<GatewayProcess> gateway;
  if (config.gateway) {
    ASSIGN_OR_RETURN(gateway, GatewayProcess::Listen(GatewayOptionsOf(config), clock));
  }
  const PublicUris public_uris(PublicUrl(config, gateway.get()));
  Deps deps{*store,
            documents,
            clock,
            ids,
            metrics,
            content->store(),
            default_experiment_id,
            PackageUrls(config),
            public_uris,
            content->roots(),
            config.store_links_s,
            config.executors,
            MemoryBudget(config.memory_bytes / kServerShare)};
  const MemoryKeeper memory_keeper(deps.memory, documents);

  std::unique_ptr<Scheduler> scheduler;
  std::unique_ptr<Server> server;
  if (config.serve_api) {
    ASSIGN_OR_RETURN(server, Server::Start(deps, config.grpc_listen, data_dir->SocketPath()));
  }
  if (gateway != nullptr) RETURN_IF_ERROR(gateway->Start(server->local_target()));
  if (config.run_scheduler) {
    std::string holder = absl::StrCat("local:", data_dir->id());
    ASSIGN_OR_RETURN(auto executors, Executors::Make(config, *data_dir, *content, kube.get(), holder, clock));
    scheduler =
        std::make_unique<Scheduler>(config, *data_dir, std::move(holder), std::move(executors), *store,
                                    *content, documents, clock, ids, metrics,
                                    TaskTracking{TrackingUri(config, gateway.get()), default_experiment_id,
                                                 !config.mlflow_tracking_uri.empty()},
                                    public_uris);
    RETURN_IF_ERROR(scheduler->Start());
  }
  if (gateway != nullptr) RETURN_IF_ERROR(gateway->AwaitServing());
  RETURN_IF_ERROR(WriteReadyFile(config, server.get(), gateway.get()));
  spdlog::info("serving grpc={} http={} start_ms={:.0f}",
               LogValue(server == nullptr ? "off" : server->target()),
               LogValue(gateway == nullptr ? "off" : gateway->address()),
               absl::ToDoubleMilliseconds(clock.Now() - begun));
  WaitForStop();
  StopInOrder(std::move(gateway), server.get(), std::move(scheduler));
  spdlog::info("stopped");
  return absl::OkStatus();
}

// The shared Python environments of tasks; works beside a server or without one.
absl::Status RunEnvsCommand(const std::string& action, const std::string& data_dir) {
  if (action != "list" && action != "prune") {
    return absl::InvalidArgumentError(absl::StrCat("'", action, "' is no action of envs; use list or prune"));
  }
  const std::string envs_dir = data_dir + "/envs";
  const std::string text =
      action == "list" ? EnvsList(envs_dir) + WarmList(data_dir + "/work/runner/warm") : EnvsPrune(envs_dir);
  std::fputs(text.c_str(), stdout);
  return absl::OkStatus();
}

// The exit code. Without repair it only looks, also beside a server.
absl::StatusOr<int> RunCheck(const CommandLine& line) {
  std::unique_ptr<DataDir> data_dir;
  if (line.repair) {
    ASSIGN_OR_RETURN(data_dir, DataDir::Open(line.config.data_dir));
  }
  std::error_code error;
  const std::filesystem::path real = std::filesystem::canonical(line.config.data_dir, error);
  if (error) {
    return absl::UnavailableError(
        absl::StrCat("the data directory ", line.config.data_dir, " cannot be read: ", error.message()));
  }
  // Beside that of a server.
  const std::string socket_path = absl::StrCat(real.string(), "/check-", getpid(), ".sock");
  ASSIGN_OR_RETURN(const auto content,
                   Content::Open(line.config, real.string(), socket_path, /*kube=*/nullptr));
  ASSIGN_OR_RETURN(const bool is_clean, RunCheckCommand({line.repair, line.json, content->default_root()},
                                                        line.config, content->store()));
  return is_clean ? 0 : kExitFindings;
}

absl::Status Run(const CommandLine& line) {
  const std::vector<std::string>& words = line.arguments;
  switch (line.action) {
    case CommandLine::Action::kMigrate:
      return RunMigrateCommand(words.empty() ? "apply" : words[0], line.steps, line.yes, line.config);
    case CommandLine::Action::kCopy:
      return RunCopyCommand(words[0], words[1], line.config);
    case CommandLine::Action::kCheckStore:
      return RunCheckStoreCommand(words.empty() ? "" : words[0], line.config);
    case CommandLine::Action::kEnvs:
      return RunEnvsCommand(words[0], line.config.data_dir);
    default:
      return Serve(line.config);
  }
}

int Main(int argc, char** argv) {
  // Before any thread is made, so that all of them leave these signals to WaitForStop.
  const sigset_t signals = StopSignals();
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  signal(SIGPIPE, SIG_IGN);
  umask(077);
  // What was large goes back to the system when it is freed, and threads share few heaps: what one of them keeps is of
  // use to others.
  mallopt(M_MMAP_THRESHOLD, 1 << 20);
  mallopt(M_TRIM_THRESHOLD, 16 << 20);
  mallopt(M_ARENA_MAX, 4);
  setenv("GRPC_VERBOSITY", "NONE",
         /*overwrite=*/0);  // our own messages say it; gRPC's are for its developers

  const auto line = ReadCommandLine(argc, argv);
  if (!line.ok()) {
    std::fprintf(stderr, "penstock: %s\n", std::string(line.status().message()).c_str());
    return kExitUsage;
  }
  if (line->action == CommandLine::Action::kHelp) {
    std::fputs(HelpText().c_str(), stdout);
    return 0;
  }
  if (line->action == CommandLine::Action::kVersion) {
    std::puts("penstock " PENSTOCK_VERSION);
    return 0;
  }
  HideSecrets(argc, argv);
  absl::Status status = SetUpLog(line->config.log_level, line->config.log_format);
  int exit_code = 0;
  if (status.ok() && line->action == CommandLine::Action::kCheck) {
    const auto checked = RunCheck(*line);
    status = checked.status();
    exit_code = checked.value_or(0);
  } else if (status.ok()) {
    status = Run(*line);
  }
  if (status.ok()) return exit_code;
  std::fprintf(stderr, "penstock: %s\n", std::string(status.message()).c_str());
  return absl::IsInvalidArgument(status) ? kExitUsage : 1;
}

}  // namespace
}  // namespace penstock

int main(int argc, char** argv) {
  penstock::BecomeCli(argc, argv);
  return penstock::Main(argc, argv);
}
