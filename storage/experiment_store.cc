#include "storage/experiment_store.h"

#include <algorithm>
#include <utility>

#include "common/errors.h"
#include "common/status_macros.h"
#include "storage/db/query.h"
#include "storage/db/rows.h"
#include "storage/setting_store.h"
#include "storage/state_columns.h"

namespace penstock {
namespace {

constexpr auto kColumns =
    db::Columns(db::Key("experiment_id", &ExperimentRow::experiment_id),
                db::Column("namespace", &ExperimentRow::namespace_), db::Column("name", &ExperimentRow::name),
                db::Column("description", &ExperimentRow::description),
                db::Column("storage_state", &ExperimentRow::storage_state),
                db::Column("created_at_us", &ExperimentRow::created_at),
                db::Column("last_run_created_at_us", &ExperimentRow::last_run_created_at),
                db::Column("artifact_location", &ExperimentRow::artifact_location),
                db::Column("updated_at_us", &ExperimentRow::updated_at));
constexpr db::SqlText kInsert = kColumns.Sql("INSERT INTO experiments ($columns) VALUES ($values)");
constexpr db::SqlText kGet = kColumns.Sql("SELECT $columns FROM experiments WHERE experiment_id = $1");
constexpr db::SqlText kFindByName =
    kColumns.Sql("SELECT $columns FROM experiments WHERE namespace = $1 AND name = $2");
constexpr db::SqlText kSelectSome = kColumns.Sql(
    "SELECT $columns FROM (VALUES $ids) AS ids CROSS JOIN experiments WHERE experiment_id = column1");
constexpr char kUpdate[] =
    "UPDATE experiments SET name = $2, description = $3, updated_at_us = $4 WHERE experiment_id = $1";
constexpr char kSetStorageState[] = "UPDATE experiments SET storage_state = $2 WHERE experiment_id = $1";
constexpr char kSetDescription[] = "UPDATE experiments SET description = $2 WHERE experiment_id = $1";
constexpr char kDelete[] = "DELETE FROM experiments WHERE experiment_id = $1";
constexpr char kSelectByName[] = "SELECT experiment_id FROM experiments WHERE namespace = $1 AND name = $2";
// Gives a row whether it is there or not, so that the answer can be put off: see Tx::QueryLater.
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

}  // namespace

const ListResource& ExperimentResource() {
  static constexpr ListResource resource = {"experiments", "experiments", "experiment_id", kFields};
  return resource;
}

absl::Status ExperimentInsert(db::Tx& tx, const ExperimentRow& given) {
  ExperimentRow row = given;
  row.updated_at = std::max(row.updated_at, row.created_at);
  const auto inserted = tx.Execute(kInsert, kColumns.Params(row));
  if (absl::IsAlreadyExists(inserted.status())) return error::ExperimentNameTaken(row.name);
  RETURN_IF_ERROR(inserted.status());
  return CounterAdd(tx, kCounter, 1);
}

absl::StatusOr<ExperimentRow> ExperimentGet(db::Tx& tx, absl::string_view experiment_id) {
  ASSIGN_OR_RETURN(std::optional<ExperimentRow> found, db::QueryRow(tx, kGet, {experiment_id}, kColumns));
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
  return query.Run(tx, kColumns, kCounter, page);
}

absl::StatusOr<std::optional<ExperimentRow>> ExperimentFindByName(db::Tx& tx, absl::string_view name_space,
                                                                  absl::string_view name) {
  return db::QueryRow(tx, kFindByName, {name_space, name}, kColumns);
}

absl::Status ExperimentsFindLater(db::Tx& tx, const std::vector<std::string>& experiment_ids,
                                  ExperimentRows* rows) {
  return db::QueryOfIdsLater(tx, kSelectSome, experiment_ids, [rows](const db::Row& row) {
    kColumns.ReadInto(row, 0, &(*rows)[row.String(0)]);
    return absl::OkStatus();
  });
}

absl::Status ExperimentUpdate(db::Tx& tx, const ExperimentRow& row) {
  const auto changed = tx.Execute(kUpdate, {row.experiment_id, row.name, row.description, row.updated_at});
  if (absl::IsAlreadyExists(changed.status())) return error::ExperimentNameTaken(row.name);
  RETURN_IF_ERROR(changed.status());
  return *changed == 0 ? error::ExperimentNotFound(row.experiment_id) : absl::OkStatus();
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
  // One of this name may be there without being the default, made by a client.
  ASSIGN_OR_RETURN(const auto named,
                   db::QueryValue<std::string>(tx, kSelectByName, {candidate.namespace_, candidate.name}));
  if (!named.has_value()) RETURN_IF_ERROR(ExperimentInsert(tx, candidate));
  const std::string id = named.value_or(candidate.experiment_id);
  RETURN_IF_ERROR(SettingSet(tx, kDefaultSetting, id));
  return id;
}

absl::Status ExperimentSetDescription(db::Tx& tx, absl::string_view experiment_id,
                                      absl::string_view description) {
  ASSIGN_OR_RETURN(const int64_t changed, tx.Execute(kSetDescription, {experiment_id, description}));
  return changed == 0 ? error::ExperimentNotFound(experiment_id) : absl::OkStatus();
}

}  // namespace penstock
