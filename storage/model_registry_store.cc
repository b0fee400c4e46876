#include "storage/model_registry_store.h"

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/errors.h"
#include "common/status_macros.h"
#include "storage/db/query.h"

namespace penstock {
namespace {

constexpr auto kModelColumns = db::Columns(db::Key("name", &RegisteredModelRow::name),
                                           db::Column("description", &RegisteredModelRow::description),
                                           db::Column("versions", &RegisteredModelRow::versions),
                                           db::Column("created_at_us", &RegisteredModelRow::created_at),
                                           db::Column("updated_at_us", &RegisteredModelRow::updated_at));
constexpr db::SqlText kInsertModel =
    kModelColumns.Sql("INSERT INTO registered_models ($columns) VALUES ($values)");
constexpr db::SqlText kGetModel = kModelColumns.Sql("SELECT $columns FROM registered_models WHERE name = $1");
constexpr char kUpdateModel[] =
    "UPDATE registered_models SET description = $2, updated_at_us = $3 WHERE name = $1";
constexpr char kRenameModel[] = "UPDATE registered_models SET name = $2 WHERE name = $1";
constexpr char kDeleteModel[] = "DELETE FROM registered_models WHERE name = $1";
constexpr char kReserve[] =
    "UPDATE registered_models SET versions = versions + 1 WHERE name = $1 RETURNING versions";

constexpr auto kVersionColumns = db::Columns(
    db::Key("name", &ModelVersionRow::name), db::Key("version", &ModelVersionRow::version),
    db::Column("description", &ModelVersionRow::description), db::Column("source", &ModelVersionRow::source),
    db::Column("location", &ModelVersionRow::location), db::Column("run_id", &ModelVersionRow::run_id),
    db::Column("run_link", &ModelVersionRow::run_link), db::Column("model_id", &ModelVersionRow::model_id),
    db::Column("created_at_us", &ModelVersionRow::created_at),
    db::Column("updated_at_us", &ModelVersionRow::updated_at));
constexpr db::SqlText kInsertVersion =
    kVersionColumns.Sql("INSERT INTO model_versions ($columns) VALUES ($values)");
constexpr db::SqlText kGetVersion =
    kVersionColumns.Sql("SELECT $columns FROM model_versions WHERE name = $1 AND version = $2");
constexpr db::SqlText kLatestVersion =
    kVersionColumns.Sql("SELECT $columns FROM model_versions WHERE name = $1 ORDER BY version DESC LIMIT 1");
constexpr char kUpdateVersion[] =
    "UPDATE model_versions SET description = $3, updated_at_us = $4 WHERE name = $1 AND version = $2";
constexpr char kDeleteVersion[] = "DELETE FROM model_versions WHERE name = $1 AND version = $2";
constexpr char kDeleteVersionAliases[] = "DELETE FROM model_aliases WHERE name = $1 AND version = $2";
constexpr char kDeleteVersionTags[] = "DELETE FROM model_tags WHERE name = $1 AND version = $2";

constexpr char kSetAlias[] =
    "INSERT INTO model_aliases (name, alias, version) VALUES ($1, $2, $3) "
    "ON CONFLICT (name, alias) DO UPDATE SET version = excluded.version";
constexpr char kDeleteAlias[] = "DELETE FROM model_aliases WHERE name = $1 AND alias = $2";
constexpr char kListAliases[] = "SELECT alias, version FROM model_aliases WHERE name = $1";
constexpr char kSetTag[] =
    "INSERT INTO model_tags (name, version, tag, value) VALUES ($1, $2, $3, $4) "
    "ON CONFLICT (name, version, tag) DO UPDATE SET value = excluded.value";
constexpr char kDeleteTag[] = "DELETE FROM model_tags WHERE name = $1 AND version = $2 AND tag = $3";
constexpr char kListTags[] = "SELECT tag, value FROM model_tags WHERE name = $1 AND version = $2";

constexpr char kPromptTag[] = "mlflow.prompt.is_prompt";

absl::string_view ColumnOf(RegistrySubject subject) {
  switch (subject) {
    case RegistrySubject::kName:
      return "x.name";
    case RegistrySubject::kVersion:
      return "x.version";
    case RegistrySubject::kRun:
      return "x.run_id";
    case RegistrySubject::kSource:
      return "x.source";
    case RegistrySubject::kCreated:
      return "x.created_at_us";
    case RegistrySubject::kUpdated:
      return "x.updated_at_us";
    case RegistrySubject::kTag:
      break;
  }
  return "";
}

bool IsTime(RegistrySubject subject) {
  return subject == RegistrySubject::kCreated || subject == RegistrySubject::kUpdated;
}

std::string ConditionSql(const RegistryQuery& query, const RegistryCondition& condition, SearchSql& sql) {
  const absl::string_view column = ColumnOf(condition.subject);
  if (IsTime(condition.subject)) return MillisComparisonSql(column, condition.op, condition.number, sql);
  if (condition.subject == RegistrySubject::kVersion) {
    // A number of versions is whole, so one that is not is none of them.
    const auto whole = static_cast<int64_t>(condition.number);
    if (static_cast<double>(whole) != condition.number) return "1 = 0";
    return absl::StrCat(column, SearchSymbol(condition.op), sql.Bind(whole));
  }
  if (condition.subject != RegistrySubject::kTag) {
    return TextComparisonSql(column, condition.op, condition.texts, sql);
  }
  const std::string rows = absl::StrCat(
      "SELECT 1 FROM model_tags t WHERE t.name = x.name AND t.version = ", query.versions ? "x.version" : "0",
      " AND t.tag = ", sql.Bind(condition.key));
  // Clients ask of every search that it leaves out prompts, which are kept as models with this tag.
  if (condition.key == kPromptTag) {
    const bool is_prompt = condition.texts == std::vector<std::string>{"true"};
    const bool wanted = is_prompt == (condition.op == SearchOp::kEqual);
    return absl::StrCat(wanted ? "EXISTS (" : "NOT EXISTS (", rows, " AND t.value = 'true')");
  }
  if (condition.op == SearchOp::kIsNull) return absl::StrCat("NOT EXISTS (", rows, ")");
  if (condition.op == SearchOp::kIsNotNull) return absl::StrCat("EXISTS (", rows, ")");
  return absl::StrCat("EXISTS (", rows, " AND ",
                      TextComparisonSql("t.value", condition.op, condition.texts, sql), ")");
}

// The id of a row in an order: later versions come first where all else is equal.
std::string IdOf(const std::string& name, int64_t version) {
  return absl::StrCat(name, "\n", absl::Dec(INT64_MAX - version, absl::kZeroPad20));
}

std::pair<std::string, int64_t> NameOf(const std::string& id) {
  const size_t split = id.rfind('\n');
  int64_t rest = 0;
  (void)absl::SimpleAtoi(id.substr(split + 1), &rest);
  return {id.substr(0, split), INT64_MAX - rest};
}

}  // namespace

absl::Status RegisteredModelInsert(db::Tx& tx, const RegisteredModelRow& row) {
  const auto inserted = tx.Execute(kInsertModel, kModelColumns.Params(row));
  return absl::IsAlreadyExists(inserted.status()) ? error::RegisteredModelTaken(row.name) : inserted.status();
}

absl::StatusOr<RegisteredModelRow> RegisteredModelGet(db::Tx& tx, absl::string_view name) {
  ASSIGN_OR_RETURN(std::optional<RegisteredModelRow> found,
                   db::QueryRow(tx, kGetModel, {name}, kModelColumns));
  if (!found.has_value()) return error::RegisteredModelNotFound(name);
  return *std::move(found);
}

absl::Status RegisteredModelUpdate(db::Tx& tx, const RegisteredModelRow& row) {
  return tx.ExecuteLater(kUpdateModel, {row.name, row.description, row.updated_at});
}

absl::Status RegisteredModelRename(db::Tx& tx, absl::string_view name, absl::string_view new_name) {
  const auto changed = tx.Execute(kRenameModel, {name, new_name});
  if (absl::IsAlreadyExists(changed.status())) return error::RegisteredModelTaken(new_name);
  RETURN_IF_ERROR(changed.status());
  return *changed == 0 ? error::RegisteredModelNotFound(name) : absl::OkStatus();
}

absl::Status RegisteredModelDelete(db::Tx& tx, absl::string_view name) {
  ASSIGN_OR_RETURN(const int64_t deleted, tx.Execute(kDeleteModel, {name}));
  return deleted == 0 ? error::RegisteredModelNotFound(name) : absl::OkStatus();
}

absl::StatusOr<int64_t> ModelVersionReserve(db::Tx& tx, absl::string_view name) {
  ASSIGN_OR_RETURN(const auto version, db::QueryValue<int64_t>(tx, kReserve, {name}));
  if (!version.has_value()) return error::RegisteredModelNotFound(name);
  return *version;
}

absl::Status ModelVersionInsert(db::Tx& tx, const ModelVersionRow& row) {
  return tx.ExecuteLater(kInsertVersion, kVersionColumns.Params(row), nullptr);
}

absl::StatusOr<ModelVersionRow> ModelVersionGet(db::Tx& tx, absl::string_view name, int64_t version) {
  ASSIGN_OR_RETURN(std::optional<ModelVersionRow> found,
                   db::QueryRow(tx, kGetVersion, {name, version}, kVersionColumns));
  if (!found.has_value()) return error::ModelVersionNotFound(name, absl::StrCat(version));
  return *std::move(found);
}

absl::StatusOr<std::optional<ModelVersionRow>> ModelVersionLatest(db::Tx& tx, absl::string_view name) {
  return db::QueryRow(tx, kLatestVersion, {name}, kVersionColumns);
}

absl::Status ModelVersionUpdate(db::Tx& tx, const ModelVersionRow& row) {
  return tx.ExecuteLater(kUpdateVersion, {row.name, row.version, row.description, row.updated_at});
}

absl::Status ModelVersionDelete(db::Tx& tx, absl::string_view name, int64_t version) {
  ASSIGN_OR_RETURN(const int64_t deleted, tx.Execute(kDeleteVersion, {name, version}));
  if (deleted == 0) return error::ModelVersionNotFound(name, absl::StrCat(version));
  RETURN_IF_ERROR(tx.ExecuteLater(kDeleteVersionAliases, {name, version}));
  return tx.ExecuteLater(kDeleteVersionTags, {name, version});
}

absl::Status ModelAliasSet(db::Tx& tx, absl::string_view name, absl::string_view alias, int64_t version) {
  return tx.ExecuteLater(kSetAlias, {name, alias, version});
}

absl::Status ModelAliasDelete(db::Tx& tx, absl::string_view name, absl::string_view alias) {
  return tx.ExecuteLater(kDeleteAlias, {name, alias});
}

absl::StatusOr<ModelAliases> ModelAliasList(db::Tx& tx, absl::string_view name) {
  ModelAliases aliases;
  RETURN_IF_ERROR(tx.Query(kListAliases, {name}, [&](const db::Row& row) {
    aliases[row.String(0)] = row.Int64(1);
    return absl::OkStatus();
  }));
  return aliases;
}

absl::Status ModelTagSet(db::Tx& tx, absl::string_view name, int64_t version, absl::string_view tag,
                         absl::string_view value) {
  return tx.ExecuteLater(kSetTag, {name, version, tag, value});
}

absl::Status ModelTagDelete(db::Tx& tx, absl::string_view name, int64_t version, absl::string_view tag) {
  return tx.ExecuteLater(kDeleteTag, {name, version, tag});
}

absl::StatusOr<Tags> ModelTagList(db::Tx& tx, absl::string_view name, int64_t version) {
  Tags tags;
  RETURN_IF_ERROR(tx.Query(kListTags, {name, version}, [&](const db::Row& row) {
    tags[row.String(0)] = row.String(1);
    return absl::OkStatus();
  }));
  return tags;
}

std::vector<SearchKey> RegistryKeys(const std::vector<RegistryOrder>& orders) {
  std::vector<SearchKey> keys;
  for (const RegistryOrder& order : orders) {
    keys.push_back(
        {order.descending, !IsTime(order.subject) && order.subject != RegistrySubject::kVersion, false});
  }
  return keys;
}

absl::StatusOr<RegistryPage> RegistrySearch(db::Tx& tx, const RegistryQuery& query) {
  SearchSql sql;
  std::vector<std::string> columns = {"x.name", "x.updated_at_us"};
  for (const RegistryOrder& order : query.orders) columns.emplace_back(ColumnOf(order.subject));
  columns.emplace_back(query.versions ? "x.version" : "0");
  std::string text = absl::StrCat("SELECT ", absl::StrJoin(columns, ", "), " FROM ",
                                  query.versions ? "model_versions" : "registered_models", " x WHERE 1 = 1");
  for (const RegistryCondition& condition : query.conditions) {
    absl::StrAppend(&text, " AND ", ConditionSql(query, condition, sql));
  }
  const std::vector<SearchKey> keys = RegistryKeys(query.orders);
  const int version = static_cast<int>(columns.size()) - 1;
  SearchSorter sorter(keys, query.after, query.limit);
  RETURN_IF_ERROR(tx.Query(text, sql.params(), [&](const db::Row& row) {
    SearchPosition position = PositionAt(row, keys);
    position.id = IdOf(position.id, row.Int64(version));
    sorter.Add(std::move(position));
    return absl::OkStatus();
  }));
  SearchPage sorted = sorter.Take();
  RegistryPage page;
  page.next = std::move(sorted.next);
  for (const SearchPosition& row : sorted.rows) page.names.push_back(NameOf(row.id));
  return page;
}

}  // namespace penstock
