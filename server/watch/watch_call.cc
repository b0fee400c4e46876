#include "server/watch/watch_call.h"

#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <grpcpp/support/slice.h>

#include <deque>
#include <optional>
#include <utility>

#include "absl/synchronization/mutex.h"
#include "common/limits.h"
#include "server/errors.h"
#include "server/grpc_status.h"

namespace penstock {
namespace {

// Borrows the text, which it keeps alive.
grpc::ByteBuffer BufferOf(WatchMessage message) {
  auto* held = new WatchMessage(std::move(message));
  const grpc::Slice slice(
      const_cast<char*>((*held)->data()), (*held)->size(),
      [](void* of) { delete static_cast<WatchMessage*>(of); }, held);
  return grpc::ByteBuffer(&slice, 1);
}

class Call final : public WatchStream {
 public:
  // gRPC's part and the hub's part of a call end each in its own time.
  class Part final : public Watcher {
   public:
    Part(Call* call, WatchBacklog backlog) : call_(call), backlog_(backlog) {}

    void Send(WatchMessage message) override {
      absl::MutexLock lock(&mutex_);
      if (call_ == nullptr || end_.has_value()) return;
      if (backlog_ == WatchBacklog::kNewest) {
        waiting_.clear();
        waiting_bytes_ = 0;
      }
      waiting_bytes_ += static_cast<int64_t>(message->size());
      waiting_.push_back(std::move(message));
      const bool too_much = waiting_.size() > limits::kWatcherBacklog ||
                            (waiting_.size() > 1 && waiting_bytes_ > limits::kWatcherBacklogBytes);
      if (too_much) {
        waiting_.clear();
        end_ = error::WatcherTooSlow();
      }
      GoOn();
    }

    void End(const absl::Status& status) override {
      absl::MutexLock lock(&mutex_);
      if (call_ == nullptr || end_.has_value()) return;
      end_ = status;
      GoOn();
    }

    void Written(bool ok) {
      absl::MutexLock lock(&mutex_);
      writing_ = false;
      sent_ = {};
      if (!ok) {
        waiting_.clear();
        if (!end_.has_value()) end_ = absl::CancelledError("the caller has gone");
      }
      GoOn();
    }

    // gRPC's part is about to end.
    absl::Status Detach() {
      absl::MutexLock lock(&mutex_);
      call_ = nullptr;
      return end_.value_or(absl::CancelledError("the caller has gone"));
    }

   private:
    void GoOn() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
      if (call_ == nullptr || writing_ || finished_) return;
      if (!waiting_.empty()) {
        writing_ = true;
        waiting_bytes_ -= static_cast<int64_t>(waiting_.front()->size());
        sent_ = BufferOf(std::move(waiting_.front()));
        waiting_.pop_front();
        call_->StartWrite(&sent_);
      } else if (end_.has_value()) {
        finished_ = true;
        call_->Finish(ToGrpc(*end_));
      }
    }

    absl::Mutex mutex_;
    Call* call_ ABSL_GUARDED_BY(mutex_);
    const WatchBacklog backlog_;
    std::deque<WatchMessage> waiting_ ABSL_GUARDED_BY(mutex_);
    int64_t waiting_bytes_ ABSL_GUARDED_BY(mutex_) = 0;
    grpc::ByteBuffer sent_ ABSL_GUARDED_BY(mutex_);  // while it is being written
    bool writing_ ABSL_GUARDED_BY(mutex_) = false;
    bool finished_ ABSL_GUARDED_BY(mutex_) = false;
    std::optional<absl::Status> end_ ABSL_GUARDED_BY(mutex_);
  };

  Call(Deps& deps, WatchHub* hub, const char* name, std::string key, WatchBacklog backlog)
      : deps_(deps),
        hub_(hub),
        name_(name),
        key_(std::move(key)),
        begun_(deps.clock.Now()),
        part_(std::make_shared<Part>(this, backlog)) {}

  const std::shared_ptr<Part>& part() const { return part_; }

  void OnWriteDone(bool ok) override { part_->Written(ok); }
  void OnCancel() override {
    if (hub_ != nullptr) hub_->Leave(key_, *part_);
    part_->End(absl::CancelledError("the caller has gone"));
  }
  void OnDone() override {
    if (hub_ != nullptr) hub_->Leave(key_, *part_);
    deps_.metrics.CountRpc(name_, CodeName(part_->Detach().code()), deps_.clock.Now() - begun_);
    delete this;
  }

 private:
  Deps& deps_;
  WatchHub* const hub_;  // none of a call that is refused
  const char* const name_;
  const std::string key_;
  const absl::Time begun_;
  const std::shared_ptr<Part> part_;
};

}  // namespace

WatchStream* BeginWatch(Deps& deps, WatchHub& hub, const char* name, const std::string& key,
                        const WatchHub::Maker& make, WatchBacklog backlog) {
  auto* call = new Call(deps, &hub, name, key, backlog);
  const std::shared_ptr<Call::Part> part = call->part();
  // From here on `call` may end at any time.
  const absl::Status joined = hub.Join(key, make, part);
  if (!joined.ok()) part->End(joined);
  return call;
}

WatchStream* RefuseWatch(Deps& deps, const char* name, const absl::Status& status) {
  auto* call = new Call(deps, nullptr, name, "", WatchBacklog::kNewest);
  call->part()->End(status);
  return call;
}

bool ParseRequest(const grpc::ByteBuffer& bytes, google::protobuf::MessageLite* request) {
  std::vector<grpc::Slice> slices;
  if (!bytes.Dump(&slices).ok()) return false;
  std::string text;
  for (const grpc::Slice& slice : slices) {
    text.append(reinterpret_cast<const char*>(slice.begin()), slice.size());
  }
  return request->ParseFromString(text);
}

}  // namespace penstock
