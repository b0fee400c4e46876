// What the rows of a bundle say of one another: each refers to what is there, and nothing is there twice. Pure.
#pragma once

#include <cstddef>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "server/bundle/bundle_contents.h"

namespace penstock {

// Where a row is, for errors: the line of a member, by its position among the rows.
std::string LineOf(absl::string_view member, size_t position);

// INVALID_ARGUMENT names the member, and of the members that came later the line too.
absl::Status CheckBundleRows(const BundleRows& rows);

}  // namespace penstock
