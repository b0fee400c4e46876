#include "server/memory.h"

#include <malloc.h>

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "common/limits.h"
#include "server/errors.h"

namespace penstock {
namespace {

constexpr absl::Duration kQuietLook = absl::Seconds(2);
// After so many looks, 30 s, large pipelines are forgotten too.
constexpr int kLooksForDocuments = 15;
// What is freed after a call that took this much goes back to the system at once: each heap would keep it, and the next
// large call may use another.
constexpr int64_t kTrimBytes = int64_t{32} << 20;

// Calls of which an answer may be large. Others give their memory back when their handler ends.
constexpr absl::string_view kLargeAnswers[] = {
    "RunService/GetRun",
    "RunService/ListRuns",
    "RunService/CreateRun",
    "PipelineService/GetPipelineVersion",
    "PipelineService/ListPipelineVersions",
    "PackageUploadService/UploadPipelineVersion",
    "RunStatusService/GetRunStatus",
    "RunService/GetTask",
    "RunService/ListTasks",
    "ArtifactService/ListArtifacts",
    "MetadataStoreService/GetArtifacts",
    "MetadataStoreService/GetArtifactsByContext",
    "MetadataStoreService/GetArtifactsByID",
    "MetadataStoreService/GetEventsByExecutionIDs",
    "MetadataStoreService/GetExecutions",
    "MetadataStoreService/GetExecutionsByContext",
    "MetadataStoreService/GetExecutionsByID",
};

bool MayBeLarge(absl::string_view method) {
  return std::any_of(std::begin(kLargeAnswers), std::end(kLargeAnswers),
                     [method](absl::string_view name) { return absl::EndsWith(method, name); });
}

// Makes the draw fit `bytes`; what it held beyond them is freed already.
void Free(MemoryDraw* memory, int64_t bytes) {
  if (memory->bytes() >= kTrimBytes) malloc_trim(0);
  memory->Set(bytes);
}

// From the end of a handler to the beginning of sending, which follows on the same thread.
thread_local MemoryDraw answer_memory;

// gRPC destroys it when the call has ended, which is after the answer was sent.
class Hold final : public grpc::experimental::Interceptor {
 public:
  void Intercept(grpc::experimental::InterceptorBatchMethods* methods) override {
    if (methods->QueryInterceptionHookPoint(grpc::experimental::InterceptionHookPoints::PRE_SEND_STATUS)) {
      memory_ = std::move(answer_memory);
    }
    methods->Proceed();
  }
  // The answer is destroyed by now.
  ~Hold() override { Free(&memory_, 0); }

 private:
  MemoryDraw memory_;
};

class Holds final : public grpc::experimental::ServerInterceptorFactoryInterface {
 public:
  grpc::experimental::Interceptor* CreateServerInterceptor(grpc::experimental::ServerRpcInfo* info) override {
    return MayBeLarge(info->method()) ? new Hold : nullptr;
  }
};

}  // namespace

absl::Status TakeMemory(RequestContext& context, int64_t bytes) {
  const absl::Duration left = context.deadline - context.deps.clock.Now();
  if (context.memory.Grow(bytes, std::min(left, absl::Seconds(limits::kMemorySeconds)))) {
    return absl::OkStatus();
  }
  return error::MemoryBusy();
}

absl::Status TakeMemoryForRun(RequestContext& context, const std::string& run_id) {
  int64_t bytes = limits::kAnswerMemoryUnknown;
  if (const auto tasks = context.deps.run_tasks.Find(run_id)) bytes = *tasks * limits::kTaskMemoryBytes;
  return bytes < limits::kRunMemoryFree ? absl::OkStatus() : TakeMemory(context, bytes);
}

void NoteRunTasks(RequestContext& context, const std::string& run_id, int tasks) {
  if (tasks == 0) return;  // it has not begun, and may have many in a moment
  const auto known = context.deps.run_tasks.Find(run_id);
  if (known != nullptr && *known == tasks) return;
  context.deps.run_tasks.Remove(run_id);
  context.deps.run_tasks.Put(run_id, std::make_shared<int>(tasks));
}

void HoldAnswer(RequestContext& context, absl::string_view name, size_t bytes) {
  if (context.memory.bytes() == 0 && bytes <= limits::kAnswerBytesUnsaid) return;
  if (bytes <= limits::kAnswerBytesUnsaid || !MayBeLarge(name)) {
    Free(&context.memory, 0);
    return;
  }
  Free(&context.memory, static_cast<int64_t>(bytes) * limits::kAnswerMemoryFactor);
  answer_memory = std::move(context.memory);
}

std::unique_ptr<grpc::experimental::ServerInterceptorFactoryInterface> AnswerHolds() {
  return std::make_unique<Holds>();
}

MemoryKeeper::MemoryKeeper(MemoryBudget& budget, DocumentCache& documents)
    : budget_(budget), documents_(documents), thread_([this] { Run(); }) {}

void MemoryKeeper::Run() {
  int quiet_looks = kLooksForDocuments;  // one after the other
  while (!stopping_.WaitForNotificationWithTimeout(kQuietLook)) {
    if (budget_.TakeQuiet()) {
      malloc_trim(0);
      quiet_looks = 0;
    } else if (quiet_looks < kLooksForDocuments && ++quiet_looks == kLooksForDocuments) {
      documents_.RemoveLarge();
      malloc_trim(0);
    }
  }
}

MemoryKeeper::~MemoryKeeper() {
  stopping_.Notify();
  thread_.join();
}

}  // namespace penstock
