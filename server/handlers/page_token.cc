#include "server/handlers/page_token.h"

#include <algorithm>

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

absl::StatusOr<int> PageSizeOf(int given) {
  return PageSizeOf(given, limits::kPageSizeDefault, limits::kPageSizeMax);
}

absl::StatusOr<int> PageSizeOf(int given, int default_size, int max_size) {
  if (given < 0) return error::PageSizeNegative(given);
  return given == 0 ? default_size : std::min(given, max_size);
}

}  // namespace penstock
