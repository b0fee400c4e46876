#include "content/remote/remote_content_store.h"

#include <algorithm>
#include <cstring>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/blocking_counter.h"
#include "common/limits.h"
#include "common/status_macros.h"
#include "content/content.h"
#include "content/uri.h"
#include "grpc/support/time.h"
#include "grpcpp/client_context.h"
#include "penstock/content/content.grpc.pb.h"

namespace penstock {
namespace {

namespace api = penstock::content;
using Stub = api::RemoteContent::Stub;

constexpr size_t kWriteBytes = 1 << 20;  // of one message
constexpr size_t kStatsAtOnce = 64;
constexpr int64_t kRemovedAtOnce = 10'000;  // objects of one call
constexpr size_t kListedMax = 1'000'000;

absl::Status FromGrpc(const grpc::Status& status) {
  return status.ok()
             ? absl::OkStatus()
             : absl::Status(static_cast<absl::StatusCode>(status.error_code()), status.error_message());
}

void SetDeadline(grpc::ClientContext& context, int seconds) {
  context.set_deadline(gpr_time_from_seconds(seconds, GPR_TIMESPAN));
}

absl::StatusOr<std::unique_ptr<Stub>> StubOf(SideProgram& program) {
  ASSIGN_OR_RETURN(auto channel, program.Channel());
  return api::RemoteContent::NewStub(channel);
}

ContentKind KindOf(api::Kind kind) {
  if (kind == api::FILE) return ContentKind::kFile;
  return kind == api::FOLDER ? ContentKind::kFolder : ContentKind::kOther;
}

// One call with one answer.
template <typename Request, typename Response, typename Call>
absl::StatusOr<Response> Ask(SideProgram& program, const Request& request, Call call,
                             int seconds = limits::kStoreCallSeconds) {
  ASSIGN_OR_RETURN(const auto stub, StubOf(program));
  grpc::ClientContext context;
  SetDeadline(context, seconds);
  Response response;
  RETURN_IF_ERROR(FromGrpc((*stub.*call)(&context, request, &response)));
  return response;
}

api::StatRequest StatRequestOf(absl::string_view uri) {
  api::StatRequest request;
  request.set_uri(std::string(uri));
  return request;
}

// Reads on from where it stands; a jump to another place begins another call.
class ObjectReader final : public ContentReader {
 public:
  ObjectReader(std::unique_ptr<Stub> stub, std::string uri, const ContentInfo& info)
      : stub_(std::move(stub)), uri_(std::move(uri)), version_(info.version), size_bytes_(info.size_bytes) {}
  ~ObjectReader() override { End(); }

  absl::StatusOr<absl::string_view> Read(int64_t offset_bytes, absl::Span<char> buffer) override {
    if (offset_bytes >= size_bytes_) return absl::string_view();
    if (stream_ == nullptr || offset_bytes != offset_bytes_) Begin(offset_bytes);
    while (taken_ == piece_.data().size()) {
      taken_ = 0;
      if (!stream_->Read(&piece_)) return Ended();
    }
    const size_t size = std::min(buffer.size(), piece_.data().size() - taken_);
    std::memcpy(buffer.data(), piece_.data().data() + taken_, size);
    taken_ += size;
    offset_bytes_ += static_cast<int64_t>(size);
    return absl::string_view(buffer.data(), size);
  }

 private:
  void Begin(int64_t offset_bytes) {
    End();
    api::ReadRequest request;
    request.set_uri(uri_);
    request.set_offset_bytes(offset_bytes);
    request.set_version(version_);
    context_.emplace();
    stream_ = stub_->Read(&*context_, request);
    offset_bytes_ = offset_bytes;
    piece_.clear_data();
    taken_ = 0;
  }

  // It has ended before the object has.
  absl::Status Ended() {
    piece_.clear_data();
    const absl::Status status = FromGrpc(stream_->Finish());
    stream_.reset();
    context_.reset();
    return status.ok()
               ? absl::UnavailableError(absl::StrCat(uri_, " broke off after ", offset_bytes_, " bytes"))
               : status;
  }

  void End() {
    if (stream_ == nullptr) return;
    context_->TryCancel();
    (void)stream_->Finish();
    stream_.reset();
    context_.reset();
  }

  const std::unique_ptr<Stub> stub_;
  const std::string uri_;
  const std::string version_;
  const int64_t size_bytes_;
  std::optional<grpc::ClientContext> context_;
  std::unique_ptr<grpc::ClientReader<api::ReadResponse>> stream_;
  int64_t offset_bytes_ = 0;  // of what comes next
  api::ReadResponse piece_;
  size_t taken_ = 0;  // of it
};

class ObjectWriter final : public ContentWriter {
 public:
  ObjectWriter(std::unique_ptr<Stub> stub, std::string uri) : stub_(std::move(stub)) {
    stream_ = stub_->Write(&context_, &response_);
    next_.set_uri(std::move(uri));
  }
  // A call that is broken off leaves nothing.
  ~ObjectWriter() override {
    if (stream_ == nullptr) return;
    context_.TryCancel();
    (void)stream_->Finish();
  }

  absl::Status Append(absl::string_view bytes) override {
    while (!bytes.empty()) {
      const absl::string_view piece = bytes.substr(0, kWriteBytes);
      next_.set_data(std::string(piece));
      if (!stream_->Write(next_)) return Finish();
      next_.Clear();
      bytes.remove_prefix(piece.size());
    }
    return absl::OkStatus();
  }

  absl::Status Commit() override {
    next_.set_commit(true);
    stream_->Write(next_);
    stream_->WritesDone();
    return Finish();
  }

 private:
  absl::Status Finish() {
    const absl::Status status = FromGrpc(stream_->Finish());
    stream_.reset();
    return status;
  }

  const std::unique_ptr<Stub> stub_;
  grpc::ClientContext context_;
  api::WriteResponse response_;
  std::unique_ptr<grpc::ClientWriter<api::WriteRequest>> stream_;
  api::WriteRequest next_;
};

}  // namespace

// INVALID_ARGUMENT for what it does not serve.
absl::Status RemoteContentStore::CheckServed(absl::string_view uri) const {
  if (Serves(uri)) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(uri, " is in no object store that is known here"));
}

bool RemoteContentStore::Serves(absl::string_view uri) const {
  return IsObjectUri(uri) && std::any_of(reachable_.begin(), reachable_.end(),
                                         [&](const std::string& prefix) { return IsBelowUri(uri, prefix); });
}

absl::StatusOr<ContentInfo> RemoteContentStore::Stat(absl::string_view uri) const {
  RETURN_IF_ERROR(CheckServed(uri));
  ASSIGN_OR_RETURN(const auto found,
                   (Ask<api::StatRequest, api::StatResponse>(program_, StatRequestOf(uri), &Stub::Stat)));
  return ContentInfo{KindOf(found.kind()), found.size_bytes(), found.version()};
}

absl::StatusOr<std::unique_ptr<ContentReader>> RemoteContentStore::Open(absl::string_view uri) const {
  ASSIGN_OR_RETURN(const ContentInfo info, Stat(uri));
  if (info.kind != ContentKind::kFile) {
    return absl::FailedPreconditionError(absl::StrCat(uri, " is no single file"));
  }
  ASSIGN_OR_RETURN(auto stub, StubOf(program_));
  return std::make_unique<ObjectReader>(std::move(stub), std::string(uri), info);
}

absl::Status RemoteContentStore::Write(absl::string_view uri, absl::string_view bytes) {
  ASSIGN_OR_RETURN(const auto writer, Create(uri));
  RETURN_IF_ERROR(writer->Append(bytes));
  return writer->Commit();
}

absl::StatusOr<std::unique_ptr<ContentWriter>> RemoteContentStore::Create(absl::string_view uri) {
  RETURN_IF_ERROR(CheckServed(uri));
  ASSIGN_OR_RETURN(auto stub, StubOf(program_));
  return std::make_unique<ObjectWriter>(std::move(stub), std::string(uri));
}

absl::Status RemoteContentStore::Remove(absl::string_view uri) {
  bool more = true;
  while (more) {
    ASSIGN_OR_RETURN(const ContentRemoved removed, RemoveSome(uri, {}, kRemovedAtOnce));
    more = removed.more;
  }
  return absl::OkStatus();
}

absl::StatusOr<ContentRemoved> RemoteContentStore::RemoveSome(absl::string_view uri,
                                                              absl::Span<const std::string> kept,
                                                              int64_t entries_max) {
  RETURN_IF_ERROR(CheckServed(uri));
  api::RemoveRequest request;
  request.set_uri(std::string(uri));
  for (const std::string& keep : kept) request.add_keep(keep);
  request.set_limit(static_cast<int32_t>(std::min(entries_max, kRemovedAtOnce)));
  ASSIGN_OR_RETURN(const auto removed,
                   (Ask<api::RemoveRequest, api::RemoveResponse>(program_, request, &Stub::Remove)));
  return ContentRemoved{removed.removed_objects(), removed.removed_bytes(), removed.more()};
}

absl::StatusOr<std::vector<ContentEntry>> RemoteContentStore::List(absl::string_view uri) const {
  RETURN_IF_ERROR(CheckServed(uri));
  std::vector<ContentEntry> entries;
  api::ListRequest request;
  request.set_uri(std::string(uri));
  do {
    ASSIGN_OR_RETURN(const auto page,
                     (Ask<api::ListRequest, api::ListResponse>(program_, request, &Stub::List)));
    for (const auto& entry : page.entries()) entries.push_back({entry.name(), KindOf(entry.kind())});
    if (entries.size() > kListedMax) {
      return absl::ResourceExhaustedError(absl::StrCat("more than ", kListedMax, " entries lie in ", uri));
    }
    request.set_page_token(page.next_page_token());
  } while (!request.page_token().empty());
  std::sort(entries.begin(), entries.end(),
            [](const ContentEntry& a, const ContentEntry& b) { return a.name < b.name; });
  return entries;
}

std::vector<std::string> RemoteContentStore::Versions(absl::Span<const std::string> uris) const {
  std::vector<std::string> versions(uris.size());
  const auto stub = StubOf(program_);
  if (!stub.ok()) return versions;
  struct Call {
    grpc::ClientContext context;
    api::StatRequest request;
    api::StatResponse response;
    grpc::Status status;
  };
  for (size_t begin = 0; begin < uris.size(); begin += kStatsAtOnce) {
    std::vector<Call> calls(std::min(kStatsAtOnce, uris.size() - begin));
    absl::BlockingCounter waiting(static_cast<int>(calls.size()));
    for (size_t i = 0; i < calls.size(); ++i) {
      Call& call = calls[i];
      call.request = StatRequestOf(uris[begin + i]);
      SetDeadline(call.context, limits::kStoreCallSeconds);
      (*stub)->async()->Stat(&call.context, &call.request, &call.response,
                             [&call, &waiting](grpc::Status status) {
                               call.status = std::move(status);
                               waiting.DecrementCount();
                             });
    }
    waiting.Wait();
    for (size_t i = 0; i < calls.size(); ++i) {
      const absl::Status status = FromGrpc(calls[i].status);
      versions[begin + i] = status.ok()                ? calls[i].response.version()
                            : absl::IsNotFound(status) ? kNoContent
                                                       : "";
    }
  }
  return versions;
}

std::string RemoteContentStore::Link(absl::string_view uri, int64_t seconds,
                                     absl::string_view file_name) const {
  api::SignRequest request;
  request.set_uri(std::string(uri));
  request.set_seconds(seconds);
  request.set_file_name(std::string(file_name));
  const auto signed_url = Ask<api::SignRequest, api::SignResponse>(program_, request, &Stub::Sign);
  return signed_url.ok() ? signed_url->url() : "";
}

absl::StatusOr<std::vector<StoreCheck>> RemoteContentStore::Check(absl::string_view uri) const {
  api::CheckRequest request;
  request.set_uri(std::string(uri));
  ASSIGN_OR_RETURN(const auto checked,
                   (Ask<api::CheckRequest, api::CheckResponse>(program_, request, &Stub::Check)));
  std::vector<StoreCheck> calls;
  for (const auto& call : checked.calls()) {
    calls.push_back({call.name(), call.error(), call.is_unavailable(), call.micros()});
  }
  return calls;
}

absl::StatusOr<StoreSettings> RemoteContentStore::Settings() const {
  ASSIGN_OR_RETURN(const auto described,
                   (Ask<api::DescribeRequest, api::DescribeResponse>(program_, {}, &Stub::Describe)));
  return StoreSettings{described.default_pipeline_root(),
                       {described.prefixes().begin(), described.prefixes().end()}};
}

}  // namespace penstock
