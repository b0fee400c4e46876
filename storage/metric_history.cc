#include "storage/metric_history.h"

#include "common/ordered_double.h"
#include "storage/db/query.h"
#include "storage/state_columns.h"

namespace penstock {
namespace {

constexpr auto kColumns =
    db::Columns(db::Column("step", &MetricPoint::step), db::Column("at_us", &MetricPoint::at),
                db::Column("value", &MetricPoint::value));
constexpr char kCount[] = R"sql(
  SELECT CAST(COALESCE(SUM(points), 0) AS BIGINT) FROM metric_series
  WHERE run_id = $1 AND name = $2 AND ($3 = 0 OR task_id = $4))sql";
// A series has few parts that differ in their task, so each statement finds them by the key of series.
constexpr db::SqlText kByTime = kColumns.Sql(R"sql(
  SELECT DISTINCT $columns FROM metric_points
  WHERE series_id IN (SELECT s.series_id FROM metric_series s
                      WHERE s.run_id = $1 AND s.name = $2 AND ($3 = 0 OR s.task_id = $4))
    AND ($5 = 0 OR (at_us, step, value) > ($6, $7, $8))
  ORDER BY at_us, step, value LIMIT $9)sql");
constexpr db::SqlText kByStep = kColumns.Sql(R"sql(
  SELECT DISTINCT $columns FROM metric_points
  WHERE series_id IN (SELECT s.series_id FROM metric_series s
                      WHERE s.run_id = $1 AND s.name = $2 AND ($3 = 0 OR s.task_id = $4))
    AND ($5 = 0 OR (step, at_us, value) > ($7, $6, $8))
  ORDER BY step, at_us, value LIMIT $9)sql");

}  // namespace

absl::StatusOr<int64_t> MetricHistorySize(db::Tx& tx, const MetricHistoryQuery& query) {
  return db::QueryNumber(
      tx, kCount, {query.run_id, query.name, query.task_id.has_value() ? 1 : 0, query.task_id.value_or("")});
}

absl::StatusOr<std::vector<MetricPoint>> MetricHistoryRead(db::Tx& tx, const MetricHistoryQuery& query) {
  const MetricPoint after = query.after.value_or(MetricPoint{0, absl::UnixEpoch(), 0});
  const std::string task_id = query.task_id.value_or("");
  return db::QueryRows(
      tx, query.by_time ? kByTime : kByStep,
      {query.run_id, query.name, query.task_id.has_value() ? 1 : 0, task_id, query.after.has_value() ? 1 : 0,
       after.at, after.step, OrderOfDouble(after.value), query.limit},
      kColumns);
}

}  // namespace penstock
