// Compiled pipelines, keyed by the SHA-256 of their canonical text and kept once, compressed.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "storage/db/database.h"

namespace penstock {

// Stores `text` unless it is there. `spec_sha256` is the lower-case hex digest of `text`.
absl::Status SpecPut(db::Tx& tx, absl::string_view spec_sha256, absl::string_view text);

// The name of the pipeline (pipelineInfo.name) of a spec in canonical form; empty if it says none.
std::string PipelineNameOf(absl::string_view json);

// NOT_FOUND if there is none, DATA_LOSS if the stored bytes cannot be read back.
absl::StatusOr<std::string> SpecGet(db::Tx& tx, absl::string_view spec_sha256);

// Deletes the spec unless a pipeline version, a run or a recurring run still refers to it.
absl::Status SpecDeleteUnused(db::Tx& tx, absl::string_view spec_sha256);

}  // namespace penstock
