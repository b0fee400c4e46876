// The history part of server/handlers/mlflow_log.h.
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "common/errors.h"
#include "common/json.h"
#include "common/limits.h"
#include "common/ordered_double.h"
#include "common/status_macros.h"
#include "server/convert/mlflow.h"
#include "server/handlers/mlflow_log.h"
#include "server/handlers/mlflow_target.h"
#include "server/handlers/page_token.h"
#include "server/mlflow_errors.h"
#include "storage/metric_history.h"
#include "storage/metric_store.h"

namespace penstock {
namespace {

// The token: in which order, and the last point.
std::string HistoryToken(RequestContext& context, const mlflow::GetMetricHistoryRequest& request,
                         const MetricHistoryQuery& query, const MetricPoint& last) {
  return MakePageToken(context, QueryTextOf(request),
                       {{"b", query.by_time},
                        {"s", last.step},
                        {"t", absl::ToUnixMicros(last.at)},
                        {"v", OrderOfDouble(last.value)}});
}

absl::Status TakeHistoryToken(RequestContext& context, const mlflow::GetMetricHistoryRequest& request,
                              MetricHistoryQuery& query) {
  ASSIGN_OR_RETURN(const Json json, ReadPageToken(context, QueryTextOf(request), request.page_token()));
  if (!json.is_object() || !json.contains("v")) return error::PageTokenWrong();
  query.by_time = json.value("b", true);
  query.after = {json.value("s", int64_t{0}), absl::FromUnixMicros(json.value("t", int64_t{0})),
                 DoubleOfOrder(json.value("v", int64_t{0}))};
  return absl::OkStatus();
}

// The points of one run between two steps, if they are given.
absl::Status AddInterval(db::Tx& tx, const std::string& run_id,
                         const mlflow::GetMetricHistoryBulkIntervalRequest& request, int count,
                         mlflow::GetMetricHistoryBulkIntervalResponse* reply) {
  auto target = MlflowTargetFind(tx, run_id);
  if (absl::IsNotFound(target.status())) return absl::OkStatus();
  RETURN_IF_ERROR(target.status());
  MetricSeriesFilter filter;
  filter.name = request.metric_key();
  if (target->task.has_value()) filter.task_id = target->task->task_id;
  ASSIGN_OR_RETURN(const auto all,
                   MetricSeriesList(tx, target->run.run_id, filter, {}, limits::kRunMetricSeries));
  const int64_t from = request.has_start_step() ? request.start_step() : INT64_MIN;
  const int64_t to = request.has_end_step() ? request.end_step() : INT64_MAX;
  std::vector<MetricPoint> points;
  for (const MetricSeriesRow& series : all) {
    // Of several series each has its part of the room.
    const int part = std::max<int>(1, count / static_cast<int>(all.size()));
    ASSIGN_OR_RETURN(const auto some, MetricPointsSample(tx, series.series_id, from, to, part));
    points.insert(points.end(), some.begin(), some.end());
    if (static_cast<int>(points.size()) >= count) break;
  }
  std::stable_sort(points.begin(), points.end(), [](const MetricPoint& a, const MetricPoint& b) {
    return std::pair(a.step, a.at) < std::pair(b.step, b.at);
  });
  for (const MetricPoint& point : points) {
    mlflow::Metric* metric = reply->add_metrics();
    MetricToMlflow(request.metric_key(), point, metric);
    metric->set_run_id(run_id);
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status MlflowHistoryGet(RequestContext& context, const mlflow::GetMetricHistoryRequest& request,
                              mlflow::GetMetricHistoryResponse* reply) {
  ASSIGN_OR_RETURN(const std::string run_id, RunIdOf(request));
  if (request.metric_key().empty()) return error::MlflowFieldMissing("metric_key");
  std::optional<int64_t> wanted;
  if (request.has_max_results()) wanted = request.max_results();
  ASSIGN_OR_RETURN(const int page, MlflowPageSize(wanted, limits::kMlflowHistoryPage, INT32_MAX));
  const int limit = std::min<int>(page, limits::kMlflowHistoryPage);
  return context.deps.store.Read([&](db::Tx& tx) -> absl::Status {
    reply->Clear();
    ASSIGN_OR_RETURN(const MlflowTarget target, MlflowTargetFind(tx, run_id));
    MetricHistoryQuery query;
    query.run_id = target.run.run_id;
    if (target.task.has_value()) query.task_id = target.task->task_id;
    query.name = request.metric_key();
    query.limit = limit + 1;
    if (request.page_token().empty()) {
      ASSIGN_OR_RETURN(const int64_t points, MetricHistorySize(tx, query));
      if (points == 0) return absl::OkStatus();
      query.by_time = points <= limits::kMlflowHistorySorted;
    } else {
      RETURN_IF_ERROR(TakeHistoryToken(context, request, query));
    }
    ASSIGN_OR_RETURN(std::vector<MetricPoint> points, MetricHistoryRead(tx, query));
    if (static_cast<int>(points.size()) > limit) {
      points.resize(limit);
      reply->set_next_page_token(HistoryToken(context, request, query, points.back()));
    }
    for (const MetricPoint& point : points) MetricToMlflow(query.name, point, reply->add_metrics());
    return absl::OkStatus();
  });
}

absl::Status MlflowHistoriesGet(RequestContext& context,
                                const mlflow::GetMetricHistoryBulkIntervalRequest& request,
                                mlflow::GetMetricHistoryBulkIntervalResponse* reply) {
  if (request.run_ids().empty()) return error::MlflowFieldMissing("run_ids");
  if (request.metric_key().empty()) return error::MlflowFieldMissing("metric_key");
  if (request.run_ids_size() > limits::kMlflowBulkRuns) {
    return error::MlflowTooMany("run_ids", request.run_ids_size(), limits::kMlflowBulkRuns);
  }
  if (request.has_start_step() != request.has_end_step()) {
    return error::MlflowFieldMissing(request.has_start_step() ? "end_step" : "start_step");
  }
  std::optional<int64_t> wanted;
  if (request.has_max_results()) wanted = request.max_results();
  ASSIGN_OR_RETURN(const int count,
                   MlflowPageSize(wanted, limits::kMlflowBulkPoints, limits::kMlflowBulkPoints));
  return context.deps.store.Read([&](db::Tx& tx) -> absl::Status {
    reply->Clear();
    for (const std::string& run_id : request.run_ids()) {
      RETURN_IF_ERROR(AddInterval(tx, run_id, request, count, reply));
    }
    return absl::OkStatus();
  });
}

}  // namespace penstock
