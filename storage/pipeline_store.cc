#include "storage/pipeline_store.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "common/errors.h"
#include "common/status_macros.h"
#include "storage/db/query.h"
#include "storage/setting_store.h"
#include "storage/spec_store.h"
#include "storage/tag_store.h"

namespace penstock {
namespace {

constexpr auto kPipelineColumns = db::Columns(
    db::Key("pipeline_id", &PipelineRow::pipeline_id), db::Column("namespace", &PipelineRow::namespace_),
    db::Column("name", &PipelineRow::name), db::Column("display_name", &PipelineRow::display_name),
    db::Column("description", &PipelineRow::description),
    db::Column("created_at_us", &PipelineRow::created_at));
constexpr db::SqlText kPipelineInsert =
    kPipelineColumns.Sql("INSERT INTO pipelines ($columns) VALUES ($values)");
constexpr db::SqlText kPipelineGet =
    kPipelineColumns.Sql("SELECT $columns FROM pipelines WHERE pipeline_id = $1");
constexpr db::SqlText kPipelineGetByName =
    kPipelineColumns.Sql("SELECT $columns FROM pipelines WHERE namespace = $1 AND name = $2");
constexpr char kPipelineRename[] = "UPDATE pipelines SET display_name = $2 WHERE pipeline_id = $1";
constexpr char kPipelineDelete[] = "DELETE FROM pipelines WHERE pipeline_id = $1";
constexpr char kPipelineCounter[] = "pipelines";

constexpr auto kVersionColumns =
    db::Columns(db::Key("pipeline_version_id", &PipelineVersionRow::pipeline_version_id),
                db::Column("pipeline_id", &PipelineVersionRow::pipeline_id),
                db::Column("name", &PipelineVersionRow::name),
                db::Column("display_name", &PipelineVersionRow::display_name),
                db::Column("description", &PipelineVersionRow::description),
                db::Column("package_url", &PipelineVersionRow::package_url),
                db::Column("code_source_url", &PipelineVersionRow::code_source_url),
                db::Column("spec_sha256", &PipelineVersionRow::spec_sha256),
                db::Column("created_at_us", &PipelineVersionRow::created_at));
constexpr db::SqlText kVersionInsert =
    kVersionColumns.Sql("INSERT INTO pipeline_versions ($columns) VALUES ($values)");
constexpr db::SqlText kVersionGet =
    kVersionColumns.Sql("SELECT $columns FROM pipeline_versions WHERE pipeline_version_id = $1");
constexpr db::SqlText kVersionLatest = kVersionColumns.Sql(R"sql(
  SELECT $columns FROM pipeline_versions WHERE pipeline_id = $1
  ORDER BY created_at_us DESC, pipeline_version_id DESC LIMIT 1)sql");
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

absl::StatusOr<PipelineRow> WithTags(db::Tx& tx, std::optional<PipelineRow> found,
                                     const absl::Status& missing) {
  if (!found.has_value()) return missing;
  RETURN_IF_ERROR(TagsRead(tx, found->pipeline_id, &found->tags));
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
  const auto inserted = tx.Execute(kPipelineInsert, kPipelineColumns.Params(row));
  if (absl::IsAlreadyExists(inserted.status())) return error::PipelineNameTaken(row.name);
  RETURN_IF_ERROR(inserted.status());
  RETURN_IF_ERROR(TagsInsert(tx, row.pipeline_id, row.tags));
  return CounterAdd(tx, kPipelineCounter, 1);
}

absl::StatusOr<PipelineRow> PipelineGet(db::Tx& tx, absl::string_view pipeline_id) {
  ASSIGN_OR_RETURN(auto found, db::QueryRow(tx, kPipelineGet, {pipeline_id}, kPipelineColumns));
  return WithTags(tx, std::move(found), error::PipelineNotFound(pipeline_id));
}

absl::StatusOr<PipelineRow> PipelineGetByName(db::Tx& tx, absl::string_view namespace_,
                                              absl::string_view name) {
  ASSIGN_OR_RETURN(auto found, db::QueryRow(tx, kPipelineGetByName, {namespace_, name}, kPipelineColumns));
  return WithTags(tx, std::move(found), error::PipelineNameNotFound(name));
}

absl::Status PipelineList(db::Tx& tx, const ListQuery& query, Page<PipelineRow>& page) {
  RETURN_IF_ERROR(query.Run(tx, kPipelineColumns, kPipelineCounter, page));
  for (PipelineRow& row : page.rows) RETURN_IF_ERROR(TagsReadLater(tx, row.pipeline_id, &row.tags));
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
  // Tags first, which are found through the versions; specs last, which are kept while a version names them.
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
  const auto inserted = tx.Execute(kVersionInsert, kVersionColumns.Params(row));
  if (absl::IsAlreadyExists(inserted.status())) return error::PipelineVersionNameTaken(row.name);
  RETURN_IF_ERROR(inserted.status());
  RETURN_IF_ERROR(TagsInsert(tx, row.pipeline_version_id, row.tags));
  return CounterAdd(tx, VersionCounter(row.pipeline_id), 1);
}

absl::StatusOr<PipelineVersionRow> PipelineVersionGet(db::Tx& tx, absl::string_view pipeline_version_id) {
  ASSIGN_OR_RETURN(PipelineVersionRow row, PipelineVersionGetWithoutTags(tx, pipeline_version_id));
  RETURN_IF_ERROR(TagsRead(tx, row.pipeline_version_id, &row.tags));
  return row;
}

absl::StatusOr<PipelineVersionRow> PipelineVersionGetWithoutTags(db::Tx& tx,
                                                                 absl::string_view pipeline_version_id) {
  ASSIGN_OR_RETURN(auto found, db::QueryRow(tx, kVersionGet, {pipeline_version_id}, kVersionColumns));
  if (!found.has_value()) return error::PipelineVersionNotFound(pipeline_version_id);
  return *std::move(found);
}

absl::StatusOr<PipelineVersionRow> PipelineVersionLatest(db::Tx& tx, absl::string_view pipeline_id) {
  RETURN_IF_ERROR(PipelineGet(tx, pipeline_id).status());
  ASSIGN_OR_RETURN(auto found, db::QueryRow(tx, kVersionLatest, {pipeline_id}, kVersionColumns));
  if (!found.has_value()) return error::PipelineHasNoVersion(pipeline_id);
  return *std::move(found);
}

absl::Status PipelineVersionList(db::Tx& tx, absl::string_view pipeline_id, const ListQuery& query,
                                 Page<PipelineVersionRow>& page) {
  RETURN_IF_ERROR(PipelineGet(tx, pipeline_id).status());
  RETURN_IF_ERROR(query.Run(tx, kVersionColumns, VersionCounter(pipeline_id), page));
  for (PipelineVersionRow& row : page.rows) {
    RETURN_IF_ERROR(TagsReadLater(tx, row.pipeline_version_id, &row.tags));
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
