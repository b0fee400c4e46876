// What calls take of the memory budget, before they do what needs it.
#pragma once

#include <grpcpp/support/server_interceptor.h>

#include <memory>
#include <string>
#include <thread>

#include "absl/status/status.h"
#include "absl/synchronization/notification.h"
#include "server/context.h"

namespace penstock {

// Takes memory for the call until it ends. RESOURCE_EXHAUSTED if it was not to be had in time.
absl::Status TakeMemory(RequestContext& context, int64_t bytes);

// Takes what reading the run and its tasks may need: by how many tasks it had when it was read last, if they are known.
absl::Status TakeMemoryForRun(RequestContext& context, const std::string& run_id);
// Remembers that number.
void NoteRunTasks(RequestContext& context, const std::string& run_id, int tasks);

// The answer of the call `name` has so many bytes, 0 if the call failed. What the call holds is made to fit that, and
// kept until the answer is sent if calls of the name may have large ones; see AnswerHolds. Call it on the thread that
// handles the call.
void HoldAnswer(RequestContext& context, absl::string_view name, size_t bytes);

// Makes what keeps the memory of answers until they are sent; for the builder of each server.
std::unique_ptr<grpc::experimental::ServerInterceptorFactoryInterface> AnswerHolds();

// Gives memory back to the system whenever a budget that was in use is not any more, and that of large parsed pipelines a
// while later; on a thread of its own. Both outlive it.
class MemoryKeeper {
 public:
  MemoryKeeper(MemoryBudget& budget, DocumentCache& documents);
  ~MemoryKeeper();

 private:
  void Run();

  MemoryBudget& budget_;
  DocumentCache& documents_;
  absl::Notification stopping_;
  std::thread thread_;
};

}  // namespace penstock
