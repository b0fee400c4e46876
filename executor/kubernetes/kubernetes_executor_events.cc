// KubernetesExecutor's conversation with penstock-kube, and what it hears of attempts.
#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/log.h"
#include "common/status_macros.h"
#include "executor/kubernetes/kubernetes_executor.h"
#include "executor/kubernetes/pod_messages.h"
#include "executor/parts/log_text.h"

namespace penstock {
namespace {

constexpr absl::Duration kAgain = absl::Milliseconds(200);
constexpr absl::Duration kAgainLongest = absl::Seconds(5);
// Besides the bound of a log: what its launcher says of having kept it.
constexpr int64_t kCutLineBytes = 200;
constexpr size_t kReadBytes = 1 << 20;

// Of these no pod may be there yet.
bool MayHaveNoPod(kubernetes::Wait wait) {
  return wait == kubernetes::API_SERVER || wait == kubernetes::QUOTA || wait == kubernetes::WAIT_UNSPECIFIED;
}

}  // namespace

void KubernetesExecutor::Run() {
  absl::Duration pause = kAgain;
  while (true) {
    const absl::Status status = Drive();
    absl::MutexLock lock(&mutex_);
    const bool had_begun = std::exchange(driving_, false);
    // What is not said of attempts is said anew by the next stream.
    std::erase_if(orders_, [](const kubernetes::Order& order) { return !order.has_remove_workspace(); });
    if (closing_) return;
    spdlog::warn("the program for pods does not answer error={}", LogValue(status.ToString()));
    pause = had_begun ? kAgain : std::min(pause * 2, kAgainLongest);
    mutex_.AwaitWithTimeout(absl::Condition(&closing_), pause);
    if (closing_) return;
  }
}

// One stream, to its end.
absl::Status KubernetesExecutor::Drive() {
  ASSIGN_OR_RETURN(const auto channel, program_.Channel());
  const auto stub = kubernetes::Pods::NewStub(channel);
  grpc::ClientContext context;
  {
    absl::MutexLock lock(&mutex_);
    if (closing_) return absl::CancelledError("closing");
    call_ = &context;
  }
  const std::unique_ptr<Stream> stream = stub->Drive(&context);
  std::thread writer;
  kubernetes::Event event;
  while (stream->Read(&event)) {
    if (event.has_driving()) {
      SayWhatIsThere();
      if (!writer.joinable()) writer = std::thread([this, &stream] { Write(*stream); });
      continue;
    }
    Handle(std::move(event));
  }
  {
    absl::MutexLock lock(&mutex_);
    driving_ = false;
    call_ = nullptr;
  }
  if (writer.joinable()) writer.join();
  const grpc::Status status = stream->Finish();
  return absl::UnavailableError(status.error_message());
}

// All attempts that have not ended are named: of those that it never heard of it says so.
void KubernetesExecutor::SayWhatIsThere() {
  absl::MutexLock lock(&mutex_);
  driving_ = true;
  for (const auto& [id, attempt] : attempts_) {
    if (attempt.phase != Phase::kStarted && attempt.phase != Phase::kReattaching) continue;
    kubernetes::Order order;
    // Of one that was to start no pod was seen yet: to start it again is the same.
    if (attempt.phase == Phase::kStarted &&
        (!attempt.order.request().empty() || attempt.order.has_persistent_volume())) {
      *order.mutable_start() = attempt.order;
    } else {
      *order.mutable_reattach() = NameOf(attempt.order);
    }
    Send(std::move(order));
    if (!attempt.cancel_requested) continue;
    order.set_cancel(id);
    Send(std::move(order));
  }
  if (!reattached_) return;
  kubernetes::Order order;
  order.set_reattached(true);
  Send(std::move(order));
}

void KubernetesExecutor::Write(Stream& stream) {
  while (true) {
    std::deque<kubernetes::Order> orders;
    {
      absl::MutexLock lock(&mutex_);
      const auto is_due = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
        return !orders_.empty() || !driving_ || closing_;
      };
      mutex_.Await(absl::Condition(&is_due));
      if (!driving_) return;
      orders.swap(orders_);
    }
    if (orders.empty()) {  // closing, and all is told; the other end hears all of it before it hears this
      stream.WritesDone();
      return;
    }
    for (const kubernetes::Order& order : orders) {
      if (!stream.Write(order)) return;  // the stream has ended, which its reader sees too
    }
  }
}

void KubernetesExecutor::Handle(kubernetes::Event event) {
  switch (event.event_case()) {
    case kubernetes::Event::kWaiting:
      return HandleWaiting(std::move(*event.mutable_waiting()));
    case kubernetes::Event::kStarted:
      return HandleStarted(event.started());
    case kubernetes::Event::kNeverStarted:
      return HandleNeverStarted(event.never_started().attempt_id());
    case kubernetes::Event::kFinished:
      return HandleFinished(std::move(*event.mutable_finished()));
    default:
      return;
  }
}

void KubernetesExecutor::HandleWaiting(kubernetes::Waiting waiting) {
  {
    absl::MutexLock lock(&mutex_);
    const auto it = attempts_.find(waiting.attempt_id());
    if (it == attempts_.end() || it->second.phase == Phase::kFinished) return;
    it->second.phase = Phase::kStarted;
    if (!MayHaveNoPod(waiting.wait())) it->second.order = NameOf(it->second.order);
  }
  sink_(AttemptWaiting{.attempt_id = std::move(*waiting.mutable_attempt_id()),
                       .reason = ToWait(waiting.wait()),
                       .message = std::move(*waiting.mutable_message())});
}

void KubernetesExecutor::HandleStarted(const kubernetes::Started& started) {
  {
    absl::MutexLock lock(&mutex_);
    const auto it = attempts_.find(started.attempt_id());
    if (it == attempts_.end() || it->second.phase == Phase::kFinished) return;
    it->second.phase = Phase::kStarted;
    it->second.order = NameOf(it->second.order);
  }
  sink_(AttemptStarted{.attempt_id = started.attempt_id(), .at = absl::FromUnixMicros(started.at_us())});
}

void KubernetesExecutor::HandleNeverStarted(const std::string& attempt_id) {
  bool is_cancelled = false;
  {
    absl::MutexLock lock(&mutex_);
    const auto it = attempts_.find(attempt_id);
    if (it == attempts_.end() || it->second.phase == Phase::kFinished) return;
    is_cancelled = it->second.cancel_requested;
    if (!is_cancelled && it->second.phase == Phase::kStarted) {
      // The program died between our order and the pod.
      kubernetes::Order order;
      *order.mutable_start() = it->second.order;
      return Send(std::move(order));
    }
    if (!is_cancelled) it->second.phase = Phase::kReserved;
  }
  if (is_cancelled) return FinishUnstarted(attempt_id, AttemptOutcome::kCancelled, "It was cancelled.");
  sink_(AttemptNeverStarted{.attempt_id = attempt_id});
}

void KubernetesExecutor::FinishUnstarted(const std::string& attempt_id, AttemptOutcome outcome,
                                         std::string message) {
  {
    absl::MutexLock lock(&mutex_);
    const auto it = attempts_.find(attempt_id);
    if (it == attempts_.end() || !MarkFinished(it->second)) return;
  }
  AttemptFinished event;
  event.attempt_id = attempt_id;
  event.outcome = outcome;
  event.message = std::move(message);
  event.finished_at = clock_.Now();
  sink_(std::move(event));
}

void KubernetesExecutor::HandleFinished(kubernetes::Finished finished) {
  Attempt attempt;
  {
    absl::MutexLock lock(&mutex_);
    const auto it = attempts_.find(finished.attempt_id());
    if (it == attempts_.end() || !MarkFinished(it->second)) return;
    it->second.result_uri = finished.result_uri();
    attempt = it->second;
    it->second.order = {};
  }
  if (!finished.result_uri().empty()) {
    worker_.Post([this, finished = std::move(finished), attempt = std::move(attempt)]() mutable {
      auto result = ReadResult(finished.result_uri());
      if (!result.ok()) {
        finished.set_outcome(kubernetes::FAILED);
        finished.set_message(absl::StrCat("What it left cannot be read at ", finished.result_uri(), ": ",
                                          result.status().message()));
      }
      Finish(finished, attempt, result.value_or(""));
      KeepLog(attempt);
    });
    return;
  }
  Finish(finished, attempt, finished.result());
  // A pod that never ran has nothing to keep.
  if (attempt.order.log_is_kept() || finished.started_at_us() == 0) return;
  worker_.Post([this, attempt = std::move(attempt)] { KeepLog(attempt); });
}

void KubernetesExecutor::Finish(const kubernetes::Finished& finished, const Attempt& attempt,
                                absl::string_view result) {
  AttemptFinished event = ToFinished(finished, {attempt.upload_directory, attempt.timeout}, result);
  if (event.finished_at == absl::InfinitePast()) event.finished_at = clock_.Now();
  sink_(std::move(event));
}

absl::StatusOr<std::string> KubernetesExecutor::ReadResult(const std::string& uri) const {
  ASSIGN_OR_RETURN(const auto reader, content_.Open(uri));
  std::string text;
  std::string buffer(kReadBytes, '\0');
  while (static_cast<int64_t>(text.size()) <= limits::kPodResultBytes) {
    ASSIGN_OR_RETURN(const absl::string_view bytes,
                     reader->Read(static_cast<int64_t>(text.size()), absl::MakeSpan(buffer)));
    if (bytes.empty()) return text;
    absl::StrAppend(&text, bytes);
  }
  return absl::InvalidArgumentError(
      absl::StrCat("it has more than the limit of ", limits::kPodResultBytes, " bytes"));
}

// Where nothing else keeps the log of a pod that will go.
void KubernetesExecutor::KeepLog(const Attempt& attempt) {
  if (attempt.order.log_is_kept() || attempt.log_uri.empty()) return;
  const auto keep = [&]() -> absl::Status {
    ASSIGN_OR_RETURN(const auto channel, program_.Channel());
    grpc::ClientContext context;
    context.set_deadline(absl::ToChronoTime(clock_.Now() + absl::Seconds(limits::kPodLogSeconds)));
    kubernetes::ReadLogRequest request;
    request.set_log_path(attempt.order.log_path());
    request.set_attempt_id(attempt.order.attempt_id());
    request.set_follow(true);  // the kubelet may not have said yet that it ran
    const auto stream = kubernetes::Pods::NewStub(channel)->ReadLog(&context, request);
    ASSIGN_OR_RETURN(const auto writer, content_.Create(attempt.log_uri));
    int64_t left = options_.task_log_bytes + kCutLineBytes;
    int64_t dropped = 0;
    bool at_line_start = true;
    kubernetes::ReadLogResponse part;
    bool any = false;
    // As it is in the pod, unless its launcher has sent it.
    while (stream->Read(&part)) {
      any = true;
      const auto bytes = absl::string_view(part.data()).substr(0, static_cast<size_t>(left));
      left -= static_cast<int64_t>(bytes.size());
      dropped += static_cast<int64_t>(part.data().size() - bytes.size());
      if (!bytes.empty()) at_line_start = bytes.back() == '\n';
      RETURN_IF_ERROR(writer->Append(bytes));
    }
    const grpc::Status status = stream->Finish();
    if (!any && !status.ok()) return absl::UnavailableError(status.error_message());
    if (dropped > 0) {
      RETURN_IF_ERROR(writer->Append(LogCutLine(dropped, options_.task_log_bytes, at_line_start)));
    }
    return writer->Commit();
  };
  const absl::Status kept = keep();
  if (!kept.ok()) {
    spdlog::warn("the log of a pod is not kept attempt={} error={}", attempt.order.attempt_id(),
                 LogValue(kept.ToString()));
  }
}

}  // namespace penstock
