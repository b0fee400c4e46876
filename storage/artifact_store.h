// Artifacts, and which tasks take them or put them out.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "storage/db/database.h"
#include "storage/model.h"

namespace penstock {

// Artifact ids are numbers, as on KFP's wire, below 2^53 so that JavaScript can hold them. Reserves `count`
// of them and returns the first.
absl::StatusOr<int64_t> ArtifactIdReserve(db::Tx& tx, int64_t count);

// Of an imported artifact whose id is there already nothing changes.
absl::Status ArtifactInsert(db::Tx& tx, const ArtifactRow& row);

// The latest artifact that was imported with this key, whatever run its row belongs to.
absl::StatusOr<std::optional<int64_t>> ArtifactFindImported(db::Tx& tx, absl::string_view import_key);

// Nothing if there is none.
absl::StatusOr<std::optional<ArtifactRow>> ArtifactFind(db::Tx& tx, int64_t artifact_id);
absl::StatusOr<bool> ArtifactExists(db::Tx& tx, int64_t artifact_id);

// Those that tasks of the run take or put out, also if their rows belong to other runs.
absl::StatusOr<std::vector<ArtifactRow>> ArtifactList(db::Tx& tx, absl::string_view run_id);

// What one task put out: by name, artifacts of one output in their order.
using NamedArtifacts = std::vector<std::pair<std::string, ArtifactRow>>;
absl::StatusOr<NamedArtifacts> ArtifactOutputList(db::Tx& tx, absl::string_view run_id,
                                                  absl::string_view task_id);

// The first artifact of one output, if the task put one out.
absl::StatusOr<std::optional<ArtifactRow>> ArtifactOutputFind(db::Tx& tx, absl::string_view run_id,
                                                              absl::string_view task_id,
                                                              absl::string_view name);

absl::Status ArtifactTaskInsert(db::Tx& tx, absl::string_view run_id, const ArtifactTaskRow& row);
// Of all tasks of the run, by task, direction, name and position.
absl::StatusOr<std::vector<ArtifactTaskRow>> ArtifactTaskList(db::Tx& tx, absl::string_view run_id);

}  // namespace penstock
