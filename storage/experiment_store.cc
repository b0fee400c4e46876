#include "storage/experiment_store.h"

#include "absl/strings/str_cat.h"
#include "common/errors.h"
#include "common/status_macros.h"
#include "storage/setting_store.h"

namespace penstock {
namespace {

constexpr char kColumns[] =
    "experiment_id, namespace, name, description, storage_state, created_at_us, last_run_created_at_us";
constexpr int kColumnCount = 7;
constexpr char kInsert[] = R"sql(
  INSERT INTO experiments
    (experiment_id, namespace, name, description, storage_state, created_at_us, last_run_created_at_us)
  VALUES ($1, $2, $3, $4, $5, $6, $7))sql";
constexpr char kSetStorageState[] = "UPDATE experiments SET storage_state = $2 WHERE experiment_id = $1";
constexpr char kDelete[] = "DELETE FROM experiments WHERE experiment_id = $1";
constexpr char kSelectByName[] = "SELECT experiment_id FROM experiments WHERE namespace = $1 AND name = $2";

constexpr char kCountById[] = "SELECT COUNT(*) FROM experiments WHERE experiment_id = $1";

constexpr char kCounter[] = "experiments";
constexpr char kDefaultSetting[] = "default_experiment_id";

constexpr ListField kFields[] = {
    {"id", "experiment_id"},
    {"experiment_id", "experiment_id"},
    {"name", "name"},
    {"display_name", "name"},
    {"created_at", "created_at_us", FieldType::kTime},
    {"last_run_created_at", "last_run_created_at_us", FieldType::kTime},
    {"description", "description", FieldType::kText, true, {}, {}, /*is_long=*/true},
    {"namespace", "namespace"},
    {"storage_state", "storage_state"},
};

ExperimentRow Read(const db::Row& row) {
  return {row.String(0),
          row.String(1),
          row.String(2),
          row.String(3),
          StorageStateFromName(row.Text(4)).value_or(StorageState::kAvailable),
          row.Time(5),
          row.Time(6)};
}

}  // namespace

const ListResource& ExperimentResource() {
  static constexpr ListResource resource = {"experiments", "experiments", "experiment_id", kFields};
  return resource;
}

absl::Status ExperimentInsert(db::Tx& tx, const ExperimentRow& row) {
  const auto inserted =
      tx.Execute(kInsert, {row.experiment_id, row.namespace_, row.name, row.description,
                           Name(row.storage_state), row.created_at, row.last_run_created_at});
  if (absl::IsAlreadyExists(inserted.status())) return error::ExperimentNameTaken(row.name);
  RETURN_IF_ERROR(inserted.status());
  return CounterAdd(tx, kCounter, 1);
}

absl::StatusOr<ExperimentRow> ExperimentGet(db::Tx& tx, absl::string_view experiment_id) {
  std::optional<ExperimentRow> found;
  static const std::string sql =
      absl::StrCat("SELECT ", kColumns, " FROM experiments WHERE experiment_id = $1");
  RETURN_IF_ERROR(tx.Query(sql, {experiment_id}, [&](const db::Row& row) {
    found = Read(row);
    return absl::OkStatus();
  }));
  if (!found.has_value()) return error::ExperimentNotFound(experiment_id);
  return *std::move(found);
}

absl::Status ExperimentCheckLater(db::Tx& tx, absl::string_view experiment_id) {
  const db::Param params[] = {experiment_id};
  return tx.QueryLater(kCountById, params, [id = std::string(experiment_id)](const db::Row& row) {
    return row.Int64(0) == 0 ? error::ExperimentNotFound(id) : absl::OkStatus();
  });
}

absl::Status ExperimentList(db::Tx& tx, const ListQuery& query, Page<ExperimentRow>& page) {
  return query.Run(tx, kColumns, kColumnCount, kCounter, Read, page);
}

absl::Status ExperimentSetStorageState(db::Tx& tx, absl::string_view experiment_id, StorageState to) {
  ASSIGN_OR_RETURN(const int64_t changed, tx.Execute(kSetStorageState, {experiment_id, Name(to)}));
  return changed == 0 ? error::ExperimentNotFound(experiment_id) : absl::OkStatus();
}

absl::Status ExperimentDelete(db::Tx& tx, absl::string_view experiment_id) {
  ASSIGN_OR_RETURN(const auto default_id, SettingGet(tx, kDefaultSetting));
  if (default_id == std::string(experiment_id)) return error::DefaultExperimentDelete();
  ASSIGN_OR_RETURN(const int64_t changed, tx.Execute(kDelete, {experiment_id}));
  if (changed == 0) return error::ExperimentNotFound(experiment_id);
  return CounterAdd(tx, kCounter, -1);
}

absl::StatusOr<std::string> ExperimentEnsureDefault(db::Tx& tx, const ExperimentRow& candidate) {
  ASSIGN_OR_RETURN(const auto known, SettingGet(tx, kDefaultSetting));
  if (known.has_value()) return *known;
  std::string id;
  RETURN_IF_ERROR(tx.Query(kSelectByName, {candidate.namespace_, candidate.name}, [&](const db::Row& row) {
    id = row.String(0);
    return absl::OkStatus();
  }));
  if (id.empty()) {
    RETURN_IF_ERROR(ExperimentInsert(tx, candidate));
    id = candidate.experiment_id;
  }
  RETURN_IF_ERROR(SettingSet(tx, kDefaultSetting, id));
  return id;
}

}  // namespace penstock
