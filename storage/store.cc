#include "storage/store.h"

#include <openssl/rand.h>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "common/errors.h"
#include "common/ids.h"
#include "common/status_macros.h"
#include "storage/copy_progress.h"
#include "storage/migrator.h"
#include "storage/postgres/database.h"
#include "storage/postgres/notifier.h"
#include "storage/postgres/url.h"
#include "storage/setting_store.h"
#include "storage/sqlite/database.h"

namespace penstock {
namespace {

constexpr absl::string_view kSqliteScheme = "sqlite://";
constexpr int kTokenKeyBytes = 32;

// Servers that start at the same time agree on one key: it is looked for in the transaction that writes it.
absl::StatusOr<std::string> EnsureTokenKey(Store& store) {
  unsigned char fresh[kTokenKeyBytes];
  if (RAND_bytes(fresh, kTokenKeyBytes) != 1) return absl::InternalError("the system gave no random bytes");
  std::string key;
  RETURN_IF_ERROR(store.Write([&](db::Tx& tx) -> absl::Status {
    ASSIGN_OR_RETURN(const auto known, SettingGet(tx, kPageTokenKeySetting));
    key = known.value_or(std::string(reinterpret_cast<char*>(fresh), kTokenKeyBytes));
    return known.has_value() ? absl::OkStatus() : SettingSet(tx, kPageTokenKeySetting, key);
  }));
  return key;
}

}  // namespace

absl::Status Store::OpenDatabase(absl::string_view url, const StoreOptions& options) {
  absl::string_view path = url;
  if (absl::ConsumePrefix(&path, kSqliteScheme) && absl::StartsWith(path, "/")) {
    ASSIGN_OR_RETURN(database_, sqlite::Database::Open(std::string(path)));
    notifier_ = std::make_unique<Notifier>();
    known_migrations_ = migrations::Sqlite();
    known_schema_ = migrations::SqliteSchema();
    description_ = absl::StrCat("SQLite at ", path);
    return absl::OkStatus();
  }
  if (postgres::IsPostgresUrl(url)) {
    const std::string process_id = Uuid7Generator(RealClock::Instance()).NewId();
    ASSIGN_OR_RETURN(auto database,
                     postgres::Database::Open(std::string(url), process_id, options.database_wait));
    notifier_ = std::make_unique<postgres::ListenNotifier>(database->connector(), process_id);
    known_migrations_ = migrations::Postgres();
    known_schema_ = migrations::PostgresSchema();
    description_ = database->Describe();
    database_ = std::move(database);
    return absl::OkStatus();
  }
  return error::DatabaseUrlNotServed(postgres::WithoutPassword(url));
}

void Store::TellOfChanges(const db::Changes& changes) {
  if (changes.all()) {
    notifier_->Notify(Topic::kRunChanges, "");
    return;
  }
  for (const std::string& run_id : changes.keys()) notifier_->Notify(Topic::kRunChanges, run_id);
}

absl::StatusOr<std::unique_ptr<Store>> Store::Open(absl::string_view url, const Clock& clock,
                                                   const StoreOptions& options) {
  std::unique_ptr<Store> store(new Store);
  RETURN_IF_ERROR(store->OpenDatabase(url, options));
  store->database_->SetChangesListener(
      [of = store.get()](const db::Changes& changes) { of->TellOfChanges(changes); });
  if (!options.migrate) return store;
  // Before anything is written: half a copy has valid rows and must not be taken for a store.
  RETURN_IF_ERROR(CheckNoUnfinishedCopy(*store->database_));
  ASSIGN_OR_RETURN(store->migrations_applied_,
                   Migrator(*store->database_, store->known_migrations_, clock).Apply());
  ASSIGN_OR_RETURN(store->page_token_key_, EnsureTokenKey(*store));
  return store;
}

}  // namespace penstock
