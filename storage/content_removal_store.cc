#include "storage/content_removal_store.h"

#include <set>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "common/errors.h"
#include "common/limits.h"
#include "common/status_macros.h"
#include "common/text.h"
#include "storage/db/query.h"
#include "storage/db/rows.h"
#include "storage/state_columns.h"

namespace penstock {
namespace {

constexpr auto kColumns = db::Columns(
    db::Key("run_id", &ContentRemovalRow::run_id),
    db::Column("experiment_id", &ContentRemovalRow::experiment_id),
    db::Column("namespace", &ContentRemovalRow::namespace_),
    db::Column("pipeline_name", &ContentRemovalRow::pipeline_name),
    db::Column("pipeline_root", &ContentRemovalRow::pipeline_root),
    db::Column("artifact_location", &ContentRemovalRow::artifact_location),
    db::Column("folders", &ContentRemovalRow::folders),
    db::Column("unfinished", &ContentRemovalRow::unfinished), db::Column("state", &ContentRemovalRow::state),
    db::Column("removed_files", &ContentRemovalRow::removed_files),
    db::Column("removed_bytes", &ContentRemovalRow::removed_bytes),
    db::Column("kept", &ContentRemovalRow::kept), db::Column("kept_count", &ContentRemovalRow::kept_count),
    db::Column("tries", &ContentRemovalRow::tries), db::Column("error", &ContentRemovalRow::error),
    db::Column("created_at_us", &ContentRemovalRow::created_at),
    db::Column("started_at_us", &ContentRemovalRow::started_at),
    db::Column("finished_at_us", &ContentRemovalRow::finished_at),
    db::Column("due_at_us", &ContentRemovalRow::due_at));
// A run that is there again under the same id may be deleted again.
constexpr char kAdd[] = R"sql(
  INSERT INTO content_removals
    (run_id, experiment_id, namespace, pipeline_name, pipeline_root, artifact_location, folders, unfinished, state,
     removed_files, removed_bytes, kept, kept_count, tries, error, created_at_us, started_at_us, finished_at_us, due_at_us)
  VALUES ($1, $2, $3, COALESCE((SELECT pipeline_name FROM specs WHERE spec_sha256 = $4), ''), $5,
     COALESCE((SELECT artifact_location FROM experiments WHERE experiment_id = $2), ''), $6, $7, 'WAITING',
     0, 0, '', 0, 0, '', $8, 0, 0, $8)
  ON CONFLICT (run_id) DO UPDATE SET experiment_id = excluded.experiment_id, namespace = excluded.namespace,
    pipeline_name = excluded.pipeline_name, pipeline_root = excluded.pipeline_root,
    artifact_location = excluded.artifact_location, folders = excluded.folders, unfinished = excluded.unfinished,
    state = excluded.state, tries = 0, error = '', created_at_us = excluded.created_at_us, finished_at_us = 0,
    due_at_us = excluded.due_at_us)sql";
constexpr db::SqlText kPut = kColumns.Sql(
    "INSERT INTO content_removals ($columns) VALUES $rows ON CONFLICT (run_id) DO UPDATE SET $excluded "
    "WHERE content_removals.created_at_us = excluded.created_at_us");
constexpr db::SqlText kGet = kColumns.Sql("SELECT $columns FROM content_removals WHERE run_id = $1");
constexpr char kExists[] = "SELECT 1 FROM content_removals WHERE run_id = $1";
constexpr db::SqlText kDue = kColumns.Sql(
    "SELECT $columns FROM content_removals WHERE due_at_us IS NOT NULL AND due_at_us <= $1 "
    "ORDER BY due_at_us, run_id LIMIT $2");
constexpr char kNextDue[] =
    "SELECT due_at_us FROM content_removals WHERE due_at_us IS NOT NULL ORDER BY due_at_us LIMIT 1";
constexpr char kForgetOld[] = R"sql(
  DELETE FROM content_removals WHERE run_id IN
    (SELECT run_id FROM content_removals WHERE created_at_us < $1 AND due_at_us IS NULL AND kept_count = 0
     ORDER BY created_at_us LIMIT 1000))sql";
constexpr char kForgetMany[] = R"sql(
  DELETE FROM content_removals WHERE run_id IN
    (SELECT run_id FROM content_removals
     WHERE due_at_us IS NULL AND created_at_us < (SELECT created_at_us FROM content_removals
       ORDER BY created_at_us DESC LIMIT 1 OFFSET $1)
     ORDER BY created_at_us LIMIT 1000))sql";
// $2 is how a URI looks that lies in the run's own folder; a run has few that do not.
constexpr char kCountArtifacts[] =
    "SELECT COUNT(*), COALESCE(SUM(CASE WHEN uri LIKE $2 THEN 0 ELSE 1 END), 0) FROM artifacts WHERE run_id "
    "= $1";
constexpr char kArtifactsElsewhere[] =
    "SELECT uri, import_key FROM artifacts WHERE run_id = $1 AND NOT uri LIKE $2";
constexpr char kArtifactsIn[] =
    "SELECT uri, artifact_id, COALESCE(run_id, '') FROM artifacts WHERE substr(uri, 1, 128) BETWEEN $1 AND "
    "$2 LIMIT $3";
constexpr char kModelVersionsIn[] =
    "SELECT location, name, version FROM model_versions WHERE substr(location, 1, 128) BETWEEN $1 AND $2 "
    "LIMIT $3";

constexpr ListField kFields[] = {
    {"id", "run_id"},
    {"run_id", "run_id"},
    {"state", "state"},
    {"created_at", "created_at_us", FieldType::kTime},
    {"experiment_id", "experiment_id", FieldType::kText, /*sortable=*/false},
    {"namespace", "namespace", FieldType::kText, /*sortable=*/false},
};

// As content/uri.h has it, which this layer does not see.
constexpr absl::string_view kArtifactsUri = "penstock://artifacts/";
constexpr size_t kStepsBelowRun = 3;  // task, attempt, output

bool IsIn(absl::string_view uri, absl::string_view folder) {
  return absl::StartsWith(uri, folder) && (uri.size() == folder.size() || uri[folder.size()] == '/');
}

// What the indexed beginning of a URI at or below `folder` is between.
std::pair<std::string, std::string> RangeOf(const std::string& folder) {
  const std::string head(FirstRunes(folder, kListIndexedRunes));
  // Nothing that is below it has been cut off; '0' is behind '/'.
  if (head.size() == folder.size() && folder.size() < kListIndexedRunes) return {folder, folder + "0"};
  return {head, head};
}

// Of artifacts that the deletion of the run takes along: folders to look at again, besides the run's own.
absl::StatusOr<std::string> FoldersElsewhere(db::Tx& tx, const RunRow& run, const std::string& own) {
  struct Found {
    std::string uri;
    bool needs_report = false;
    std::string run_id;
  };
  std::vector<Found> found;
  std::set<std::string> seen;
  RETURN_IF_ERROR(tx.Query(kArtifactsElsewhere, {run.run_id, own}, [&](const db::Row& row) {
    const auto folder = FolderOfArtifact(row.Text(0), run.run_id);
    if (!folder.has_value() || found.size() >= limits::kRemovalOtherFolders) return absl::OkStatus();
    if (!seen.insert(folder->uri).second) return absl::OkStatus();
    const bool is_own = folder->run_id == run.run_id;
    if (is_own && folder->is_local) return absl::OkStatus();
    // What was imported, or lies elsewhere, may be anybody's: only what a run of ours left there is looked at.
    const bool imported = !row.Text(1).empty();
    found.push_back({folder->uri, is_own ? imported : imported || !folder->is_local, folder->run_id});
    return absl::OkStatus();
  }));
  std::vector<std::string> folders;
  for (const Found& one : found) {
    if (one.needs_report) {
      ASSIGN_OR_RETURN(const bool known, ContentRemovalExists(tx, one.run_id));
      if (!known) continue;
    }
    folders.push_back(one.uri);
  }
  return absl::StrJoin(folders, "\n");
}

}  // namespace

std::optional<ArtifactFolder> FolderOfArtifact(absl::string_view uri, absl::string_view run_id) {
  const size_t scheme = uri.find("://");
  if (scheme == absl::string_view::npos || uri.find('\n') != absl::string_view::npos) return std::nullopt;
  ArtifactFolder folder;
  folder.is_local = absl::StartsWith(uri, kArtifactsUri);
  const std::vector<absl::string_view> steps = absl::StrSplit(uri.substr(scheme + 3), '/');
  for (const absl::string_view step : steps) {
    if (step.empty() || step == "." || step == "..") return std::nullopt;
  }
  // Bucket or kind of content, pipeline, run, and what is below it.
  size_t run = steps.size() - 1 - kStepsBelowRun;
  if (steps.size() < 3 + kStepsBelowRun) return std::nullopt;
  if (folder.is_local) {
    run = 2;
    if (absl::StartsWith(steps[1], "@")) return std::nullopt;  // MLflow's
  }
  for (size_t i = 2; i + kStepsBelowRun < steps.size(); ++i) {
    if (steps[i] == run_id) run = i;
  }
  folder.run_id = std::string(steps[run]);
  size_t end = scheme + 3;
  for (size_t i = 0; i <= run; ++i) end += steps[i].size() + (i == 0 ? 0 : 1);
  folder.uri = std::string(uri.substr(0, end));
  return folder;
}

std::string ContentReference::Sentence() const {
  if (artifact_id == 0) {
    return absl::StrCat("version ", model_version, " of the registered model ", model_name, " uses it");
  }
  return absl::StrCat("artifact ", artifact_id, run_id.empty() ? "" : " of run ", run_id, " uses it");
}

const ListResource& ContentRemovalResource() {
  static constexpr ListResource resource = {"content removals", "content_removals", "run_id", kFields};
  return resource;
}

absl::StatusOr<int64_t> ContentRemovalAdd(db::Tx& tx, const RunRow& run, const RunConfigRow& config,
                                          absl::Time now) {
  const std::string own = absl::StrCat(kArtifactsUri, "%/", run.run_id, "/%");
  int64_t artifacts = 0;
  int64_t elsewhere = 0;
  RETURN_IF_ERROR(tx.Query(kCountArtifacts, {run.run_id, own}, [&](const db::Row& row) {
    artifacts = row.Int64(0);
    elsewhere = row.Int64(1);
    return absl::OkStatus();
  }));
  std::string folders;
  // What a client records of a run that it drives is its own affair.
  if (elsewhere > 0 && run.driver == RunDriver::kEngine) {
    ASSIGN_OR_RETURN(folders, FoldersElsewhere(tx, run, own));
  }
  const bool unfinished = run.driver == RunDriver::kEngine && !IsFinal(run.state);
  RETURN_IF_ERROR(tx.ExecuteLater(kAdd, {run.run_id, run.experiment_id, run.namespace_, config.spec_sha256,
                                         config.pipeline_root, folders, unfinished, now}));
  return artifacts;
}

absl::Status ContentRemovalsPut(db::Tx& tx, absl::Span<const ContentRemovalRow> rows) {
  static const db::RowsStatement put(kPut, kColumns.size());
  std::vector<db::Param> params;
  for (const ContentRemovalRow& row : rows) kColumns.AppendParams(row, &params);
  return put.ExecuteLater(tx, params);
}

absl::StatusOr<ContentRemovalRow> ContentRemovalGet(db::Tx& tx, absl::string_view run_id) {
  ASSIGN_OR_RETURN(auto found, db::QueryRow(tx, kGet, {run_id}, kColumns));
  if (!found.has_value()) return error::ContentRemovalNotFound(run_id);
  return *std::move(found);
}

absl::StatusOr<bool> ContentRemovalExists(db::Tx& tx, absl::string_view run_id) {
  return db::Exists(tx, kExists, {run_id});
}

absl::Status ContentRemovalList(db::Tx& tx, const ListQuery& query, Page<ContentRemovalRow>& page) {
  return query.Run(tx, kColumns, /*counter=*/"", page);
}

absl::StatusOr<std::vector<ContentRemovalRow>> ContentRemovalsDue(db::Tx& tx, absl::Time now, int limit) {
  return db::QueryRows(tx, kDue, {now, limit}, kColumns);
}

absl::StatusOr<std::optional<absl::Time>> ContentRemovalNextDue(db::Tx& tx) {
  return db::QueryValue<absl::Time>(tx, kNextDue, {});
}

absl::Status ContentRemovalsForget(db::Tx& tx, absl::Time before, int64_t count) {
  RETURN_IF_ERROR(tx.ExecuteLater(kForgetOld, {before}));
  return tx.ExecuteLater(kForgetMany, {count});
}

absl::Status ContentReferencesLater(db::Tx& tx, const std::string& folder, const std::string& mlflow_folder,
                                    int limit, std::vector<ContentReference>* references) {
  references->clear();
  const auto [first, last] = RangeOf(folder);
  const db::Param params[] = {first, last, limit};
  RETURN_IF_ERROR(tx.QueryLater(kArtifactsIn, params, [references, folder](const db::Row& row) {
    if (IsIn(row.Text(0), folder)) references->push_back({row.String(0), row.Int64(1), row.String(2), "", 0});
    return absl::OkStatus();
  }));
  for (const std::string& named : {folder, mlflow_folder}) {
    if (named.empty()) continue;
    const auto [from, to] = RangeOf(named);
    const db::Param range[] = {from, to, limit};
    RETURN_IF_ERROR(tx.QueryLater(kModelVersionsIn, range, [references, named, folder](const db::Row& row) {
      const absl::string_view location = row.Text(0);
      if (IsIn(location, named)) {
        references->push_back(
            {absl::StrCat(folder, location.substr(named.size())), 0, "", row.String(1), row.Int64(2)});
      }
      return absl::OkStatus();
    }));
  }
  return absl::OkStatus();
}

}  // namespace penstock
