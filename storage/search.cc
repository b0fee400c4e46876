#include "storage/search.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "common/errors.h"
#include "common/ordered_double.h"

namespace penstock {
namespace {

constexpr double kMillisMax = 9e15;  // beyond, microseconds do not fit

// 0 for a value, 1 for NaN, 2 for nothing.
int RankOf(const SearchKey& key, const SearchValue& value) {
  if (std::holds_alternative<std::monostate>(value)) return 2;
  const auto* number = std::get_if<int64_t>(&value);
  return key.has_nan && number != nullptr && *number == kSearchNan ? 1 : 0;
}

SearchValue SearchValueAt(const db::Row& row, int column, bool is_text) {
  if (row.IsNull(column)) return std::monostate();
  if (is_text) return row.String(column);
  return row.Int64(column);
}

}  // namespace

absl::string_view SearchSymbol(SearchOp op) {
  switch (op) {
    case SearchOp::kNotEqual:
      return " <> ";
    case SearchOp::kLess:
      return " < ";
    case SearchOp::kLessOrEqual:
      return " <= ";
    case SearchOp::kGreater:
      return " > ";
    case SearchOp::kGreaterOrEqual:
      return " >= ";
    default:
      return " = ";
  }
}

std::string SearchSql::Bind(absl::string_view text) {
  params_.emplace_back(texts_.emplace_back(text));
  return absl::StrCat("$", params_.size());
}

std::string SearchSql::Bind(int64_t number) {
  params_.emplace_back(number);
  return absl::StrCat("$", params_.size());
}

std::string SearchSql::BindAll(const std::vector<std::string>& texts) {
  std::vector<std::string> places;
  for (const std::string& text : texts) places.push_back(Bind(text));
  return absl::StrJoin(places, ", ");
}

std::string TextComparisonSql(absl::string_view expression, SearchOp op,
                              const std::vector<std::string>& texts, SearchSql& sql) {
  switch (op) {
    case SearchOp::kIn:
      return absl::StrCat(expression, " IN (", sql.BindAll(texts), ")");
    case SearchOp::kNotIn:
      return absl::StrCat(expression, " NOT IN (", sql.BindAll(texts), ")");
    case SearchOp::kLike:
    case SearchOp::kILike: {
      // A pattern has no sign that takes its meaning from the next one.
      const std::string place = sql.Bind(absl::StrReplaceAll(texts.front(), {{"\\", "\\\\"}}));
      if (op == SearchOp::kLike) return absl::StrCat(expression, " LIKE ", place, " ESCAPE '\\'");
      return absl::StrCat("lower(", expression, ") LIKE lower(CAST(", place, " AS TEXT)) ESCAPE '\\'");
    }
    default:
      return absl::StrCat(expression, SearchSymbol(op), sql.Bind(texts.front()));
  }
}

std::string NumberComparisonSql(absl::string_view column, SearchOp op, double number, SearchSql& sql) {
  const std::string comparison = absl::StrCat(column, SearchSymbol(op), sql.Bind(OrderOfDouble(number)));
  const bool takes_nan = op == SearchOp::kGreater || op == SearchOp::kGreaterOrEqual;
  return takes_nan ? absl::StrCat(comparison, " AND ", column, " < ", sql.Bind(kSearchNan)) : comparison;
}

std::string MillisComparisonSql(absl::string_view column, SearchOp op, double milliseconds, SearchSql& sql) {
  milliseconds = std::clamp(milliseconds, -kMillisMax, kMillisMax);
  const double whole = std::floor(milliseconds);
  const bool is_whole = whole == milliseconds;
  const int64_t from = static_cast<int64_t>(whole) * 1000;
  const int64_t next = from + 1000;
  switch (op) {
    case SearchOp::kEqual:
      if (!is_whole) return "1 = 0";
      return absl::StrCat(column, " >= ", sql.Bind(from), " AND ", column, " < ", sql.Bind(next));
    case SearchOp::kNotEqual:
      if (!is_whole) return "1 = 1";
      return absl::StrCat("(", column, " < ", sql.Bind(from), " OR ", column, " >= ", sql.Bind(next), ")");
    case SearchOp::kLess:
      return absl::StrCat(column, " < ", sql.Bind(is_whole ? from : next));
    case SearchOp::kGreaterOrEqual:
      return absl::StrCat(column, " >= ", sql.Bind(is_whole ? from : next));
    case SearchOp::kLessOrEqual:
      return absl::StrCat(column, " < ", sql.Bind(next));
    default:
      return absl::StrCat(column, " >= ", sql.Bind(next));
  }
}

bool ComesBefore(const std::vector<SearchKey>& keys, const SearchPosition& a, const SearchPosition& b) {
  for (size_t i = 0; i < keys.size(); ++i) {
    const SearchValue& left = a.values[i];
    const SearchValue& right = b.values[i];
    const int left_rank = RankOf(keys[i], left);
    const int right_rank = RankOf(keys[i], right);
    if (left_rank != right_rank) return left_rank < right_rank;
    if (left == right) continue;
    return keys[i].descending ? right < left : left < right;
  }
  if (a.at_us != b.at_us) return a.at_us > b.at_us;
  return a.id < b.id;
}

Json PositionToJson(const SearchPosition& position) {
  Json values = Json::array();
  for (const SearchValue& value : position.values) {
    if (const auto* number = std::get_if<int64_t>(&value)) {
      values.push_back(*number);
    } else if (const auto* text = std::get_if<std::string>(&value)) {
      values.push_back(*text);
    } else {
      values.push_back(nullptr);
    }
  }
  return {{"v", std::move(values)}, {"t", position.at_us}, {"i", position.id}};
}

absl::StatusOr<SearchPosition> PositionFromJson(const std::vector<SearchKey>& keys, const Json& json) {
  SearchPosition position;
  if (!json.is_object() || !json.contains("v") || json["v"].size() != keys.size()) {
    return error::PageTokenWrong();
  }
  for (size_t i = 0; i < keys.size(); ++i) {
    const Json& value = json["v"][i];
    if (value.is_null()) {
      position.values.emplace_back();
    } else if (value.is_string() && keys[i].is_text) {
      position.values.emplace_back(value.get<std::string>());
    } else if (value.is_number_integer() && !keys[i].is_text) {
      position.values.emplace_back(value.get<int64_t>());
    } else {
      return error::PageTokenWrong();
    }
  }
  position.at_us = json.value("t", int64_t{0});
  position.id = json.value("i", "");
  return position;
}

SearchPosition PositionAt(const db::Row& row, const std::vector<SearchKey>& keys) {
  SearchPosition position;
  position.id = row.String(0);
  position.at_us = row.Int64(1);
  for (size_t i = 0; i < keys.size(); ++i) {
    position.values.push_back(SearchValueAt(row, static_cast<int>(2 + i), keys[i].is_text));
  }
  return position;
}

SearchPage PageOf(std::vector<SearchPosition> rows, int limit, std::optional<SearchPosition> stopped) {
  SearchPage page;
  page.next = std::move(stopped);
  if (rows.size() > static_cast<size_t>(limit)) {
    rows.resize(limit);
    page.next = rows.back();
  }
  page.rows = std::move(rows);
  return page;
}

void SearchSorter::Add(SearchPosition row) {
  if (after_.has_value() && !ComesBefore(keys_, *after_, row)) return;
  rows_.push_back(std::move(row));
  // Those that are too many are dropped now and then, so that they never fill much memory.
  if (rows_.size() >= 4 * kept_ + 1000) Shrink();
}

void SearchSorter::Shrink() {
  if (rows_.size() <= kept_) return;
  const auto before = [this](const SearchPosition& a, const SearchPosition& b) {
    return ComesBefore(keys_, a, b);
  };
  std::nth_element(rows_.begin(), rows_.begin() + static_cast<ptrdiff_t>(kept_), rows_.end(), before);
  rows_.resize(kept_);
}

SearchPage SearchSorter::Take(std::optional<SearchPosition> stopped) {
  Shrink();
  std::sort(rows_.begin(), rows_.end(),
            [this](const SearchPosition& a, const SearchPosition& b) { return ComesBefore(keys_, a, b); });
  return PageOf(std::move(rows_), limit_, std::move(stopped));
}

}  // namespace penstock
