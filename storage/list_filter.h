// The filter of a list request: KFP's Filter message as JSON, checked and typed (backend/api/v2beta1
// filter.proto).
#pragma once

#include <string>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace penstock {

enum class FilterOperation {
  kEquals = 1,
  kNotEquals = 2,
  kGreaterThan = 3,
  kGreaterThanEquals = 5,
  kLessThan = 6,
  kLessThanEquals = 7,
  kIn = 8,
  kIsSubstring = 9,
};

// Text or a number (also for a time: microseconds since 1970 when `is_time`).
struct FilterValue {
  std::variant<std::string, int64_t> value;
  bool is_time = false;
};

struct FilterPredicate {
  FilterOperation operation = FilterOperation::kEquals;
  std::string key;
  std::vector<FilterValue> values;  // exactly one unless the operation is kIn
};

// Parses the `filter` parameter. Empty text, `{}` and an empty list of predicates are no filter. Text that is
// no JSON is percent-decoded once more and tried again, since KFP's web UI encodes it twice.
// INVALID_ARGUMENT, naming the predicate, for everything that KFP's table of filter errors refuses.
absl::StatusOr<std::vector<FilterPredicate>> ParseFilter(absl::string_view text);

}  // namespace penstock
