#include "storage/store.h"

#include <openssl/rand.h>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "common/status_macros.h"
#include "storage/migrator.h"
#include "storage/setting_store.h"
#include "storage/sqlite/database.h"

namespace penstock {
namespace {

constexpr absl::string_view kSqliteScheme = "sqlite://";
constexpr char kTokenKeySetting[] = "page_token_key";
constexpr int kTokenKeyBytes = 32;

absl::StatusOr<std::string> EnsureTokenKey(Store& store) {
  unsigned char fresh[kTokenKeyBytes];
  if (RAND_bytes(fresh, kTokenKeyBytes) != 1) return absl::InternalError("the system gave no random bytes");
  std::string key;
  RETURN_IF_ERROR(store.Write([&](db::Tx& tx) -> absl::Status {
    ASSIGN_OR_RETURN(const auto known, SettingGet(tx, kTokenKeySetting));
    key = known.value_or(std::string(reinterpret_cast<char*>(fresh), kTokenKeyBytes));
    return known.has_value() ? absl::OkStatus() : SettingSet(tx, kTokenKeySetting, key);
  }));
  return key;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Store>> Store::Open(absl::string_view url, const Clock& clock) {
  absl::string_view path = url;
  if (!absl::ConsumePrefix(&path, kSqliteScheme) || !absl::StartsWith(path, "/")) {
    return absl::InvalidArgumentError(
        absl::StrCat("database URL '", url, "' is not served; use sqlite:///absolute/path/of/the/file.db"));
  }
  ASSIGN_OR_RETURN(auto database, sqlite::Database::Open(std::string(path)));
  std::unique_ptr<Store> store(new Store(std::move(database)));
  ASSIGN_OR_RETURN(store->migrations_applied_,
                   Migrator(*store->database_, migrations::Sqlite(), clock).Apply());
  ASSIGN_OR_RETURN(store->page_token_key_, EnsureTokenKey(*store));
  return store;
}

}  // namespace penstock
