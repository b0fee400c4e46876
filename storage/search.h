// What searches of runs and of other things have in common: comparisons as SQL, and rows in an order that no index has.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/json.h"
#include "storage/db/database.h"

namespace penstock {

// NaN among numbers in their order (common/ordered_double.h).
inline constexpr int64_t kSearchNan = INT64_MAX;

enum class SearchOp {
  kEqual,
  kNotEqual,
  kLess,
  kLessOrEqual,
  kGreater,
  kGreaterOrEqual,
  kLike,   // % for any text, _ for any character
  kILike,  // the same in upper and lower case
  kIn,
  kNotIn,
  kIsNull,
  kIsNotNull
};

// Parameters of an SQL text that grows together with them; it owns what they borrow.
class SearchSql {
 public:
  // The place of the value in the text.
  std::string Bind(absl::string_view text);
  std::string Bind(int64_t number);
  // Of all of them, as "$1, $2".
  std::string BindAll(const std::vector<std::string>& texts);
  db::Params params() const { return params_; }

 private:
  std::deque<std::string> texts_;
  std::vector<db::Param> params_;
};

// `expression` compared with texts: one, or a list for kIn and kNotIn. Not for kIsNull and kIsNotNull.
std::string TextComparisonSql(absl::string_view expression, SearchOp op,
                              const std::vector<std::string>& texts, SearchSql& sql);
// A column with numbers in their order (common/ordered_double.h). NaN is only unlike other numbers. Not for texts' ops.
std::string NumberComparisonSql(absl::string_view column, SearchOp op, double number, SearchSql& sql);
// A column with times, compared with milliseconds of which it may have parts.
std::string MillisComparisonSql(absl::string_view column, SearchOp op, double milliseconds, SearchSql& sql);

// " < " and the like; " = " for those that no symbol says.
absl::string_view SearchSymbol(SearchOp op);

// A value by which rows are sorted; nothing where a row has none.
using SearchValue = std::variant<std::monostate, int64_t, std::string>;

// How rows are sorted by one value.
struct SearchKey {
  bool descending = false;
  bool is_text = false;
  bool has_nan = false;  // INT64_MAX is NaN
};

// Where a row stands in an order: the values of its keys, then the time, the latest first, then the id.
struct SearchPosition {
  std::vector<SearchValue> values;
  int64_t at_us = 0;
  std::string id;
};
// Rows without a value come last in either direction, those with NaN before them.
bool ComesBefore(const std::vector<SearchKey>& keys, const SearchPosition& a, const SearchPosition& b);

Json PositionToJson(const SearchPosition& position);
// error::PageTokenWrong if it is not one for these keys.
absl::StatusOr<SearchPosition> PositionFromJson(const std::vector<SearchKey>& keys, const Json& json);

// Of a row whose columns are its id, its time in microseconds, then the value of each key.
SearchPosition PositionAt(const db::Row& row, const std::vector<SearchKey>& keys);

struct SearchPage {
  std::vector<SearchPosition> rows;    // in order
  std::optional<SearchPosition> next;  // where the next page begins; nothing after the last one
};
// The first `limit` of rows in order. If there are no more, the next page begins where the search `stopped`.
SearchPage PageOf(std::vector<SearchPosition> rows, int limit, std::optional<SearchPosition> stopped);

// Takes rows in any order, and gives the first page of those that come behind a position.
class SearchSorter {
 public:
  // `keys` and `after` are borrowed.
  SearchSorter(const std::vector<SearchKey>& keys, const std::optional<SearchPosition>& after, int limit)
      : keys_(keys), after_(after), limit_(limit), kept_(static_cast<size_t>(limit) + 1) {}

  void Add(SearchPosition row);
  SearchPage Take(std::optional<SearchPosition> stopped = std::nullopt);

 private:
  void Shrink();

  const std::vector<SearchKey>& keys_;
  const std::optional<SearchPosition>& after_;
  const int limit_;
  const size_t kept_;  // one row more tells that there is a next page
  std::vector<SearchPosition> rows_;
};

}  // namespace penstock
