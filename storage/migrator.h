// Brings a database to this program's schema.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "common/clock.h"
#include "migrations/migrations.h"
#include "storage/db/database.h"

namespace penstock {

// Not thread-safe. Processes may migrate one database at the same time: each step is decided again in the
// transaction that makes it, and writers of a database exclude each other.
class Migrator {
 public:
  Migrator(db::Database& database, absl::Span<const migrations::Migration> known, const Clock& clock)
      : database_(database), known_(known), clock_(clock) {}

  // The migrations that are still to be applied, in order; nothing is changed.
  // FAILED_PRECONDITION if the database is newer than this program, or was migrated by other texts.
  absl::StatusOr<std::vector<migrations::Migration>> Plan();

  // Applies what Plan gives, each in one transaction with its version row. Returns how many.
  absl::StatusOr<int> Apply();

  // Applies what Plan gives in one transaction and takes all of it back. Returns how many.
  absl::StatusOr<int> DryRun();

  // Takes the newest applied migration back; returns its name.
  // FAILED_PRECONDITION if none is applied.
  absl::StatusOr<std::string> RevertLast();

 private:
  struct Applied {
    int version;
    std::string name;
    std::string checksum;
  };
  absl::StatusOr<std::vector<Applied>> ReadApplied(db::Tx& tx);
  absl::StatusOr<size_t> CountApplied(db::Tx& tx);
  absl::Status ApplyOne(db::Tx& tx, const migrations::Migration& migration);

  db::Database& database_;
  const absl::Span<const migrations::Migration> known_;
  const Clock& clock_;
};

}  // namespace penstock
