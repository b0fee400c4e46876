#include "storage/pipeline_store.h"

#include "absl/strings/str_cat.h"
#include "common/errors.h"
#include "common/status_macros.h"
#include "storage/setting_store.h"
#include "storage/spec_store.h"
#include "storage/tag_store.h"

namespace penstock {
namespace {

constexpr char kPipelineColumns[] = "pipeline_id, namespace, name, display_name, description, created_at_us";
constexpr int kPipelineColumnCount = 6;
constexpr char kPipelineInsert[] = R"sql(
  INSERT INTO pipelines (pipeline_id, namespace, name, display_name, description, created_at_us)
  VALUES ($1, $2, $3, $4, $5, $6))sql";
constexpr char kPipelineRename[] = "UPDATE pipelines SET display_name = $2 WHERE pipeline_id = $1";
constexpr char kPipelineDelete[] = "DELETE FROM pipelines WHERE pipeline_id = $1";
constexpr char kPipelineCounter[] = "pipelines";

constexpr char kVersionColumns[] =
    "pipeline_version_id, pipeline_id, name, display_name, description, package_url, code_source_url, "
    "spec_sha256, "
    "created_at_us";
constexpr int kVersionColumnCount = 9;
constexpr char kVersionInsert[] = R"sql(
  INSERT INTO pipeline_versions
    (pipeline_version_id, pipeline_id, name, display_name, description, package_url, code_source_url, spec_sha256,
     created_at_us)
  VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9))sql";
constexpr char kVersionRename[] =
    "UPDATE pipeline_versions SET display_name = $2 WHERE pipeline_version_id = $1";
constexpr char kVersionDelete[] = "DELETE FROM pipeline_versions WHERE pipeline_version_id = $1";
constexpr char kVersionsDelete[] = "DELETE FROM pipeline_versions WHERE pipeline_id = $1";
constexpr char kVersionTagsDelete[] = R"sql(
  DELETE FROM tags WHERE owner_id IN (SELECT pipeline_version_id FROM pipeline_versions WHERE pipeline_id = $1))sql";
constexpr char kVersionSpecs[] = "SELECT DISTINCT spec_sha256 FROM pipeline_versions WHERE pipeline_id = $1";

constexpr ListField kPipelineFields[] = {
    {"id", "pipeline_id"},
    {"pipeline_id", "pipeline_id"},
    {"name", "name"},
    {"display_name", "display_name"},
    {"created_at", "created_at_us", FieldType::kTime},
    {"description", "description", FieldType::kText, true, {}, {}, /*is_long=*/true},
    {"namespace", "namespace"},
};
constexpr ListField kVersionFields[] = {
    {"id", "pipeline_version_id"},
    {"pipeline_version_id", "pipeline_version_id"},
    {"name", "name"},
    {"display_name", "display_name"},
    {"created_at", "created_at_us", FieldType::kTime},
    {"description", "description", FieldType::kText, true, {}, {}, /*is_long=*/true},
    // Others are never stored.
    {"status", {}, FieldType::kText, true, {}, {}, /*is_long=*/false, /*constant=*/"READY"},
};

std::string VersionCounter(absl::string_view pipeline_id) {
  return absl::StrCat("pipeline_versions/", pipeline_id);
}

PipelineRow ReadPipeline(const db::Row& row) {
  return {row.String(0), row.String(1), row.String(2), row.String(3), row.String(4), row.Time(5), {}};
}

PipelineVersionRow ReadVersion(const db::Row& row) {
  return {row.String(0), row.String(1), row.String(2), row.String(3), row.String(4),
          row.String(5), row.String(6), row.String(7), row.Time(8),   {}};
}

absl::StatusOr<PipelineRow> SelectPipeline(db::Tx& tx, absl::string_view where, db::Params params,
                                           const absl::Status& missing) {
  std::optional<PipelineRow> found;
  const std::string sql = absl::StrCat("SELECT ", kPipelineColumns, " FROM pipelines ", where);
  RETURN_IF_ERROR(tx.Query(sql, params, [&](const db::Row& row) {
    found = ReadPipeline(row);
    return absl::OkStatus();
  }));
  if (!found.has_value()) return missing;
  RETURN_IF_ERROR(TagsRead(tx, found->pipeline_id, found->tags));
  return *std::move(found);
}

absl::StatusOr<PipelineVersionRow> SelectVersion(db::Tx& tx, absl::string_view where, absl::string_view id,
                                                 const absl::Status& missing) {
  std::optional<PipelineVersionRow> found;
  const std::string sql = absl::StrCat("SELECT ", kVersionColumns, " FROM pipeline_versions ", where);
  RETURN_IF_ERROR(tx.Query(sql, {id}, [&](const db::Row& row) {
    found = ReadVersion(row);
    return absl::OkStatus();
  }));
  if (!found.has_value()) return missing;
  return *std::move(found);
}

}  // namespace

const ListResource& PipelineResource() {
  static constexpr ListResource resource = {"pipelines", "pipelines", "pipeline_id", kPipelineFields, true};
  return resource;
}

const ListResource& PipelineVersionResource() {
  static constexpr ListResource resource = {"pipeline versions", "pipeline_versions", "pipeline_version_id",
                                            kVersionFields, true};
  return resource;
}

absl::Status PipelineInsert(db::Tx& tx, const PipelineRow& row) {
  const auto inserted = tx.Execute(kPipelineInsert, {row.pipeline_id, row.namespace_, row.name,
                                                     row.display_name, row.description, row.created_at});
  if (absl::IsAlreadyExists(inserted.status())) return error::PipelineNameTaken(row.name);
  RETURN_IF_ERROR(inserted.status());
  RETURN_IF_ERROR(TagsInsert(tx, row.pipeline_id, row.tags));
  return CounterAdd(tx, kPipelineCounter, 1);
}

absl::StatusOr<PipelineRow> PipelineGet(db::Tx& tx, absl::string_view pipeline_id) {
  const db::Param params[] = {pipeline_id};
  return SelectPipeline(tx, "WHERE pipeline_id = $1", params, error::PipelineNotFound(pipeline_id));
}

absl::StatusOr<PipelineRow> PipelineGetByName(db::Tx& tx, absl::string_view namespace_,
                                              absl::string_view name) {
  const db::Param params[] = {namespace_, name};
  return SelectPipeline(tx, "WHERE namespace = $1 AND name = $2", params, error::PipelineNameNotFound(name));
}

absl::Status PipelineList(db::Tx& tx, const ListQuery& query, Page<PipelineRow>& page) {
  RETURN_IF_ERROR(
      query.Run(tx, kPipelineColumns, kPipelineColumnCount, kPipelineCounter, ReadPipeline, page));
  for (PipelineRow& row : page.rows) RETURN_IF_ERROR(TagsReadLater(tx, row.pipeline_id, row.tags));
  return tx.Flush();
}

absl::Status PipelineUpdate(db::Tx& tx, absl::string_view pipeline_id, absl::string_view display_name,
                            const std::optional<Tags>& tags) {
  RETURN_IF_ERROR(PipelineGet(tx, pipeline_id).status());
  if (!display_name.empty()) {
    RETURN_IF_ERROR(tx.Execute(kPipelineRename, {pipeline_id, display_name}).status());
  }
  return tags.has_value() ? TagsReplace(tx, pipeline_id, *tags) : absl::OkStatus();
}

absl::Status PipelineDelete(db::Tx& tx, absl::string_view pipeline_id, bool cascade) {
  RETURN_IF_ERROR(PipelineGet(tx, pipeline_id).status());
  std::vector<std::string> specs;
  RETURN_IF_ERROR(tx.Query(kVersionSpecs, {pipeline_id}, [&](const db::Row& row) {
    specs.push_back(row.String(0));
    return absl::OkStatus();
  }));
  if (!specs.empty() && !cascade) return error::PipelineHasVersions(pipeline_id);
  RETURN_IF_ERROR(tx.Execute(kVersionTagsDelete, {pipeline_id}).status());
  RETURN_IF_ERROR(tx.Execute(kVersionsDelete, {pipeline_id}).status());
  for (const std::string& spec : specs) RETURN_IF_ERROR(SpecDeleteUnused(tx, spec));
  RETURN_IF_ERROR(TagsDelete(tx, pipeline_id));
  RETURN_IF_ERROR(tx.Execute(kPipelineDelete, {pipeline_id}).status());
  RETURN_IF_ERROR(CounterDelete(tx, VersionCounter(pipeline_id)));
  return CounterAdd(tx, kPipelineCounter, -1);
}

absl::Status PipelineVersionInsert(db::Tx& tx, const PipelineVersionRow& row) {
  RETURN_IF_ERROR(PipelineGet(tx, row.pipeline_id).status());
  const auto inserted = tx.Execute(
      kVersionInsert, {row.pipeline_version_id, row.pipeline_id, row.name, row.display_name, row.description,
                       row.package_url, row.code_source_url, row.spec_sha256, row.created_at});
  if (absl::IsAlreadyExists(inserted.status())) return error::PipelineVersionNameTaken(row.name);
  RETURN_IF_ERROR(inserted.status());
  RETURN_IF_ERROR(TagsInsert(tx, row.pipeline_version_id, row.tags));
  return CounterAdd(tx, VersionCounter(row.pipeline_id), 1);
}

absl::StatusOr<PipelineVersionRow> PipelineVersionGet(db::Tx& tx, absl::string_view pipeline_version_id) {
  ASSIGN_OR_RETURN(PipelineVersionRow row, PipelineVersionGetWithoutTags(tx, pipeline_version_id));
  RETURN_IF_ERROR(TagsRead(tx, row.pipeline_version_id, row.tags));
  return row;
}

absl::StatusOr<PipelineVersionRow> PipelineVersionGetWithoutTags(db::Tx& tx,
                                                                 absl::string_view pipeline_version_id) {
  return SelectVersion(tx, "WHERE pipeline_version_id = $1", pipeline_version_id,
                       error::PipelineVersionNotFound(pipeline_version_id));
}

absl::StatusOr<PipelineVersionRow> PipelineVersionLatest(db::Tx& tx, absl::string_view pipeline_id) {
  RETURN_IF_ERROR(PipelineGet(tx, pipeline_id).status());
  return SelectVersion(tx,
                       "WHERE pipeline_id = $1 ORDER BY created_at_us DESC, pipeline_version_id DESC LIMIT 1",
                       pipeline_id, error::PipelineHasNoVersion(pipeline_id));
}

absl::Status PipelineVersionList(db::Tx& tx, absl::string_view pipeline_id, const ListQuery& query,
                                 Page<PipelineVersionRow>& page) {
  RETURN_IF_ERROR(PipelineGet(tx, pipeline_id).status());
  RETURN_IF_ERROR(
      query.Run(tx, kVersionColumns, kVersionColumnCount, VersionCounter(pipeline_id), ReadVersion, page));
  for (PipelineVersionRow& row : page.rows) {
    RETURN_IF_ERROR(TagsReadLater(tx, row.pipeline_version_id, row.tags));
  }
  return tx.Flush();
}

absl::Status PipelineVersionUpdate(db::Tx& tx, absl::string_view pipeline_version_id,
                                   absl::string_view display_name, const std::optional<Tags>& tags) {
  RETURN_IF_ERROR(PipelineVersionGet(tx, pipeline_version_id).status());
  if (!display_name.empty()) {
    RETURN_IF_ERROR(tx.Execute(kVersionRename, {pipeline_version_id, display_name}).status());
  }
  return tags.has_value() ? TagsReplace(tx, pipeline_version_id, *tags) : absl::OkStatus();
}

absl::Status PipelineVersionDelete(db::Tx& tx, absl::string_view pipeline_version_id) {
  ASSIGN_OR_RETURN(const PipelineVersionRow row, PipelineVersionGet(tx, pipeline_version_id));
  RETURN_IF_ERROR(TagsDelete(tx, pipeline_version_id));
  RETURN_IF_ERROR(tx.Execute(kVersionDelete, {pipeline_version_id}).status());
  RETURN_IF_ERROR(SpecDeleteUnused(tx, row.spec_sha256));
  return CounterAdd(tx, VersionCounter(row.pipeline_id), -1);
}

}  // namespace penstock
