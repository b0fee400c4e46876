// What a database's catalog says of its schema: as a text, for schema.sql, and as a model that is the same
// whichever database it is.
#include "storage/schema.h"

#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/status_macros.h"

namespace penstock {
namespace {

constexpr char kSqliteTableExists[] = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = $1";
constexpr char kPostgresTableExists[] = "SELECT 1 WHERE to_regclass($1) IS NOT NULL";

// A table comes before its indexes: "table" is behind "index" in the alphabet.
constexpr char kSqliteSchema[] =
    "SELECT sql || ';' || char(10) FROM sqlite_master WHERE sql IS NOT NULL AND name <> 'penstock_copy' "
    "ORDER BY tbl_name, type DESC, "
    "name";

constexpr char kPostgresSchema[] = R"sql(
  WITH tables AS (
    SELECT oid, relname FROM pg_class
    WHERE relnamespace = current_schema()::regnamespace AND relkind = 'r' AND relname NOT IN ('penstock_writers', 'penstock_copy')
  ), lines AS (
    SELECT t.relname, 0 AS part, 0 AS place, '' AS name, format('CREATE TABLE %s (', t.relname) AS line FROM tables t
    UNION ALL
    SELECT t.relname, 1, a.attnum, '', format('  %s %s%s%s%s,', a.attname, upper(format_type(a.atttypid, a.atttypmod)),
      CASE WHEN c.collname IS NULL OR c.collname = 'default' THEN '' ELSE format(' COLLATE "%s"', c.collname) END,
      CASE WHEN a.attnotnull THEN ' NOT NULL' ELSE '' END, ' DEFAULT ' || pg_get_expr(d.adbin, d.adrelid))
    FROM tables t JOIN pg_attribute a ON a.attrelid = t.oid LEFT JOIN pg_collation c ON c.oid = a.attcollation
      LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
    WHERE a.attnum > 0 AND NOT a.attisdropped
    UNION ALL
    SELECT t.relname, 2, 0, k.conname, format('  CONSTRAINT %s %s,', k.conname, pg_get_constraintdef(k.oid))
    FROM tables t JOIN pg_constraint k ON k.conrelid = t.oid
    UNION ALL
    SELECT t.relname, 3, 0, '', format(')%s;', ' WITH (' || array_to_string(c.reloptions, ', ') || ')')
    FROM tables t JOIN pg_class c ON c.oid = t.oid
    UNION ALL
    SELECT t.relname, 4, 0, i.relname, regexp_replace(pg_get_indexdef(i.oid), ' ON [^ ]*\.', ' ON ') || ';'
    FROM tables t JOIN pg_index x ON x.indrelid = t.oid JOIN pg_class i ON i.oid = x.indexrelid
    WHERE NOT EXISTS (SELECT 1 FROM pg_constraint k WHERE k.conindid = i.oid AND k.contype IN ('p', 'u'))
    UNION ALL
    SELECT t.relname, 5, 0, '', '' FROM tables t
  )
  SELECT line FROM lines ORDER BY relname COLLATE "C", part, place, name COLLATE "C")sql";

// Table, column, type, not null, place in the key.
constexpr char kSqliteColumns[] = R"sql(
  SELECT m.name, p.name, p.type, p."notnull", p.pk
  FROM sqlite_master m JOIN pragma_table_info(m.name) p
  WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite_%' AND m.name <> 'penstock_copy'
  ORDER BY m.name, p.name)sql";
constexpr char kPostgresColumns[] = R"sql(
  SELECT c.relname, a.attname,
    CASE format_type(a.atttypid, NULL) WHEN 'bigint' THEN 'INTEGER' WHEN 'bytea' THEN 'BLOB' WHEN 'text' THEN 'TEXT'
      ELSE format_type(a.atttypid, NULL) END,
    CASE WHEN a.attnotnull THEN 1 ELSE 0 END, COALESCE(array_position(k.conkey, a.attnum), 0)
  FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
  LEFT JOIN pg_constraint k ON k.conrelid = c.oid AND k.contype = 'p'
  WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind = 'r'
    AND c.relname NOT IN ('penstock_writers', 'penstock_copy') AND a.attnum > 0 AND NOT a.attisdropped
  ORDER BY c.relname COLLATE "C", a.attname COLLATE "C")sql";

// Table, and one that it refers to.
constexpr char kSqliteReferences[] = R"sql(
  SELECT DISTINCT m.name, f."table" FROM sqlite_master m JOIN pragma_foreign_key_list(m.name) f
  WHERE m.type = 'table' ORDER BY 1, 2)sql";
constexpr char kPostgresReferences[] = R"sql(
  SELECT DISTINCT c.relname, r.relname
  FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid JOIN pg_class r ON r.oid = k.confrelid
  WHERE k.contype = 'f' AND c.relnamespace = current_schema()::regnamespace ORDER BY 1, 2)sql";

absl::StatusOr<ColumnType> TypeFromName(absl::string_view name) {
  if (name == "TEXT") return ColumnType::kText;
  if (name == "INTEGER") return ColumnType::kInteger;
  if (name == "BLOB") return ColumnType::kBlob;
  return absl::InternalError(absl::StrCat("a column has the type ", name));
}

absl::string_view Name(ColumnType type) {
  switch (type) {
    case ColumnType::kText:
      return "TEXT";
    case ColumnType::kInteger:
      return "INTEGER";
    case ColumnType::kBlob:
      return "BLOB";
  }
  return "";
}

// Moves each table behind those that it refers to; otherwise the order stays.
absl::StatusOr<std::vector<TableInfo>> InOrderOfReference(std::vector<TableInfo> tables) {
  std::vector<TableInfo> ordered;
  std::set<std::string> placed;
  while (!tables.empty()) {
    const auto ready = std::find_if(tables.begin(), tables.end(), [&](const TableInfo& table) {
      return std::all_of(table.references.begin(), table.references.end(), [&](const std::string& other) {
        return other == table.name || placed.count(other) > 0;
      });
    });
    if (ready == tables.end()) return absl::InternalError("tables refer to each other in a circle");
    placed.insert(ready->name);
    ordered.push_back(std::move(*ready));
    tables.erase(ready);
  }
  return ordered;
}

}  // namespace

absl::StatusOr<bool> TableExists(db::Tx& tx, absl::string_view kind, absl::string_view table) {
  bool exists = false;
  RETURN_IF_ERROR(
      tx.Query(kind == "postgres" ? kPostgresTableExists : kSqliteTableExists, {table}, [&](const db::Row&) {
        exists = true;
        return absl::OkStatus();
      }));
  return exists;
}

absl::StatusOr<std::vector<TableInfo>> ReadTables(db::Tx& tx, absl::string_view kind) {
  const bool postgres = kind == "postgres";
  std::vector<TableInfo> tables;
  RETURN_IF_ERROR(
      tx.Query(postgres ? kPostgresColumns : kSqliteColumns, {}, [&](const db::Row& row) -> absl::Status {
        if (tables.empty() || tables.back().name != row.Text(0)) tables.push_back({row.String(0), {}, {}});
        ASSIGN_OR_RETURN(const ColumnType type, TypeFromName(row.Text(2)));
        tables.back().columns.push_back(
            {row.String(1), type, row.Int64(3) != 0, static_cast<int>(row.Int64(4))});
        return absl::OkStatus();
      }));
  RETURN_IF_ERROR(tx.Query(postgres ? kPostgresReferences : kSqliteReferences, {}, [&](const db::Row& row) {
    for (TableInfo& table : tables) {
      if (table.name == row.Text(0)) table.references.push_back(row.String(1));
    }
    return absl::OkStatus();
  }));
  return InOrderOfReference(std::move(tables));
}

absl::StatusOr<std::string> SchemaText(db::Database& database) {
  std::string text;
  RETURN_IF_ERROR(database.Read([&](db::Tx& tx) {
    text.clear();
    return tx.Query(database.kind() == "postgres" ? kPostgresSchema : kSqliteSchema, {},
                    [&](const db::Row& row) {
                      absl::StrAppend(&text, row.Text(0), "\n");
                      return absl::OkStatus();
                    });
  }));
  return text;
}

std::string ModelText(const std::vector<TableInfo>& tables) {
  std::string text;
  for (const TableInfo& table : tables) {
    for (const ColumnInfo& column : table.columns) {
      absl::StrAppend(&text, table.name, ".", column.name, " ", Name(column.type),
                      column.not_null ? " NOT NULL" : "");
      if (column.key_position > 0) absl::StrAppend(&text, " KEY ", column.key_position);
      absl::StrAppend(&text, "\n");
    }
    for (const std::string& other : table.references) absl::StrAppend(&text, table.name, " -> ", other, "\n");
  }
  return text;
}

}  // namespace penstock
