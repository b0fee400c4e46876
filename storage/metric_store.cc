#include "storage/metric_store.h"

#include <algorithm>
#include <array>
#include <tuple>
#include <utility>

#include "common/errors.h"
#include "common/limits.h"
#include "common/ordered_double.h"
#include "common/status_macros.h"
#include "storage/db/query.h"
#include "storage/db/rows.h"
#include "storage/setting_store.h"
#include "storage/state_columns.h"

namespace penstock {
namespace {

constexpr char kSeriesCounter[] = "series_ids";

constexpr auto kOwnerColumns = db::Columns(
    db::Key("series_id", &MetricSeriesRow::series_id), db::Column("run_id", &MetricSeriesRow::run_id),
    db::Column("task_id", &MetricSeriesRow::task_id), db::Column("name", &MetricSeriesRow::name));
// What changes with each batch.
constexpr auto kSummaryColumns =
    db::Columns(db::Column("points", &MetricSeriesRow::points),
                db::Column("first_step", &MetricSeriesRow::first, &MetricPoint::step),
                db::Column("first_at_us", &MetricSeriesRow::first, &MetricPoint::at),
                db::Column("first_value", &MetricSeriesRow::first, &MetricPoint::value),
                db::Column("latest_step", &MetricSeriesRow::latest, &MetricPoint::step),
                db::Column("latest_at_us", &MetricSeriesRow::latest, &MetricPoint::at),
                db::Column("latest_value", &MetricSeriesRow::latest, &MetricPoint::value),
                db::Column("least_step", &MetricSeriesRow::least, &MetricPoint::step),
                db::Column("least_at_us", &MetricSeriesRow::least, &MetricPoint::at),
                db::Column("least_value", &MetricSeriesRow::least, &MetricPoint::value),
                db::Column("greatest_step", &MetricSeriesRow::greatest, &MetricPoint::step),
                db::Column("greatest_at_us", &MetricSeriesRow::greatest, &MetricPoint::at),
                db::Column("greatest_value", &MetricSeriesRow::greatest, &MetricPoint::value));
constexpr auto kSeriesColumns = db::Join(kOwnerColumns, kSummaryColumns);
constexpr db::SqlText kInsertSeries =
    kSeriesColumns.Sql("INSERT INTO metric_series ($columns) VALUES ($values)");
constexpr db::SqlText kUpdateSeries =
    kSummaryColumns.SqlFrom(2, "UPDATE metric_series SET $assignments WHERE series_id = $1");
constexpr db::SqlText kSelectSeriesOf = kSeriesColumns.Sql(R"sql(
  SELECT $columns FROM (VALUES $rows) AS wanted CROSS JOIN metric_series
  WHERE run_id = column1 AND task_id = column2 AND name = column3)sql");
constexpr db::SqlText kFindSeries =
    kSeriesColumns.Sql("SELECT $columns FROM metric_series WHERE run_id = $1 AND task_id = $2 AND name = $3");
constexpr db::SqlText kListSeries = kSeriesColumns.Sql(R"sql(
  SELECT $columns FROM metric_series
  WHERE run_id = $1 AND (task_id, name) > ($2, $3) AND ($4 = '' OR name = $4)
  ORDER BY task_id, name LIMIT $5)sql");
constexpr db::SqlText kListSeriesOfTask = kSeriesColumns.Sql(R"sql(
  SELECT $columns FROM metric_series
  WHERE run_id = $1 AND task_id = $2 AND name > $3 AND ($4 = '' OR name = $4) ORDER BY name LIMIT $5)sql");
constexpr char kCountSeries[] =
    "SELECT COUNT(*) FROM (SELECT 1 FROM metric_series WHERE run_id = $1 LIMIT $2) AS few";

constexpr auto kPointColumns =
    db::Columns(db::Column("step", &MetricPoint::step), db::Column("at_us", &MetricPoint::at),
                db::Column("value", &MetricPoint::value));
constexpr db::SqlText kInsertPoints =
    kPointColumns.Sql("INSERT INTO metric_points (series_id, $columns) VALUES $rows ON CONFLICT DO NOTHING");
constexpr db::SqlText kReadPoints = kPointColumns.Sql(R"sql(
  SELECT $columns FROM metric_points
  WHERE series_id = $1 AND (step, at_us, value) > ($2, $3, $4) AND step <= $5
  ORDER BY step, at_us, value LIMIT $6)sql");
constexpr db::SqlText kReadPointsFrom = kPointColumns.Sql(R"sql(
  SELECT $columns FROM metric_points WHERE series_id = $1 AND step >= $2 AND step <= $3
  ORDER BY step, at_us, value LIMIT $4)sql");
constexpr db::SqlText kReadLastPoint = kPointColumns.Sql(R"sql(
  SELECT $columns FROM metric_points WHERE series_id = $1 AND step >= $2 AND step <= $3
  ORDER BY step DESC, at_us DESC, value DESC LIMIT 1)sql");

constexpr db::SqlText kSelectMetrics = kPointColumns.Sql(
    "SELECT run_id, name, $columns FROM (VALUES $ids) AS ids CROSS JOIN run_metrics WHERE run_id = column1");
constexpr db::SqlText kSelectMetricsOf = kPointColumns.Sql(R"sql(
  SELECT name, $columns FROM (VALUES $rows) AS wanted CROSS JOIN run_metrics
  WHERE run_id = column1 AND name = column2)sql");
constexpr db::SqlText kUpsertMetric = kPointColumns.SqlFrom(3, R"sql(
  INSERT INTO run_metrics (run_id, name, experiment_id, $columns)
  VALUES ($1, $2, (SELECT experiment_id FROM runs WHERE run_id = $1), $values)
  ON CONFLICT (run_id, name) DO UPDATE SET $excluded)sql");

using PointKey = std::tuple<int64_t, absl::Time, int64_t>;
PointKey KeyOf(const MetricPoint& point) { return {point.step, point.at, OrderOfDouble(point.value)}; }
bool IsBefore(const MetricPoint& a, const MetricPoint& b) { return KeyOf(a) < KeyOf(b); }
bool IsLess(const MetricPoint& a, const MetricPoint& b) {
  return std::pair(OrderOfDouble(a.value), a.step) < std::pair(OrderOfDouble(b.value), b.step);
}

// What one batch has for one series.
struct Addition {
  std::vector<MetricPoint> points;  // in order, each once
  MetricSeriesRow series;           // as it was, and then as it is to be
  bool is_new = true;
  int64_t added = 0;                  // points that were not there before
  std::optional<MetricPoint> of_run;  // the run's latest so far
};
using Additions = std::map<std::string, Addition, std::less<>>;

Additions Grouped(const MetricOwner& owner, absl::Span<const NamedMetricPoint> points) {
  Additions additions;
  for (const NamedMetricPoint& one : points) additions[one.name].points.push_back(one.point);
  for (auto& [name, addition] : additions) {
    auto& of_series = addition.points;
    if (!std::is_sorted(of_series.begin(), of_series.end(), IsBefore)) {
      std::sort(of_series.begin(), of_series.end(), IsBefore);
    }
    const auto is_same = [](const MetricPoint& a, const MetricPoint& b) { return KeyOf(a) == KeyOf(b); };
    of_series.erase(std::unique(of_series.begin(), of_series.end(), is_same), of_series.end());
    MetricSeriesRow& series = addition.series;
    series.run_id = owner.run_id;
    series.task_id = owner.task_id;
    series.name = name;
    series.first = series.least = series.greatest = of_series.front();
    series.latest = of_series.back();
  }
  return additions;
}

// Reads the series that there are, and the run's metrics.
absl::Status ReadKnown(db::Tx& tx, const MetricOwner& owner, Additions& additions) {
  static const db::RowsStatement select_series(kSelectSeriesOf, 3);
  static const db::RowsStatement select_metrics(kSelectMetricsOf, 2);
  std::vector<db::Param> of_series;
  std::vector<db::Param> of_run;
  for (const auto& [name, addition] : additions) {
    of_series.insert(of_series.end(), {owner.run_id, owner.task_id, name});
    of_run.insert(of_run.end(), {owner.run_id, name});
  }
  RETURN_IF_ERROR(select_series.Query(tx, of_series, [&](const db::Row& row) {
    MetricSeriesRow series = kSeriesColumns.Read(row);
    Addition& addition = additions.find(series.name)->second;
    addition.is_new = false;
    addition.series = std::move(series);
    return absl::OkStatus();
  }));
  return select_metrics.Query(tx, of_run, [&](const db::Row& row) {
    additions.find(row.Text(0))->second.of_run = kPointColumns.Read(row, 1);
    return absl::OkStatus();
  });
}

// Gives new series their ids, within the bound on those of a run, and inserts them: their points refer to them.
absl::Status InsertNewSeries(db::Tx& tx, const MetricOwner& owner, Additions& additions) {
  const auto fresh =
      std::count_if(additions.begin(), additions.end(), [](const auto& one) { return one.second.is_new; });
  if (fresh == 0) return absl::OkStatus();
  ASSIGN_OR_RETURN(const int64_t known,
                   db::QueryNumber(tx, kCountSeries, {owner.run_id, limits::kRunMetricSeries}));
  if (known + fresh > limits::kRunMetricSeries) return error::MetricSeriesTooMany(owner.run_id);
  ASSIGN_OR_RETURN(int64_t next, CounterReserve(tx, kSeriesCounter, fresh));
  for (auto& [name, addition] : additions) {
    if (!addition.is_new) continue;
    addition.series.series_id = next++;
    RETURN_IF_ERROR(tx.ExecuteLater(kInsertSeries, kSeriesColumns.Params(addition.series), nullptr));
  }
  return absl::OkStatus();
}

absl::Status InsertPoints(db::Tx& tx, Additions& additions) {
  static const db::RowsStatement insert(kInsertPoints, 1 + kPointColumns.size());
  std::vector<db::Param> params;
  for (auto& [name, addition] : additions) {
    params.clear();
    for (const MetricPoint& point : addition.points) {
      params.emplace_back(addition.series.series_id);
      kPointColumns.AppendParams(point, &params);
    }
    RETURN_IF_ERROR(insert.ExecuteLater(tx, params, [&added = addition.added](int64_t inserted) {
      added += inserted;
      return absl::OkStatus();
    }));
  }
  return tx.Flush();
}

void Summarize(Addition& addition) {
  MetricSeriesRow& series = addition.series;
  series.points += addition.added;
  for (const MetricPoint& point : addition.points) {
    if (IsLess(point, series.least)) series.least = point;
    if (IsLess(series.greatest, point)) series.greatest = point;
  }
  series.first = std::min(series.first, addition.points.front(), IsBefore);
  series.latest = std::max(series.latest, addition.points.back(), IsBefore);
}

}  // namespace

absl::Status MetricsLog(db::Tx& tx, const MetricOwner& owner, absl::Span<const NamedMetricPoint> points) {
  if (points.empty()) return absl::OkStatus();
  tx.NoteChange(owner.run_id);
  Additions additions = Grouped(owner, points);
  RETURN_IF_ERROR(ReadKnown(tx, owner, additions));
  RETURN_IF_ERROR(InsertNewSeries(tx, owner, additions));
  RETURN_IF_ERROR(InsertPoints(tx, additions));
  for (auto& [name, addition] : additions) {
    if (addition.added == 0) continue;  // all were there
    Summarize(addition);
    RETURN_IF_ERROR(tx.ExecuteLater(
        kUpdateSeries, kSummaryColumns.Params(addition.series, addition.series.series_id), nullptr));
    const MetricPoint& latest = addition.points.back();
    if (addition.of_run.has_value() && !IsBefore(*addition.of_run, latest)) continue;
    RETURN_IF_ERROR(
        tx.ExecuteLater(kUpsertMetric, kPointColumns.Params(latest, owner.run_id, name), nullptr));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<MetricSeriesRow>> MetricSeriesList(db::Tx& tx, absl::string_view run_id,
                                                              const MetricSeriesFilter& filter,
                                                              const MetricSeriesRow& after, int limit) {
  if (filter.task_id.has_value()) {
    return db::QueryRows(tx, kListSeriesOfTask, {run_id, *filter.task_id, after.name, filter.name, limit},
                         kSeriesColumns);
  }
  return db::QueryRows(tx, kListSeries, {run_id, after.task_id, after.name, filter.name, limit},
                       kSeriesColumns);
}

absl::StatusOr<std::optional<MetricSeriesRow>> MetricSeriesFind(db::Tx& tx, absl::string_view run_id,
                                                                absl::string_view task_id,
                                                                absl::string_view name) {
  return db::QueryRow(tx, kFindSeries, {run_id, task_id, name}, kSeriesColumns);
}

absl::StatusOr<std::vector<MetricPoint>> MetricPointsRead(db::Tx& tx, int64_t series_id, int64_t from_step,
                                                          int64_t to_step,
                                                          const std::optional<MetricPoint>& after,
                                                          int limit) {
  if (after.has_value() && after->step >= from_step) {
    return db::QueryRows(tx, kReadPoints,
                         {series_id, after->step, after->at, OrderOfDouble(after->value), to_step, limit},
                         kPointColumns);
  }
  return db::QueryRows(tx, kReadPointsFrom, {series_id, from_step, to_step, limit}, kPointColumns);
}

absl::StatusOr<std::vector<MetricPoint>> MetricPointsSample(db::Tx& tx, int64_t series_id, int64_t from_step,
                                                            int64_t to_step, int count) {
  // Where the points are few, the sample is all of them.
  ASSIGN_OR_RETURN(
      std::vector<MetricPoint> points,
      db::QueryRows(tx, kReadPointsFrom, {series_id, from_step, to_step, count + 1}, kPointColumns));
  if (static_cast<int>(points.size()) <= count || count < 2) {
    if (static_cast<int>(points.size()) > count) points.resize(count);
    return points;
  }
  ASSIGN_OR_RETURN(const auto last,
                   db::QueryRow(tx, kReadLastPoint, {series_id, from_step, to_step}, kPointColumns));
  const int64_t first_step = points.front().step;
  points.clear();
  // A double holds the quotient of any two steps near enough; the sum may not leave the range.
  const double part = (static_cast<double>(last->step) - static_cast<double>(first_step)) / (count - 1);
  std::vector<std::array<db::Param, 4>> params;
  for (int i = 0; i < count - 1; ++i) {
    const double step = static_cast<double>(first_step) + part * i;
    const int64_t at_least = i == 0                                    ? first_step
                             : step >= static_cast<double>(last->step) ? last->step
                                                                       : static_cast<int64_t>(step);
    params.push_back({series_id, at_least, last->step, 1});
  }
  for (const auto& one : params) {
    RETURN_IF_ERROR(tx.QueryLater(kReadPointsFrom, one, [&points](const db::Row& row) {
      MetricPoint point = kPointColumns.Read(row);
      // A part without points has the first one of a later part.
      if (points.empty() || IsBefore(points.back(), point)) points.push_back(point);
      return absl::OkStatus();
    }));
  }
  RETURN_IF_ERROR(tx.Flush());
  if (points.empty() || IsBefore(points.back(), *last)) points.push_back(*last);
  return points;
}

absl::Status RunMetricsLater(db::Tx& tx, const std::vector<std::string>& run_ids, RunMetricRows* metrics) {
  return db::QueryOfIdsLater(tx, kSelectMetrics, run_ids, [metrics](const db::Row& row) {
    kPointColumns.ReadInto(row, 2, &(*metrics)[row.String(0)][row.String(1)]);
    return absl::OkStatus();
  });
}

}  // namespace penstock
