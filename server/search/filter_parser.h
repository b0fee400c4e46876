// The language of filters and orders, which is MLflow's:
//
//   metrics.loss < 0.1 AND params."batch size" = '32' AND tags.`mlflow.user` LIKE 'r%' AND status = 'FINISHED'
//
// Comparisons with AND between them; no OR, and brackets only around the list of IN. What is compared is ENTITY.KEY or
// KEY; a key with other signs than letters, digits and _ . - / : stands in backticks or double quotes. Texts are quoted
// with ' or ", and a quote in them is doubled. Pure.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "storage/search.h"

namespace penstock {

struct SearchLiteral {
  bool is_number = false;
  std::string text;   // as it was written, without quotes
  double number = 0;  // of a number
};

struct SearchComparison {
  std::string entity;  // as it was written; empty: the key stands alone
  std::string key;
  SearchOp op = SearchOp::kEqual;
  std::vector<SearchLiteral> values;  // several for IN and NOT IN, none for IS NULL and IS NOT NULL
  int place = 0;                      // of its first character, counted from 1
};

// Nothing for a filter that is empty or blank. INVALID_ARGUMENT says what is wrong, and at which character.
absl::StatusOr<std::vector<SearchComparison>> ParseSearchFilter(absl::string_view filter);

struct SearchOrder {
  std::string entity;
  std::string key;
  bool descending = false;
};

// "metrics.loss DESC"; ASC is what it is without. INVALID_ARGUMENT likewise.
absl::StatusOr<SearchOrder> ParseSearchOrder(absl::string_view order);

}  // namespace penstock
