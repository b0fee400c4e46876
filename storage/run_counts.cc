#include "storage/run_counts.h"

#include "absl/strings/str_cat.h"

namespace penstock {
namespace {

constexpr absl::string_view kExperimentPrefix = "experiment/";
constexpr absl::string_view kNamespacePrefix = "namespace/";

constexpr char kAdd[] = R"sql(
  INSERT INTO run_counts (scope, storage_state, state, runs)
  VALUES ('all', $3, $4, $5), ($1, $3, $4, $5), ($2, $3, $4, $5)
  ON CONFLICT (scope, storage_state, state) DO UPDATE SET runs = run_counts.runs + excluded.runs)sql";
constexpr char kMove[] = R"sql(
  INSERT INTO run_counts (scope, storage_state, state, runs)
  VALUES ('all', $3, $4, $5), ($1, $3, $4, $5), ($2, $3, $4, $5),
         ('all', $6, $7, $8), ($1, $6, $7, $8), ($2, $6, $7, $8)
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
  static constexpr ListCells cells = {"run_counts", "runs", "storage_state", "state", "all", scopes, indexes};
  return cells;
}

absl::Status RunCountsAdd(db::Tx& tx, const RunCountKey& key, int64_t runs) {
  const std::string experiment = absl::StrCat(kExperimentPrefix, key.experiment_id);
  const std::string name_space = absl::StrCat(kNamespacePrefix, key.namespace_);
  return tx.ExecuteLater(kAdd, {experiment, name_space, Name(key.storage_state), Name(key.state), runs});
}

absl::Status RunCountsMove(db::Tx& tx, const RunCountKey& from, StorageState to_storage_state,
                           RunState to_state, int64_t runs) {
  const std::string experiment = absl::StrCat(kExperimentPrefix, from.experiment_id);
  const std::string name_space = absl::StrCat(kNamespacePrefix, from.namespace_);
  return tx.ExecuteLater(kMove, {experiment, name_space, Name(from.storage_state), Name(from.state), -runs,
                                 Name(to_storage_state), Name(to_state), runs});
}

}  // namespace penstock
