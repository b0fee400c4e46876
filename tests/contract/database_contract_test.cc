// Statements that are put off, on every database.
#include <cstdint>
#include <string>
#include <thread>
#include <vector>

#include "common/status_macros.h"
#include "storage/setting_store.h"
#include "tests/support/store_fixture.h"

namespace penstock {
namespace {

using ::testing::HasSubstr;

constexpr char kPut[] = "INSERT INTO counters (name, value) VALUES ($1, $2)";
constexpr char kAdd[] = "UPDATE counters SET value = value + $2 WHERE name = $1";
constexpr char kTotal[] = "SELECT COUNT(*), SUM(value) FROM counters";

class ExecuteLaterContract : public StoreTest {};
INSTANTIATE_TEST_SUITE_P(Databases, ExecuteLaterContract, ServedDatabases());

TEST_P(ExecuteLaterContract, WhatFollowsSeesWhatWasPutOff) {
  int64_t seen = 0;
  int64_t changed = 0;
  const absl::Status status = store_->Write([&](db::Tx& tx) -> absl::Status {
    RETURN_IF_ERROR(tx.ExecuteLater(kPut, {"a", 1}));
    RETURN_IF_ERROR(tx.ExecuteLater(kAdd, {"a", 2}));
    ASSIGN_OR_RETURN(seen, CounterGet(tx, "a"));
    RETURN_IF_ERROR(tx.ExecuteLater(kAdd, {"a", 4}));
    ASSIGN_OR_RETURN(changed, tx.Execute(kAdd, {"a", 8}));
    return tx.ExecuteLater(kAdd, {"a", 16});
  });
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_EQ(seen, 3);
  EXPECT_EQ(changed, 1);
  EXPECT_EQ(Counter("a"), 31);
}

TEST_P(ExecuteLaterContract, ChecksHearWhatEachStatementChanged) {
  std::vector<int64_t> heard;
  const auto check = [&](int64_t changed) {
    heard.push_back(changed);
    return absl::OkStatus();
  };
  const absl::Status status = store_->Write([&](db::Tx& tx) -> absl::Status {
    heard.clear();
    RETURN_IF_ERROR(tx.ExecuteLater(kPut, {"a", 1}, check));
    RETURN_IF_ERROR(tx.ExecuteLater(kPut, {"b", 1}));
    RETURN_IF_ERROR(tx.ExecuteLater("UPDATE counters SET value = 7 WHERE name IN ('a', 'b')", {}, check));
    return tx.ExecuteLater(kAdd, {"nobody", 1}, check);
  });
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_THAT(heard, ::testing::ElementsAre(1, 2, 0));
}

TEST_P(ExecuteLaterContract, AFailedCheckUndoesTheBodyEvenIfItGoesOn) {
  const absl::Status status = store_->Write([&](db::Tx& tx) -> absl::Status {
    RETURN_IF_ERROR(tx.ExecuteLater(kPut, {"a", 1}));
    RETURN_IF_ERROR(tx.ExecuteLater(kAdd, {"nobody", 1}, [&tx](int64_t changed) -> absl::Status {
      ASSIGN_OR_RETURN(const int64_t a, CounterGet(tx, "a"));
      return absl::AbortedError(absl::StrCat(changed, " changed, a is ", a));
    }));
    return tx.ExecuteLater(kPut, {"b", 1});
  });
  EXPECT_TRUE(absl::IsAborted(status)) << status;
  EXPECT_THAT(status.message(), HasSubstr("0 changed, a is 1"));
  EXPECT_EQ(Counter("a"), 0);
  EXPECT_EQ(Counter("b"), 0);
}

TEST_P(ExecuteLaterContract, ValuesArriveAsTheyAre) {
  const std::string text = "it's \\ \"quoted\"; -- \xE2\x82\xAC $1\n";
  const std::string bytes("\0\x01\xFF'\\", 5);
  const absl::Status status = store_->Write([&](db::Tx& tx) -> absl::Status {
    RETURN_IF_ERROR(tx.ExecuteLater(kPut, {text, INT64_MIN}));
    return tx.ExecuteLater("INSERT INTO settings (name, value) VALUES ($1, $2)", {"bytes", db::Blob{bytes}});
  });
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_EQ(Counter(text), INT64_MIN);
  ASSERT_TRUE(store_
                  ->Read([&](db::Tx& tx) -> absl::Status {
                    ASSIGN_OR_RETURN(const auto stored, SettingGet(tx, "bytes"));
                    EXPECT_EQ(stored, bytes);
                    return absl::OkStatus();
                  })
                  .ok());
}

TEST_P(ExecuteLaterContract, ManyAndLargeStatementsAreAllRun) {
  constexpr int kStatements = 1000;
  const std::string long_name(20'000, 'n');
  const absl::Status status = store_->Write([&](db::Tx& tx) -> absl::Status {
    for (int i = 0; i < kStatements; ++i) {
      RETURN_IF_ERROR(
          tx.ExecuteLater(kPut, {i % 10 == 0 ? absl::StrCat(long_name, i) : absl::StrCat("n", i), 1}));
    }
    return absl::OkStatus();
  });
  ASSERT_TRUE(status.ok()) << status;
  ASSERT_TRUE(store_
                  ->Read([&](db::Tx& tx) {
                    return tx.Query(kTotal, {}, [&](const db::Row& row) {
                      EXPECT_GE(row.Int64(0), kStatements);
                      return absl::OkStatus();
                    });
                  })
                  .ok());
}

// Each writer's group holds bodies that fail by what they put off; only those are undone.
TEST_P(ExecuteLaterContract, AFailureIsThatOfItsOwnBody) {
  constexpr int kThreads = 16;
  ASSERT_TRUE(store_->Write([](db::Tx& tx) { return tx.ExecuteLater(kPut, {"taken", 0}); }).ok());
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([this, i] {
      const absl::Status status = store_->Write([i](db::Tx& tx) -> absl::Status {
        RETURN_IF_ERROR(tx.ExecuteLater(kPut, {absl::StrCat("t", i), 1}));
        return tx.ExecuteLater(kPut, {i % 2 == 0 ? "taken" : absl::StrCat("u", i), 1});
      });
      EXPECT_EQ(status.code(), i % 2 == 0 ? absl::StatusCode::kAlreadyExists : absl::StatusCode::kOk)
          << status;
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (int i = 0; i < kThreads; ++i) {
    EXPECT_EQ(Counter(absl::StrCat("t", i)), i % 2);
  }
}

class QueryLaterContract : public StoreTest {
 protected:
  void SetUp() override {
    StoreTest::SetUp();
    ASSERT_TRUE(store_
                    ->Write([](db::Tx& tx) -> absl::Status {
                      RETURN_IF_ERROR(tx.ExecuteLater(kPut, {"a", 1}));
                      return tx.ExecuteLater(kPut, {"b", 2});
                    })
                    .ok());
  }

  // Puts off a query that gives the value of `name`.
  static absl::Status AskLater(db::Tx& tx, const char* name, std::vector<int64_t>* values) {
    const db::Param params[] = {name};
    return tx.QueryLater(kValue, params, [values](const db::Row& row) {
      values->push_back(row.Int64(0));
      return absl::OkStatus();
    });
  }

  static constexpr char kValue[] = "SELECT value FROM counters WHERE name = $1";
};
INSTANTIATE_TEST_SUITE_P(Databases, QueryLaterContract, ServedDatabases());

TEST_P(QueryLaterContract, RowsAreHeardBeforeWhatFollowsAndWithTheEnd) {
  std::vector<int64_t> values;
  const absl::Status status = store_->Read([&](db::Tx& tx) -> absl::Status {
    RETURN_IF_ERROR(AskLater(tx, "b", &values));
    RETURN_IF_ERROR(AskLater(tx, "nobody", &values));
    ASSIGN_OR_RETURN(const int64_t a, CounterGet(tx, "a"));
    EXPECT_THAT(values, ::testing::ElementsAre(2));
    values.push_back(a);
    RETURN_IF_ERROR(AskLater(tx, "b", &values));
    RETURN_IF_ERROR(tx.Finish());
    EXPECT_THAT(values, ::testing::ElementsAre(2, 1, 2));
    return absl::OkStatus();
  });
  EXPECT_TRUE(status.ok()) << status;
}

TEST_P(QueryLaterContract, WhatNobodyAskedForAgainRunsAtTheEndOfTheBody) {
  std::vector<int64_t> values;
  ASSERT_TRUE(store_->Read([&](db::Tx& tx) { return AskLater(tx, "b", &values); }).ok());
  EXPECT_THAT(values, ::testing::ElementsAre(2));
}

TEST_P(QueryLaterContract, AnErrorOfACallbackEndsTheBody) {
  const db::Param params[] = {"a"};
  const absl::Status status = store_->Read([&](db::Tx& tx) -> absl::Status {
    RETURN_IF_ERROR(
        tx.QueryLater(kValue, params, [](const db::Row&) { return absl::NotFoundError("not this one"); }));
    return CounterGet(tx, "b").status();
  });
  EXPECT_TRUE(absl::IsNotFound(status)) << status;
  EXPECT_TRUE(store_->Read([](db::Tx& tx) { return tx.Finish(); }).ok());
  EXPECT_EQ(Counter("b"), 2);
}

TEST_P(QueryLaterContract, AWriteFinishesWhatItReadAndGoesOn) {
  std::vector<int64_t> values;
  const absl::Status status = store_->Write([&](db::Tx& tx) -> absl::Status {
    values.clear();
    RETURN_IF_ERROR(AskLater(tx, "a", &values));
    RETURN_IF_ERROR(tx.Finish());
    return tx.ExecuteLater(kAdd, {"a", values.at(0)});
  });
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_EQ(Counter("a"), 2);
}

class ChangesContract : public StoreTest {};
INSTANTIATE_TEST_SUITE_P(Databases, ChangesContract, ServedDatabases());

TEST_P(ChangesContract, WhatIsCommittedIsHeardOfAndWhatFailsIsNot) {
  std::vector<std::string> heard;
  store_->notifier().Listen(Topic::kRunChanges,
                            [&](absl::string_view run_id) { heard.emplace_back(run_id); });
  const auto write = [&](const std::string& run_id, const absl::Status& status) {
    return store_->Write([&](db::Tx& tx) -> absl::Status {
      tx.NoteChange(run_id);
      RETURN_IF_ERROR(tx.ExecuteLater(kPut, {run_id, 1}));
      return status;
    });
  };
  EXPECT_EQ(write("lost", absl::NotFoundError("no")).code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(write("kept", absl::OkStatus()), absl::OkStatus());
  EXPECT_THAT(heard, ::testing::ElementsAre("kept"));
  // More of them than are named.
  heard.clear();
  ASSERT_EQ(store_->Write([](db::Tx& tx) {
    for (int i = 0; i < 5000; ++i) tx.NoteChange(absl::StrCat("run ", i));
    return tx.ExecuteLater(kPut, {"many", 1});
  }),
            absl::OkStatus());
  EXPECT_THAT(heard, ::testing::ElementsAre(""));
  store_->notifier().StopListening(Topic::kRunChanges);
}

TEST_P(QueryLaterContract, AReadChangesNothing) {
  EXPECT_FALSE(store_->Read([](db::Tx& tx) { return tx.ExecuteLater(kAdd, {"a", 10}); }).ok());
  EXPECT_FALSE(store_->Read([](db::Tx& tx) { return tx.Execute(kAdd, {"a", 10}).status(); }).ok());
  EXPECT_EQ(Counter("a"), 1);
}

TEST_P(QueryLaterContract, AReadSeesOneSnapshotFromItsFirstStatementOn) {
  std::vector<int64_t> values;
  const absl::Status status = store_->Read([&](db::Tx& tx) -> absl::Status {
    RETURN_IF_ERROR(AskLater(tx, "a", &values));
    RETURN_IF_ERROR(tx.Flush());
    std::thread writer([this] {
      EXPECT_TRUE(store_->Write([](db::Tx& other) { return other.ExecuteLater(kAdd, {"a", 10}); }).ok());
    });
    writer.join();
    RETURN_IF_ERROR(AskLater(tx, "a", &values));
    return tx.Finish();
  });
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_THAT(values, ::testing::ElementsAre(1, 1));
  EXPECT_EQ(Counter("a"), 11);
}

}  // namespace
}  // namespace penstock
