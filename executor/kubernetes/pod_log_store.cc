#include "executor/kubernetes/pod_log_store.h"

#include <algorithm>
#include <thread>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "common/limits.h"
#include "common/status_macros.h"
#include "executor/kubernetes/pod_messages.h"
#include "penstock/kubernetes/pods.grpc.pb.h"

namespace penstock {
namespace {

// How long a reader at the end of a log waits for more: a pod's log is followed by who asks again.
constexpr absl::Duration kMoreWait = absl::Milliseconds(150);
constexpr absl::Duration kFirstWait = absl::Seconds(5);
// Read ahead of who reads.
constexpr size_t kAheadBytes = 1 << 20;

absl::Status ToStatus(const grpc::Status& status) {
  return absl::Status(static_cast<absl::StatusCode>(status.error_code()), status.error_message());
}

// One stream of a log from an offset on, and what came of it that nobody has taken yet.
class LogStream {
 public:
  LogStream(std::shared_ptr<grpc::Channel> channel, const std::string& log_path, int64_t offset, bool follow)
      : stub_(kubernetes::Pods::NewStub(std::move(channel))) {
    request_.set_log_path(log_path);
    request_.set_offset_bytes(offset);
    request_.set_follow(follow);
    thread_ = std::thread([this] { Run(); });
  }

  ~LogStream() {
    {
      absl::MutexLock lock(&mutex_);
      closing_ = true;
      context_.TryCancel();
    }
    thread_.join();
  }

  // Waits for something, or the end. Nothing, and OK, at the end and when nothing came in time.
  absl::StatusOr<absl::string_view> Take(absl::Duration wait, absl::Span<char> buffer) {
    absl::MutexLock lock(&mutex_);
    const auto is_due = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return !bytes_.empty() || ended_; };
    mutex_.AwaitWithTimeout(absl::Condition(&is_due), wait);
    if (bytes_.empty() && ended_ && !status_.ok()) return status_;
    const size_t size = std::min(bytes_.size(), buffer.size());
    std::copy_n(bytes_.begin(), size, buffer.begin());
    bytes_.erase(0, size);
    return absl::string_view(buffer.data(), size);
  }

  // Until it is known that there is such a log.
  absl::Status AwaitBegin() {
    absl::MutexLock lock(&mutex_);
    const auto is_due = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
      return !bytes_.empty() || ended_ || begun_;
    };
    mutex_.AwaitWithTimeout(absl::Condition(&is_due), kFirstWait);
    return bytes_.empty() && ended_ ? status_ : absl::OkStatus();
  }

 private:
  void Run() {
    const auto reader = stub_->ReadLog(&context_, request_);
    kubernetes::ReadLogResponse part;
    while (reader->Read(&part)) {
      absl::MutexLock lock(&mutex_);
      begun_ = true;
      bytes_ += part.data();
      const auto has_room = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
        return bytes_.size() < kAheadBytes || closing_;
      };
      mutex_.Await(absl::Condition(&has_room));
    }
    const absl::Status status = ToStatus(reader->Finish());
    absl::MutexLock lock(&mutex_);
    ended_ = true;
    status_ = closing_ ? absl::OkStatus() : status;
  }

  const std::unique_ptr<kubernetes::Pods::Stub> stub_;
  kubernetes::ReadLogRequest request_;
  grpc::ClientContext context_;
  absl::Mutex mutex_;
  std::string bytes_ ABSL_GUARDED_BY(mutex_);
  bool begun_ ABSL_GUARDED_BY(mutex_) = false;
  bool ended_ ABSL_GUARDED_BY(mutex_) = false;
  bool closing_ ABSL_GUARDED_BY(mutex_) = false;
  absl::Status status_ ABSL_GUARDED_BY(mutex_);
  std::thread thread_;
};

class PodLogReader final : public ContentReader {
 public:
  PodLogReader(std::shared_ptr<grpc::Channel> channel, std::string log_path)
      : channel_(std::move(channel)), log_path_(std::move(log_path)) {
    Begin(0);
  }

  absl::Status AwaitBegin() { return stream_->AwaitBegin(); }

  absl::StatusOr<absl::string_view> Read(int64_t offset_bytes, absl::Span<char> buffer) override {
    if (offset_bytes != offset_) Begin(offset_bytes);
    ASSIGN_OR_RETURN(const absl::string_view bytes,
                     stream_->Take(std::exchange(is_fresh_, false) ? kFirstWait / 5 : kMoreWait, buffer));
    offset_ += static_cast<int64_t>(bytes.size());
    return bytes;
  }

 private:
  void Begin(int64_t offset) {
    stream_ = std::make_unique<LogStream>(channel_, log_path_, offset, /*follow=*/true);
    offset_ = offset;
    is_fresh_ = true;
  }

  const std::shared_ptr<grpc::Channel> channel_;
  const std::string log_path_;
  std::unique_ptr<LogStream> stream_;
  int64_t offset_ = 0;
  bool is_fresh_ = true;  // nothing was read of the stream
};

}  // namespace

absl::StatusOr<ContentInfo> PodLogStore::Stat(absl::string_view uri) const {
  auto info = kept_.Stat(uri);
  const std::string log_path = PodLogPath(uri);
  if (!absl::IsNotFound(info.status()) || log_path.empty()) return info;
  ASSIGN_OR_RETURN(auto channel, program_.Channel());
  LogStream stream(std::move(channel), log_path, 0, /*follow=*/false);
  ContentInfo of_pod{ContentKind::kFile, 0, ""};
  std::string buffer(kAheadBytes, '\0');
  while (true) {
    ASSIGN_OR_RETURN(const absl::string_view bytes, stream.Take(kFirstWait, absl::MakeSpan(buffer)));
    if (bytes.empty()) return of_pod;
    of_pod.size_bytes += static_cast<int64_t>(bytes.size());
  }
}

absl::StatusOr<std::unique_ptr<ContentReader>> PodLogStore::Open(absl::string_view uri) const {
  auto kept = kept_.Open(uri);
  std::string log_path = PodLogPath(uri);
  if (!absl::IsNotFound(kept.status()) || log_path.empty()) return kept;
  ASSIGN_OR_RETURN(auto channel, program_.Channel());
  auto reader = std::make_unique<PodLogReader>(std::move(channel), std::move(log_path));
  RETURN_IF_ERROR(reader->AwaitBegin());
  return reader;
}

}  // namespace penstock
