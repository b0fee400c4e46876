// Filters and orders of MLflow's searches, with the keys and operators that its entities have. Pure.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "server/search/filter_parser.h"
#include "storage/run_search_query.h"

namespace penstock {

// INVALID_ARGUMENT says what is wrong with the text, and where.
absl::StatusOr<std::vector<RunCondition>> RunConditionsFrom(absl::string_view filter);
absl::StatusOr<RunOrder> RunOrderFrom(absl::string_view order);

// What a key takes.
enum class SearchKind {
  kNumber,     // = != < <= > >= with a number
  kText,       // = != LIKE ILIKE with a text
  kTextOrNot,  // IS NULL and IS NOT NULL besides
  kTextList,   // IN and NOT IN with a list besides those of kText
  kId,         // = != IN NOT IN
};
// Whether the comparison suits the kind.
absl::Status CheckComparison(const SearchComparison& comparison, SearchKind kind);
// Of a comparison that suits.
std::vector<std::string> TextsOf(const SearchComparison& comparison);
double NumberOf(const SearchComparison& comparison);
// The key is none of those that are known.
absl::Status SearchKeyUnknownAt(const SearchComparison& comparison, absl::string_view known);

}  // namespace penstock
