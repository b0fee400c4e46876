#include "server/grpc_status.h"

#include "common/text.h"
#include "google/rpc/status.pb.h"

namespace penstock {
namespace {

// A message travels three times, twice of it as Base64 and once percent-encoded, in trailers of which clients
// take 8 KiB; beyond that they see RESOURCE_EXHAUSTED instead of the error. Messages quote what was sent.
constexpr size_t kMessageBytes = 1200;

bool IsOurFault(absl::StatusCode code) {
  return code == absl::StatusCode::kInternal || code == absl::StatusCode::kUnknown ||
         code == absl::StatusCode::kDataLoss;
}

}  // namespace

std::string CodeName(absl::StatusCode code) { return absl::StatusCodeToString(code); }

grpc::Status ToGrpc(const absl::Status& status) {
  if (status.ok()) return grpc::Status::OK;
  const int code = static_cast<int>(status.code());
  const std::string text = IsOurFault(status.code())
                               ? "Internal Server Error: this is a fault of the server; its log has the cause"
                               : Shorten(status.message(), kMessageBytes);
  google::rpc::Status inner;
  inner.set_code(code);
  inner.set_message(text);
  google::rpc::Status outer;
  outer.set_code(code);
  outer.set_message(text);
  outer.add_details()->PackFrom(inner);
  return {static_cast<grpc::StatusCode>(code), text, outer.SerializeAsString()};
}

}  // namespace penstock
