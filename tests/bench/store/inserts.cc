// The rows of CreateRun without the server: by SQLite alone, which is the limit, and by the store.
#include <sqlite3.h>

#include <atomic>
#include <chrono>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/clock.h"
#include "common/ids.h"
#include "common/status_macros.h"
#include "storage/experiment_store.h"
#include "storage/pipeline_store.h"
#include "storage/run_store.h"
#include "storage/spec_store.h"
#include "storage/store.h"
#include "tests/bench/store/commands.h"
#include "tests/bench/store/common.h"

namespace penstock::bench {
namespace {

using SteadyClock = std::chrono::steady_clock;

constexpr char kPipeline[] = "00000000-0000-7000-8000-000000000002";
constexpr char kVersion[] = "00000000-0000-7000-8000-000000000003";
constexpr char kDisplayName[] = "one of many";
constexpr char kAccount[] = "pipeline-runner";

double SecondsSince(SteadyClock::time_point begun) {
  return std::chrono::duration<double>(SteadyClock::now() - begun).count();
}

// Those of the store's writing connection.
constexpr char kPragmas[] =
    "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA temp_store = "
    "MEMORY; "
    "PRAGMA cache_size = -4096; PRAGMA journal_size_limit = 67108864; PRAGMA wal_autocheckpoint = 4000;";
// The rows of RunInsert, in its order. ?1 is the run, ?2 the time.
constexpr const char* kInserts[] = {
    "UPDATE counters SET value = value + 1 WHERE name = 'task_numbers'",
    "INSERT INTO runs VALUES (?1, '00000000-0000-7000-8000-000000000001', '', 'one of many', '', "
    "'AVAILABLE', 'PENDING', "
    "'pipeline-runner', '00000000-0000-7000-8000-000000000002', '00000000-0000-7000-8000-000000000003', '', "
    "?2, ?2, 0, (SELECT value FROM counters WHERE name = 'task_numbers'), 'ENGINE')",
    "INSERT INTO run_configs (run_id, spec_sha256, parameters, pipeline_root) VALUES (?1, "
    "'0000000000000000000000000000000000000000000000000000000000000000', "
    "'{}', '')",
    "INSERT INTO run_states VALUES (?1, 1, 'PENDING', ?2, 0, '')",
    "UPDATE experiments SET last_run_created_at_us = ?2 "
    "WHERE experiment_id = '00000000-0000-7000-8000-000000000001' AND last_run_created_at_us < ?2",
    "UPDATE run_counts SET runs = runs + 1 WHERE scope = 'all' AND storage_state = 'AVAILABLE' AND state = "
    "'PENDING'",
    "UPDATE run_counts SET runs = runs + 1 WHERE scope = 'experiment/00000000-0000-7000-8000-000000000001' "
    "AND "
    "storage_state = 'AVAILABLE' AND state = 'PENDING'",
    "UPDATE run_counts SET runs = runs + 1 WHERE scope = 'namespace/' AND storage_state = 'AVAILABLE' AND "
    "state = "
    "'PENDING'",
};

// What the runs belong to.
absl::Status AddBasics(Store& store) {
  return store.Write([](db::Tx& tx) -> absl::Status {
    ExperimentRow experiment;
    experiment.experiment_id = kExperiment;
    experiment.name = "Default";
    experiment.created_at = experiment.last_run_created_at = absl::UnixEpoch();
    RETURN_IF_ERROR(ExperimentInsert(tx, experiment));
    RETURN_IF_ERROR(SpecPut(tx, kSpec, "{}"));
    PipelineRow pipeline;
    pipeline.pipeline_id = kPipeline;
    pipeline.name = "bench";
    pipeline.created_at = absl::UnixEpoch();
    RETURN_IF_ERROR(PipelineInsert(tx, pipeline));
    PipelineVersionRow version;
    version.pipeline_version_id = kVersion;
    version.pipeline_id = kPipeline;
    version.name = "bench";
    version.spec_sha256 = kSpec;
    version.created_at = absl::UnixEpoch();
    return PipelineVersionInsert(tx, version);
  });
}

RunRow NewRun(std::string id, absl::Time now) {
  RunRow row;
  row.run_id = std::move(id);
  row.experiment_id = kExperiment;
  row.display_name = kDisplayName;
  row.service_account = kAccount;
  row.pipeline_id = kPipeline;
  row.pipeline_version_id = kVersion;
  row.created_at = row.scheduled_at = now;
  row.finished_at = absl::UnixEpoch();
  return row;
}

absl::Status AddRun(Store& store, IdGenerator& ids) {
  const RunRow row = NewRun(ids.NewId(), RealClock::Instance().Now());
  return store.Write([&](db::Tx& tx) { return RunInsert(tx, row, {kSpec, "{}", ""}); });
}

// A database by SQLite's own interface.
class RawDatabase {
 public:
  explicit RawDatabase(const std::string& path) {
    Must(sqlite3_open_v2(path.c_str(), &handle_, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, nullptr));
    Must(sqlite3_exec(handle_, kPragmas, nullptr, nullptr, nullptr));
    for (const char* sql : kInserts) Prepare(sql);
    Prepare("BEGIN IMMEDIATE");
    Prepare("COMMIT");
  }
  ~RawDatabase() {
    for (sqlite3_stmt* statement : statements_) sqlite3_finalize(statement);
    sqlite3_close_v2(handle_);
  }
  RawDatabase(const RawDatabase&) = delete;
  RawDatabase& operator=(const RawDatabase&) = delete;

  void Insert(IdGenerator& ids, int runs) {
    const size_t inserts = statements_.size() - 2;
    Step(statements_[inserts]);
    for (int i = 0; i < runs; ++i) {
      const std::string id = ids.NewId();
      const int64_t now_us = absl::ToUnixMicros(RealClock::Instance().Now());
      for (size_t k = 0; k < inserts; ++k) {
        sqlite3_bind_text(statements_[k], 1, id.data(), static_cast<int>(id.size()), SQLITE_STATIC);
        sqlite3_bind_int64(statements_[k], 2, now_us);
        Step(statements_[k]);
      }
    }
    Step(statements_[inserts + 1]);
  }

 private:
  void Prepare(const char* sql) {
    sqlite3_stmt* statement = nullptr;
    Must(sqlite3_prepare_v3(handle_, sql, -1, SQLITE_PREPARE_PERSISTENT, &statement, nullptr));
    statements_.push_back(statement);
  }
  void Step(sqlite3_stmt* statement) {
    if (sqlite3_step(statement) != SQLITE_DONE) Must(sqlite3_extended_errcode(handle_));
    sqlite3_reset(statement);
  }
  void Must(int code) {
    if (code != SQLITE_OK) Check(absl::InternalError(sqlite3_errmsg(handle_)));
  }

  sqlite3* handle_ = nullptr;
  std::vector<sqlite3_stmt*> statements_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Store>> NewStore(const std::string& url, IdGenerator& ids) {
  ASSIGN_OR_RETURN(auto store, Store::Open(url, RealClock::Instance()));
  RETURN_IF_ERROR(AddBasics(*store));
  RETURN_IF_ERROR(AddRun(*store, ids));  // from here on the counters exist
  return store;
}

Json RawInserts(const std::string& path, int batch, double seconds) {
  Uuid7Generator ids(RealClock::Instance());
  Check(NewStore(absl::StrCat("sqlite://", path), ids).status());  // the same schema and the same first rows
  RawDatabase database(path);
  database.Insert(ids, batch);
  const auto begun = SteadyClock::now();
  int64_t runs = 0;
  for (; SecondsSince(begun) < seconds; runs += batch) database.Insert(ids, batch);
  return {{"per_second", static_cast<double>(runs) / SecondsSince(begun)}};
}

Json StoreInserts(const std::string& url, int callers, double seconds) {
  Uuid7Generator ids(RealClock::Instance());
  auto store = NewStore(url, ids);
  Check(store.status());
  std::atomic<int64_t> runs = 0;
  std::vector<std::thread> threads;
  const auto begun = SteadyClock::now();
  for (int i = 0; i < callers; ++i) {
    threads.emplace_back([&] {
      for (; SecondsSince(begun) < seconds; ++runs) Check(AddRun(**store, ids));
    });
  }
  for (std::thread& thread : threads) thread.join();
  return {{"per_second", static_cast<double>(runs) / SecondsSince(begun)}};
}

}  // namespace penstock::bench
