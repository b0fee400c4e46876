// The open store: its database, hints, and the few values that belong to the whole of it.
#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "common/clock.h"
#include "migrations/migrations.h"
#include "storage/db/database.h"
#include "storage/notifier.h"

namespace penstock {

struct StoreOptions {
  absl::Duration database_wait;  // how long Open waits for a database server that is starting
  bool migrate = true;           // false: Open changes nothing, and the schema may be another's
};

// Thread-safe.
class Store {
 public:
  // Opens `url` and migrates it to this program's schema. `sqlite:///absolute/path` is a file,
  // `postgresql://...` is read by libpq. INVALID_ARGUMENT for another kind of URL, FAILED_PRECONDITION if the
  // database is newer than this program or somebody has to mend something, UNAVAILABLE if it cannot be
  // reached or opened, DATA_LOSS if it is damaged.
  static absl::StatusOr<std::unique_ptr<Store>> Open(absl::string_view url, const Clock& clock,
                                                     const StoreOptions& options = {});

  // See db::Database.
  absl::Status Read(db::TxBody body) { return database_->Read(body); }
  absl::Status Write(db::TxBody body) { return database_->Write(body); }

  db::Database& database() { return *database_; }
  Notifier& notifier() { return *notifier_; }
  // Of this kind of database.
  absl::Span<const migrations::Migration> known_migrations() const { return known_migrations_; }
  // The schema that they make.
  absl::string_view known_schema() const { return known_schema_; }
  // Signs page tokens; the same for every server of this database. Empty if Open did not migrate.
  const std::string& page_token_key() const { return page_token_key_; }
  // How many migrations Open applied.
  int migrations_applied() const { return migrations_applied_; }
  // The database for logs, without passwords.
  const std::string& description() const { return description_; }

 private:
  Store() = default;
  absl::Status OpenDatabase(absl::string_view url, const StoreOptions& options);
  void TellOfChanges(const db::Changes& changes);

  // All constant after Open.
  std::unique_ptr<db::Database> database_;
  std::unique_ptr<Notifier> notifier_;  // uses database_
  absl::Span<const migrations::Migration> known_migrations_;
  absl::string_view known_schema_;
  std::string page_token_key_;
  int migrations_applied_ = 0;
  std::string description_;
};

}  // namespace penstock
