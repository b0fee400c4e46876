#include "storage/run_counts.h"

#include <vector>

#include "absl/strings/str_cat.h"
#include "storage/db/rows.h"

namespace penstock {
namespace {

constexpr absl::string_view kExperimentPrefix = "experiment/";
constexpr absl::string_view kNamespacePrefix = "namespace/";

constexpr char kAllScope[] = "all";

constexpr char kAdd[] = R"sql(
  INSERT INTO run_counts (scope, storage_state, state, runs) VALUES $rows
  ON CONFLICT (scope, storage_state, state) DO UPDATE SET runs = run_counts.runs + excluded.runs)sql";

}  // namespace

const ListCells& RunCells() {
  static constexpr ListCells::Scope scopes[] = {{"experiment_id", kExperimentPrefix},
                                                {"namespace", kNamespacePrefix}};
  static constexpr ListCells::Index indexes[] = {{"", "created_at_us"},
                                                 {"", "display_name"},
                                                 {"experiment_id", "created_at_us"},
                                                 {"experiment_id", "display_name"},
                                                 {"namespace", "created_at_us"}};
  static constexpr ListCells cells = {"run_counts", "runs", "storage_state", "state",
                                      kAllScope,    scopes, indexes};
  return cells;
}

void RunCountsChange::Add(const RunCountKey& key, int64_t runs) {
  runs_[{kAllScope, key.storage_state, key.state}] += runs;
  runs_[{absl::StrCat(kExperimentPrefix, key.experiment_id), key.storage_state, key.state}] += runs;
  runs_[{absl::StrCat(kNamespacePrefix, key.namespace_), key.storage_state, key.state}] += runs;
}

absl::Status RunCountsChange::Write(db::Tx& tx) const {
  static const db::RowsStatement add(kAdd, 4);
  std::vector<db::Param> params;
  for (const auto& [cell, runs] : runs_) {
    const auto& [scope, storage_state, state] = cell;
    // What moved out of a cell and into it again leaves no row to write.
    if (runs != 0) params.insert(params.end(), {scope, Name(storage_state), Name(state), runs});
  }
  return add.ExecuteLater(tx, params);
}

absl::Status RunCountsAdd(db::Tx& tx, const RunCountKey& key, int64_t runs) {
  RunCountsChange change;
  change.Add(key, runs);
  return change.Write(tx);
}

absl::Status RunCountsMove(db::Tx& tx, const RunCountKey& from, StorageState to_storage_state,
                           RunState to_state, int64_t runs) {
  RunCountsChange change;
  change.Add(from, -runs);
  change.Add({from.experiment_id, from.namespace_, to_storage_state, to_state}, runs);
  return change.Write(tx);
}

}  // namespace penstock
