#include "storage/migrator.h"

#include "common/errors.h"
#include "common/status_macros.h"
#include "storage/schema.h"

namespace penstock {
namespace {

constexpr char kVersionTable[] = "schema_migrations";
constexpr char kCreateSqlite[] = R"sql(
  CREATE TABLE IF NOT EXISTS schema_migrations (
    version       INTEGER NOT NULL PRIMARY KEY,
    name          TEXT    NOT NULL,
    checksum      TEXT    NOT NULL,
    applied_at_us INTEGER NOT NULL
  ))sql";
constexpr char kCreatePostgres[] = R"sql(
  CREATE TABLE IF NOT EXISTS schema_migrations (
    version       BIGINT           NOT NULL PRIMARY KEY,
    name          TEXT COLLATE "C" NOT NULL,
    checksum      TEXT COLLATE "C" NOT NULL,
    applied_at_us BIGINT           NOT NULL
  ))sql";

constexpr char kSelectVersions[] = "SELECT version, name, checksum FROM schema_migrations ORDER BY version";
constexpr char kInsertVersion[] =
    "INSERT INTO schema_migrations (version, name, checksum, applied_at_us) VALUES ($1, $2, $3, $4)";
constexpr char kDeleteVersion[] = "DELETE FROM schema_migrations WHERE version = $1";

}  // namespace

absl::StatusOr<std::vector<Migrator::Applied>> Migrator::ReadApplied(db::Tx& tx) {
  std::vector<Applied> applied;
  ASSIGN_OR_RETURN(const bool exists, TableExists(tx, database_.kind(), kVersionTable));
  if (!exists) return applied;
  RETURN_IF_ERROR(tx.Query(kSelectVersions, {}, [&](const db::Row& row) {
    applied.push_back({static_cast<int>(row.Int64(0)), row.String(1), row.String(2)});
    return absl::OkStatus();
  }));
  return applied;
}

// How many of the known migrations the database has; an error if it has others.
absl::StatusOr<size_t> Migrator::CountApplied(db::Tx& tx) {
  ASSIGN_OR_RETURN(const auto applied, ReadApplied(tx));
  if (applied.size() > known_.size()) {
    return error::SchemaNewer(applied.back().version, applied.back().name, known_.size());
  }
  for (size_t i = 0; i < applied.size(); ++i) {
    if (applied[i].version != known_[i].version || applied[i].checksum != known_[i].checksum) {
      return error::SchemaOther(applied[i].version, applied[i].name);
    }
  }
  return applied.size();
}

absl::Status Migrator::ApplyOne(db::Tx& tx, const migrations::Migration& migration) {
  RETURN_IF_ERROR(tx.Execute(database_.kind() == "postgres" ? kCreatePostgres : kCreateSqlite, {}).status());
  RETURN_IF_ERROR(database_.ExecuteScript(tx, migration.up));
  return tx.Execute(kInsertVersion, {migration.version, migration.name, migration.checksum, clock_.Now()})
      .status();
}

absl::StatusOr<std::vector<migrations::Migration>> Migrator::Plan() {
  size_t applied = 0;
  RETURN_IF_ERROR(database_.Read([&](db::Tx& tx) -> absl::Status {
    ASSIGN_OR_RETURN(applied, CountApplied(tx));
    return absl::OkStatus();
  }));
  return std::vector<migrations::Migration>(known_.begin() + applied, known_.end());
}

absl::StatusOr<int> Migrator::Apply() {
  ASSIGN_OR_RETURN(const auto plan, Plan());
  int applied_here = 0;
  for (const migrations::Migration& migration : plan) {
    bool done_by_another = false;
    RETURN_IF_ERROR(database_.Write([&](db::Tx& tx) -> absl::Status {
      ASSIGN_OR_RETURN(const size_t applied, CountApplied(tx));
      // Looked at again in the transaction that would apply it: another server may have come first.
      done_by_another = static_cast<int>(applied) >= migration.version;
      return done_by_another ? absl::OkStatus() : ApplyOne(tx, migration);
    }));
    if (!done_by_another) ++applied_here;
  }
  return applied_here;
}

absl::StatusOr<int> Migrator::DryRun() {
  int count = 0;
  const absl::Status undone = absl::CancelledError("dry run");
  const absl::Status status = database_.Write([&](db::Tx& tx) -> absl::Status {
    ASSIGN_OR_RETURN(const size_t applied, CountApplied(tx));
    count = 0;
    for (size_t i = applied; i < known_.size(); ++i, ++count) RETURN_IF_ERROR(ApplyOne(tx, known_[i]));
    // An error, so that the database takes all of it back.
    return undone;
  });
  if (status != undone) return status;
  return count;
}

absl::StatusOr<std::string> Migrator::RevertLast() {
  std::string name;
  RETURN_IF_ERROR(database_.Write([&](db::Tx& tx) -> absl::Status {
    ASSIGN_OR_RETURN(const size_t applied, CountApplied(tx));
    if (applied == 0) return error::NoMigrationToRevert();
    const migrations::Migration& last = known_[applied - 1];
    name = last.name;
    RETURN_IF_ERROR(database_.ExecuteScript(tx, last.down));
    return tx.Execute(kDeleteVersion, {last.version}).status();
  }));
  return name;
}

}  // namespace penstock
