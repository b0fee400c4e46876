#include "storage/db/rows.h"

#include <algorithm>
#include <iterator>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "common/status_macros.h"

namespace penstock::db {
namespace {

// How many rows a statement may have. Few numbers, since each text is prepared; every small one, since that
// is the usual.
constexpr size_t kCounts[] = {1, 2, 3, 4, 5, 6, 7, 8, 16, 32, 64, 256};
constexpr size_t kBytesMax = size_t{256} << 10;  // of the rows after the first
constexpr size_t kIdsMax = 1000;  // of one statement; no database takes any number of parameters

size_t BytesOf(const Param& param) {
  if (const auto* text = std::get_if<absl::string_view>(&param.value())) return text->size();
  if (const auto* blob = std::get_if<Blob>(&param.value())) return blob->bytes.size();
  return sizeof(int64_t);
}

}  // namespace

RowsStatement::RowsStatement(absl::string_view sql, size_t columns) : columns_(columns) {
  std::string rows;
  size_t number = 0;
  for (const size_t count : kCounts) {
    while (number < count * columns) {
      absl::StrAppend(&rows, number == 0 ? "" : ", ", number % columns == 0 ? "($" : "$", number + 1);
      if (++number % columns == 0) rows.push_back(')');
    }
    texts_.push_back(absl::StrReplaceAll(sql, {{"$rows", rows}}));
  }
}

// Takes the largest number of rows that there are and whose bytes are not too many, again and again.
absl::Status RowsStatement::ForEachPart(const std::vector<Param>& params, Run run) const {
  for (Params rest = params; !rest.empty();) {
    size_t chosen = 0;
    size_t bytes = 0;
    for (size_t next = 1; next < std::size(kCounts) && kCounts[next] * columns_ <= rest.size(); ++next) {
      for (size_t i = kCounts[next - 1] * columns_; i < kCounts[next] * columns_; ++i) {
        bytes += BytesOf(rest[i]);
      }
      if (bytes > kBytesMax) break;
      chosen = next;
    }
    const size_t count = kCounts[chosen] * columns_;
    RETURN_IF_ERROR(run(texts_[chosen], rest.subspan(0, count)));
    rest.remove_prefix(count);
  }
  return absl::OkStatus();
}

absl::Status RowsStatement::Query(Tx& tx, const std::vector<Param>& params, RowCallback callback) const {
  return ForEachPart(params,
                     [&](const std::string& sql, Params part) { return tx.Query(sql, part, callback); });
}

absl::Status RowsStatement::ExecuteLater(Tx& tx, const std::vector<Param>& params,
                                         const ChangedCheck& check) const {
  return ForEachPart(params,
                     [&](const std::string& sql, Params part) { return tx.ExecuteLater(sql, part, check); });
}

absl::Status QueryOfIdsLater(Tx& tx, absl::string_view sql, const std::vector<std::string>& ids,
                             const OwnedRowCallback& on_row) {
  const std::vector<Param> all(ids.begin(), ids.end());
  for (Params rest = all; !rest.empty();) {
    const size_t count = std::min(rest.size(), kIdsMax);
    std::vector<std::string> places;
    for (size_t i = 1; i <= count; ++i) places.push_back(absl::StrCat("($", i, ")"));
    RETURN_IF_ERROR(tx.QueryLater(absl::StrReplaceAll(sql, {{"$ids", absl::StrJoin(places, ", ")}}),
                                  rest.subspan(0, count), on_row));
    rest.remove_prefix(count);
  }
  return absl::OkStatus();
}

}  // namespace penstock::db
