#include "server/handlers/task.h"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/errors.h"
#include "common/limits.h"
#include "common/status_macros.h"
#include "server/convert/task.h"
#include "server/handlers/page_token.h"
#include "server/handlers/task_read.h"
#include "server/memory.h"
#include "storage/list_filter.h"
#include "storage/list_predicate.h"
#include "storage/list_query.h"
#include "storage/run_store.h"
#include "storage/task_store.h"

namespace penstock {
namespace {

// Keys of a filter; there are no columns behind them.
constexpr ListField kFields[] = {{"name", "name"},       {"display_name", "display_name"},
                                 {"task_id", "task_id"}, {"state", "state"},
                                 {"type", "type"},       {"parent_task_id", "parent"}};
constexpr ListResource kResource = {"tasks", "tasks", "task_id", kFields};

// A list request, read.
struct TaskQuery {
  std::string run_id;
  std::optional<std::string> parent;  // in storage's terms: empty for the root
  bool parent_is_loop = false;
  bool descending = false;
  int page_size = 0;
  std::vector<ListPredicate> predicates;
  std::string mark;  // see MakePageToken

  // Where the page begins.
  bool is_first = true;
  std::string after;        // behind this task; empty: behind the root
  std::optional<int> size;  // of the list, if it is known
};

absl::Status ReadOrder(const std::string& order_by, TaskQuery* query) {
  const std::vector<std::string> words =
      absl::StrSplit(absl::AsciiStrToLower(order_by), absl::ByAnyChar(" \t"), absl::SkipEmpty());
  if (words.empty()) return absl::OkStatus();
  if (words[0] != "create_time" && words[0] != "created_at") {
    return error::SortKeyUnknown("tasks", words[0], "create_time");
  }
  if (words.size() > 2 || (words.size() == 2 && words[1] != "asc" && words[1] != "desc")) {
    return error::SortByWrong(order_by);
  }
  query->descending = words.size() == 2 && words[1] == "desc";
  return absl::OkStatus();
}

absl::Status ReadPosition(const std::string& position, TaskQuery* query) {
  if (position.empty()) return absl::OkStatus();
  const std::vector<std::string> parts = absl::StrSplit(position, ' ');
  int size = 0;
  if (parts.size() != 2 || !absl::SimpleAtoi(parts[1], &size)) return error::PageTokenWrong();
  query->is_first = false;
  query->after = parts[0];
  query->size = size;
  return absl::OkStatus();
}

absl::StatusOr<TaskQuery> ReadQuery(RequestContext& context, const api::ListTasksRequest& request) {
  TaskQuery query;
  query.run_id = request.run_id();
  if (request.has_parent_id()) {
    query.parent = request.parent_id() == request.run_id() ? "" : request.parent_id();
  }
  ASSIGN_OR_RETURN(query.page_size, PageSizeOf(request.page_size()));
  RETURN_IF_ERROR(ReadOrder(request.order_by(), &query));
  ASSIGN_OR_RETURN(const auto given, ParseFilter(request.filter()));
  for (size_t i = 0; i < given.size(); ++i) {
    auto predicate = MakeListPredicate(kResource, given[i]);
    if (!predicate.ok()) return error::InFilterPredicate(i, predicate.status());
    query.predicates.push_back(*std::move(predicate));
  }
  query.mark = absl::StrCat("tasks\n", request.run_id(), "\n", request.has_parent_id(), request.parent_id(),
                            "\n", query.descending, "\n", request.filter());
  ASSIGN_OR_RETURN(const Json token, ReadPageToken(context, query.mark, request.page_token()));
  const std::string position = token.is_null() ? "" : token.get<std::string>();
  RETURN_IF_ERROR(ReadPosition(position, &query));
  return query;
}

// Whether the task satisfies the filter; `key` has been read.
bool Matches(const TaskQuery& query, const TaskSource& source, TaskPlaces& places, const TaskKey& key) {
  PipelineTask task;  // only what is filtered by
  if (key.task_id.empty()) {
    const RunRow& run = source.runs.at(key.run_id).row;
    task.set_name(kRootName);
    task.set_display_name(run.display_name);
    task.set_task_id(run.run_id);
    task.set_state(RunStateToApi(run.state));
    task.set_type(PipelineTask::ROOT);
  } else {
    const TaskRow& row = source.tasks.at(key.task_id);
    task.set_name(row.name);
    task.set_display_name(row.display_name);
    task.set_task_id(row.task_id);
    task.set_state(TaskStateToApi(row));
    SetTaskType(source, places, row, &task);
  }
  return std::all_of(query.predicates.begin(), query.predicates.end(), [&](const ListPredicate& predicate) {
    const absl::string_view key = predicate.field->key;
    if (key == "name") return predicate.Matches(task.name());
    if (key == "display_name") return predicate.Matches(task.display_name());
    if (key == "task_id") return predicate.Matches(task.task_id());
    if (key == "state") return predicate.Matches(PipelineTask::TaskState_Name(task.state()));
    if (key == "type") return predicate.Matches(PipelineTask::TaskType_Name(task.type()));
    return true;
  });
}

// Collects the keys of a page, and one more if there is another page.
class PageReader {
 public:
  PageReader(db::Tx& tx, const TaskQuery& query, const TaskSource& run) : tx_(tx), query_(query), run_(run) {}

  absl::Status Read() {
    const bool has_root = !query_.parent.has_value();
    if (has_root && !query_.descending && query_.is_first) RETURN_IF_ERROR(Add({{query_.run_id, ""}}));
    std::string after = query_.descending && query_.is_first ? std::string(kBehindAllIds) : query_.after;
    if (query_.descending && !query_.is_first && after.empty()) return absl::OkStatus();
    while (!IsFull()) {
      ASSIGN_OR_RETURN(const auto rows, TasksAfter(tx_, {query_.run_id, query_.parent, query_.parent_is_loop},
                                                   after, query_.descending, query_.page_size + 1));
      if (rows.empty()) break;
      looked_at_ += static_cast<int64_t>(rows.size());
      if (looked_at_ > limits::kListRowsRead) return error::ListTooManyRows(limits::kListRowsRead, "tasks");
      after = rows.back().task_id;
      std::vector<TaskKey> keys;
      for (const TaskRow& row : rows) keys.push_back({row.run_id, row.task_id});
      RETURN_IF_ERROR(Add(keys));
    }
    if (has_root && query_.descending && !IsFull()) RETURN_IF_ERROR(Add({{query_.run_id, ""}}));
    return absl::OkStatus();
  }

  std::vector<TaskKey>& keys() { return keys_; }

 private:
  bool IsFull() const { return static_cast<int>(keys_.size()) > query_.page_size; }

  absl::Status Add(const std::vector<TaskKey>& keys) {
    if (query_.predicates.empty()) {
      keys_.insert(keys_.end(), keys.begin(), keys.end());
      return absl::OkStatus();
    }
    TaskSource source;
    source.runs = run_.runs;
    RETURN_IF_ERROR(ReadTasks(tx_, keys, {}, &source));
    TaskPlaces places(source);
    for (const TaskKey& key : keys) {
      if (Matches(query_, source, places, key)) keys_.push_back(key);
    }
    return absl::OkStatus();
  }

  db::Tx& tx_;
  const TaskQuery& query_;
  const TaskSource& run_;
  std::vector<TaskKey> keys_;
  int64_t looked_at_ = 0;
};

absl::Status CheckParent(db::Tx& tx, TaskQuery* query) {
  if (!query->parent.has_value() || query->parent->empty()) return absl::OkStatus();
  ASSIGN_OR_RETURN(const TaskRow parent, TaskGet(tx, query->run_id, *query->parent));
  if (parent.iteration >= 0) return error::TaskNotFound(query->run_id, *query->parent);
  ASSIGN_OR_RETURN(query->parent_is_loop, TaskHasIterations(tx, {query->run_id, *query->parent}));
  return absl::OkStatus();
}

// The number of all tasks of the list; not counted where a filter selects.
absl::StatusOr<int> SizeOf(db::Tx& tx, const TaskQuery& query) {
  if (query.size.has_value()) return *query.size;
  if (!query.predicates.empty()) return static_cast<int>(kListSizeUnknown);
  ASSIGN_OR_RETURN(const int64_t count, TaskCount(tx, {query.run_id, query.parent, query.parent_is_loop}));
  return static_cast<int>(count) + (query.parent.has_value() ? 0 : 1);
}

}  // namespace

absl::Status TaskGet(RequestContext& context, const api::GetTaskRequest& request, api::PipelineTask* reply) {
  const TaskKey key = {request.run_id(), request.task_id() == request.run_id() ? "" : request.task_id()};
  TaskSource source;
  RETURN_IF_ERROR(context.deps.store.Read([&](db::Tx& tx) -> absl::Status {
    source = {};
    RETURN_IF_ERROR(RunGet(tx, key.run_id).status());
    return ReadTasks(tx, {key}, kAllTaskParts, &source);
  }));
  const bool is_iteration =
      !key.task_id.empty() && !source.keys.empty() && source.tasks.at(key.task_id).iteration >= 0;
  if (source.keys.empty() || is_iteration) return error::TaskNotFound(request.run_id(), request.task_id());
  RETURN_IF_ERROR(LoadDocuments(context, &source));
  RETURN_IF_ERROR(TakeMemoryForParameters(context, source));
  TaskPlaces places(source);
  TaskToApi(source, places, context.deps.public_uris, key, reply);
  return absl::OkStatus();
}

absl::Status TaskList(RequestContext& context, const api::ListTasksRequest& request,
                      api::ListTasksResponse* reply) {
  ASSIGN_OR_RETURN(TaskQuery query, ReadQuery(context, request));
  TaskSource run;
  RETURN_IF_ERROR(context.deps.store.Read([&](db::Tx& tx) -> absl::Status {
    run = {};
    RETURN_IF_ERROR(RunGet(tx, query.run_id).status());
    RETURN_IF_ERROR(CheckParent(tx, &query));
    return ReadTasks(tx, {{query.run_id, ""}}, {}, &run);
  }));
  RETURN_IF_ERROR(LoadDocuments(context, &run));
  TaskSource source;
  int size = 0;
  bool more = false;
  RETURN_IF_ERROR(context.deps.store.Read([&](db::Tx& tx) -> absl::Status {
    source = {};
    source.runs = run.runs;
    PageReader page(tx, query, run);
    RETURN_IF_ERROR(page.Read());
    more = static_cast<int>(page.keys().size()) > query.page_size;
    if (more) page.keys().resize(query.page_size);
    ASSIGN_OR_RETURN(size, SizeOf(tx, query));
    return ReadTasks(tx, page.keys(), kAllTaskParts, &source);
  }));
  RETURN_IF_ERROR(TakeMemoryForParameters(context, source));
  TaskPlaces places(source);
  for (const TaskKey& key : source.keys) {
    TaskToApi(source, places, context.deps.public_uris, key, reply->add_tasks());
  }
  if (query.is_first && !more) size = reply->tasks_size();
  reply->set_total_size(size);
  if (more && !source.keys.empty()) {
    reply->set_next_page_token(
        MakePageToken(context, query.mark, absl::StrCat(source.keys.back().task_id, " ", size)));
  }
  return absl::OkStatus();
}

absl::Status RunTasksRead(RequestContext& context, const std::string& run_id,
                          google::protobuf::RepeatedPtrField<api::PipelineTask>* tasks) {
  TaskSource source;
  RETURN_IF_ERROR(context.deps.store.Read([&](db::Tx& tx) {
    source = {};
    return ReadRunTasks(tx, run_id, kAllTaskParts, &source);
  }));
  RETURN_IF_ERROR(LoadDocuments(context, &source));
  RETURN_IF_ERROR(TakeMemoryForParameters(context, source));
  TaskPlaces places(source);
  for (const TaskKey& key : source.keys) {
    if (key.task_id.empty() || source.tasks.at(key.task_id).iteration < 0) {
      TaskToApi(source, places, context.deps.public_uris, key, tasks->Add());
    }
  }
  return absl::OkStatus();
}

}  // namespace penstock
