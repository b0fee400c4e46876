// The open store: its database, hints, and the few values that belong to the whole of it.
#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "common/clock.h"
#include "storage/db/database.h"
#include "storage/notifier.h"

namespace penstock {

// Thread-safe.
class Store {
 public:
  // Opens `url` and migrates it to this program's schema. `sqlite:///absolute/path` is a file.
  // INVALID_ARGUMENT for another kind of URL, FAILED_PRECONDITION if the database is newer than this program,
  // UNAVAILABLE if it cannot be opened, DATA_LOSS if it is damaged.
  static absl::StatusOr<std::unique_ptr<Store>> Open(absl::string_view url, const Clock& clock);

  // See db::Database.
  absl::Status Read(db::TxBody body) { return database_->Read(body); }
  absl::Status Write(db::TxBody body) { return database_->Write(body); }

  db::Database& database() { return *database_; }
  Notifier& notifier() { return notifier_; }
  // Signs page tokens; the same for every server of this database.
  const std::string& page_token_key() const { return page_token_key_; }
  // How many migrations Open applied.
  int migrations_applied() const { return migrations_applied_; }

 private:
  explicit Store(std::unique_ptr<db::Database> database) : database_(std::move(database)) {}

  const std::unique_ptr<db::Database> database_;
  Notifier notifier_;
  std::string page_token_key_;  // constant after Open
  int migrations_applied_ = 0;  // constant after Open
};

}  // namespace penstock
