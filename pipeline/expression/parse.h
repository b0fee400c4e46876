// From the text of an expression to its tree. Internal to pipeline/expression.
#pragma once

#include <memory>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "pipeline/expression/syntax.h"

namespace penstock::expression {

// Returns INVALID_ARGUMENT as Expression::Parse says.
absl::StatusOr<std::shared_ptr<const Syntax>> ParseSyntax(absl::string_view text);

}  // namespace penstock::expression
