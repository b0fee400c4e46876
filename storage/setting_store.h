// Single values that belong to the whole database, and the counters behind total_size.
#pragma once

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "storage/db/database.h"

namespace penstock {

// The key that signs page tokens: random, and the same for all servers of a database and its copies.
inline constexpr char kPageTokenKeySetting[] = "page_token_key";

// How many runs the scheduler that drives them drives at once; told by it.
inline constexpr char kActiveRunsMaxSetting[] = "active_runs_max";

// The stored value, or nothing.
absl::StatusOr<std::optional<std::string>> SettingGet(db::Tx& tx, absl::string_view name);
absl::Status SettingSet(db::Tx& tx, absl::string_view name, absl::string_view value);

// Adds `delta` to a counter, which starts at 0.
absl::Status CounterAdd(db::Tx& tx, absl::string_view name, int64_t delta);
// Adds `delta` to two different counters in one statement.
absl::Status CountersAdd(db::Tx& tx, absl::string_view name, absl::string_view other, int64_t delta);
absl::StatusOr<int64_t> CounterGet(db::Tx& tx, absl::string_view name);
// Adds `count`, and gives the first of the numbers that are taken with it.
absl::StatusOr<int64_t> CounterReserve(db::Tx& tx, absl::string_view name, int64_t count);
// The same, put off: `value` has to be there until Tx::Flush, which fills it.
absl::Status CounterGetLater(db::Tx& tx, absl::string_view name, int64_t* value);
absl::Status CounterDelete(db::Tx& tx, absl::string_view name);

}  // namespace penstock
