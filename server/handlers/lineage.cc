#include "server/handlers/lineage.h"

#include <algorithm>
#include <limits>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "common/errors.h"
#include "common/json.h"
#include "common/limits.h"
#include "common/status_macros.h"
#include "server/convert/timestamp.h"
#include "server/handlers/page_token.h"
#include "storage/artifact_store.h"
#include "storage/lineage_store.h"
#include "storage/run_store.h"
#include "storage/task_store.h"

namespace penstock {
namespace {

using penstock::v1::ArtifactSummary;
using penstock::v1::ArtifactUse;

constexpr int kTasksDefault = 1000;

void ToApi(const ArtifactRow& row, ArtifactSummary* out) {
  out->set_artifact_id(row.uuid);
  out->set_artifact_number(row.artifact_id);
  out->set_name(row.name);
  out->set_type(row.schema_title);
  out->set_uri(row.uri);
  if (row.size_bytes.has_value()) out->set_size_bytes(*row.size_bytes);
  out->set_sha256(row.content_sha256);
  if (const auto metadata = ParseJson(row.metadata); metadata.ok() && !metadata->empty()) {
    JsonToStruct(*metadata, out->mutable_metadata());
  }
  SetTimestamp(row.created_at, out->mutable_created_at());
  out->set_run_id(row.run_id);
}

// Names of the runs and tasks of links, read together.
class Names {
 public:
  static absl::StatusOr<Names> Of(db::Tx& tx, const std::vector<ArtifactTaskRow>& links) {
    Names names;
    std::set<std::pair<std::string, std::string>> tasks;
    std::set<std::string> runs;
    for (const ArtifactTaskRow& link : links) {
      runs.insert(link.run_id);
      if (!link.task_id.empty()) tasks.emplace(link.run_id, link.task_id);
    }
    RETURN_IF_ERROR(RunsFindLater(tx, {runs.begin(), runs.end()}, &names.runs_));
    std::vector<TaskKey> keys;
    for (const auto& [run_id, task_id] : tasks) keys.push_back({run_id, task_id});
    ASSIGN_OR_RETURN(std::vector<TaskRow> rows, TasksFind(tx, keys));
    for (TaskRow& row : rows) names.tasks_[{row.run_id, row.task_id}] = std::move(row.name);
    RETURN_IF_ERROR(tx.Flush());
    return names;
  }

  const std::string& OfRun(const ArtifactTaskRow& link) { return runs_[link.run_id].display_name; }
  // Empty for a link of the run itself.
  const std::string& OfTask(const ArtifactTaskRow& link) { return tasks_[{link.run_id, link.task_id}]; }

 private:
  RunRows runs_;
  absl::flat_hash_map<std::pair<std::string, std::string>, std::string> tasks_;
};

void FillUse(const ArtifactTaskRow& link, Names& names, ArtifactUse* out) {
  out->set_run_id(link.run_id);
  out->set_run_display_name(names.OfRun(link));
  out->set_task_id(link.task_id);
  out->set_task_name(names.OfTask(link));
  out->set_name(link.name);
  out->set_is_output(link.direction == Direction::kOutput);
  out->set_from_cache(link.role == LinkRole::kCache);
}

// Adds what `lineage` names, by its text ids.
absl::Status FillLineage(db::Tx& tx, const Lineage& lineage, penstock::v1::Lineage* reply) {
  ASSIGN_OR_RETURN(std::vector<ArtifactRow> rows, ArtifactsFind(tx, lineage.artifact_ids));
  absl::flat_hash_map<int64_t, const ArtifactRow*> by_id;
  for (const ArtifactRow& row : rows) by_id[row.artifact_id] = &row;
  for (const int64_t id : lineage.artifact_ids) {
    const auto found = by_id.find(id);
    if (found != by_id.end()) ToApi(*found->second, reply->add_artifacts());
  }
  ASSIGN_OR_RETURN(Names names, Names::Of(tx, lineage.links));
  absl::flat_hash_set<std::pair<absl::string_view, absl::string_view>> tasks;
  for (const ArtifactTaskRow& link : lineage.links) {
    const auto artifact = by_id.find(link.artifact_id);
    if (artifact == by_id.end()) continue;
    auto* edge = reply->add_edges();
    edge->set_artifact_id(artifact->second->uuid);
    edge->set_run_id(link.run_id);
    edge->set_task_id(link.task_id);
    edge->set_name(link.name);
    edge->set_is_output(link.direction == Direction::kOutput);
    if (!tasks.emplace(link.run_id, link.task_id).second) continue;
    auto* task = reply->add_tasks();
    task->set_run_id(link.run_id);
    task->set_task_id(link.task_id);
    task->set_name(names.OfTask(link));
    task->set_run_display_name(names.OfRun(link));
  }
  for (const auto& [imported, original] : lineage.imports) {
    const auto from = by_id.find(original);
    const auto to = by_id.find(imported);
    if (from == by_id.end() || to == by_id.end()) continue;
    auto* import = reply->add_imports();
    import->set_artifact_id(to->second->uuid);
    import->set_imported_artifact_id(from->second->uuid);
  }
  reply->set_truncated(lineage.truncated);
  return absl::OkStatus();
}

// Where a page of links goes on: the link behind which it begins.
absl::StatusOr<int64_t> LinkAfter(const RequestContext& context, const std::string& query,
                                  const std::string& page_token, int64_t first) {
  ASSIGN_OR_RETURN(const Json token, ReadPageToken(context, query, page_token));
  return token.is_null() ? first : token.get<int64_t>();
}

}  // namespace

absl::Status LineageGet(RequestContext& context, const penstock::v1::GetLineageRequest& request,
                        penstock::v1::Lineage* reply) {
  const bool up = request.direction() == penstock::v1::GetLineageRequest::UP;
  if (!up && request.direction() != penstock::v1::GetLineageRequest::DOWN) {
    return error::FieldRequired("direction",
                                "give UP for what it was made of, or DOWN for what was made of it");
  }
  if (request.max_tasks() < 0 || request.max_tasks() > limits::kLineageNodes) {
    return error::ListTooLong("max_tasks", request.max_tasks(), limits::kLineageNodes);
  }
  const int tasks_max = request.max_tasks() == 0 ? kTasksDefault : request.max_tasks();
  return context.deps.store.Read([&](db::Tx& tx) -> absl::Status {
    reply->Clear();
    ASSIGN_OR_RETURN(const ArtifactRow artifact, ArtifactGetByText(tx, request.artifact_id()));
    ASSIGN_OR_RETURN(const Lineage lineage,
                     LineageRead(tx, artifact.artifact_id,
                                 up ? LineageDirection::kUp : LineageDirection::kDown, tasks_max));
    return FillLineage(tx, lineage, reply);
  });
}

absl::Status ArtifactRunList(RequestContext& context, const penstock::v1::ListArtifactRunsRequest& request,
                             penstock::v1::ListArtifactRunsResponse* reply) {
  ASSIGN_OR_RETURN(const int page_size, PageSizeOf(request.page_size()));
  const std::string query = absl::StrCat("artifact runs ", request.artifact_id());
  ASSIGN_OR_RETURN(const int64_t after,
                   LinkAfter(context, query, request.page_token(), std::numeric_limits<int64_t>::max()));
  return context.deps.store.Read([&](db::Tx& tx) -> absl::Status {
    reply->Clear();
    ASSIGN_OR_RETURN(const ArtifactRow artifact, ArtifactGetByText(tx, request.artifact_id()));
    ArtifactTaskFilter filter;
    filter.artifact_ids = {artifact.artifact_id};
    ASSIGN_OR_RETURN(const auto links,
                     ArtifactTasksAfter(tx, filter, after, /*descending=*/true, page_size + 1));
    ASSIGN_OR_RETURN(Names names, Names::Of(tx, links));
    for (int i = 0; i < std::min<int>(page_size, links.size()); ++i) {
      if (links[i].role == LinkRole::kScope) continue;  // one of its tasks says the same
      FillUse(links[i], names, reply->add_uses());
    }
    if (static_cast<int>(links.size()) > page_size) {
      reply->set_next_page_token(MakePageToken(context, query, links[page_size - 1].link_id));
    }
    return absl::OkStatus();
  });
}

absl::Status RunArtifactList(RequestContext& context, const penstock::v1::ListRunArtifactsRequest& request,
                             penstock::v1::ListRunArtifactsResponse* reply) {
  ASSIGN_OR_RETURN(const int page_size, PageSizeOf(request.page_size()));
  const std::string query =
      absl::StrCat("run artifacts ", request.run_id(), " ", request.only_outputs(), " ", request.type());
  ASSIGN_OR_RETURN(int64_t after, LinkAfter(context, query, request.page_token(), 0));
  return context.deps.store.Read([&](db::Tx& tx) -> absl::Status {
    reply->Clear();
    RETURN_IF_ERROR(RunGet(tx, request.run_id()).status());
    ArtifactTaskFilter filter;
    filter.run_ids = {request.run_id()};
    // Until the page is full: links of other kinds are passed over.
    for (bool more = true; more && reply->artifacts_size() < page_size;) {
      ASSIGN_OR_RETURN(const auto links,
                       ArtifactTasksAfter(tx, filter, after, /*descending=*/false, page_size));
      more = static_cast<int>(links.size()) == page_size;
      std::vector<int64_t> ids;
      for (const ArtifactTaskRow& link : links) ids.push_back(link.artifact_id);
      ASSIGN_OR_RETURN(const auto rows, ArtifactsFind(tx, ids));
      ASSIGN_OR_RETURN(Names names, Names::Of(tx, links));
      absl::flat_hash_map<int64_t, const ArtifactRow*> by_id;
      for (const ArtifactRow& row : rows) by_id[row.artifact_id] = &row;
      for (const ArtifactTaskRow& link : links) {
        if (reply->artifacts_size() == page_size) {
          more = true;
          break;
        }
        after = link.link_id;
        const auto row = by_id.find(link.artifact_id);
        const bool wanted = link.role != LinkRole::kScope && row != by_id.end() &&
                            (!request.only_outputs() || link.direction == Direction::kOutput) &&
                            (request.type().empty() || row->second->schema_title == request.type());
        if (!wanted) continue;
        auto* one = reply->add_artifacts();
        ToApi(*row->second, one->mutable_artifact());
        FillUse(link, names, one->mutable_use());
      }
      if (more && reply->artifacts_size() == page_size) {
        reply->set_next_page_token(MakePageToken(context, query, after));
      }
    }
    return absl::OkStatus();
  });
}

}  // namespace penstock
