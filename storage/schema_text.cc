#include "storage/schema_text.h"

#include "absl/strings/str_cat.h"
#include "common/status_macros.h"

namespace penstock {
namespace {

constexpr char kSqliteSchema[] =
    "SELECT sql || ';' || char(10) FROM sqlite_master WHERE sql IS NOT NULL ORDER BY tbl_name, type DESC, "
    "name";

constexpr char kPostgresSchema[] = R"sql(
  WITH tables AS (
    SELECT oid, relname FROM pg_class
    WHERE relnamespace = current_schema()::regnamespace AND relkind = 'r' AND relname NOT IN ('penstock_writers')
  ), lines AS (
    SELECT t.relname, 0 AS part, 0 AS place, '' AS name, format('CREATE TABLE %s (', t.relname) AS line FROM tables t
    UNION ALL
    SELECT t.relname, 1, a.attnum, '', format('  %s %s%s%s,', a.attname, upper(format_type(a.atttypid, a.atttypmod)),
      CASE WHEN c.collname IS NULL OR c.collname = 'default' THEN '' ELSE format(' COLLATE "%s"', c.collname) END,
      CASE WHEN a.attnotnull THEN ' NOT NULL' ELSE '' END)
    FROM tables t JOIN pg_attribute a ON a.attrelid = t.oid LEFT JOIN pg_collation c ON c.oid = a.attcollation
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

constexpr char kSqliteModel[] = R"sql(
  SELECT m.name || '.' || p.name || ' ' || p.type || CASE WHEN p."notnull" THEN ' NOT NULL' ELSE '' END
    || CASE WHEN p.pk > 0 THEN ' KEY ' || p.pk ELSE '' END
  FROM sqlite_master m JOIN pragma_table_info(m.name) p
  WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite_%'
  ORDER BY m.name, p.name)sql";

constexpr char kPostgresModel[] = R"sql(
  SELECT c.relname || '.' || a.attname || ' '
    || CASE format_type(a.atttypid, NULL) WHEN 'bigint' THEN 'INTEGER' WHEN 'bytea' THEN 'BLOB' WHEN 'text' THEN 'TEXT'
         ELSE format_type(a.atttypid, NULL) END
    || CASE WHEN a.attnotnull THEN ' NOT NULL' ELSE '' END
    || COALESCE(' KEY ' || array_position(k.conkey, a.attnum), '')
  FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
  LEFT JOIN pg_constraint k ON k.conrelid = c.oid AND k.contype = 'p'
  WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind = 'r' AND c.relname NOT IN ('penstock_writers')
    AND a.attnum > 0 AND NOT a.attisdropped
  ORDER BY c.relname COLLATE "C", a.attname COLLATE "C")sql";

absl::StatusOr<std::string> Lines(db::Database& database, absl::string_view sql) {
  std::string text;
  RETURN_IF_ERROR(database.Read([&](db::Tx& tx) {
    text.clear();
    return tx.Query(sql, {}, [&](const db::Row& row) {
      absl::StrAppend(&text, row.Text(0), "\n");
      return absl::OkStatus();
    });
  }));
  return text;
}

}  // namespace

absl::StatusOr<std::string> SchemaText(db::Database& database) {
  return Lines(database, database.kind() == "postgres" ? kPostgresSchema : kSqliteSchema);
}

absl::StatusOr<std::string> ModelText(db::Database& database) {
  return Lines(database, database.kind() == "postgres" ? kPostgresModel : kSqliteModel);
}

}  // namespace penstock
