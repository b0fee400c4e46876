#include "executor/kubernetes/kubernetes_executor.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "common/log.h"
#include "common/status_macros.h"
#include "content/uri.h"
#include "executor/kubernetes/pod_messages.h"

namespace penstock {
namespace {

// Where KFP's users find it.
constexpr char kWorkspaceDirectory[] = "/kfp-workspace";
// Besides what the program is asked to wait itself.
constexpr absl::Duration kDescribeExtra = absl::Seconds(5);
constexpr absl::Duration kLastWords = absl::Seconds(1);
// Below a pipeline root, like other names that begin so no task's.
constexpr char kResults[] = "/@results/";

TaskWorld WorldOf(const KubernetesExecutorOptions& options) {
  TaskWorld world;
  // Of no use in pods; a task that would need it is refused (TaskWorld::sees_server_disk).
  world.artifacts = {std::string(kArtifactsUri), options.work_root + "/@none"};
  world.workspaces = {std::string(kWorkspacesUri), kWorkspaceDirectory};
  world.logs_uri = std::string(kLogsUri);
  world.brought = options.brought;
  world.work_root = options.work_root;
  world.heeds_platforms = true;
  world.sees_server_disk = false;
  world.mounts_workspace = true;
  world.makes_volumes = true;
  return world;
}

}  // namespace

KubernetesExecutor::KubernetesExecutor(KubernetesExecutorOptions options, SideProgram& program,
                                       ContentStore& content, const Clock& clock)
    : options_(std::move(options)),
      program_(program),
      content_(content),
      clock_(clock),
      world_(WorldOf(options_)) {}

// What was promised is told first, if that takes no time.
KubernetesExecutor::~KubernetesExecutor() {
  {
    absl::MutexLock lock(&mutex_);
    const auto is_heard = [this]()
                              ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return driving_ || attempts_.empty(); };
    mutex_.AwaitWithTimeout(absl::Condition(&is_heard), kLastWords);
    closing_ = true;
    const auto is_told = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return call_ == nullptr; };
    mutex_.AwaitWithTimeout(absl::Condition(&is_told), kLastWords);
    if (call_ != nullptr) call_->TryCancel();
  }
  if (thread_.joinable()) thread_.join();
}

absl::StatusOr<std::string> KubernetesExecutor::Identify() {
  ASSIGN_OR_RETURN(const auto channel, program_.Channel());
  grpc::ClientContext context;
  context.set_deadline(absl::ToChronoTime(clock_.Now() + options_.start_wait + kDescribeExtra));
  kubernetes::DescribeRequest request;
  request.set_wait_ms(absl::ToInt64Milliseconds(options_.start_wait));
  kubernetes::DescribeResponse response;
  const grpc::Status status = kubernetes::Pods::NewStub(channel)->Describe(&context, request, &response);
  if (!status.ok()) {
    return absl::UnavailableError(absl::StrCat("Pods cannot be made: ", status.error_message()));
  }
  spdlog::info("pods can be made namespace={} kubernetes={}", response.namespace_(),
               response.server_version());
  identity_ = absl::StrCat(response.namespace_(), "/", response.namespace_uid());
  return identity_;
}

absl::Status KubernetesExecutor::Open(EventSink sink) {
  if (identity_.empty()) RETURN_IF_ERROR(Identify().status());
  sink_ = std::move(sink);
  thread_ = std::thread([this] { Run(); });
  return absl::OkStatus();
}

PodRequest KubernetesExecutor::RequestOf(const LaunchSpec& spec) const {
  PodRequest request;
  request.state_dir = absl::StrCat(spec.work_dir, "/.penstock");
  request.log_bytes = options_.task_log_bytes;
  request.grace = options_.cancel_grace;
  if (!spec.log_copy_uri.empty()) {
    // The log's copy lies below ROOT/@logs/.
    const std::string root = spec.log_copy_uri.substr(0, spec.log_copy_uri.rfind("/@logs/"));
    request.result_uri = absl::StrCat(root, kResults, spec.attempt_id, ".json");
  }
  return request;
}

absl::Status KubernetesExecutor::Fill(const LaunchSpec& spec, Attempt* attempt) const {
  attempt->charge = spec.resources;
  attempt->timeout = spec.timeout;
  attempt->log_uri = spec.log_uri;
  if (spec.upload.has_value()) attempt->upload_directory = spec.upload->directory;
  ASSIGN_OR_RETURN(attempt->order, ToPodAttempt(spec, RequestOf(spec)));
  return absl::OkStatus();
}

int KubernetesExecutor::Taken() const { return static_cast<int>(attempts_.size() - finished_); }

// False if it was before.
bool KubernetesExecutor::MarkFinished(Attempt& attempt) {
  if (std::exchange(attempt.phase, Phase::kFinished) == Phase::kFinished) return false;
  ++finished_;
  return true;
}

RoomUse KubernetesExecutor::Room() const {
  absl::MutexLock lock(&mutex_);
  RoomUse use;
  for (const auto& [id, attempt] : attempts_) {
    if (attempt.phase == Phase::kFinished) continue;
    use.used.cpu_millicores += attempt.charge.cpu_millicores;
    use.used.memory_bytes += attempt.charge.memory_bytes;
    use.holders.push_back({id, attempt.charge});
  }
  use.setting = absl::StrCat("--kubernetes_max_pods=", options_.max_pods);
  return use;
}

bool KubernetesExecutor::Reserve(absl::string_view attempt_id, const ResourceRequest& request) {
  absl::MutexLock lock(&mutex_);
  const std::string id(attempt_id);
  if (attempts_.count(id) > 0) return true;
  if (Taken() >= options_.max_pods) return false;
  attempts_[id].charge = request;
  return true;
}

void KubernetesExecutor::Unreserve(absl::string_view attempt_id) {
  absl::MutexLock lock(&mutex_);
  ReleaseReservation(std::string(attempt_id));
}

// Whether there was one.
bool KubernetesExecutor::ReleaseReservation(const std::string& attempt_id) {
  const auto it = attempts_.find(attempt_id);
  if (it == attempts_.end() || it->second.phase != Phase::kReserved) return false;
  attempts_.erase(it);
  return true;
}

void KubernetesExecutor::Send(kubernetes::Order order) {
  // Without a stream nobody is told: the next one begins with what is there by then.
  if (driving_ || order.has_remove_workspace()) orders_.push_back(std::move(order));
}

absl::Status KubernetesExecutor::Start(const LaunchSpec& spec) {
  Attempt attempt;
  attempt.phase = Phase::kStarted;
  const absl::Status filled = Fill(spec, &attempt);
  absl::MutexLock lock(&mutex_);
  const bool reserved = ReleaseReservation(spec.attempt_id);
  if (attempts_.count(spec.attempt_id) > 0) {
    return absl::AlreadyExistsError(absl::StrCat("attempt ", spec.attempt_id, " was started before"));
  }
  if (!reserved && Taken() >= options_.max_pods) {
    return absl::ResourceExhaustedError(absl::StrCat("there are ", options_.max_pods, " pods already"));
  }
  if (!filled.ok()) {
    attempts_[spec.attempt_id] = std::move(attempt);
    worker_.Post([this, id = spec.attempt_id, why = std::string(filled.message())] {
      FinishUnstarted(id, AttemptOutcome::kFailed, why);
    });
    return absl::OkStatus();
  }
  kubernetes::Order order;
  *order.mutable_start() = attempt.order;
  attempts_[spec.attempt_id] = std::move(attempt);
  Send(std::move(order));
  return absl::OkStatus();
}

absl::Status KubernetesExecutor::Cancel(absl::string_view attempt_id) {
  absl::MutexLock lock(&mutex_);
  const auto it = attempts_.find(std::string(attempt_id));
  if (it == attempts_.end() || it->second.phase == Phase::kFinished || it->second.phase == Phase::kReserved) {
    return absl::NotFoundError(absl::StrCat("no attempt ", attempt_id, " runs"));
  }
  it->second.cancel_requested = true;
  kubernetes::Order order;
  order.set_cancel(it->first);
  Send(std::move(order));
  return absl::OkStatus();
}

void KubernetesExecutor::Reattach(absl::Span<const LaunchSpec> specs) {
  absl::MutexLock lock(&mutex_);
  for (const LaunchSpec& spec : specs) {
    ReleaseReservation(spec.attempt_id);
    const auto [it, fresh] = attempts_.try_emplace(spec.attempt_id);
    if (!fresh) continue;
    it->second.phase = Phase::kReattaching;
    // One that could not be started either way is asked for by its name.
    if (!Fill(spec, &it->second).ok()) it->second.order.set_attempt_id(spec.attempt_id);
    kubernetes::Order order;
    *order.mutable_reattach() = NameOf(it->second.order);
    Send(std::move(order));
  }
  reattached_ = true;
  kubernetes::Order order;
  order.set_reattached(true);
  Send(std::move(order));
}

void KubernetesExecutor::Forget(absl::string_view attempt_id) {
  // After what is still being fetched of its pod.
  worker_.Post([this, id = std::string(attempt_id)] {
    std::string result_uri;
    {
      absl::MutexLock lock(&mutex_);
      const auto it = attempts_.find(id);
      if (it != attempts_.end()) {
        result_uri = std::move(it->second.result_uri);
        if (it->second.phase == Phase::kFinished) --finished_;
        attempts_.erase(it);
      }
      kubernetes::Order order;
      order.set_forget(id);
      Send(std::move(order));
    }
    if (!result_uri.empty()) (void)content_.Remove(result_uri);
  });
}

void KubernetesExecutor::RemoveWorkspace(absl::string_view run_id) {
  absl::MutexLock lock(&mutex_);
  kubernetes::Order order;
  order.mutable_remove_workspace()->set_run_id(std::string(run_id));
  Send(std::move(order));
}

}  // namespace penstock
