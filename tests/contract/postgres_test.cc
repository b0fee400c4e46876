// What PostgreSQL alone can do to a store: end its connections, say nothing, be named by a URL with a
// password.
#include <atomic>
#include <set>
#include <thread>
#include <vector>

#include "absl/synchronization/barrier.h"
#include "absl/synchronization/notification.h"
#include "common/status_macros.h"
#include "storage/postgres/errors.h"
#include "storage/postgres/pool.h"
#include "storage/postgres/url.h"
#include "storage/setting_store.h"
#include "tests/support/store_fixture.h"

namespace penstock {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr int kPoolConnections = 8;

class PostgresTest : public StoreTest {
 protected:
  void TerminateConnections() {
    const auto ended = RunPostgresStatement(
        postgres_url_,
        "SELECT count(pg_terminate_backend(pid, 10000)) FROM pg_stat_activity WHERE datname = "
        "current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'");
    ASSERT_TRUE(ended.ok()) << ended.status();
  }
  absl::StatusOr<std::string> Setting(absl::string_view name) {
    std::string value;
    RETURN_IF_ERROR(store_->Read([&](db::Tx& tx) -> absl::Status {
      ASSIGN_OR_RETURN(const auto found, SettingGet(tx, name));
      value = found.value_or("none");
      return absl::OkStatus();
    }));
    return value;
  }
};
INSTANTIATE_TEST_SUITE_P(Postgres, PostgresTest, ::testing::Values("postgres"));

// libpqxx 6 would connect again by itself, and the statement would be a transaction of its own.
TEST_P(PostgresTest, AStatementNeverLeavesItsTransaction) {
  int runs = 0;
  const absl::Status status = store_->Write([&](db::Tx& tx) -> absl::Status {
    if (++runs > 1) return absl::NotFoundError("enough");
    RETURN_IF_ERROR(SettingSet(tx, "before", "x"));
    TerminateConnections();
    EXPECT_FALSE(SettingSet(tx, "during", "x").ok());
    EXPECT_FALSE(SettingSet(tx, "after", "x").ok());
    return absl::OkStatus();
  });
  EXPECT_TRUE(absl::IsNotFound(status)) << status;
  EXPECT_EQ(runs, 2);
  for (const char* name : {"before", "during", "after"}) {
    EXPECT_EQ(Setting(name).value_or("?"), "none") << name;
  }
}

TEST_P(PostgresTest, AWriteWhoseConnectionIsLostRunsAgain) {
  int runs = 0;
  const absl::Status status = store_->Write([&](db::Tx& tx) -> absl::Status {
    if (++runs == 1) TerminateConnections();
    return SettingSet(tx, "key", "value");
  });
  EXPECT_TRUE(status.ok()) << status;
  EXPECT_EQ(runs, 2);
  EXPECT_EQ(Setting("key").value_or("?"), "value");
}

// One connection that is lost says that the others are, too.
TEST_P(PostgresTest, AFullPoolOfLostConnectionsFailsNoRead) {
  absl::Barrier* const all_read = new absl::Barrier(kPoolConnections);  // deletes itself, as it wants
  std::vector<std::thread> readers;
  for (int i = 0; i < kPoolConnections; ++i) {
    readers.emplace_back([&] {
      EXPECT_TRUE(store_
                      ->Read([&](db::Tx& tx) {
                        if (all_read->Block()) delete all_read;
                        return absl::OkStatus();
                      })
                      .ok());
    });
  }
  for (std::thread& reader : readers) reader.join();
  TerminateConnections();
  const auto value = Setting("key");
  EXPECT_TRUE(value.ok()) << value.status();
}

TEST_P(PostgresTest, AReadIsRunAgainOnlyIfNothingOfItWasAnswered) {
  ASSERT_TRUE(Setting("key").ok());
  TerminateConnections();
  int runs = 0;
  absl::Status status = store_->Read([&](db::Tx& tx) -> absl::Status {
    ++runs;
    RETURN_IF_ERROR(SettingGet(tx, "key").status());
    if (runs == 2) TerminateConnections();
    return SettingGet(tx, "key").status();
  });
  EXPECT_TRUE(absl::IsUnavailable(status)) << status;
  EXPECT_EQ(runs, 2);
  EXPECT_TRUE(Setting("key").ok());
}

TEST_P(PostgresTest, NothingFollowsTheEndOfARead) {
  const absl::Status status = store_->Read([&](db::Tx& tx) -> absl::Status {
    RETURN_IF_ERROR(SettingGet(tx, "key").status());
    RETURN_IF_ERROR(tx.Finish());
    RETURN_IF_ERROR(tx.Finish());
    EXPECT_TRUE(absl::IsInternal(tx.ExecuteLater("DELETE FROM settings", {})));
    return SettingGet(tx, "key").status();
  });
  EXPECT_TRUE(absl::IsInternal(status)) << status;
  EXPECT_TRUE(Setting("key").ok());
}

TEST_P(PostgresTest, AnErrorOfACallbackAtTheEndOfAReadLeavesNothingOpen) {
  const absl::Status status = store_->Read([&](db::Tx& tx) -> absl::Status {
    RETURN_IF_ERROR(
        tx.QueryLater("SELECT 1", {}, [](const db::Row&) { return absl::NotFoundError("not this one"); }));
    return tx.Finish();
  });
  EXPECT_TRUE(absl::IsNotFound(status)) << status;
  EXPECT_TRUE(Setting("key").ok());
}

// More texts than a connection keeps prepared: none is forgotten while it waits to be run.
TEST_P(PostgresTest, StatementsThatArePutOffStayPrepared) {
  constexpr int kReads = 700;
  for (int i = 0; i < kReads; ++i) {
    std::vector<int64_t> numbers;
    const auto number_from = [&numbers](const db::Row& row) {
      numbers.push_back(row.Int64(0));
      return absl::OkStatus();
    };
    const absl::Status status = store_->Read([&](db::Tx& tx) -> absl::Status {
      numbers.clear();
      RETURN_IF_ERROR(tx.QueryLater(absl::StrCat("SELECT ", i), {}, number_from));
      RETURN_IF_ERROR(tx.QueryLater(absl::StrCat("SELECT ", kReads + i), {}, number_from));
      return tx.Finish();
    });
    ASSERT_TRUE(status.ok()) << status;
    ASSERT_THAT(numbers, ::testing::ElementsAre(i, kReads + i));
  }
}

TEST_P(PostgresTest, AConnectionThatDoesNotAnswerIsGivenUp) {
  postgres::Connector connector(postgres_url_, clock_);
  auto connection = connector.Connect();
  ASSERT_TRUE(connection.ok()) << connection.status();
  absl::Notification ended;
  std::thread waits([&] {
    const absl::Status status = (*connection)->Script("SET statement_timeout = 0; SELECT pg_sleep(600)");
    EXPECT_TRUE(absl::IsUnavailable(status)) << status;
    ended.Notify();
  });
  // The wait begins some time; from then on its deadline is passed soon.
  for (int i = 0; i < 60 && !ended.HasBeenNotified(); ++i) {
    clock_.Advance(postgres::kAnswerMax + absl::Seconds(1));
    ended.WaitForNotificationWithTimeout(absl::Seconds(1));
  }
  ASSERT_TRUE(ended.HasBeenNotified());
  waits.join();
  EXPECT_TRUE((*connection)->lost());
  EXPECT_TRUE(absl::IsUnavailable((*connection)->Script("SELECT 1")));
}

TEST_P(PostgresTest, HintsOfAnotherProcessAreHeardAgainAfterALoss) {
  auto other = Store::Open(postgres_url_, clock_);
  ASSERT_TRUE(other.ok()) << other.status();
  absl::Mutex mutex;
  std::string heard;
  (*other)->notifier().Listen(Topic::kRuns, [&](absl::string_view key) {
    absl::MutexLock lock(&mutex);
    heard = std::string(key);
  });
  const auto is_heard = [&](absl::string_view key) {
    for (int i = 0; i < 300; ++i) {
      store_->notifier().Notify(Topic::kRuns, key);
      const auto same = [&] { return heard == key; };
      absl::MutexLock lock(&mutex);
      if (mutex.AwaitWithTimeout(absl::Condition(&same), absl::Milliseconds(100))) return true;
    }
    return false;
  };
  EXPECT_TRUE(is_heard("first"));
  for (const char* key : {"second", "third"}) {
    TerminateConnections();
    EXPECT_TRUE(is_heard(key)) << key;
  }
  (*other)->notifier().StopListening(Topic::kRuns);
}

TEST_P(PostgresTest, HintsOfAnotherProcessKeepTheirTopic) {
  auto other = Store::Open(postgres_url_, clock_);
  ASSERT_TRUE(other.ok()) << other.status();
  absl::Mutex mutex;
  std::set<std::string> heard;
  const std::map<Topic, std::string> names = {
      {Topic::kRuns, "run"}, {Topic::kRecurringRuns, "recurring run"}, {Topic::kRunChanges, "change of run"}};
  for (const auto& [topic, name] : names) {
    (*other)->notifier().Listen(topic, [&mutex, &heard, name = name](absl::string_view key) {
      absl::MutexLock lock(&mutex);
      heard.insert(absl::StrCat(name, " ", key));
    });
  }
  const auto all = [&] { return heard.size() == names.size(); };
  absl::MutexLock lock(&mutex);
  for (int i = 0; i < 300 && !all(); ++i) {
    mutex.Unlock();
    store_->notifier().Notify(Topic::kRuns, "a");
    store_->notifier().Notify(Topic::kRecurringRuns, "b");
    // Two that wait for each other.
    store_->notifier().Notify(Topic::kRunChanges, "c");
    store_->notifier().Notify(Topic::kRunChanges, "c");
    mutex.Lock();
    mutex.AwaitWithTimeout(absl::Condition(&all), absl::Milliseconds(100));
  }
  EXPECT_THAT(heard, ::testing::UnorderedElementsAre("run a", "recurring run b", "change of run c"));
}

TEST(PostgresUrlTest, PasswordsAreNotShown) {
  using postgres::WithoutPassword;
  EXPECT_EQ(WithoutPassword("postgresql://u:pw@h:1/d?x=y"), "postgresql://u:***@h:1/d?x=y");
  EXPECT_EQ(WithoutPassword("postgresql://u@h/d"), "postgresql://u@h/d");
  EXPECT_EQ(WithoutPassword(postgres::WithDefaults("postgresql://u@h/d")), "postgresql://u@h/d");
  EXPECT_EQ(WithoutPassword("postgresql://h/d?user=u&password=pw"), "postgresql://h/d?user=u&password=***");
  for (const char* url :
       {"postgresql://u:s3/s3@h/d", "postgresql://u:s3?s3@h/d", "postgresql://u:s3@s3@h/d"}) {
    EXPECT_EQ(WithoutPassword(url), "postgresql://u:***@h/d");
  }
}

TEST(PostgresUrlTest, DefaultsAreParametersWhateverThePassword) {
  EXPECT_THAT(postgres::WithDefaults("postgresql://u:a?b@h/d"), HasSubstr("@h/d?connect_timeout=5&"));
  EXPECT_THAT(postgres::WithDefaults("postgresql://u:a@h/d?x=y"), HasSubstr("@h/d?x=y&connect_timeout=5&"));
  EXPECT_THAT(postgres::WithDefaults("postgresql://u@h/d?connect_timeout=9"),
              Not(HasSubstr("connect_timeout=5")));
}

TEST(PostgresErrorsTest, NamesOfTheUserDecideNothing) {
  const auto code = [](absl::string_view said) {
    return postgres::StatusFromConnectFailure("postgresql://h/d", said).code();
  };
  EXPECT_EQ(code("connection to server at \"ssl-host\" (10.0.0.1), port 5432 failed: Connection refused"),
            absl::StatusCode::kUnavailable);
  EXPECT_EQ(
      code("connection to server at \"h\", port 5432 failed: FATAL:  database \"too many\" does not exist"),
      absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(code("connection to server at \"h\", port 5432 failed: server does not support SSL, but SSL was "
                 "required"),
            absl::StatusCode::kFailedPrecondition);
}

}  // namespace
}  // namespace penstock
