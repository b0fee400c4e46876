// Pipelines, their versions, and the tags of both.
#pragma once

#include "absl/status/statusor.h"
#include "storage/db/database.h"
#include "storage/list_query.h"
#include "storage/model.h"

namespace penstock {

// Keys of KFP's list requests.
const ListResource& PipelineResource();
const ListResource& PipelineVersionResource();

// ALREADY_EXISTS if the name is taken in its namespace.
absl::Status PipelineInsert(db::Tx& tx, const PipelineRow& row);

// NOT_FOUND.
absl::StatusOr<PipelineRow> PipelineGet(db::Tx& tx, absl::string_view pipeline_id);
absl::StatusOr<PipelineRow> PipelineGetByName(db::Tx& tx, absl::string_view namespace_,
                                              absl::string_view name);
absl::Status PipelineList(db::Tx& tx, const ListQuery& query, Page<PipelineRow>& page);

// Changes the display name unless it is empty, and replaces the tags if given. NOT_FOUND.
absl::Status PipelineUpdate(db::Tx& tx, absl::string_view pipeline_id, absl::string_view display_name,
                            const std::optional<Tags>& tags);

// Deletes the pipeline, with `cascade` also its versions. Runs stay.
// NOT_FOUND; INVALID_ARGUMENT if it has versions and `cascade` is false.
absl::Status PipelineDelete(db::Tx& tx, absl::string_view pipeline_id, bool cascade);

// The spec must be stored before. NOT_FOUND if there is no such pipeline; ALREADY_EXISTS if the name is taken
// in it.
absl::Status PipelineVersionInsert(db::Tx& tx, const PipelineVersionRow& row);

// NOT_FOUND.
absl::StatusOr<PipelineVersionRow> PipelineVersionGet(db::Tx& tx, absl::string_view pipeline_version_id);
// For creating runs, which asks often and needs no tags.
absl::StatusOr<PipelineVersionRow> PipelineVersionGetWithoutTags(db::Tx& tx,
                                                                 absl::string_view pipeline_version_id);

// The version created last, by id among equals, without its tags. NOT_FOUND if the pipeline does not exist or
// has none.
absl::StatusOr<PipelineVersionRow> PipelineVersionLatest(db::Tx& tx, absl::string_view pipeline_id);

// `query` is scoped to `pipeline_id`. NOT_FOUND if there is no such pipeline.
absl::Status PipelineVersionList(db::Tx& tx, absl::string_view pipeline_id, const ListQuery& query,
                                 Page<PipelineVersionRow>& page);
absl::Status PipelineVersionUpdate(db::Tx& tx, absl::string_view pipeline_version_id,
                                   absl::string_view display_name, const std::optional<Tags>& tags);
absl::Status PipelineVersionDelete(db::Tx& tx, absl::string_view pipeline_version_id);

}  // namespace penstock
