// Kubernetes quantities: "500m", "0.5", "1Gi", "2G", "1e3".
#pragma once

#include <cstdint>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace penstock {

// The quantity times `scale`, rounded up, as Kubernetes rounds. Exact: no floating point. White space around
// it is ignored. Returns INVALID_ARGUMENT, as the end of a sentence about the text, if it is not a quantity,
// negative, or too large for 64 bits.
absl::StatusOr<int64_t> ParseQuantity(absl::string_view text, int64_t scale);

// A quantity of cores in thousandths of a core.
inline absl::StatusOr<int64_t> ParseCpuMillicores(absl::string_view text) {
  return ParseQuantity(text, 1000);
}

// A quantity of memory in bytes.
inline absl::StatusOr<int64_t> ParseMemoryBytes(absl::string_view text) { return ParseQuantity(text, 1); }

}  // namespace penstock
