// Page tokens: what a later page needs to go on, opaque to clients, and signed with a key of the database, so that one
// that was made elsewhere or changed is refused.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/json.h"

namespace penstock {

// `key` is Store::page_token_key. Say in `content` to which query the token belongs, and look at that when it comes back.
std::string MakePageToken(absl::string_view key, const Json& content);

// INVALID_ARGUMENT for a token that was not made with this key. What comes back is known to be our own.
absl::StatusOr<Json> ReadPageToken(absl::string_view key, absl::string_view token);

}  // namespace penstock
