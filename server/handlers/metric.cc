#include "server/handlers/metric.h"

#include <algorithm>
#include <limits>
#include <optional>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/errors.h"
#include "common/json.h"
#include "common/limits.h"
#include "common/ordered_double.h"
#include "common/status_macros.h"
#include "server/convert/classification.h"
#include "server/convert/timestamp.h"
#include "server/errors.h"
#include "server/handlers/page_token.h"
#include "server/validate.h"
#include "storage/artifact_store.h"
#include "storage/metric_store.h"
#include "storage/run_store.h"
#include "storage/task_store.h"

namespace penstock {
namespace {

constexpr int kReadDefault = 1000;
// In place of a task, where the run itself is meant and no task would mean all.
constexpr absl::string_view kRunItself = "-";

void ToApi(const MetricPoint& point, penstock::v1::MetricPoint* out) {
  out->set_value(point.value);
  out->set_step(point.step);
  SetTimestamp(point.at, out->mutable_time());
}

// The id of the task that a request names; empty for the run itself.
absl::StatusOr<std::string> TaskIdOf(db::Tx& tx, absl::string_view run_id, absl::string_view task) {
  if (task.empty()) return "";
  return TaskIdFind(tx, run_id, task);
}

absl::StatusOr<std::vector<NamedMetricPoint>> PointsFrom(RequestContext& context,
                                                         const penstock::v1::LogMetricsRequest& request) {
  if (request.points_size() > limits::kMetricPoints) {
    return error::ListTooLong("points", request.points_size(), limits::kMetricPoints);
  }
  const absl::Time now = context.deps.clock.Now();
  std::vector<NamedMetricPoint> points;
  points.reserve(request.points_size());
  for (int i = 0; i < request.points_size(); ++i) {
    const auto& given = request.points(i);
    RETURN_IF_ERROR(CheckName(absl::StrCat("points[", i, "].name"), given.name(), limits::kMetricNameBytes));
    absl::Time at = now;
    if (given.has_time()) {
      ASSIGN_OR_RETURN(at, CheckedTime(absl::StrCat("points[", i, "].time"), given.time()));
    }
    points.push_back({given.name(), {given.step(), at, given.value()}});
  }
  return points;
}

Json TokenOf(const MetricPoint& last) {
  return {{"s", last.step}, {"t", absl::ToUnixMicros(last.at)}, {"v", OrderOfDouble(last.value)}};
}

}  // namespace

absl::Status MetricsLog(RequestContext& context, const penstock::v1::LogMetricsRequest& request,
                        penstock::v1::LogMetricsResponse*) {
  ASSIGN_OR_RETURN(const auto points, PointsFrom(context, request));
  return context.deps.store.Write([&](db::Tx& tx) -> absl::Status {
    ASSIGN_OR_RETURN(const RunRow run, RunGet(tx, request.run_id()));
    if (run.storage_state == StorageState::kArchived) return error::RunArchived(run.run_id);
    ASSIGN_OR_RETURN(const std::string task_id, TaskIdOf(tx, run.run_id, request.task_id()));
    return MetricsLog(tx, {run.run_id, task_id}, points);
  });
}

absl::Status MetricList(RequestContext& context, const penstock::v1::ListMetricsRequest& request,
                        penstock::v1::ListMetricsResponse* reply) {
  ASSIGN_OR_RETURN(const int page_size, PageSizeOf(request.page_size()));
  const std::string query =
      absl::StrCat("metrics ", request.run_id(), " ", request.task_id(), " ", request.name());
  ASSIGN_OR_RETURN(const Json token, ReadPageToken(context, query, request.page_token()));
  MetricSeriesRow after;
  if (!token.is_null()) {
    after.task_id = token.value("t", "");
    after.name = token.value("n", "");
  }
  return context.deps.store.Read([&](db::Tx& tx) -> absl::Status {
    reply->Clear();
    RETURN_IF_ERROR(RunGet(tx, request.run_id()).status());
    MetricSeriesFilter filter;
    filter.name = request.name();
    if (request.task_id() == kRunItself) {
      filter.task_id = "";
    } else if (!request.task_id().empty()) {
      ASSIGN_OR_RETURN(filter.task_id, TaskIdFind(tx, request.run_id(), request.task_id()));
    }
    ASSIGN_OR_RETURN(const auto rows, MetricSeriesList(tx, request.run_id(), filter, after, page_size + 1));
    for (const MetricSeriesRow& row : rows) {
      if (reply->series_size() == page_size) {
        const auto& last = reply->series(page_size - 1);
        reply->set_next_page_token(
            MakePageToken(context, query, {{"t", last.task_id()}, {"n", last.name()}}));
        break;
      }
      penstock::v1::MetricSeries* out = reply->add_series();
      out->set_task_id(row.task_id);
      out->set_name(row.name);
      out->set_points(row.points);
      ToApi(row.first, out->mutable_first());
      ToApi(row.latest, out->mutable_latest());
      ToApi(row.least, out->mutable_least());
      ToApi(row.greatest, out->mutable_greatest());
    }
    return absl::OkStatus();
  });
}

absl::Status MetricRead(RequestContext& context, const penstock::v1::ReadMetricRequest& request,
                        penstock::v1::ReadMetricResponse* reply) {
  RETURN_IF_ERROR(CheckName("name", request.name(), limits::kMetricNameBytes));
  ASSIGN_OR_RETURN(const int page_size, PageSizeOf(request.page_size(), kReadDefault, limits::kMetricSample));
  ASSIGN_OR_RETURN(const int sample, PageSizeOf(request.sample(), 0, limits::kMetricSample));
  const int64_t from = request.has_from_step() ? request.from_step() : std::numeric_limits<int64_t>::min();
  const int64_t to = request.has_to_step() ? request.to_step() : std::numeric_limits<int64_t>::max();
  const std::string query = absl::StrCat("metric ", request.run_id(), " ", request.task_id(), " ", from, " ",
                                         to, " ", request.name());
  ASSIGN_OR_RETURN(const Json token, ReadPageToken(context, query, request.page_token()));
  std::optional<MetricPoint> after;
  if (!token.is_null()) {
    after = MetricPoint{token.value("s", int64_t{0}), absl::FromUnixMicros(token.value("t", int64_t{0})),
                        DoubleOfOrder(token.value("v", int64_t{0}))};
  }
  return context.deps.store.Read([&](db::Tx& tx) -> absl::Status {
    reply->Clear();
    RETURN_IF_ERROR(RunGet(tx, request.run_id()).status());
    ASSIGN_OR_RETURN(const std::string task_id, TaskIdOf(tx, request.run_id(), request.task_id()));
    ASSIGN_OR_RETURN(const auto series, MetricSeriesFind(tx, request.run_id(), task_id, request.name()));
    if (!series.has_value()) {
      return error::MetricNotFound(request.run_id(), request.task_id(), request.name());
    }
    std::vector<MetricPoint> points;
    if (sample > 0) {
      ASSIGN_OR_RETURN(points, MetricPointsSample(tx, series->series_id, from, to, sample));
    } else {
      ASSIGN_OR_RETURN(points, MetricPointsRead(tx, series->series_id, from, to, after, page_size + 1));
      if (static_cast<int>(points.size()) > page_size) {
        points.resize(page_size);
        reply->set_next_page_token(MakePageToken(context, query, TokenOf(points.back())));
      }
    }
    for (const MetricPoint& point : points) ToApi(point, reply->add_points());
    return absl::OkStatus();
  });
}

absl::Status ClassificationMetricList(RequestContext& context,
                                      const penstock::v1::ListClassificationMetricsRequest& request,
                                      penstock::v1::ListClassificationMetricsResponse* reply) {
  return context.deps.store.Read([&](db::Tx& tx) -> absl::Status {
    reply->Clear();
    RETURN_IF_ERROR(RunGet(tx, request.run_id()).status());
    ASSIGN_OR_RETURN(const std::string task_id, TaskIdOf(tx, request.run_id(), request.task_id()));
    ASSIGN_OR_RETURN(const auto artifacts, ArtifactList(tx, request.run_id()));
    ASSIGN_OR_RETURN(const auto links, ArtifactTaskList(tx, request.run_id()));
    for (const ArtifactTaskRow& link : links) {
      const bool wanted = link.direction == Direction::kOutput && link.role != LinkRole::kScope &&
                          (task_id.empty() || link.task_id == task_id);
      if (!wanted) continue;
      const auto artifact =
          std::lower_bound(artifacts.begin(), artifacts.end(), link.artifact_id,
                           [](const ArtifactRow& row, int64_t id) { return row.artifact_id < id; });
      if (artifact == artifacts.end() || artifact->artifact_id != link.artifact_id) continue;
      for (penstock::v1::ClassificationMetrics& one : ClassificationMetricsOf(*artifact)) {
        one.set_task_id(link.task_id);
        one.set_name(link.name);
        *reply->add_metrics() = std::move(one);
      }
    }
    return absl::OkStatus();
  });
}

}  // namespace penstock
