// A transaction that keeps the text of its queries, one of each shape.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "storage/db/database.h"

namespace penstock {

struct Statement {
  std::string sql;
  std::vector<std::string> literals;  // its values of one time
};
// Those that ran, one of each shape.
using Statements = std::map<std::string, Statement>;

// The text without numbers, lengths of lists and how many arms alike a merge has.
inline std::string ShapeOf(absl::string_view sql) {
  std::string shape;
  std::set<std::string> seen;
  for (const absl::string_view arm : absl::StrSplit(sql, " UNION ALL ")) {
    std::string text;
    for (const char c : arm) {
      if (!absl::ascii_isdigit(c)) text.push_back(c);
    }
    text = absl::StrReplaceAll(text, {{"$, ", ""}});
    if (seen.insert(text).second) absl::StrAppend(&shape, text, " UNION ALL ");
  }
  return shape;
}

// Passes everything on and keeps its text.
class RecordingTx final : public db::Tx {
 public:
  RecordingTx(db::Tx& tx, Statements& statements) : tx_(tx), statements_(statements) {}
  absl::StatusOr<int64_t> Execute(absl::string_view sql, db::Params params) override {
    return tx_.Execute(sql, params);
  }
  absl::Status Query(absl::string_view sql, db::Params params, db::RowCallback callback) override {
    std::vector<std::string> literals;
    for (const db::Param& param : params) {
      const auto* number = std::get_if<int64_t>(&param.value());
      literals.push_back(
          number != nullptr
              ? absl::StrCat(*number)
              : absl::StrCat("'",
                             absl::StrReplaceAll(std::get<absl::string_view>(param.value()), {{"'", "''"}}),
                             "'"));
    }
    statements_.emplace(ShapeOf(sql), Statement{std::string(sql), std::move(literals)});
    return tx_.Query(sql, params, callback);
  }
  bool MergesUnions() const override { return tx_.MergesUnions(); }

 private:
  db::Tx& tx_;
  Statements& statements_;
};

}  // namespace penstock
