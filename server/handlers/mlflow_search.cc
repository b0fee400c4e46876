#include "server/handlers/mlflow_search.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/errors.h"
#include "common/limits.h"
#include "common/status_macros.h"
#include "common/text.h"
#include "server/convert/mlflow.h"
#include "server/handlers/mlflow_run.h"
#include "server/handlers/mlflow_target.h"
#include "server/handlers/page_token.h"
#include "server/mlflow_errors.h"
#include "server/search/run_filter.h"
#include "server/search/run_match.h"
#include "storage/experiment_search.h"
#include "storage/experiment_store.h"
#include "storage/run_search.h"
#include "storage/run_store.h"
#include "storage/task_store.h"

namespace penstock {
namespace {

constexpr char kKnownExperimentKeys[] = "name, creation_time, last_update_time, experiment_id and tags.KEY";
constexpr size_t kRowsTogether = 200;      // rows read with one statement
constexpr size_t kAnswerBytes = 16 << 20;  // of runs, after which the rest comes with the next page

std::vector<StorageState> StatesOfView(mlflow::ViewType view) {
  switch (view) {
    case mlflow::DELETED_ONLY:
      return {StorageState::kArchived};
    case mlflow::ALL:
      return {StorageState::kAvailable, StorageState::kArchived};
    default:
      return {StorageState::kAvailable};
  }
}

// --- Experiments ---

std::optional<std::pair<ExperimentSubject, SearchKind>> ExperimentSubjectOf(absl::string_view entity,
                                                                            absl::string_view key) {
  if (entity == "tags" || entity == "tag") {
    return std::pair(key == kMlflowNote ? ExperimentSubject::kDescription : ExperimentSubject::kTag,
                     SearchKind::kTextOrNot);
  }
  if (!entity.empty() && entity != "attribute" && entity != "attributes" && entity != "attr") {
    return std::nullopt;
  }
  if (key == "name") return std::pair(ExperimentSubject::kName, SearchKind::kText);
  if (key == "creation_time") return std::pair(ExperimentSubject::kCreated, SearchKind::kNumber);
  if (key == "last_update_time") return std::pair(ExperimentSubject::kUpdated, SearchKind::kNumber);
  if (key == "experiment_id") return std::pair(ExperimentSubject::kId, SearchKind::kId);
  return std::nullopt;
}

absl::StatusOr<std::vector<ExperimentCondition>> ExperimentConditionsFrom(absl::string_view default_id,
                                                                          absl::string_view filter) {
  ASSIGN_OR_RETURN(const std::vector<SearchComparison> comparisons, ParseSearchFilter(filter));
  std::vector<ExperimentCondition> conditions;
  for (const SearchComparison& comparison : comparisons) {
    const auto subject = ExperimentSubjectOf(comparison.entity, comparison.key);
    if (!subject.has_value()) return SearchKeyUnknownAt(comparison, kKnownExperimentKeys);
    RETURN_IF_ERROR(CheckComparison(comparison, subject->second));
    std::vector<std::string> texts = TextsOf(comparison);
    if (subject->first == ExperimentSubject::kId) {
      for (std::string& id : texts) id = ExperimentIdFromMlflow(default_id, id);
    }
    conditions.push_back(
        {subject->first, comparison.key, comparison.op, std::move(texts), NumberOf(comparison)});
  }
  return conditions;
}

absl::StatusOr<ExperimentOrder> ExperimentOrderFrom(absl::string_view order) {
  ASSIGN_OR_RETURN(const SearchOrder parsed, ParseSearchOrder(order));
  const auto subject = ExperimentSubjectOf(parsed.entity, parsed.key);
  if (!subject.has_value() || subject->first == ExperimentSubject::kTag ||
      subject->first == ExperimentSubject::kDescription) {
    return error::MlflowOrderWrong(order,
                                   "known keys are name, creation_time, last_update_time and experiment_id");
  }
  return ExperimentOrder{subject->first, parsed.descending};
}

absl::Status ReadExperiments(RequestContext& context, db::Tx& tx, const std::vector<std::string>& ids,
                             mlflow::SearchExperimentsResponse* reply) {
  for (size_t from = 0; from < ids.size(); from += kRowsTogether) {
    const std::vector<std::string> some(
        ids.begin() + static_cast<ptrdiff_t>(from),
        ids.begin() + static_cast<ptrdiff_t>(std::min(ids.size(), from + kRowsTogether)));
    std::vector<std::string> owners;
    for (const std::string& id : some) owners.push_back(ExperimentTagOwner(id));
    ExperimentRows rows;
    std::map<std::string, TypedTags> tags;
    RETURN_IF_ERROR(ExperimentsFindLater(tx, some, &rows));
    RETURN_IF_ERROR(TypedTagsReadLater(tx, owners, &tags));
    RETURN_IF_ERROR(tx.Flush());
    for (const std::string& id : some) {
      ExperimentToMlflow(context.deps.default_experiment_id, rows[id], tags[ExperimentTagOwner(id)],
                         reply->add_experiments());
    }
  }
  return absl::OkStatus();
}

// --- Runs ---

absl::StatusOr<RunSearchQuery> RunQueryOf(RequestContext& context, const mlflow::SearchRunsRequest& request) {
  RunSearchQuery query;
  query.default_experiment_id = context.deps.default_experiment_id;
  for (const RunState state : {RunState::kPending, RunState::kRunning, RunState::kSucceeded,
                               RunState::kFailed, RunState::kCanceling, RunState::kCanceled}) {
    query.status_names.emplace_back(state, mlflow::RunStatus_Name(StatusToMlflow(state)));
  }
  query.storage_states = StatesOfView(request.run_view_type());
  if (request.experiment_ids_size() > limits::kSearchExperiments) {
    return error::MlflowTooMany("experiment_ids", request.experiment_ids_size(), limits::kSearchExperiments);
  }
  if (request.order_by_size() > limits::kSearchOrders) {
    return error::MlflowTooMany("order_by clauses", request.order_by_size(), limits::kSearchOrders);
  }
  std::set<std::string> ids;
  for (const std::string& id : request.experiment_ids()) {
    ids.insert(ExperimentIdFromMlflow(context.deps.default_experiment_id, id));
  }
  query.experiment_ids.assign(ids.begin(), ids.end());
  ASSIGN_OR_RETURN(query.conditions, RunConditionsFrom(request.filter()));
  for (const std::string& order : request.order_by()) {
    ASSIGN_OR_RETURN(query.orders.emplace_back(), RunOrderFrom(order));
  }
  std::optional<int64_t> wanted;
  if (request.has_max_results()) wanted = request.max_results();
  ASSIGN_OR_RETURN(query.limit, MlflowPageSize(wanted, limits::kMlflowPageDefault, limits::kMlflowPage));
  ASSIGN_OR_RETURN(query.after,
                   ReadSearchToken(context, request, request.page_token(), RunSearchKeys(query.orders)));
  return query;
}

// The run whose tasks the conditions ask for, if they do and it is one of the experiments.
absl::StatusOr<std::optional<RunRow>> ParentOfTasks(db::Tx& tx, const RunSearchQuery& query) {
  for (const RunCondition& condition : query.conditions) {
    if (condition.subject != RunSubject::kTag || condition.key != kMlflowParentRun ||
        condition.op != SearchOp::kEqual) {
      continue;
    }
    auto run = RunGet(tx, condition.texts.front());
    if (absl::IsNotFound(run.status())) continue;
    RETURN_IF_ERROR(run.status());
    const bool in_scope = std::find(query.experiment_ids.begin(), query.experiment_ids.end(),
                                    run->experiment_id) != query.experiment_ids.end() &&
                          std::find(query.storage_states.begin(), query.storage_states.end(),
                                    run->storage_state) != query.storage_states.end();
    if (in_scope && run->driver == RunDriver::kEngine) return std::optional<RunRow>(*std::move(run));
  }
  return std::nullopt;
}

using TaskRuns = std::map<std::string, mlflow::Run>;

// Puts tasks of the run that satisfy the conditions into the page.
absl::Status AddTasks(RequestContext& context, db::Tx& tx, const RunSearchQuery& query, const RunRow& run,
                      SearchPage& page, TaskRuns* found) {
  ASSIGN_OR_RETURN(std::vector<TaskRow> tasks, TaskList(tx, run.run_id));
  if (tasks.size() > limits::kSearchCandidates) tasks.resize(limits::kSearchCandidates);
  std::vector<mlflow::Run> runs;
  runs.reserve(tasks.size());
  RETURN_IF_ERROR(MlflowTasksRead(context, tx, run, tasks, [&runs] { return &runs.emplace_back(); }));
  const std::vector<SearchKey> keys = RunSearchKeys(query.orders);
  SearchSorter sorter(keys, query.after, query.limit);
  for (SearchPosition& row : page.rows) sorter.Add(std::move(row));
  for (mlflow::Run& task : runs) {
    if (!MlflowRunMatches(task, query.conditions)) continue;
    SearchPosition position = MlflowRunPosition(task, query.orders);
    // What the search of runs did not reach yet may come before it.
    if (page.next.has_value() && ComesBefore(keys, *page.next, position)) continue;
    (*found)[position.id] = std::move(task);
    sorter.Add(std::move(position));
  }
  page = sorter.Take(std::move(page.next));
  return absl::OkStatus();
}

// Adds the runs of the page, as far as an answer goes; the page then ends there.
absl::Status ReadFoundRuns(RequestContext& context, db::Tx& tx, TaskRuns tasks, SearchPage& page,
                           mlflow::SearchRunsResponse* reply) {
  for (size_t from = 0; from < page.rows.size(); from += kRowsTogether) {
    if (from > 0 && reply->ByteSizeLong() > kAnswerBytes) {
      page.next = page.rows[from - 1];
      return absl::OkStatus();
    }
    const size_t to = std::min(page.rows.size(), from + kRowsTogether);
    std::vector<std::string> ids;
    for (size_t i = from; i < to; ++i) {
      if (!tasks.contains(page.rows[i].id)) ids.push_back(page.rows[i].id);
    }
    RunRows known;
    RETURN_IF_ERROR(RunsFindLater(tx, ids, &known));
    RETURN_IF_ERROR(tx.Flush());
    std::vector<RunRow> rows;
    std::vector<mlflow::Run*> places;
    for (size_t i = from; i < to; ++i) {
      mlflow::Run* place = reply->add_runs();
      const auto task = tasks.find(page.rows[i].id);
      if (task != tasks.end()) {
        *place = std::move(task->second);
        continue;
      }
      rows.push_back(std::move(known[page.rows[i].id]));
      places.push_back(place);
    }
    size_t next = 0;
    RETURN_IF_ERROR(MlflowRunsRead(context, tx, rows, [&] { return places[next++]; }));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status MlflowExperimentSearch(RequestContext& context, const mlflow::SearchExperimentsRequest& request,
                                    mlflow::SearchExperimentsResponse* reply) {
  ExperimentSearchQuery query;
  query.storage_states = StatesOfView(request.view_type());
  ASSIGN_OR_RETURN(query.conditions,
                   ExperimentConditionsFrom(context.deps.default_experiment_id, request.filter()));
  if (request.order_by_size() > limits::kSearchOrders) {
    return error::MlflowTooMany("order_by clauses", request.order_by_size(), limits::kSearchOrders);
  }
  for (const std::string& order : request.order_by()) {
    ASSIGN_OR_RETURN(query.orders.emplace_back(), ExperimentOrderFrom(order));
  }
  std::optional<int64_t> wanted;
  if (request.has_max_results()) wanted = request.max_results();
  ASSIGN_OR_RETURN(query.limit, MlflowPageSize(wanted, limits::kMlflowPageDefault, limits::kMlflowPage));
  ASSIGN_OR_RETURN(query.after, ReadSearchToken(context, request, request.page_token(),
                                                ExperimentSearchKeys(query.orders)));
  return context.deps.store.Read([&](db::Tx& tx) -> absl::Status {
    reply->Clear();
    ASSIGN_OR_RETURN(const ExperimentSearchPage page, ExperimentSearch(tx, query));
    if (page.next.has_value()) reply->set_next_page_token(MakeSearchToken(context, request, *page.next));
    return ReadExperiments(context, tx, page.experiment_ids, reply);
  });
}

absl::Status MlflowRunSearch(RequestContext& context, const mlflow::SearchRunsRequest& request,
                             mlflow::SearchRunsResponse* reply) {
  ASSIGN_OR_RETURN(const RunSearchQuery query, RunQueryOf(context, request));
  return context.deps.store.Read([&](db::Tx& tx) -> absl::Status {
    reply->Clear();
    ASSIGN_OR_RETURN(SearchPage page, RunSearch(tx, query));
    TaskRuns tasks;
    ASSIGN_OR_RETURN(const auto parent, ParentOfTasks(tx, query));
    if (parent.has_value()) RETURN_IF_ERROR(AddTasks(context, tx, query, *parent, page, &tasks));
    RETURN_IF_ERROR(ReadFoundRuns(context, tx, std::move(tasks), page, reply));
    if (page.next.has_value()) reply->set_next_page_token(MakeSearchToken(context, request, *page.next));
    return absl::OkStatus();
  });
}

}  // namespace penstock
