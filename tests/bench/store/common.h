// What the commands on a database share.
#pragma once

#include "absl/status/status.h"

namespace penstock::bench {

// Ends the program with the error on standard error.
void Check(const absl::Status& status);

}  // namespace penstock::bench
