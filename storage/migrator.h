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

// Not thread-safe; one at a time for a database (the caller holds the data directory's lock).
class Migrator {
 public:
  Migrator(db::Database& database, absl::Span<const migrations::Migration> known, const Clock& clock)
      : database_(database), known_(known), clock_(clock) {}

  // The migrations that are still to be applied, in order; nothing is changed.
  // FAILED_PRECONDITION if the database is newer than this program, or was migrated by other texts.
  absl::StatusOr<std::vector<migrations::Migration>> Plan();

  // Applies what Plan gives, each in one transaction with its version row. Returns how many.
  absl::StatusOr<int> Apply();

  // Takes the newest applied migration back.
  // FAILED_PRECONDITION if none is applied.
  absl::Status RevertLast();

 private:
  struct Applied {
    int version;
    std::string name;
    std::string checksum;
  };
  absl::StatusOr<std::vector<Applied>> ReadApplied();

  db::Database& database_;
  const absl::Span<const migrations::Migration> known_;
  const Clock& clock_;
};

}  // namespace penstock
