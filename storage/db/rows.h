// Statements that take many rows of parameters.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "storage/db/database.h"

namespace penstock::db {

// A statement in whose text $rows stands for rows of parameters, "($1, $2), ($3, $4)". Many or large rows
// are given to the database in several statements. Immutable; one for each text, for as long as the program
// runs.
class RowsStatement {
 public:
  // Rows have `columns` parameters each.
  RowsStatement(absl::string_view sql, size_t columns);

  // `params` are those of all rows, one row after the other. See Tx::Query and Tx::ExecuteLater; `check` hears of each
  // of the statements.
  absl::Status Query(Tx& tx, const std::vector<Param>& params, RowCallback callback) const;
  absl::Status ExecuteLater(Tx& tx, const std::vector<Param>& params,
                            const ChangedCheck& check = nullptr) const;

 private:
  using Run = absl::FunctionRef<absl::Status(const std::string& sql, Params params)>;
  absl::Status ForEachPart(const std::vector<Param>& params, Run run) const;

  const size_t columns_;
  std::vector<std::string> texts_;  // by number of rows
};

// Runs `sql`, in which $ids stands for the rows of ids, "(VALUES $ids) AS ids", whose one column is called column1: a
// table for IN would cost SQLite more than the search. Many ids are given in several statements, one after the other. Put
// off; see Tx::QueryLater. Nothing without ids.
absl::Status QueryOfIdsLater(Tx& tx, absl::string_view sql, const std::vector<std::string>& ids,
                             const OwnedRowCallback& on_row);

}  // namespace penstock::db
