// Points of metrics by SQLite alone, which is the limit of LogMetrics.
#include <sqlite3.h>

#include <chrono>

#include "absl/strings/str_cat.h"
#include "common/clock.h"
#include "common/ids.h"
#include "storage/metric_store.h"
#include "tests/bench/store/commands.h"
#include "tests/bench/store/common.h"

namespace penstock::bench {
namespace {

using SteadyClock = std::chrono::steady_clock;

constexpr int kSeries = 10;
constexpr char kPragmas[] =
    "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA temp_store = "
    "MEMORY; "
    "PRAGMA cache_size = -4096; PRAGMA journal_size_limit = 67108864; PRAGMA wal_autocheckpoint = 4000;";
constexpr char kInsert[] =
    "INSERT INTO metric_points (series_id, step, at_us, value) VALUES (?1, ?2, ?3, ?4)";

void Must(sqlite3* handle, int code) {
  if (code != SQLITE_OK) Check(absl::InternalError(sqlite3_errmsg(handle)));
}

void Step(sqlite3* handle, sqlite3_stmt* statement) {
  if (sqlite3_step(statement) != SQLITE_DONE) Must(handle, sqlite3_extended_errcode(handle));
  sqlite3_reset(statement);
}

// The series that the points belong to, through the store.
void AddSeries(const std::string& path) {
  Uuid7Generator ids(RealClock::Instance());
  auto store = NewStore(absl::StrCat("sqlite://", path), ids);
  Check(store.status());
  std::string run_id;
  Check((*store)->Read([&](db::Tx& tx) {
    return tx.Query("SELECT run_id FROM runs", {}, [&](const db::Row& row) {
      run_id = row.String(0);
      return absl::OkStatus();
    });
  }));
  std::vector<NamedMetricPoint> points;
  for (int i = 0; i < kSeries; ++i) points.push_back({absl::StrCat("m", i), {-1, absl::UnixEpoch(), 0}});
  Check((*store)->Write([&](db::Tx& tx) { return MetricsLog(tx, {run_id, ""}, points); }));
}

}  // namespace

Json RawPoints(const std::string& path, int batch, double seconds) {
  AddSeries(path);
  sqlite3* handle = nullptr;
  Must(handle, sqlite3_open_v2(path.c_str(), &handle, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, nullptr));
  Must(handle, sqlite3_exec(handle, kPragmas, nullptr, nullptr, nullptr));
  sqlite3_stmt* insert = nullptr;
  Must(handle, sqlite3_prepare_v3(handle, kInsert, -1, SQLITE_PREPARE_PERSISTENT, &insert, nullptr));
  const auto begun = SteadyClock::now();
  const auto since = [&] { return std::chrono::duration<double>(SteadyClock::now() - begun).count(); };
  int64_t points = 0;
  for (int64_t step = 0; since() < seconds; step += batch / kSeries, points += batch) {
    Must(handle, sqlite3_exec(handle, "BEGIN IMMEDIATE", nullptr, nullptr, nullptr));
    for (int i = 0; i < batch; ++i) {
      sqlite3_bind_int64(insert, 1, 1 + i * kSeries / batch);
      sqlite3_bind_int64(insert, 2, step + i % (batch / kSeries));
      sqlite3_bind_int64(insert, 3, absl::ToUnixMicros(RealClock::Instance().Now()));
      sqlite3_bind_int64(insert, 4, i);
      Step(handle, insert);
    }
    Must(handle, sqlite3_exec(handle, "COMMIT", nullptr, nullptr, nullptr));
  }
  const double took = since();
  sqlite3_finalize(insert);
  sqlite3_close_v2(handle);
  return {{"per_second", static_cast<double>(points) / took}};
}

}  // namespace penstock::bench
