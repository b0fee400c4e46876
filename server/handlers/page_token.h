// Tokens of the pages of lists that no ListQuery makes: see storage/page_token.h. A token goes with one query only; what
// stands in it is where the next page begins.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/json.h"
#include "server/context.h"

namespace penstock {

// `query` is all that has to be the same for the next page, of any length. `position` is not null.
std::string MakePageToken(const RequestContext& context, absl::string_view query, const Json& position);

// The position; null for an empty token. INVALID_ARGUMENT for a token that was not made for this query.
absl::StatusOr<Json> ReadPageToken(const RequestContext& context, absl::string_view query,
                                   absl::string_view token);

// The size of a page that a request asks for: 0 is the default, more than the bound is the bound. INVALID_ARGUMENT for
// less than 0.
absl::StatusOr<int> PageSizeOf(int given);
absl::StatusOr<int> PageSizeOf(int given, int default_size, int max_size);

}  // namespace penstock
