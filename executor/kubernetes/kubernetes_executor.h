// Attempts as pods of a Kubernetes cluster, made and watched by penstock-kube, a program beside the server.
//
//   server dies or is destroyed   pods run on; a new KubernetesExecutor finds them with Reattach
//   penstock-kube dies            likewise: another is started, and asked what became of all attempts
//   a pod is deleted by somebody  its finalizer keeps what became of it until Forget
//
// The cluster decides when an attempt runs; here only their number is bounded. What an attempt reads and leaves lies in
// an object store: pods do not see the disk of the server.
//
// Threads: the caller's, which never waits; one that hears penstock-kube, and starts it again when it has died; one that
// tells it; and one that fetches what does not come with an event: large results, logs of pods that go.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "common/clock.h"
#include "common/limits.h"
#include "common/side_program.h"
#include "common/worker.h"
#include "content/content_store.h"
#include "executor/executor.h"
#include "executor/parts/launch_request.h"
#include "penstock/kubernetes/pods.grpc.pb.h"

namespace penstock {

struct KubernetesExecutorOptions {
  int max_pods = limits::kPods;                     // that have not ended, at once
  int64_t task_log_bytes = limits::kTaskLogBytes;   // of one attempt; beyond, it is only in the pod's own log
  absl::Duration cancel_grace = absl::Seconds(10);  // between SIGTERM and SIGKILL
  absl::Duration start_wait = absl::Seconds(30);    // how long Open waits for the API server
  std::vector<std::string> brought;          // URIs below which a pod brings what it reads of object stores
  std::string work_root = "/penstock/work";  // of a volume in each pod
};

// Thread-safe.
class KubernetesExecutor final : public Executor {
 public:
  // `program` is penstock-kube, `content` where large results are read and logs are kept; both outlive it.
  KubernetesExecutor(KubernetesExecutorOptions options, SideProgram& program, ContentStore& content,
                     const Clock& clock = RealClock::Instance());

  // Pods run on.
  ~KubernetesExecutor() override;

  // Which cluster and namespace it is, the same after a restart and of no other: "NAMESPACE/UID". Waits for the API
  // server. UNAVAILABLE, with a sentence, if that does not answer, or what is needed is not allowed.
  absl::StatusOr<std::string> Identify();

  absl::Status Open(EventSink sink) override;
  const TaskWorld& world() const override { return world_; }
  // No bound of processors and memory is known.
  ResourceRequest Capacity() const override { return {}; }
  ResourceRequest ChargeOf(const ResourceRequest& request) const override { return request; }
  RoomUse Room() const override;
  bool Reserve(absl::string_view attempt_id, const ResourceRequest& request) override;
  void Unreserve(absl::string_view attempt_id) override;
  // Nothing can be made before the pod.
  void Announce(const LaunchSpec&) override {}
  absl::Status Start(const LaunchSpec& spec) override;
  absl::Status Cancel(absl::string_view attempt_id) override;
  void Reattach(absl::Span<const LaunchSpec> specs) override;
  void Forget(absl::string_view attempt_id) override;
  void RemoveWorkspace(absl::string_view run_id) override;

 private:
  enum class Phase {
    kReserved,     // its room is taken, and nothing else
    kReattaching,  // Reattach took its room; whether it ever ran is being found out
    kStarted,      // given to penstock-kube, or about to be
    kFinished,     // its end is told or about to be
  };

  struct Attempt {
    Phase phase = Phase::kReserved;
    ResourceRequest charge;
    bool cancel_requested = false;
    kubernetes::Attempt order;  // as it is told to penstock-kube; once it has a pod, no more than its name
    std::string upload_directory;
    std::string log_uri;
    absl::Duration timeout = absl::InfiniteDuration();
    std::string result_uri;  // once it has ended: of an object that goes with Forget
  };

  using Stream = grpc::ClientReaderWriter<kubernetes::Order, kubernetes::Event>;

  PodRequest RequestOf(const LaunchSpec& spec) const;
  absl::Status Fill(const LaunchSpec& spec, Attempt* attempt) const;
  int Taken() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool MarkFinished(Attempt& attempt) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool ReleaseReservation(const std::string& attempt_id) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Send(kubernetes::Order order) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // kubernetes_executor_events.cc: the thread that hears.
  void Run();
  absl::Status Drive();
  void SayWhatIsThere() ABSL_LOCKS_EXCLUDED(mutex_);
  void Write(Stream& stream);
  void Handle(kubernetes::Event event) ABSL_LOCKS_EXCLUDED(mutex_);
  void HandleWaiting(kubernetes::Waiting waiting) ABSL_LOCKS_EXCLUDED(mutex_);
  void HandleStarted(const kubernetes::Started& started) ABSL_LOCKS_EXCLUDED(mutex_);
  void HandleNeverStarted(const std::string& attempt_id) ABSL_LOCKS_EXCLUDED(mutex_);
  void HandleFinished(kubernetes::Finished finished) ABSL_LOCKS_EXCLUDED(mutex_);
  void Finish(const kubernetes::Finished& finished, const Attempt& attempt, absl::string_view result);
  void FinishUnstarted(const std::string& attempt_id, AttemptOutcome outcome, std::string message);
  absl::StatusOr<std::string> ReadResult(const std::string& uri) const;
  void KeepLog(const Attempt& attempt);

  const KubernetesExecutorOptions options_;
  SideProgram& program_;
  ContentStore& content_;
  const Clock& clock_;
  const TaskWorld world_;
  EventSink sink_;        // constant after Open
  std::string identity_;  // what Identify has found out; constant after Open

  mutable absl::Mutex mutex_;
  std::unordered_map<std::string, Attempt> attempts_ ABSL_GUARDED_BY(mutex_);
  size_t finished_ ABSL_GUARDED_BY(mutex_) = 0;  // of them
  std::deque<kubernetes::Order> orders_ ABSL_GUARDED_BY(mutex_);
  bool driving_ ABSL_GUARDED_BY(mutex_) = false;     // there is a stream that has begun
  bool reattached_ ABSL_GUARDED_BY(mutex_) = false;  // the engine has named all that it drives
  bool closing_ ABSL_GUARDED_BY(mutex_) = false;
  grpc::ClientContext* call_ ABSL_GUARDED_BY(mutex_) = nullptr;  // of the stream

  ThreadWorker worker_;
  std::thread thread_;
};

}  // namespace penstock
