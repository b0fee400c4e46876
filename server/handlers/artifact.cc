#include "server/handlers/artifact.h"

#include <algorithm>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/errors.h"
#include "common/json.h"
#include "common/limits.h"
#include "common/status_macros.h"
#include "server/convert/artifact.h"
#include "server/errors.h"
#include "server/handlers/list.h"
#include "server/handlers/page_token.h"
#include "server/memory.h"
#include "server/validate.h"
#include "storage/artifact_store.h"
#include "storage/list_filter.h"
#include "storage/metric_store.h"
#include "storage/run_store.h"
#include "storage/task_record_store.h"
#include "storage/task_store.h"

namespace penstock {
namespace {

// A task or root that is linked with an artifact.
struct Linked {
  RunRow run;
  TaskKey key;            // without a task id: the root
  std::string task_name;  // empty: the root's
  bool is_graph = false;  // it hands on what others take or make
};

absl::StatusOr<Linked> FindLinked(db::Tx& tx, const std::string& run_id, const std::string& task_id) {
  Linked linked;
  ASSIGN_OR_RETURN(linked.run, RunGet(tx, run_id));
  linked.key.run_id = run_id;
  linked.is_graph = task_id == run_id;
  if (linked.is_graph) return linked;
  ASSIGN_OR_RETURN(const TaskRow task, TaskGet(tx, run_id, task_id));
  linked.key.task_id = task_id;
  linked.task_name = task.name;
  ASSIGN_OR_RETURN(linked.is_graph, TaskHasParts(tx, linked.key));
  return linked;
}

// Links the artifact, unless it is linked so already.
absl::StatusOr<ArtifactTaskRow> Link(db::Tx& tx, const Linked& linked, ArtifactTaskRow link) {
  link.run_id = linked.key.run_id;
  link.task_id = linked.key.task_id;
  link.role = linked.is_graph ? LinkRole::kScope : LinkRole::kOwn;
  RETURN_IF_ERROR(tx.Flush());
  ASSIGN_OR_RETURN(const auto links, ArtifactTaskListOf(tx, link.run_id, link.task_id));
  for (const ArtifactTaskRow& other : links) {
    if (other.direction != link.direction || other.name != link.name) continue;
    if (other.artifact_id == link.artifact_id && other.producer_iteration == link.producer_iteration) {
      return other;
    }
    link.position = std::max(link.position, other.position + 1);
  }
  RETURN_IF_ERROR(ArtifactTaskInsert(tx, link));
  RETURN_IF_ERROR(tx.Flush());
  ASSIGN_OR_RETURN(link.link_id, ArtifactTaskLatestId(tx));
  return link;
}

absl::Status CheckCreate(const api::CreateArtifactRequest& request) {
  if (request.run_id().empty() != request.task_id().empty()) return error::ArtifactRunWithoutTask();
  RETURN_IF_ERROR(CheckText("producer_key", request.producer_key(), limits::kSpecNameBytes));
  if (!request.task_id().empty() && request.producer_key().empty()) {
    return error::FieldRequired("producer_key", "give the name of the task's output");
  }
  return absl::OkStatus();
}

// A number is a point of a series too, so that it is found where metrics are.
absl::Status LogMetric(db::Tx& tx, const api::CreateArtifactRequest& request, const TaskKey& key,
                       absl::Time now) {
  if (request.artifact().type() != ArtifactTypes::Metric) return absl::OkStatus();
  if (request.artifact().name().size() > limits::kMetricNameBytes) return absl::OkStatus();
  const NamedMetricPoint point = {request.artifact().name(), {0, now, request.artifact().number_value()}};
  const absl::Status logged = MetricsLog(tx, {key.run_id, key.task_id}, {&point, 1});
  // A run with too many series has lost nothing: the artifact has the value.
  return absl::IsResourceExhausted(logged) ? absl::OkStatus() : logged;
}

absl::StatusOr<ArtifactRow> CreateOne(RequestContext& context, db::Tx& tx,
                                      const api::CreateArtifactRequest& request, ArtifactRow row) {
  const absl::Time now = context.deps.clock.Now();
  std::optional<Linked> linked;
  if (!request.task_id().empty()) {
    ASSIGN_OR_RETURN(linked, FindLinked(tx, request.run_id(), request.task_id()));
    row.run_id = linked->key.run_id;
    if (row.namespace_.empty()) row.namespace_ = linked->run.namespace_;
  }
  bool is_fresh = true;
  if (request.reuse_if_exists()) {
    // Writers come one after the other, so nobody makes the same one meanwhile.
    RETURN_IF_ERROR(tx.Flush());
    ASSIGN_OR_RETURN(auto same, ArtifactFindSame(tx, row));
    is_fresh = !same.has_value();
    if (same.has_value()) row = *std::move(same);
  }
  if (is_fresh) {
    row.uuid = context.deps.ids.NewId();
    row.created_at = now;
    ASSIGN_OR_RETURN(row.artifact_id, ArtifactIdReserve(tx, 1));
    RETURN_IF_ERROR(ArtifactInsert(tx, row));
  }
  if (!linked.has_value()) return row;
  ArtifactTaskRow link;
  link.artifact_id = row.artifact_id;
  link.name = request.producer_key();
  link.io_type = "OUTPUT";
  link.producer_task = linked->task_name;
  if (request.has_iteration_index()) link.producer_iteration = request.iteration_index();
  RETURN_IF_ERROR(Link(tx, *linked, std::move(link)).status());
  RETURN_IF_ERROR(LogMetric(tx, request, linked->key, now));
  return row;
}

using Requests = std::vector<const api::CreateArtifactRequest*>;

absl::StatusOr<std::vector<ArtifactRow>> CreateAll(RequestContext& context, const Requests& requests) {
  if (requests.size() > limits::kBulkItems) return error::BulkTooMany(requests.size(), limits::kBulkItems);
  std::vector<ArtifactRow> given;
  for (const api::CreateArtifactRequest* request : requests) {
    RETURN_IF_ERROR(CheckCreate(*request));
    ASSIGN_OR_RETURN(ArtifactRow row, ArtifactFromApi(request->artifact(), context.deps.public_uris));
    given.push_back(std::move(row));
  }
  std::vector<ArtifactRow> created;
  RETURN_IF_ERROR(context.deps.store.Write([&](db::Tx& tx) -> absl::Status {
    created.clear();
    for (size_t i = 0; i < requests.size(); ++i) {
      ASSIGN_OR_RETURN(ArtifactRow row, CreateOne(context, tx, *requests[i], given[i]));
      created.push_back(std::move(row));
    }
    return absl::OkStatus();
  }));
  return created;
}

absl::Status CheckLink(const api::ArtifactTask& given) {
  RETURN_IF_ERROR(CheckEnum("artifact_task.type", given.type()));
  if (given.type() == api::UNSPECIFIED) return error::FieldRequired("artifact_task.type", "give an IOType");
  for (const auto& [field, text] :
       {std::pair("artifact_task.artifact_id", &given.artifact_id()),
        std::pair("artifact_task.run_id", &given.run_id()),
        std::pair("artifact_task.task_id", &given.task_id()), std::pair("artifact_task.key", &given.key())}) {
    RETURN_IF_ERROR(CheckName(field, *text, limits::kSpecNameBytes));
  }
  return CheckText("artifact_task.producer", given.producer().task_name(), limits::kSpecNameBytes);
}

absl::Status LinkOne(db::Tx& tx, const api::ArtifactTask& given, api::ArtifactTask* out) {
  ASSIGN_OR_RETURN(const ArtifactRow artifact,
                   ArtifactGetByText(tx, ReadArtifactId(given.artifact_id()).uuid));
  ASSIGN_OR_RETURN(const Linked linked, FindLinked(tx, given.run_id(), given.task_id()));
  ArtifactTaskRow link;
  link.artifact_id = artifact.artifact_id;
  link.direction = IsInput(given.type()) ? Direction::kInput : Direction::kOutput;
  link.name = given.key();
  link.io_type = api::IOType_Name(given.type());
  link.producer_task = given.producer().task_name();
  if (given.producer().has_iteration()) link.producer_iteration = given.producer().iteration();
  ASSIGN_OR_RETURN(link, Link(tx, linked, std::move(link)));
  *out = given;
  out->set_id(absl::StrCat(link.link_id));
  return absl::OkStatus();
}

using Links = google::protobuf::RepeatedPtrField<api::ArtifactTask>;

absl::Status LinkAll(RequestContext& context, const std::vector<const api::ArtifactTask*>& given,
                     Links* out) {
  if (given.size() > limits::kBulkItems) return error::BulkTooMany(given.size(), limits::kBulkItems);
  for (const api::ArtifactTask* link : given) RETURN_IF_ERROR(CheckLink(*link));
  return context.deps.store.Write([&](db::Tx& tx) -> absl::Status {
    out->Clear();
    for (const api::ArtifactTask* link : given) RETURN_IF_ERROR(LinkOne(tx, *link, out->Add()));
    return absl::OkStatus();
  });
}

// The artifact that the id names, or the one number of it.
absl::StatusOr<api::Artifact> FindArtifact(db::Tx& tx, const PublicUris& uris, const std::string& id) {
  ASSIGN_OR_RETURN(const auto row, ArtifactFindByText(tx, ReadArtifactId(id).uuid));
  std::vector<api::Artifact> artifacts;
  if (row.has_value()) ArtifactToApi(*row, uris, [&] { return &artifacts.emplace_back(); });
  for (api::Artifact& artifact : artifacts) {
    if (artifact.artifact_id() == id || artifacts.size() == 1) return std::move(artifact);
  }
  return error::ArtifactIdNotFound(id);
}

// --- Lists of links ---

struct LinkQuery {
  ArtifactTaskFilter filter;
  std::set<std::string> keys;  // of one number each, by the ids on the wire; others are left out
  bool descending = false;
  int page_size = 0;
  int64_t after = 0;
  std::string mark;
};

absl::StatusOr<bool> IsDescending(const std::string& sort_by) {
  const std::string order = absl::AsciiStrToLower(absl::StripAsciiWhitespace(sort_by));
  if (order.empty() || order == "id" || order == "id asc") return false;
  if (order == "id desc") return true;
  return error::SortKeyUnknown("artifact_tasks", sort_by, "id");
}

// Adds the values that a predicate allows to `values`, which then are those that all allow.
absl::Status Restrict(const FilterPredicate& predicate, std::vector<std::string>* values, bool* is_nothing) {
  std::vector<std::string> allowed;
  for (const FilterValue& value : predicate.values) {
    const auto* text = std::get_if<std::string>(&value.value);
    if (text == nullptr) return error::InPredicateValue(predicate.key, error::ValueIsText());
    const bool is_among = std::find(values->begin(), values->end(), *text) != values->end();
    if (values->empty() || is_among) allowed.push_back(*text);
  }
  *is_nothing = *is_nothing || allowed.empty();
  *values = std::move(allowed);
  return absl::OkStatus();
}

// A filter says the same as the fields of the request do.
absl::Status ApplyFilter(const std::string& filter, api::ListArtifactTasksRequest* request,
                         bool* is_nothing) {
  ASSIGN_OR_RETURN(const auto predicates, ParseFilter(filter));
  std::map<std::string, std::vector<std::string>> lists = {
      {"artifact_id", {request->artifact_ids().begin(), request->artifact_ids().end()}},
      {"run_id", {request->run_ids().begin(), request->run_ids().end()}},
      {"task_id", {request->task_ids().begin(), request->task_ids().end()}}};
  for (size_t i = 0; i < predicates.size(); ++i) {
    const FilterPredicate& predicate = predicates[i];
    const auto list = lists.find(predicate.key);
    absl::Status read = absl::OkStatus();
    if (list == lists.end()) {
      read = error::PredicateKeyUnknown(predicate.key, "artifact_tasks", "artifact_id, run_id, task_id");
    } else if (predicate.operation != FilterOperation::kEquals &&
               predicate.operation != FilterOperation::kIn) {
      read = error::LinkFilterOperation();
    } else {
      read = Restrict(predicate, &list->second, is_nothing);
    }
    if (!read.ok()) return error::InFilterPredicate(static_cast<int64_t>(i), read);
  }
  *request->mutable_artifact_ids() = {lists["artifact_id"].begin(), lists["artifact_id"].end()};
  *request->mutable_run_ids() = {lists["run_id"].begin(), lists["run_id"].end()};
  *request->mutable_task_ids() = {lists["task_id"].begin(), lists["task_id"].end()};
  return absl::OkStatus();
}

absl::StatusOr<LinkQuery> ReadLinkQuery(RequestContext& context,
                                        const api::ListArtifactTasksRequest& request) {
  const int ids = request.task_ids_size() + request.run_ids_size() + request.artifact_ids_size();
  if (ids == 0) return error::FieldRequired("artifact_ids", "give artifact_ids, run_ids or task_ids");
  if (ids > limits::kFilterValues) return error::BulkTooMany(ids, limits::kFilterValues);
  RETURN_IF_ERROR(CheckEnum("type", request.type()));
  LinkQuery query;
  ASSIGN_OR_RETURN(query.descending, IsDescending(request.sort_by()));
  ASSIGN_OR_RETURN(query.page_size, PageSizeOf(request.page_size()));
  query.filter.run_ids = {request.run_ids().begin(), request.run_ids().end()};
  query.filter.task_ids = {request.task_ids().begin(), request.task_ids().end()};
  if (request.type() != api::UNSPECIFIED) query.filter.io_type = api::IOType_Name(request.type());
  query.mark = absl::StrCat(
      "links\n", absl::StrJoin(request.task_ids(), ","), "\n", absl::StrJoin(request.run_ids(), ","), "\n",
      absl::StrJoin(request.artifact_ids(), ","), "\n", request.type(), query.descending);
  ASSIGN_OR_RETURN(const Json token, ReadPageToken(context, query.mark, request.page_token()));
  const std::string position = token.is_null() ? "" : token.get<std::string>();
  query.after = query.descending ? int64_t{1} << 53 : 0;
  if (!position.empty() && !absl::SimpleAtoi(position, &query.after)) return error::PageTokenWrong();
  return query;
}

// The numbers of the artifacts that are asked for; none are there if nothing is left.
absl::Status FindArtifacts(db::Tx& tx, const api::ListArtifactTasksRequest& request, LinkQuery* query) {
  query->filter.artifact_ids.clear();
  query->keys.clear();
  for (const std::string& id : request.artifact_ids()) {
    const ArtifactId read = ReadArtifactId(id);
    ASSIGN_OR_RETURN(const auto row, ArtifactFindByText(tx, read.uuid));
    if (!row.has_value()) continue;
    query->filter.artifact_ids.push_back(row->artifact_id);
    if (!read.key.empty()) query->keys.insert(id);
  }
  return absl::OkStatus();
}

absl::Status LinksToApi(db::Tx& tx, const LinkQuery& query, const std::vector<ArtifactTaskRow>& links,
                        Links* out) {
  std::set<int64_t> ids;
  for (const ArtifactTaskRow& link : links) ids.insert(link.artifact_id);
  ASSIGN_OR_RETURN(const auto artifacts, ArtifactsFind(tx, {ids.begin(), ids.end()}));
  for (const ArtifactTaskRow& link : links) {
    const auto artifact =
        std::lower_bound(artifacts.begin(), artifacts.end(), link.artifact_id,
                         [](const ArtifactRow& row, int64_t id) { return row.artifact_id < id; });
    if (artifact == artifacts.end() || artifact->artifact_id != link.artifact_id) continue;
    Links all;
    ArtifactTaskToApi(link, *artifact, [&] { return all.Add(); });
    for (api::ArtifactTask& one : all) {
      const bool is_number = !ReadArtifactId(one.artifact_id()).key.empty();
      if (is_number && !query.keys.empty() && !query.keys.contains(one.artifact_id())) continue;
      *out->Add() = std::move(one);
    }
  }
  return absl::OkStatus();
}

// --- Lists of artifacts ---

// Where a page of artifacts begins: where a page of rows does, and behind some numbers of the row that is first there.
struct ArtifactStart {
  std::string token;  // of the rows
  std::string sort_by;
  std::string filter;
  std::string uuid;    // of that row; empty: behind none
  std::string number;  // the last one that an earlier page has
};

constexpr char kNumbersQuery[] = "numbers of an artifact";

absl::StatusOr<ArtifactStart> ReadStart(const RequestContext& context,
                                        const api::ListArtifactsRequest& request) {
  // Most tokens are those of rows, and looked at where rows are read.
  const auto position = ReadPageToken(context, kNumbersQuery, request.page_token());
  if (!position.ok() || position->is_null()) {
    return ArtifactStart{request.page_token(), request.sort_by(), request.filter(), "", ""};
  }
  ArtifactStart start = {position->value("t", ""), position->value("s", ""), position->value("f", ""),
                         position->value("i", ""), position->value("n", "")};
  if (start.token.empty()) {
    // A token of rows would say for which list it was made, and bring order and filter along.
    const bool is_same = position->value("c", "") == request.namespace_() &&
                         (request.sort_by().empty() || request.sort_by() == start.sort_by) &&
                         (request.filter().empty() || request.filter() == start.filter);
    if (!is_same) return error::PageTokenWrong();
  } else {
    start.sort_by = request.sort_by();
    start.filter = request.filter();
  }
  return start;
}

std::string MakeStart(const RequestContext& context, const std::string& namespace_,
                      const ArtifactStart& start) {
  if (start.uuid.empty()) return start.token;
  return MakePageToken(context, kNumbersQuery,
                       {{"t", start.token},
                        {"s", start.sort_by},
                        {"f", start.filter},
                        {"c", namespace_},
                        {"i", start.uuid},
                        {"n", start.number}});
}

// Fills a page with rows, some of which are several artifacts on the wire, and the last of which may not fit whole.
class ArtifactFiller {
 public:
  ArtifactFiller(const PublicUris& uris, int page_size, const ArtifactStart& start)
      : uris_(uris), page_size_(page_size), start_(start), next_(start) {
    next_.uuid.clear();
  }

  // False if the page has no room for all of it: there is a next one then.
  bool Add(const ArtifactRow& row, api::ListArtifactsResponse* reply) {
    std::vector<api::Artifact> artifacts;
    ArtifactToApi(row, uris_, [&] { return &artifacts.emplace_back(); });
    if (row.uuid == start_.uuid) {
      std::erase_if(artifacts, [&](const api::Artifact& one) {
        return ReadArtifactId(one.artifact_id()).key <= start_.number;
      });
    }
    for (api::Artifact& artifact : artifacts) {
      is_cut_ = reply->artifacts_size() == page_size_;
      if (is_cut_) return false;
      next_.uuid = row.uuid;
      next_.number = ReadArtifactId(artifact.artifact_id()).key;
      *reply->add_artifacts() = std::move(artifact);
    }
    ++whole_rows_;
    next_.uuid.clear();
    return true;
  }

  bool is_cut() const { return is_cut_; }
  int whole_rows() const { return whole_rows_; }
  // Where the next page begins, whose token is that behind the whole rows, if there are any.
  const ArtifactStart& next() const { return next_; }

 private:
  const PublicUris& uris_;
  const int page_size_;
  const ArtifactStart& start_;
  ArtifactStart next_;
  int whole_rows_ = 0;
  bool is_cut_ = false;
};

absl::StatusOr<ListQuery> MakeArtifactQuery(const RequestContext& context, const std::string& namespace_,
                                            const ArtifactStart& start, int page_size) {
  std::optional<ListScope> scope;
  if (!namespace_.empty()) scope = ListScope{"namespace", namespace_};
  const auto to_stored = [&uris = context.deps.public_uris](FilterPredicate& predicate) {
    if (predicate.key != "uri") return;
    for (FilterValue& value : predicate.values) {
      if (auto* text = std::get_if<std::string>(&value.value)) *text = uris.Stored(*text);
    }
  };
  return ListQuery::Create(ArtifactResource(),
                           {page_size, start.token, start.sort_by, start.filter, to_stored}, std::move(scope),
                           context.deps.store.page_token_key());
}

}  // namespace

absl::Status ArtifactGet(RequestContext& context, const api::GetArtifactRequest& request,
                         api::Artifact* reply) {
  return context.deps.store.Read([&](db::Tx& tx) -> absl::Status {
    ASSIGN_OR_RETURN(*reply, FindArtifact(tx, context.deps.public_uris, request.artifact_id()));
    return absl::OkStatus();
  });
}

absl::Status ArtifactList(RequestContext& context, const api::ListArtifactsRequest& request,
                          api::ListArtifactsResponse* reply) {
  ASSIGN_OR_RETURN(const ArtifactStart start, ReadStart(context, request));
  ASSIGN_OR_RETURN(const ListQuery query,
                   MakeArtifactQuery(context, request.namespace_(), start, request.page_size()));
  return context.deps.store.Read([&](db::Tx& tx) -> absl::Status {
    reply->Clear();
    Page<ArtifactRow> page;
    RETURN_IF_ERROR(ArtifactsPage(tx, query, page));
    reply->set_total_size(static_cast<int32_t>(page.total_size));
    ArtifactFiller filler(context.deps.public_uris, query.page_size(), start);
    for (const ArtifactRow& row : page.rows) {
      if (!filler.Add(row, reply)) break;
    }
    if (!filler.is_cut()) {
      reply->set_next_page_token(page.next_page_token);
      return absl::OkStatus();
    }
    ArtifactStart next = filler.next();
    if (filler.whole_rows() > 0) {
      ASSIGN_OR_RETURN(const ListQuery whole,
                       MakeArtifactQuery(context, request.namespace_(), start, filler.whole_rows()));
      RETURN_IF_ERROR(ArtifactsPage(tx, whole, page));
      next.token = page.next_page_token;
    }
    reply->set_next_page_token(MakeStart(context, request.namespace_(), next));
    return absl::OkStatus();
  });
}

absl::Status ArtifactCreate(RequestContext& context, const api::CreateArtifactRequest& request,
                            api::Artifact* reply) {
  ASSIGN_OR_RETURN(const auto rows, CreateAll(context, {&request}));
  ArtifactToApi(rows.front(), context.deps.public_uris, [reply] { return reply; });
  return absl::OkStatus();
}

absl::Status ArtifactsCreate(RequestContext& context, const api::CreateArtifactsBulkRequest& request,
                             api::CreateArtifactsBulkResponse* reply) {
  Requests requests;
  for (const api::CreateArtifactRequest& one : request.artifacts()) requests.push_back(&one);
  ASSIGN_OR_RETURN(const auto rows, CreateAll(context, requests));
  for (const ArtifactRow& row : rows) {
    ArtifactToApi(row, context.deps.public_uris, [reply] { return reply->add_artifacts(); });
  }
  return absl::OkStatus();
}

absl::Status ArtifactTaskList(RequestContext& context, const api::ListArtifactTasksRequest& given,
                              api::ListArtifactTasksResponse* reply) {
  api::ListArtifactTasksRequest request = given;
  bool is_nothing = false;
  RETURN_IF_ERROR(ApplyFilter(given.filter(), &request, &is_nothing));
  if (is_nothing) return absl::OkStatus();
  ASSIGN_OR_RETURN(LinkQuery query, ReadLinkQuery(context, request));
  return context.deps.store.Read([&](db::Tx& tx) -> absl::Status {
    reply->Clear();
    RETURN_IF_ERROR(FindArtifacts(tx, request, &query));
    if (request.artifact_ids_size() > 0 && query.filter.artifact_ids.empty()) return absl::OkStatus();
    ASSIGN_OR_RETURN(
        auto links, ArtifactTasksAfter(tx, query.filter, query.after, query.descending, query.page_size + 1));
    const bool more = static_cast<int>(links.size()) > query.page_size;
    if (more) links.resize(query.page_size);
    RETURN_IF_ERROR(LinksToApi(tx, query, links, reply->mutable_artifact_tasks()));
    ASSIGN_OR_RETURN(const int64_t size, ArtifactTaskCount(tx, query.filter, limits::kListRowsRead));
    reply->set_total_size(static_cast<int32_t>(size));
    if (more) {
      reply->set_next_page_token(MakePageToken(context, query.mark, absl::StrCat(links.back().link_id)));
    }
    return absl::OkStatus();
  });
}

absl::Status ArtifactTaskCreate(RequestContext& context, const api::CreateArtifactTaskRequest& request,
                                api::ArtifactTask* reply) {
  Links links;
  RETURN_IF_ERROR(LinkAll(context, {&request.artifact_task()}, &links));
  *reply = links[0];
  return absl::OkStatus();
}

absl::Status ArtifactTasksCreate(RequestContext& context, const api::CreateArtifactTasksBulkRequest& request,
                                 api::CreateArtifactTasksBulkResponse* reply) {
  std::vector<const api::ArtifactTask*> given;
  for (const api::ArtifactTask& link : request.artifact_tasks()) given.push_back(&link);
  return LinkAll(context, given, reply->mutable_artifact_tasks());
}

}  // namespace penstock
