// The same rows and reads on PostgreSQL: by libpqxx alone, which is the limit, and by the store.
#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <pqxx/connection>
#include <pqxx/nontransaction>
#include <pqxx/prepared_statement>
#include <pqxx/transaction>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/clock.h"
#include "common/ids.h"
#include "common/status_macros.h"
#include "storage/run_store.h"
#include "storage/store.h"
#include "tests/bench/store/commands.h"
#include "tests/bench/store/common.h"

namespace penstock::bench {
namespace {

using SteadyClock = std::chrono::steady_clock;
using ReadTransaction =
    pqxx::transaction<pqxx::isolation_level::repeatable_read, pqxx::readwrite_policy::read_only>;

double SecondsSince(SteadyClock::time_point begun) {
  return std::chrono::duration<double>(SteadyClock::now() - begun).count();
}

// Everything of a run that RunInsert writes, in as many statements as it takes.
constexpr std::pair<const char*, const char*> kInserts[] = {
    {"number",
     "INSERT INTO counters (name, value) VALUES ('task_numbers', 1) "
     "ON CONFLICT (name) DO UPDATE SET value = counters.value + 1"},
    {"touch",
     "UPDATE experiments SET last_run_created_at_us = $2 WHERE experiment_id = $1 AND last_run_created_at_us "
     "< $2"},
    {"run",
     "INSERT INTO runs (run_id, experiment_id, namespace, display_name, description, storage_state, state, "
     "service_account, pipeline_id, pipeline_version_id, recurring_run_id, created_at_us, scheduled_at_us, "
     "finished_at_us, number) VALUES ($1, $2, '', 'one of many', '', 'AVAILABLE', 'PENDING', "
     "'pipeline-runner', "
     "'p', 'v', '', $3, $3, 0, (SELECT value FROM counters WHERE name = 'task_numbers'))"},
    {"config",
     "INSERT INTO run_configs (run_id, spec_sha256, parameters, pipeline_root) VALUES ($1, $2, '{}', '')"},
    {"state",
     "INSERT INTO run_states (run_id, sequence, state, updated_at_us, error_code, error_message) "
     "VALUES ($1, 1, 'PENDING', $2, 0, '')"},
    {"counts",
     "INSERT INTO run_counts (scope, storage_state, state, runs) VALUES ('all', 'AVAILABLE', 'PENDING', 1), "
     "($1, 'AVAILABLE', 'PENDING', 1), ('namespace/', 'AVAILABLE', 'PENDING', 1) "
     "ON CONFLICT (scope, storage_state, state) DO UPDATE SET runs = run_counts.runs + excluded.runs"},
};

// One connection that inserts runs, a transaction each.
class RawInserter {
 public:
  explicit RawInserter(const std::string& url) : connection_(url) {
    for (const auto& [name, sql] : kInserts) connection_.prepare(name, sql);
  }
  void Insert(const std::string& id) {
    const int64_t now_us = absl::ToUnixMicros(RealClock::Instance().Now());
    pqxx::work work(connection_);
    work.exec_prepared("number");
    work.exec_prepared("touch", kExperiment, now_us);
    work.exec_prepared("run", id, kExperiment, now_us);
    work.exec_prepared("config", id, kSpec);
    work.exec_prepared("state", id, now_us);
    work.exec_prepared("counts", absl::StrCat("experiment/", kExperiment));
    work.commit();
  }

 private:
  pqxx::connection connection_;
};

// Milliseconds of one call.
double Timed(const std::function<void()>& call) {
  const auto begun = SteadyClock::now();
  call();
  return 1e3 * SecondsSince(begun);
}

std::vector<std::string> SomeRuns(pqxx::connection& connection, int64_t runs, int count) {
  pqxx::nontransaction session(connection);
  std::vector<std::string> ids;
  for (int i = 0; i < count; ++i) {
    // The ids of the filling are made of the run's number.
    const int64_t number = (int64_t{7919} * (i + 1)) % runs;
    const auto rows = session.exec(absl::StrCat(
        "SELECT run_id FROM runs WHERE run_id >= '",
        absl::StrCat("01890000-0000-7000-8000-0000", 10'000'000 + number), "' ORDER BY run_id LIMIT 1"));
    ids.emplace_back(rows[0][0].c_str());
  }
  return ids;
}

}  // namespace

Json RawPostgresInserts(const std::string& url, int callers, double seconds) {
  Uuid7Generator ids(RealClock::Instance());
  auto store = NewStore(url, ids);  // the same schema and first rows
  Check(store.status());
  std::atomic<int64_t> runs = 0;
  std::vector<std::unique_ptr<RawInserter>> inserters;
  for (int i = 0; i < callers; ++i) inserters.push_back(std::make_unique<RawInserter>(url));
  std::vector<std::thread> threads;
  const auto begun = SteadyClock::now();
  for (auto& inserter : inserters) {
    threads.emplace_back([&, raw = inserter.get()] {
      for (; SecondsSince(begun) < seconds; ++runs) raw->Insert(ids.NewId());
    });
  }
  for (std::thread& thread : threads) thread.join();
  return {{"per_second", static_cast<double>(runs) / SecondsSince(begun)}};
}

Json PostgresReads(const std::string& url, int64_t runs, int rounds) {
  auto store = Store::Open(url, RealClock::Instance());
  Check(store.status());
  pqxx::connection connection(url);
  pqxx::nontransaction(connection)
      .exec("SET plan_cache_mode = force_generic_plan; SET enable_seqscan = off; SET jit = off");
  const std::vector<std::string> some = SomeRuns(connection, runs, rounds);
  const std::string columns =
      "run_id, experiment_id, namespace, display_name, description, storage_state, state, service_account, "
      "pipeline_id, pipeline_version_id, recurring_run_id, created_at_us, scheduled_at_us, finished_at_us";
  connection.prepare("get", absl::StrCat("SELECT ", columns, " FROM runs WHERE run_id = $1"));
  connection.prepare("count",
                     "SELECT storage_state, state, runs FROM run_counts WHERE scope = 'all' AND runs > 0");

  auto first = ListQuery::Create(RunResource(), {20, "", "created_at desc", ""}, std::nullopt,
                                 (*store)->page_token_key());
  Check(first.status());
  // The states of the filling.
  const std::string end = " ORDER BY created_at_us DESC, run_id DESC LIMIT 21";
  std::vector<std::string> arms;
  for (const auto& [storage_state, state] : {std::pair("AVAILABLE", "SUCCEEDED"),
                                             {"AVAILABLE", "FAILED"},
                                             {"AVAILABLE", "CANCELED"},
                                             {"ARCHIVED", "SUCCEEDED"}}) {
    arms.push_back(absl::StrCat("(SELECT ", columns, " FROM runs WHERE storage_state = '", storage_state,
                                "' AND state = '", state, "'", end, ")"));
  }
  connection.prepare("first", absl::StrCat(absl::StrJoin(arms, " UNION ALL "), end));
  auto run_list = [&](const ListQuery& query) {
    Page<RunRow> page;
    Check((*store)->Read([&](db::Tx& tx) { return RunList(tx, query, page); }));
    if (page.rows.size() != 20) Check(absl::InternalError("a page is short"));
  };
  std::map<std::string, std::vector<double>> ms;
  for (int i = 0; i < rounds; ++i) {
    ms["get_store"].push_back(
        Timed([&] { Check((*store)->Read([&](db::Tx& tx) { return RunGet(tx, some[i]).status(); })); }));
    ms["get_raw"].push_back(Timed([&] {
      ReadTransaction transaction(connection);
      transaction.exec_prepared("get", some[i]);
      transaction.commit();
    }));
    ms["get_raw_bare"].push_back(
        Timed([&] { pqxx::nontransaction(connection).exec_prepared("get", some[i]); }));
    ms["page_store"].push_back(Timed([&] { run_list(*first); }));
    ms["page_raw"].push_back(Timed([&] {
      ReadTransaction transaction(connection);
      transaction.exec_prepared("first");
      transaction.exec_prepared("count");
      transaction.commit();
    }));
  }
  Json result = Json::object();
  for (auto& [name, values] : ms) {
    std::sort(values.begin(), values.end());
    result[name] = {{"p50", values[values.size() / 2]}, {"p99", values[values.size() * 99 / 100]}};
  }
  return result;
}

}  // namespace penstock::bench
