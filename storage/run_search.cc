#include "storage/run_search.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/errors.h"
#include "common/status_macros.h"
#include "storage/db/query.h"
#include "storage/run_search_sql.h"
#include "storage/run_search_walk.h"

namespace penstock {
namespace {

// How many runs the scope has, by the counts that are kept.
absl::StatusOr<int64_t> ScopeSize(db::Tx& tx, const RunSearchQuery& query) {
  SearchSql sql;
  std::vector<std::string> scopes;
  for (const std::string& id : query.experiment_ids) scopes.push_back(absl::StrCat("experiment/", id));
  std::vector<std::string> states;
  for (const StorageState state : query.storage_states) states.emplace_back(Name(state));
  const std::string text =
      absl::StrCat("SELECT CAST(COALESCE(SUM(runs), 0) AS BIGINT) FROM run_counts WHERE scope IN (",
                   sql.BindAll(scopes), ") AND storage_state IN (", sql.BindAll(states), ")");
  return db::QueryNumber(tx, text, sql.params());
}

// The condition whose index finds the fewest runs, if these are few.
absl::StatusOr<const RunCondition*> BestLead(db::Tx& tx, const RunSearchQuery& query) {
  const RunCondition* best = nullptr;
  int64_t fewest = query.bounds.candidates;
  for (const RunCondition& condition : query.conditions) {
    SearchSql sql;
    const auto lead = RunLeadSql(query, condition, sql);
    if (!lead.has_value()) continue;
    const std::string text =
        absl::StrCat("SELECT COUNT(*) FROM (", *lead, " LIMIT ", sql.Bind(fewest + 1), ") AS few");
    ASSIGN_OR_RETURN(const int64_t count, db::QueryNumber(tx, text, sql.params()));
    if (count > fewest) continue;
    best = &condition;
    fewest = count;
    if (count == 0) break;
  }
  return best;
}

// Reads all runs that a lead finds, or all of the scope, and sorts them.
absl::Status ReadAndSort(db::Tx& tx, const RunSearchQuery& query, const RunCondition* lead,
                         const std::vector<SearchKey>& keys, SearchSorter& sorter) {
  SearchSql sql;
  std::vector<std::string> columns = {"r.run_id", "r.scheduled_at_us"};
  for (const RunOrder& order : query.orders) columns.push_back(RunOrderSql(query, order, sql));
  std::string from = " FROM runs r WHERE ";
  if (lead != nullptr) {
    from = absl::StrCat(" FROM (SELECT DISTINCT run_id FROM (", *RunLeadSql(query, *lead, sql),
                        ") AS found) AS few CROSS JOIN runs r WHERE r.run_id = few.run_id AND ");
  }
  const std::string scope = RunScopeSql(query, sql);
  const std::string text = absl::StrCat("SELECT ", absl::StrJoin(columns, ", "), from, scope,
                                        RunConditionsSql(query, /*except=*/"", sql));
  return tx.Query(text, sql.params(), [&](const db::Row& row) {
    sorter.Add(PositionAt(row, keys));
    return absl::OkStatus();
  });
}

}  // namespace

absl::StatusOr<SearchPage> RunSearch(db::Tx& tx, const RunSearchQuery& query) {
  if (query.experiment_ids.empty() || query.storage_states.empty()) return SearchPage();
  const std::vector<SearchKey> keys = RunSearchKeys(query.orders);
  ASSIGN_OR_RETURN(const int64_t size, ScopeSize(tx, query));
  const RunCondition* lead = nullptr;
  const bool small = size <= query.bounds.candidates;
  if (!small) {
    ASSIGN_OR_RETURN(lead, BestLead(tx, query));
  }
  if (!small && lead == nullptr) {
    if (RunOrderIsWalked(query.orders)) {
      ASSIGN_OR_RETURN(RunWalk walk, RunsWalk(tx, query, query.limit + 1));
      return PageOf(std::move(walk.rows), query.limit, std::move(walk.next));
    }
    if (size > query.bounds.sorted) return error::SearchTooManyRows(query.bounds.sorted);
  }
  SearchSorter sorter(keys, query.after, query.limit);
  RETURN_IF_ERROR(ReadAndSort(tx, query, lead, keys, sorter));
  return sorter.Take();
}

}  // namespace penstock
