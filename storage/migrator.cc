#include "storage/migrator.h"

#include "absl/strings/str_cat.h"
#include "common/status_macros.h"

namespace penstock {
namespace {

constexpr char kCreateVersions[] = R"sql(
  CREATE TABLE IF NOT EXISTS schema_migrations (
    version       INTEGER NOT NULL PRIMARY KEY,
    name          TEXT    NOT NULL,
    checksum      TEXT    NOT NULL,
    applied_at_us INTEGER NOT NULL
  ))sql";
constexpr char kSelectVersions[] = "SELECT version, name, checksum FROM schema_migrations ORDER BY version";
constexpr char kInsertVersion[] =
    "INSERT INTO schema_migrations (version, name, checksum, applied_at_us) VALUES ($1, $2, $3, $4)";
constexpr char kDeleteVersion[] = "DELETE FROM schema_migrations WHERE version = $1";

}  // namespace

absl::StatusOr<std::vector<Migrator::Applied>> Migrator::ReadApplied() {
  std::vector<Applied> applied;
  RETURN_IF_ERROR(database_.Write([](db::Tx& tx) { return tx.Execute(kCreateVersions, {}).status(); }));
  RETURN_IF_ERROR(database_.Read([&](db::Tx& tx) {
    applied.clear();
    return tx.Query(kSelectVersions, {}, [&](const db::Row& row) {
      applied.push_back({static_cast<int>(row.Int64(0)), row.String(1), row.String(2)});
      return absl::OkStatus();
    });
  }));
  return applied;
}

absl::StatusOr<std::vector<migrations::Migration>> Migrator::Plan() {
  ASSIGN_OR_RETURN(const auto applied, ReadApplied());
  if (applied.size() > known_.size()) {
    return absl::FailedPreconditionError(absl::StrCat(
        "The database has schema version ", applied.back().version, " (", applied.back().name,
        "), newer than the ", known_.size(),
        " that this program knows: start the newer Penstock that wrote it, or use another data directory"));
  }
  for (size_t i = 0; i < applied.size(); ++i) {
    if (applied[i].version != known_[i].version || applied[i].checksum != known_[i].checksum) {
      return absl::FailedPreconditionError(absl::StrCat(
          "Migration ", applied[i].version, " (", applied[i].name,
          ") of the database is not the one this program holds: they come from different builds. Use "
          "the program that made the database, or another data directory"));
    }
  }
  return std::vector<migrations::Migration>(known_.begin() + applied.size(), known_.end());
}

absl::StatusOr<int> Migrator::Apply() {
  ASSIGN_OR_RETURN(const auto plan, Plan());
  for (const migrations::Migration& migration : plan) {
    RETURN_IF_ERROR(database_.Write([&](db::Tx& tx) {
      RETURN_IF_ERROR(database_.ExecuteScript(tx, migration.up));
      return tx.Execute(kInsertVersion, {migration.version, migration.name, migration.checksum, clock_.Now()})
          .status();
    }));
  }
  return static_cast<int>(plan.size());
}

absl::Status Migrator::RevertLast() {
  ASSIGN_OR_RETURN(const auto applied, ReadApplied());
  RETURN_IF_ERROR(Plan().status());
  if (applied.empty()) return absl::FailedPreconditionError("The database has no migration to take back");
  const migrations::Migration& last = known_[applied.size() - 1];
  return database_.Write([&](db::Tx& tx) {
    RETURN_IF_ERROR(database_.ExecuteScript(tx, last.down));
    return tx.Execute(kDeleteVersion, {last.version}).status();
  });
}

}  // namespace penstock
