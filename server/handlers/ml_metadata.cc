#include "server/handlers/ml_metadata.h"

#include <algorithm>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/errors.h"
#include "common/limits.h"
#include "common/status_macros.h"
#include "content/uri.h"
#include "server/convert/ml_metadata.h"
#include "server/errors.h"
#include "server/handlers/task_read.h"
#include "server/memory.h"
#include "storage/artifact_store.h"
#include "storage/numbered_store.h"
#include "storage/run_store.h"

namespace penstock {
namespace {

constexpr int64_t kFirst = 0;
constexpr int64_t kLast = int64_t{1} << 53;
// Executions of many runs are read so many at a time, since each brings the pipeline of its run.
constexpr size_t kExecutionsAtOnce = 500;
constexpr TaskParts kExecutionParts = {.attempts = true, .parameters = true};

// A page of a list by id.
struct IdPage {
  int64_t after = kFirst;
  bool descending = false;
  int limit = 0;

  bool Has(int64_t id) const { return descending ? id < after : id > after; }
};

// Nothing without options: all is wanted.
template <typename Request>
absl::StatusOr<std::optional<IdPage>> PageOf(const Request& request) {
  if (!request.has_options()) return std::nullopt;
  const mlmd::ListOperationOptions& options = request.options();
  if (!options.filter_query().empty()) return error::MetadataOptionNotServed("filter_query");
  if (options.order_by_field().field() == mlmd::ListOperationOptions::OrderByField::LAST_UPDATE_TIME) {
    return error::MetadataOptionNotServed("order_by_field LAST_UPDATE_TIME");
  }
  if (options.max_result_size() <= 0) return error::MetadataPageSizeWrong(options.max_result_size());
  IdPage page;
  page.limit = std::min<int>(options.max_result_size(), limits::kMlmdPageSize);
  page.descending = options.has_order_by_field() && !options.order_by_field().is_asc();
  page.after = page.descending ? kLast : kFirst;
  if (!options.next_page_token().empty() && !absl::SimpleAtoi(options.next_page_token(), &page.after)) {
    return error::PageTokenWrong();
  }
  return page;
}

// Cuts what is more than the page, of which one more was read than it takes, and tells where the next begins.
template <typename Row, typename IdOf, typename Reply>
void EndPage(const IdPage& page, IdOf id_of, std::vector<Row>* rows, Reply* reply) {
  if (static_cast<int>(rows->size()) <= page.limit) return;
  rows->resize(page.limit);
  reply->set_next_page_token(absl::StrCat(id_of(rows->back())));
}

// The page out of all of it.
template <typename Row, typename IdOf>
void SelectPage(const IdPage& page, IdOf id_of, std::vector<Row>* rows) {
  std::vector<Row> selected;
  for (Row& row : *rows) {
    if (page.Has(id_of(row))) selected.push_back(std::move(row));
  }
  std::sort(selected.begin(), selected.end(), [&](const Row& a, const Row& b) {
    return page.descending ? id_of(a) > id_of(b) : id_of(a) < id_of(b);
  });
  *rows = std::move(selected);
}

int64_t IdOfArtifact(const ArtifactRow& row) { return row.artifact_id; }

// Takes memory for so many artifacts or executions.
absl::Status CheckIds(RequestContext& context, int64_t count) {
  if (count > limits::kMlmdIds) return error::MetadataIdsTooMany(count, limits::kMlmdIds);
  const int64_t bytes = count * limits::kTaskMemoryBytes;
  return bytes < limits::kRunMemoryFree ? absl::OkStatus() : TakeMemory(context, bytes);
}

// Titles of artifacts that are none of ArtifactTypes().
absl::StatusOr<std::vector<std::string>> OtherTitles(RequestContext& context) {
  std::vector<std::string> titles;
  RETURN_IF_ERROR(context.deps.store.Read([&](db::Tx& tx) -> absl::Status {
    ASSIGN_OR_RETURN(titles, ArtifactSchemaTitles(tx, limits::kMlmdTypes));
    return absl::OkStatus();
  }));
  const auto is_known = [](const std::string& title) {
    const auto known = ArtifactTypes();
    return std::any_of(known.begin(), known.end(),
                       [&](const MetadataType& type) { return type.name == title; });
  };
  titles.erase(std::remove_if(titles.begin(), titles.end(), is_known), titles.end());
  return titles;
}

template <typename Type>
void TypeToApi(int64_t id, absl::string_view name, Type* out) {
  out->set_id(id);
  out->set_name(std::string(name));
}

template <typename Reply>
void ArtifactsToApi(const RequestContext& context, const std::vector<ArtifactRow>& rows, Reply* reply) {
  for (const ArtifactRow& row : rows) ArtifactToApi(row, context.deps.public_uris, reply->add_artifacts());
}

// Adds the executions of the keys to the reply, in their order.
template <typename Reply>
absl::Status AddExecutions(RequestContext& context, const std::vector<NumberedTask>& tasks, Reply* reply) {
  for (size_t begin = 0; begin < tasks.size(); begin += kExecutionsAtOnce) {
    std::vector<TaskKey> keys;
    for (size_t i = begin; i < std::min(begin + kExecutionsAtOnce, tasks.size()); ++i) {
      keys.push_back(tasks[i].key);
    }
    TaskSource source;
    RETURN_IF_ERROR(context.deps.store.Read([&](db::Tx& tx) {
      source = {};
      return ReadTasks(tx, keys, kExecutionParts, &source);
    }));
    RETURN_IF_ERROR(LoadDocuments(context, &source));
    RETURN_IF_ERROR(TakeMemoryForParameters(context, source));
    TaskPlaces places(source);
    for (const TaskKey& key : source.keys) ExecutionToApi(source, places, key, reply->add_executions());
  }
  return absl::OkStatus();
}

// The run with this number, with its configuration; nothing if there is none.
absl::StatusOr<std::optional<RunSource>> FindRun(db::Tx& tx, int64_t number) {
  ASSIGN_OR_RETURN(auto row, RunFindByNumber(tx, number));
  if (!row.has_value()) return std::nullopt;
  RunSource run;
  run.row = *std::move(row);
  ASSIGN_OR_RETURN(run.config, RunConfigGet(tx, run.row.run_id));
  return run;
}

}  // namespace

absl::Status MlmdArtifactTypes(RequestContext& context, const mlmd::GetArtifactTypesRequest&,
                               mlmd::GetArtifactTypesResponse* reply) {
  for (const MetadataType& type : ArtifactTypes()) TypeToApi(type.id, type.name, reply->add_artifact_types());
  ASSIGN_OR_RETURN(const auto titles, OtherTitles(context));
  for (const std::string& title : titles) {
    TypeToApi(ArtifactTypeId(title), title, reply->add_artifact_types());
  }
  return absl::OkStatus();
}

absl::Status MlmdArtifactTypesById(RequestContext& context, const mlmd::GetArtifactTypesByIDRequest& request,
                                   mlmd::GetArtifactTypesByIDResponse* reply) {
  mlmd::GetArtifactTypesResponse all;
  RETURN_IF_ERROR(CheckIds(context, request.type_ids_size()));
  RETURN_IF_ERROR(MlmdArtifactTypes(context, {}, &all));
  const std::set<int64_t> wanted(request.type_ids().begin(), request.type_ids().end());
  for (const mlmd::ArtifactType& type : all.artifact_types()) {
    if (wanted.contains(type.id())) *reply->add_artifact_types() = type;
  }
  return absl::OkStatus();
}

absl::Status MlmdExecutionTypes(RequestContext&, const mlmd::GetExecutionTypesRequest&,
                                mlmd::GetExecutionTypesResponse* reply) {
  for (const MetadataType& type : ExecutionTypes()) {
    TypeToApi(type.id, type.name, reply->add_execution_types());
  }
  return absl::OkStatus();
}

absl::Status MlmdExecutionTypesById(RequestContext& context,
                                    const mlmd::GetExecutionTypesByIDRequest& request,
                                    mlmd::GetExecutionTypesByIDResponse* reply) {
  RETURN_IF_ERROR(CheckIds(context, request.type_ids_size()));
  for (const MetadataType& type : ExecutionTypes()) {
    const auto& ids = request.type_ids();
    if (std::find(ids.begin(), ids.end(), type.id) == ids.end()) continue;
    TypeToApi(type.id, type.name, reply->add_execution_types());
  }
  return absl::OkStatus();
}

absl::Status MlmdContextType(RequestContext&, const mlmd::GetContextTypeRequest& request,
                             mlmd::GetContextTypeResponse* reply) {
  for (const MetadataType& type : {kPipelineContext, kRunContext}) {
    if (type.name != request.type_name()) continue;
    TypeToApi(type.id, type.name, reply->mutable_context_type());
    return absl::OkStatus();
  }
  return error::MetadataTypeNotFound(request.type_name());
}

absl::Status MlmdArtifacts(RequestContext& context, const mlmd::GetArtifactsRequest& request,
                           mlmd::GetArtifactsResponse* reply) {
  ASSIGN_OR_RETURN(const auto page, PageOf(request));
  if (!page.has_value()) RETURN_IF_ERROR(CheckIds(context, limits::kMlmdUnpaged));
  std::vector<ArtifactRow> rows;
  RETURN_IF_ERROR(context.deps.store.Read([&](db::Tx& tx) -> absl::Status {
    if (!page.has_value()) {
      ASSIGN_OR_RETURN(rows, ArtifactsBefore(tx, kLast, limits::kMlmdUnpaged));
      std::reverse(rows.begin(), rows.end());
    } else if (page->descending) {
      ASSIGN_OR_RETURN(rows, ArtifactsBefore(tx, page->after, page->limit + 1));
    } else {
      ASSIGN_OR_RETURN(rows, ArtifactsAfter(tx, page->after, "", page->limit + 1));
    }
    return absl::OkStatus();
  }));
  if (page.has_value()) EndPage(*page, IdOfArtifact, &rows, reply);
  ArtifactsToApi(context, rows, reply);
  return absl::OkStatus();
}

absl::Status MlmdArtifactsById(RequestContext& context, const mlmd::GetArtifactsByIDRequest& request,
                               mlmd::GetArtifactsByIDResponse* reply) {
  RETURN_IF_ERROR(CheckIds(context, request.artifact_ids_size()));
  std::vector<int64_t> ids(request.artifact_ids().begin(), request.artifact_ids().end());
  std::sort(ids.begin(), ids.end());
  ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
  std::vector<ArtifactRow> rows;
  RETURN_IF_ERROR(context.deps.store.Read([&](db::Tx& tx) -> absl::Status {
    ASSIGN_OR_RETURN(rows, ArtifactsFind(tx, ids));
    return absl::OkStatus();
  }));
  ArtifactsToApi(context, rows, reply);
  return absl::OkStatus();
}

absl::Status MlmdArtifactsByUri(RequestContext& context, const mlmd::GetArtifactsByURIRequest& request,
                                mlmd::GetArtifactsByURIResponse* reply) {
  if (request.uris_size() > limits::kMlmdPageSize) {
    return error::MetadataIdsTooMany(request.uris_size(), limits::kMlmdPageSize);
  }
  RETURN_IF_ERROR(CheckIds(context, request.uris_size() * limits::kMlmdPageSize));
  return context.deps.store.Read([&](db::Tx& tx) -> absl::Status {
    reply->Clear();
    for (const std::string& uri : request.uris()) {
      ASSIGN_OR_RETURN(const auto rows,
                       ArtifactsByUri(tx, context.deps.public_uris.Stored(uri), limits::kMlmdPageSize));
      ArtifactsToApi(context, rows, reply);
    }
    return absl::OkStatus();
  });
}

absl::Status MlmdArtifactsByContext(RequestContext& context,
                                    const mlmd::GetArtifactsByContextRequest& request,
                                    mlmd::GetArtifactsByContextResponse* reply) {
  ASSIGN_OR_RETURN(const auto page, PageOf(request));
  std::optional<RunSource> run;
  std::vector<ArtifactRow> rows;
  RETURN_IF_ERROR(context.deps.store.Read([&](db::Tx& tx) -> absl::Status {
    ASSIGN_OR_RETURN(run, FindRun(tx, request.context_id()));
    return absl::OkStatus();
  }));
  if (!run.has_value()) return absl::OkStatus();
  RETURN_IF_ERROR(TakeMemoryForRun(context, run->row.run_id));
  RETURN_IF_ERROR(context.deps.store.Read([&](db::Tx& tx) -> absl::Status {
    ASSIGN_OR_RETURN(rows, ArtifactList(tx, run->row.run_id));
    return absl::OkStatus();
  }));
  if (page.has_value()) {
    SelectPage(*page, IdOfArtifact, &rows);
    EndPage(*page, IdOfArtifact, &rows, reply);
  }
  ArtifactsToApi(context, rows, reply);
  return absl::OkStatus();
}

absl::Status MlmdExecutions(RequestContext& context, const mlmd::GetExecutionsRequest& request,
                            mlmd::GetExecutionsResponse* reply) {
  ASSIGN_OR_RETURN(const auto page, PageOf(request));
  if (!page.has_value()) RETURN_IF_ERROR(CheckIds(context, limits::kMlmdUnpaged));
  std::vector<NumberedTask> tasks;
  RETURN_IF_ERROR(context.deps.store.Read([&](db::Tx& tx) -> absl::Status {
    const IdPage wanted = page.value_or(IdPage{kLast, true, limits::kMlmdUnpaged - 1});
    ASSIGN_OR_RETURN(tasks, NumberedTasksAfter(tx, wanted.after, wanted.descending, wanted.limit + 1));
    return absl::OkStatus();
  }));
  if (page.has_value()) {
    EndPage(
        *page, [](const NumberedTask& task) { return task.number; }, &tasks, reply);
  } else {
    std::reverse(tasks.begin(), tasks.end());
  }
  return AddExecutions(context, tasks, reply);
}

absl::Status MlmdExecutionsById(RequestContext& context, const mlmd::GetExecutionsByIDRequest& request,
                                mlmd::GetExecutionsByIDResponse* reply) {
  RETURN_IF_ERROR(CheckIds(context, request.execution_ids_size()));
  std::vector<int64_t> ids(request.execution_ids().begin(), request.execution_ids().end());
  std::sort(ids.begin(), ids.end());
  ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
  std::vector<NumberedTask> tasks;
  RETURN_IF_ERROR(context.deps.store.Read([&](db::Tx& tx) -> absl::Status {
    ASSIGN_OR_RETURN(tasks, NumberedTasksFind(tx, ids));
    return absl::OkStatus();
  }));
  return AddExecutions(context, tasks, reply);
}

absl::Status MlmdExecutionsByContext(RequestContext& context,
                                     const mlmd::GetExecutionsByContextRequest& request,
                                     mlmd::GetExecutionsByContextResponse* reply) {
  ASSIGN_OR_RETURN(const auto page, PageOf(request));
  std::optional<RunSource> run;
  RETURN_IF_ERROR(context.deps.store.Read([&](db::Tx& tx) -> absl::Status {
    ASSIGN_OR_RETURN(run, FindRun(tx, request.context_id()));
    return absl::OkStatus();
  }));
  if (!run.has_value()) return absl::OkStatus();
  RETURN_IF_ERROR(TakeMemoryForRun(context, run->row.run_id));
  TaskSource source;
  RETURN_IF_ERROR(context.deps.store.Read([&](db::Tx& tx) -> absl::Status {
    source = {};
    const absl::Status read = ReadRunTasks(tx, run->row.run_id, kExecutionParts, &source);
    return absl::IsNotFound(read) ? absl::OkStatus() : read;  // deleted since
  }));
  NoteRunTasks(context, run->row.run_id, static_cast<int>(source.tasks.size()));
  RETURN_IF_ERROR(LoadDocuments(context, &source));
  RETURN_IF_ERROR(TakeMemoryForParameters(context, source));
  const auto number_of = [&](const TaskKey& key) {
    return key.task_id.empty() ? run->row.number : source.tasks.at(key.task_id).number;
  };
  if (page.has_value()) {
    SelectPage(*page, number_of, &source.keys);
    EndPage(*page, number_of, &source.keys, reply);
  }
  TaskPlaces places(source);
  for (const TaskKey& key : source.keys) ExecutionToApi(source, places, key, reply->add_executions());
  return absl::OkStatus();
}

absl::Status MlmdContextByName(RequestContext& context, const mlmd::GetContextByTypeAndNameRequest& request,
                               mlmd::GetContextByTypeAndNameResponse* reply) {
  if (request.type_name() != kRunContext.name) return absl::OkStatus();
  RunSource run;
  const absl::Status found = context.deps.store.Read([&](db::Tx& tx) -> absl::Status {
    ASSIGN_OR_RETURN(run.row, RunGet(tx, request.context_name()));
    ASSIGN_OR_RETURN(run.config, RunConfigGet(tx, run.row.run_id));
    return absl::OkStatus();
  });
  if (absl::IsNotFound(found)) return absl::OkStatus();
  RETURN_IF_ERROR(found);
  ContextToApi(run, reply->mutable_context());
  return absl::OkStatus();
}

absl::Status MlmdContextsOfArtifact(RequestContext& context,
                                    const mlmd::GetContextsByArtifactRequest& request,
                                    mlmd::GetContextsByArtifactResponse* reply) {
  return context.deps.store.Read([&](db::Tx& tx) -> absl::Status {
    reply->Clear();
    ASSIGN_OR_RETURN(const auto numbers, RunNumbersOfArtifact(tx, request.artifact_id(), limits::kMlmdLinks));
    for (const int64_t number : numbers) {
      ASSIGN_OR_RETURN(const auto run, FindRun(tx, number));
      if (run.has_value()) ContextToApi(*run, reply->add_contexts());
    }
    return absl::OkStatus();
  });
}

absl::Status MlmdContextsOfExecution(RequestContext& context,
                                     const mlmd::GetContextsByExecutionRequest& request,
                                     mlmd::GetContextsByExecutionResponse* reply) {
  return context.deps.store.Read([&](db::Tx& tx) -> absl::Status {
    reply->Clear();
    ASSIGN_OR_RETURN(const auto tasks, NumberedTasksFind(tx, {request.execution_id()}));
    if (tasks.empty()) return absl::OkStatus();
    RunSource run;
    ASSIGN_OR_RETURN(run.row, RunGet(tx, tasks.front().key.run_id));
    ASSIGN_OR_RETURN(run.config, RunConfigGet(tx, run.row.run_id));
    ContextToApi(run, reply->add_contexts());
    return absl::OkStatus();
  });
}

absl::Status MlmdEventsOfArtifacts(RequestContext& context,
                                   const mlmd::GetEventsByArtifactIDsRequest& request,
                                   mlmd::GetEventsByArtifactIDsResponse* reply) {
  RETURN_IF_ERROR(CheckIds(context, request.artifact_ids_size()));
  return context.deps.store.Read([&](db::Tx& tx) -> absl::Status {
    reply->Clear();
    int room = limits::kMlmdIds;  // over all artifacts
    for (const int64_t id : request.artifact_ids()) {
      ASSIGN_OR_RETURN(const auto links, NumberedLinksOfArtifact(tx, id, std::min(room, limits::kMlmdLinks)));
      for (const NumberedLink& link : links) EventToApi(link, reply->add_events());
      room -= static_cast<int>(links.size());
    }
    return absl::OkStatus();
  });
}

absl::Status MlmdEventsOfExecutions(RequestContext& context,
                                    const mlmd::GetEventsByExecutionIDsRequest& request,
                                    mlmd::GetEventsByExecutionIDsResponse* reply) {
  RETURN_IF_ERROR(CheckIds(context, request.execution_ids_size()));
  return context.deps.store.Read([&](db::Tx& tx) -> absl::Status {
    reply->Clear();
    ASSIGN_OR_RETURN(const auto tasks,
                     NumberedTasksFind(tx, {request.execution_ids().begin(), request.execution_ids().end()}));
    std::vector<TaskKey> keys;
    for (const NumberedTask& task : tasks) keys.push_back(task.key);
    ASSIGN_OR_RETURN(const auto links, NumberedLinksOfTasks(tx, keys));
    for (const NumberedLink& link : links) EventToApi(link, reply->add_events());
    return absl::OkStatus();
  });
}

}  // namespace penstock
