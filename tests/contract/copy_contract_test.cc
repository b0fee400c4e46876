// A store copied into another, whichever databases they are.
#include "common/status_macros.h"
#include "storage/copy.h"
#include "storage/migrator.h"
#include "storage/pipeline_store.h"
#include "storage/setting_store.h"
#include "storage/task_attempt_store.h"
#include "storage/task_store.h"
#include "tests/support/store_fixture.h"

namespace penstock {
namespace {

using ::testing::HasSubstr;

// The parameter is the target's database; the source is the other kind.
class CopyContract : public StoreTest {
 protected:
  void SetUp() override {
    StoreTest::SetUp();
    if (store_ == nullptr) return;
    target_url_ = Url();
    store_.reset();
    if (OnPostgres()) {
      source_url_ = absl::StrCat("sqlite://", (directory_ / "source.db").string());
    } else {
      if (!PostgresIsWanted()) GTEST_SKIP() << "PostgreSQL is not installed: apt-get install postgresql";
      source_url_ = *CreatePostgresDatabase();
    }
    RefreshTarget();
    OpenSource();
    Fill();
  }
  void TearDown() override {
    source_.reset();
    target_.reset();
    if (!OnPostgres() && !source_url_.empty()) DropPostgresDatabase(source_url_);
    StoreTest::TearDown();
  }

  // StoreTest's store was migrated and served; a target is only migrated.
  void RefreshTarget() {
    target_ = *Store::Open(target_url_, clock_, {absl::ZeroDuration(), /*migrate=*/false});
    ASSERT_TRUE(
        target_->Write([](db::Tx& tx) { return tx.Execute("DELETE FROM settings", {}).status(); }).ok());
  }
  void OpenSource() {
    source_.reset();
    source_ = *Store::Open(source_url_, clock_);
  }
  void Fill() {
    store_ = std::move(source_);  // the fixture's helpers write to store_
    AddBasics();
    ASSERT_TRUE(store_
                    ->Write([&](db::Tx& tx) -> absl::Status {
                      for (int i = 0; i < 1203; ++i) {
                        RunRow row = NewRun(absl::StrCat("run", i));
                        row.display_name = i % 3 == 0 ? "Grüße, '世界' \\ \"x\"" : absl::StrCat("name", i);
                        RETURN_IF_ERROR(RunInsert(tx, row, {"spec", "{}", ""}));
                      }
                      RETURN_IF_ERROR(SpecPut(tx, "other", std::string(100'000, 'x')));
                      RETURN_IF_ERROR(SettingSet(tx, "bytes", absl::string_view("\0\xff\\x\n", 5)));
                      TaskRow task;
                      task.run_id = "run7";
                      task.task_id = "t";
                      task.created_at = task.started_at = task.finished_at = clock_.Now();
                      RETURN_IF_ERROR(TaskInsert(tx, task));
                      TaskAttemptRow attempt;  // exit_code and signal are null
                      attempt.run_id = "run7";
                      attempt.task_id = "t";
                      attempt.attempt_id = "a";
                      attempt.created_at = clock_.Now();
                      return TaskAttemptInsert(tx, attempt);
                    })
                    .ok());
    source_ = std::move(store_);
  }
  int64_t CountRuns(Store& store) {
    int64_t count = -1;
    (void)store.Read([&](db::Tx& tx) {
      return tx.Query("SELECT COUNT(*) FROM runs", {}, [&](const db::Row& row) {
        count = row.Int64(0);
        return absl::OkStatus();
      });
    });
    return count;
  }

  std::string source_url_;
  std::string target_url_;
  std::unique_ptr<Store> source_;
  std::unique_ptr<Store> target_;
};
INSTANTIATE_TEST_SUITE_P(Databases, CopyContract, ServedDatabases());

TEST_P(CopyContract, EverythingArrivesAndServes) {
  const auto copied = CopyStore(*source_, *target_, {});
  ASSERT_TRUE(copied.ok()) << copied.status();
  const auto runs = std::find_if(copied->begin(), copied->end(),
                                 [](const CopiedTable& table) { return table.table == "runs"; });
  ASSERT_NE(runs, copied->end());
  EXPECT_EQ(runs->rows, 1203);
  EXPECT_EQ(CountRuns(*target_), 1203);
  target_.reset();
  const auto served = Store::Open(target_url_, clock_);
  ASSERT_TRUE(served.ok()) << served.status();
  EXPECT_EQ((*served)->page_token_key(), source_->page_token_key());
  EXPECT_TRUE((*served)
                  ->Read([](db::Tx& tx) -> absl::Status {
                    ASSIGN_OR_RETURN(const RunRow run, RunGet(tx, "run3"));
                    EXPECT_EQ(run.display_name, "Grüße, '世界' \\ \"x\"");
                    EXPECT_EQ(*SpecGet(tx, "other"), std::string(100'000, 'x'));
                    EXPECT_EQ(**SettingGet(tx, "bytes"), std::string("\0\xff\\x\n", 5));
                    const auto attempts = TaskAttemptList(tx, "run7");
                    EXPECT_EQ(attempts->at(0).exit_code, std::nullopt);
                    return absl::OkStatus();
                  })
                  .ok());
}

TEST_P(CopyContract, AnInterruptedCopyGoesOnAndIsRefusedUntilThen) {
  int batches = 0;
  CopyOptions options;
  options.on_progress = [&](const CopiedTable& so_far) {
    return so_far.table == "runs" && ++batches == 2 ? absl::CancelledError("interrupted") : absl::OkStatus();
  };
  EXPECT_TRUE(absl::IsCancelled(CopyStore(*source_, *target_, options).status()));
  EXPECT_EQ(CountRuns(*target_), 1000);
  target_.reset();
  const auto refused = Store::Open(target_url_, clock_);
  EXPECT_TRUE(absl::IsFailedPrecondition(refused.status()));
  EXPECT_THAT(std::string(refused.status().message()), HasSubstr("penstock copy again"));
  target_ = *Store::Open(target_url_, clock_, {absl::ZeroDuration(), /*migrate=*/false});
  int64_t least = 1'000'000;
  options.on_progress = [&](const CopiedTable& so_far) {
    if (so_far.table == "runs") least = std::min(least, so_far.rows);
    return absl::OkStatus();
  };
  EXPECT_TRUE(CopyStore(*source_, *target_, options).ok());
  EXPECT_EQ(least, 1203) << "rows were copied again";
  EXPECT_EQ(CountRuns(*target_), 1203);
}

TEST_P(CopyContract, WhatMustNotBeMixedIsRefused) {
  const auto refused = [&](absl::string_view text) {
    const absl::Status status = CopyStore(*source_, *target_, {}).status();
    EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr(std::string(text)));
  };
  ASSERT_TRUE(target_->Write([](db::Tx& tx) { return CounterAdd(tx, "experiments", 1); }).ok());
  refused("counters has rows");
  ASSERT_TRUE(target_->Write([](db::Tx& tx) { return CounterDelete(tx, "experiments"); }).ok());

  CopyOptions options;
  options.on_progress = [&](const CopiedTable& so_far) {
    return so_far.table == "runs" ? absl::CancelledError("interrupted") : absl::OkStatus();
  };
  EXPECT_TRUE(absl::IsCancelled(CopyStore(*source_, *target_, options).status()));
  const auto set_key = [&](absl::string_view key) {
    ASSERT_TRUE(source_->Write([&](db::Tx& tx) { return SettingSet(tx, "page_token_key", key); }).ok());
  };
  const std::string key = source_->page_token_key();
  set_key("another store");
  refused("another source");
  set_key(key);
  ASSERT_TRUE(target_
                  ->Write([](db::Tx& tx) {
                    return tx.Execute("UPDATE runs SET description = 'x' WHERE run_id = 'run0'", {}).status();
                  })
                  .ok());
  refused("checksum");
  Migrator migrator(target_->database(), target_->known_migrations(), clock_);
  while (migrator.RevertLast().ok()) continue;
  refused("penstock migrate");
}

}  // namespace
}  // namespace penstock
