// The form of what a bundle holds of a run: each kind of rows is a member with a JSON object a line. Pure.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/bundle/bundle_contents.h"

namespace penstock {

// Names and texts of the members with rows, in their order.
std::vector<std::pair<std::string, std::string>> RowMembers(const BundleRows& rows);
// Whether a bundle may have a member with rows of that name.
bool IsRowMember(absl::string_view name);

// The reverse: texts by name. INVALID_ARGUMENT, with a sentence that names the member and the line, for what RowMembers
// cannot have written, or refers to what is not there; and for a member that is missing, unless bundles were once written
// without it.
absl::StatusOr<BundleRows> RowsFromMembers(const std::map<std::string, std::string>& members);

}  // namespace penstock
