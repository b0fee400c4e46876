// The parts of a search of runs as SQL; the table `runs` is called r in all of them.
#pragma once

#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "storage/run_search_query.h"

namespace penstock {

// Whether the run satisfies the condition.
std::string RunConditionSql(const RunSearchQuery& query, const RunCondition& condition, SearchSql& sql);
// " AND ..." for each of the conditions but those on the metric `except`, if that is not empty.
std::string RunConditionsSql(const RunSearchQuery& query, absl::string_view except, SearchSql& sql);
// The value by which runs are sorted; NULL where a run has none.
std::string RunOrderSql(const RunSearchQuery& query, const RunOrder& order, SearchSql& sql);

// r.experiment_id and r.storage_state are among those of the query.
std::string RunScopeSql(const RunSearchQuery& query, SearchSql& sql);

// An index that finds the ids of all runs that can satisfy a condition, as a query whose column is run_id; nothing if
// none does.
std::optional<std::string> RunLeadSql(const RunSearchQuery& query, const RunCondition& condition,
                                      SearchSql& sql);

}  // namespace penstock
