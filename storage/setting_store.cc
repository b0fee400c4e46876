#include "storage/setting_store.h"

#include "common/status_macros.h"

namespace penstock {
namespace {

constexpr char kSelectSetting[] = "SELECT value FROM settings WHERE name = $1";
constexpr char kUpsertSetting[] =
    "INSERT INTO settings (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = "
    "excluded.value";
constexpr char kAddCounter[] =
    "INSERT INTO counters (name, value) VALUES ($1, $2) "
    "ON CONFLICT (name) DO UPDATE SET value = counters.value + excluded.value";
constexpr char kAddCounters[] =
    "INSERT INTO counters (name, value) VALUES ($1, $3), ($2, $3) "
    "ON CONFLICT (name) DO UPDATE SET value = counters.value + excluded.value";
constexpr char kSelectCounter[] = "SELECT value FROM counters WHERE name = $1";
constexpr char kDeleteCounter[] = "DELETE FROM counters WHERE name = $1";

}  // namespace

absl::StatusOr<std::optional<std::string>> SettingGet(db::Tx& tx, absl::string_view name) {
  std::optional<std::string> value;
  RETURN_IF_ERROR(tx.Query(kSelectSetting, {name}, [&](const db::Row& row) {
    value = std::string(row.Bytes(0));
    return absl::OkStatus();
  }));
  return value;
}

absl::Status SettingSet(db::Tx& tx, absl::string_view name, absl::string_view value) {
  return tx.Execute(kUpsertSetting, {name, db::Blob{value}}).status();
}

absl::Status CounterAdd(db::Tx& tx, absl::string_view name, int64_t delta) {
  return tx.ExecuteLater(kAddCounter, {name, delta});
}

absl::Status CountersAdd(db::Tx& tx, absl::string_view name, absl::string_view other, int64_t delta) {
  return tx.ExecuteLater(kAddCounters, {name, other, delta});
}

absl::StatusOr<int64_t> CounterGet(db::Tx& tx, absl::string_view name) {
  int64_t value = 0;
  RETURN_IF_ERROR(tx.Query(kSelectCounter, {name}, [&](const db::Row& row) {
    value = row.Int64(0);
    return absl::OkStatus();
  }));
  return value;
}

absl::StatusOr<int64_t> CounterReserve(db::Tx& tx, absl::string_view name, int64_t count) {
  // Writers come one after the other, so what is read back is what was added here.
  RETURN_IF_ERROR(CounterAdd(tx, name, count));
  ASSIGN_OR_RETURN(const int64_t last, CounterGet(tx, name));
  return last - count + 1;
}

absl::Status CounterGetLater(db::Tx& tx, absl::string_view name, int64_t* value) {
  *value = 0;
  const db::Param params[] = {name};
  return tx.QueryLater(kSelectCounter, params, [value](const db::Row& row) {
    *value = row.Int64(0);
    return absl::OkStatus();
  });
}

absl::Status CounterDelete(db::Tx& tx, absl::string_view name) {
  return tx.ExecuteLater(kDeleteCounter, {name});
}

}  // namespace penstock
