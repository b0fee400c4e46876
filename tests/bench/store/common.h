// What the commands on a database share.
#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "common/ids.h"
#include "storage/store.h"

namespace penstock::bench {

// What every run of the inserts belongs to.
inline constexpr char kSpec[] = "0000000000000000000000000000000000000000000000000000000000000000";
inline constexpr char kExperiment[] = "00000000-0000-7000-8000-000000000001";

// A new store with that experiment and spec, and one run of them.
absl::StatusOr<std::unique_ptr<Store>> NewStore(const std::string& url, IdGenerator& ids);

// Ends the program with the error on standard error.
void Check(const absl::Status& status);

}  // namespace penstock::bench
