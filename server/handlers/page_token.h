// Tokens of the pages of lists that no ListQuery makes: see storage/page_token.h. A token goes with one query only; what
// stands in it is where the next page begins.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/json.h"
#include "google/protobuf/message.h"
#include "server/context.h"
#include "storage/search.h"

namespace penstock {

// `query` is all that has to be the same for the next page, of any length. `position` is not null.
std::string MakePageToken(const RequestContext& context, absl::string_view query, const Json& position);

// The position; null for an empty token. INVALID_ARGUMENT for a token that was not made for this query.
absl::StatusOr<Json> ReadPageToken(const RequestContext& context, absl::string_view query,
                                   absl::string_view token);

// All of a request but the page that it asks for: without page_token, page_size and max_results.
std::string QueryTextOf(const google::protobuf::Message& request);

// The same for a search (storage/search.h), where the position is that of the last row; nothing for an empty token.
std::string MakeSearchToken(const RequestContext& context, const google::protobuf::Message& request,
                            const SearchPosition& last);
absl::StatusOr<std::optional<SearchPosition>> ReadSearchToken(const RequestContext& context,
                                                              const google::protobuf::Message& request,
                                                              absl::string_view token,
                                                              const std::vector<SearchKey>& keys);

// The size of a page that a request asks for: 0 is the default, more than the bound is the bound. INVALID_ARGUMENT for
// less than 0.
absl::StatusOr<int> PageSizeOf(int given);
absl::StatusOr<int> PageSizeOf(int given, int default_size, int max_size);

}  // namespace penstock
