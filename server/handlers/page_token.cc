#include "server/handlers/page_token.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/errors.h"
#include "common/limits.h"
#include "common/sha256.h"
#include "common/status_macros.h"
#include "storage/page_token.h"

namespace penstock {

std::string MakePageToken(const RequestContext& context, absl::string_view query, const Json& position) {
  return MakePageToken(context.deps.store.page_token_key(), {{"q", Sha256Hex(query)}, {"p", position}});
}

absl::StatusOr<Json> ReadPageToken(const RequestContext& context, absl::string_view query,
                                   absl::string_view token) {
  if (token.empty()) return Json();
  ASSIGN_OR_RETURN(Json content, ReadPageToken(context.deps.store.page_token_key(), token));
  if (content.value("q", "") != Sha256Hex(query) || !content.contains("p")) return error::PageTokenWrong();
  return std::move(content["p"]);
}

std::string QueryTextOf(const google::protobuf::Message& request) {
  const std::unique_ptr<google::protobuf::Message> query(request.New());
  query->CopyFrom(request);
  for (const char* name : {"page_token", "page_size", "max_results"}) {
    const google::protobuf::FieldDescriptor* field = query->GetDescriptor()->FindFieldByName(name);
    if (field != nullptr) query->GetReflection()->ClearField(query.get(), field);
  }
  return absl::StrCat(query->GetTypeName(), "\n", query->SerializeAsString());
}

std::string MakeSearchToken(const RequestContext& context, const google::protobuf::Message& request,
                            const SearchPosition& last) {
  return MakePageToken(context, QueryTextOf(request), PositionToJson(last));
}

absl::StatusOr<std::optional<SearchPosition>> ReadSearchToken(const RequestContext& context,
                                                              const google::protobuf::Message& request,
                                                              absl::string_view token,
                                                              const std::vector<SearchKey>& keys) {
  if (token.empty()) return std::nullopt;
  ASSIGN_OR_RETURN(const Json json, ReadPageToken(context, QueryTextOf(request), token));
  ASSIGN_OR_RETURN(SearchPosition position, PositionFromJson(keys, json));
  return std::optional<SearchPosition>(std::move(position));
}

absl::StatusOr<int> PageSizeOf(int given) {
  return PageSizeOf(given, limits::kPageSizeDefault, limits::kPageSizeMax);
}

absl::StatusOr<int> PageSizeOf(int given, int default_size, int max_size) {
  if (given < 0) return error::PageSizeNegative(given);
  return given == 0 ? default_size : std::min(given, max_size);
}

}  // namespace penstock
