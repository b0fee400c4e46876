// A fresh store for each test, on every database that is served. Suites are written once, as
// INSTANTIATE_TEST_SUITE_P(..., StoreTest, ServedDatabases(), ...).
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <memory>
#include <string>

#include "absl/functional/function_ref.h"
#include "absl/random/random.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "common/clock.h"
#include "common/ids.h"
#include "common/status_macros.h"
#include "storage/experiment_store.h"
#include "storage/run_store.h"
#include "storage/setting_store.h"
#include "storage/spec_store.h"
#include "storage/store.h"
#include "tests/support/private_postgres.h"

namespace penstock {

inline auto ServedDatabases() { return ::testing::Values("sqlite", "postgres"); }

class StoreTest : public ::testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    if (OnPostgres()) {
      if (!PostgresIsWanted()) GTEST_SKIP() << "PostgreSQL is not installed: apt-get install postgresql";
      const auto url = CreatePostgresDatabase();
      ASSERT_TRUE(url.ok()) << url.status();
      postgres_url_ = *url;
    }
    absl::BitGen random;
    directory_ = std::filesystem::path(::testing::TempDir()) /
                 absl::StrCat("penstock-store-", absl::Hex(absl::Uniform<uint64_t>(random)));
    std::filesystem::create_directories(directory_);
    Reopen();
  }
  void TearDown() override {
    store_.reset();
    if (!postgres_url_.empty()) DropPostgresDatabase(postgres_url_);
    std::filesystem::remove_all(directory_);
  }

  bool OnPostgres() const { return absl::string_view(GetParam()) == "postgres"; }

  void Reopen() {
    store_.reset();
    auto store = Store::Open(Url(), clock_);
    ASSERT_TRUE(store.ok()) << store.status();
    store_ = *std::move(store);
  }
  std::string Url() const {
    return OnPostgres() ? postgres_url_ : absl::StrCat("sqlite://", (directory_ / "store.db").string());
  }

  // An experiment and a stored spec that runs can refer to.
  void AddBasics() {
    ExperimentRow experiment;
    experiment.experiment_id = "exp";
    experiment.name = "Default";
    experiment.created_at = experiment.last_run_created_at = absl::UnixEpoch();
    ASSERT_TRUE(store_->Write([&](db::Tx& tx) { return ExperimentInsert(tx, experiment); }).ok());
    ASSERT_TRUE(store_->Write([](db::Tx& tx) { return SpecPut(tx, "spec", "{}"); }).ok());
  }
  RunRow NewRun(absl::string_view id) {
    RunRow row;
    row.run_id = std::string(id);
    row.experiment_id = "exp";
    row.display_name = absl::StrCat("run ", id);
    row.created_at = row.scheduled_at = clock_.Now();
    row.finished_at = absl::UnixEpoch();
    return row;
  }
  absl::Status AddRun(const RunRow& row) {
    return store_->Write([&](db::Tx& tx) { return RunInsert(tx, row, {"spec", "{}", ""}); });
  }

  void Write(db::TxBody body) { ASSERT_EQ(store_->Write(body), absl::OkStatus()); }
  template <typename Result>
  Result Read(absl::FunctionRef<absl::StatusOr<Result>(db::Tx&)> body) {
    Result result{};
    EXPECT_EQ(store_->Read([&](db::Tx& tx) -> absl::Status {
      ASSIGN_OR_RETURN(result, body(tx));
      return absl::OkStatus();
    }),
              absl::OkStatus());
    return result;
  }

  // Of the table of counters.
  int64_t Counter(absl::string_view name) {
    return Read<int64_t>([&](db::Tx& tx) { return CounterGet(tx, name); });
  }
  // By the counts.
  int64_t RunsCounted() {
    int64_t runs = -1;
    EXPECT_TRUE(store_
                    ->Read([&](db::Tx& tx) {
                      return tx.Query("SELECT SUM(runs) FROM run_counts WHERE scope = 'all'", {},
                                      [&](const db::Row& row) {
                                        runs = row.Int64(0);
                                        return absl::OkStatus();
                                      });
                    })
                    .ok());
    return runs;
  }

  SimulatedClock clock_{absl::FromUnixSeconds(1'700'000'000)};
  std::filesystem::path directory_;
  std::string postgres_url_;
  std::unique_ptr<Store> store_;
};

}  // namespace penstock
