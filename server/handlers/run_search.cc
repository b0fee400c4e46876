#include "server/handlers/run_search.h"

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/errors.h"
#include "common/json.h"
#include "common/limits.h"
#include "common/status_macros.h"
#include "common/text.h"
#include "server/convert/timestamp.h"
#include "server/errors.h"
#include "server/handlers/page_token.h"
#include "server/search/run_filter.h"
#include "storage/experiment_search.h"
#include "storage/experiment_store.h"
#include "storage/metric_store.h"
#include "storage/run_parameter_store.h"
#include "storage/run_search.h"
#include "storage/run_store.h"
#include "storage/run_summary_store.h"
#include "storage/tag_store.h"

namespace penstock {
namespace {

absl::StatusOr<RunSearchQuery> QueryOf(RequestContext& context,
                                       const penstock::v1::SearchRunsRequest& request) {
  RunSearchQuery query;
  query.default_experiment_id = context.deps.default_experiment_id;
  query.storage_states = {StorageState::kAvailable};
  if (request.include_archived()) query.storage_states.push_back(StorageState::kArchived);
  if (request.experiment_ids_size() > limits::kSearchExperiments) {
    return error::ListTooLong("experiment_ids", request.experiment_ids_size(), limits::kSearchExperiments);
  }
  if (request.order_by_size() > limits::kSearchOrders) {
    return error::ListTooLong("order_by", request.order_by_size(), limits::kSearchOrders);
  }
  const std::set<std::string> ids(request.experiment_ids().begin(), request.experiment_ids().end());
  query.experiment_ids.assign(ids.begin(), ids.end());
  ASSIGN_OR_RETURN(query.conditions, RunConditionsFrom(request.filter()));
  for (const std::string& order : request.order_by()) {
    ASSIGN_OR_RETURN(query.orders.emplace_back(), RunOrderFrom(order));
  }
  ASSIGN_OR_RETURN(query.limit, PageSizeOf(request.page_size()));
  ASSIGN_OR_RETURN(query.after,
                   ReadSearchToken(context, request, request.page_token(), RunSearchKeys(query.orders)));
  return query;
}

// The experiments that are asked for are there; all of them if none is named.
absl::Status FillExperiments(db::Tx& tx, RunSearchQuery& query) {
  if (!query.experiment_ids.empty()) {
    for (const std::string& id : query.experiment_ids) RETURN_IF_ERROR(ExperimentGet(tx, id).status());
    return absl::OkStatus();
  }
  ExperimentSearchQuery all;
  all.storage_states = {StorageState::kAvailable, StorageState::kArchived};
  all.limit = limits::kSearchExperiments + 1;
  ASSIGN_OR_RETURN(ExperimentSearchPage page, ExperimentSearch(tx, all));
  if (page.experiment_ids.size() > limits::kSearchExperiments) {
    return error::SearchExperimentsTooMany(limits::kSearchExperiments);
  }
  query.experiment_ids = std::move(page.experiment_ids);
  return absl::OkStatus();
}

void NamesToApi(const RunNames& names, penstock::v1::FoundRun* out) {
  out->set_experiment_display_name(names.experiment);
  out->set_pipeline_display_name(names.pipeline);
  out->set_pipeline_version_display_name(names.pipeline_version);
}

void FailureToApi(const RunFailure& failure, penstock::v1::FoundFailure* out) {
  out->set_message(failure.message);
  out->set_task_id(failure.task_id);
  out->set_task_display_name(failure.task_name);
  out->set_log_tail(std::string(EndOf(failure.log_tail, limits::kFoundLogTailBytes)));
}

absl::Status FillRuns(db::Tx& tx, const std::vector<std::string>& ids,
                      penstock::v1::SearchRunsResponse* reply) {
  RunRows rows;
  RunParameterRows parameters;
  RunMetricRows metrics;
  std::map<std::string, TypedTags> tags;
  std::map<std::string, RunNames> names;
  std::map<std::string, RunFailure> failures;
  RETURN_IF_ERROR(RunsFindLater(tx, ids, &rows));
  RETURN_IF_ERROR(RunParametersLater(tx, ids, &parameters));
  RETURN_IF_ERROR(RunMetricsLater(tx, ids, &metrics));
  RETURN_IF_ERROR(TypedTagsReadLater(tx, ids, &tags));
  RETURN_IF_ERROR(RunNamesLater(tx, ids, &names));
  RETURN_IF_ERROR(tx.Flush());
  std::vector<std::string> failed;
  for (const auto& [id, row] : rows) {
    if (row.state == RunState::kFailed) failed.push_back(id);
  }
  RETURN_IF_ERROR(RunFailuresLater(tx, failed, &failures));
  RETURN_IF_ERROR(tx.Finish());
  for (const std::string& id : ids) {
    const RunRow& row = rows[id];
    penstock::v1::FoundRun* out = reply->add_runs();
    out->set_run_id(row.run_id);
    out->set_display_name(row.display_name);
    out->set_experiment_id(row.experiment_id);
    out->set_status(std::string(Name(row.state)));
    SetTimestamp(row.created_at, out->mutable_created_at());
    if (IsFinal(row.state)) SetTimestamp(row.finished_at, out->mutable_finished_at());
    out->set_pipeline_version_id(row.pipeline_version_id);
    out->set_archived(row.storage_state == StorageState::kArchived);
    out->set_pipeline_id(row.pipeline_id);
    out->set_recurring_run_id(row.recurring_run_id);
    NamesToApi(names[id], out);
    if (row.state == RunState::kFailed) FailureToApi(failures[id], out->mutable_failure());
    out->mutable_parameters()->insert(parameters[id].begin(), parameters[id].end());
    for (const auto& [name, point] : metrics[id]) (*out->mutable_metrics())[name] = point.value;
    for (const auto& [name, tag] : tags[id]) (*out->mutable_tags())[name] = tag.value;
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status RunsSearch(RequestContext& context, const penstock::v1::SearchRunsRequest& request,
                        penstock::v1::SearchRunsResponse* reply) {
  ASSIGN_OR_RETURN(RunSearchQuery query, QueryOf(context, request));
  return context.deps.store.Read([&](db::Tx& tx) -> absl::Status {
    reply->Clear();
    RETURN_IF_ERROR(FillExperiments(tx, query));
    ASSIGN_OR_RETURN(const SearchPage page, RunSearch(tx, query));
    std::vector<std::string> ids;
    for (const SearchPosition& row : page.rows) ids.push_back(row.id);
    if (page.next.has_value()) reply->set_next_page_token(MakeSearchToken(context, request, *page.next));
    return FillRuns(tx, ids, reply);
  });
}

}  // namespace penstock
