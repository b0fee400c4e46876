// Metrics of runs and tasks: series of points, and the latest value of each metric of a run.
//
// A point is its step, time and value: one that is logged twice is there once. Points may come in any order.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "storage/db/database.h"
#include "storage/model.h"

namespace penstock {

struct NamedMetricPoint {
  std::string name;
  MetricPoint point;
};

// Whose metrics are logged.
struct MetricOwner {
  std::string run_id;
  std::string task_id;  // empty: the run itself
};

// Adds points to the owner's series, which come into being with their first point. RESOURCE_EXHAUSTED if the run would
// have more series than limits::kRunMetricSeries. The run has to be there.
absl::Status MetricsLog(db::Tx& tx, const MetricOwner& owner, absl::Span<const NamedMetricPoint> points);

// The series of a run with its tasks, by task and name: the first `limit` behind `after`, whose task and name count;
// `task_id` and `name` restrict them if they are given.
struct MetricSeriesFilter {
  std::optional<std::string> task_id;
  std::string name;
};
absl::StatusOr<std::vector<MetricSeriesRow>> MetricSeriesList(db::Tx& tx, absl::string_view run_id,
                                                              const MetricSeriesFilter& filter,
                                                              const MetricSeriesRow& after, int limit);
// Nothing if there is none.
absl::StatusOr<std::optional<MetricSeriesRow>> MetricSeriesFind(db::Tx& tx, absl::string_view run_id,
                                                                absl::string_view task_id,
                                                                absl::string_view name);

// The first `limit` points of a series behind `after`, if that is given, from `from_step` to `to_step`, both included.
absl::StatusOr<std::vector<MetricPoint>> MetricPointsRead(db::Tx& tx, int64_t series_id, int64_t from_step,
                                                          int64_t to_step,
                                                          const std::optional<MetricPoint>& after, int limit);
// About `count` points of that range, evenly over its steps: of each of `count` equal parts the first point, and the
// last point of all. It costs as much as that many reads, however long the series is.
absl::StatusOr<std::vector<MetricPoint>> MetricPointsSample(db::Tx& tx, int64_t series_id, int64_t from_step,
                                                            int64_t to_step, int count);

// The latest value of each metric of many runs, by run and name. Put off: `metrics` has to be there until Tx::Flush.
using RunMetricRows = std::map<std::string, std::map<std::string, MetricPoint>>;
absl::Status RunMetricsLater(db::Tx& tx, const std::vector<std::string>& run_ids, RunMetricRows* metrics);

}  // namespace penstock
