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
#include "storage/list_query.h"
#include "storage/model.h"

namespace penstock {

// Artifact ids are numbers, as on KFP's wire, below 2^53 so that JavaScript can hold them. Reserves `count`
// of them and returns the first.
absl::StatusOr<int64_t> ArtifactIdReserve(db::Tx& tx, int64_t count);

// Of an imported artifact whose id is there already nothing changes.
absl::Status ArtifactInsert(db::Tx& tx, const ArtifactRow& row);

// Writes name, description, metadata and size anew. NOT_FOUND.
absl::Status ArtifactUpdate(db::Tx& tx, const ArtifactRow& row);

// What clients list: keys artifact_id (by the text id), name, type, uri, run_id, namespace, created_at.
const ListResource& ArtifactResource();
absl::Status ArtifactsPage(db::Tx& tx, const ListQuery& query, Page<ArtifactRow>& page);

// The latest artifact that was imported with this key, whatever run its row belongs to.
absl::StatusOr<std::optional<int64_t>> ArtifactFindImported(db::Tx& tx, absl::string_view import_key);

// Nothing if there is none.
absl::StatusOr<std::optional<ArtifactRow>> ArtifactFind(db::Tx& tx, int64_t artifact_id);
absl::StatusOr<bool> ArtifactExists(db::Tx& tx, int64_t artifact_id);
// By its text id, which may also be its number in decimals.
absl::StatusOr<std::optional<ArtifactRow>> ArtifactFindByText(db::Tx& tx, absl::string_view id);
// The same; NOT_FOUND.
absl::StatusOr<ArtifactRow> ArtifactGetByText(db::Tx& tx, absl::string_view id);
// Those of the ids that are there, by id.
absl::StatusOr<std::vector<ArtifactRow>> ArtifactsFind(db::Tx& tx, const std::vector<int64_t>& artifact_ids);
// At most `limit` with exactly this URI, by id.
absl::StatusOr<std::vector<ArtifactRow>> ArtifactsByUri(db::Tx& tx, absl::string_view uri, int limit);
// One of the same namespace, schema title, URI, name, description and metadata, the oldest; nothing if there is none.
absl::StatusOr<std::optional<ArtifactRow>> ArtifactFindSame(db::Tx& tx, const ArtifactRow& row);
// The first `limit` behind `after` by id; `schema_title` restricts them if it is not empty.
absl::StatusOr<std::vector<ArtifactRow>> ArtifactsAfter(db::Tx& tx, int64_t after,
                                                        absl::string_view schema_title, int limit);
// The `limit` newest, or those before the one with the id `before`, newest first.
absl::StatusOr<std::vector<ArtifactRow>> ArtifactsBefore(db::Tx& tx, int64_t before, int limit);
// All schema titles that artifacts have, by name; at most `limit`.
absl::StatusOr<std::vector<std::string>> ArtifactSchemaTitles(db::Tx& tx, int limit);

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

// --- Links ---

// The row's link_id is given out here, whatever it says.
absl::Status ArtifactTaskInsert(db::Tx& tx, const ArtifactTaskRow& row);
// A link that a client adds to what the engine writes, unless the task has one with the artifact already: the row's
// position is given out here, from kRecordedPosition on.
absl::Status ArtifactTaskRecord(db::Tx& tx, const ArtifactTaskRow& row);
// Of all tasks of the run and of its root, by task, direction, name and position.
absl::StatusOr<std::vector<ArtifactTaskRow>> ArtifactTaskList(db::Tx& tx, absl::string_view run_id);
// Of one task.
absl::StatusOr<std::vector<ArtifactTaskRow>> ArtifactTaskListOf(db::Tx& tx, absl::string_view run_id,
                                                                absl::string_view task_id);
// Of some tasks or roots of any runs.
absl::StatusOr<std::vector<ArtifactTaskRow>> ArtifactTasksOf(db::Tx& tx, const std::vector<TaskKey>& keys);
// The latest link that was inserted.
absl::StatusOr<int64_t> ArtifactTaskLatestId(db::Tx& tx);

// Which links to list: those of any of the artifacts, runs and tasks, each restricted if it is not empty. The id of a run
// among the tasks stands for its root.
struct ArtifactTaskFilter {
  std::vector<int64_t> artifact_ids;
  std::vector<std::string> run_ids;
  std::vector<std::string> task_ids;
  std::string io_type;
};
// The first `limit` behind link `after`, or before it, by link_id. At least one kind of ids must be given.
absl::StatusOr<std::vector<ArtifactTaskRow>> ArtifactTasksAfter(db::Tx& tx, const ArtifactTaskFilter& filter,
                                                                int64_t after, bool descending, int limit);

// How many there are in all; -1 if they are more than `count_max`.
absl::StatusOr<int64_t> ArtifactTaskCount(db::Tx& tx, const ArtifactTaskFilter& filter, int64_t count_max);

}  // namespace penstock
