// All points of one metric of a run, whichever of its tasks logged them, in the order in which they were logged.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "storage/db/database.h"
#include "storage/model.h"

namespace penstock {

struct MetricHistoryQuery {
  std::string run_id;
  std::optional<std::string> task_id;  // only of this task; empty: only of the run itself
  std::string name;
  bool by_time = true;               // by time, step and value; else by step, time and value
  std::optional<MetricPoint> after;  // the last point of the page before
  int limit = 0;
};

// How many points the series have.
absl::StatusOr<int64_t> MetricHistorySize(db::Tx& tx, const MetricHistoryQuery& query);
// By time it reads and sorts all of them, so see to it that they are not too many. A point that two tasks have is there
// once.
absl::StatusOr<std::vector<MetricPoint>> MetricHistoryRead(db::Tx& tx, const MetricHistoryQuery& query);

}  // namespace penstock
