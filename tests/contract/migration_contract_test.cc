// Migrations: both ways, refused when the database is another's, and the same as the schema file.
#include <atomic>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <thread>

#include "common/status_macros.h"
#include "storage/migrator.h"
#include "storage/schema.h"
#include "tests/support/store_fixture.h"

namespace penstock {
namespace {

using ::testing::HasSubstr;

class MigrationContract : public StoreTest {
 protected:
  std::string Schema() {
    auto text = SchemaText(store_->database());
    EXPECT_TRUE(text.ok()) << text.status();
    return *std::move(text);
  }
  Migrator MakeMigrator() { return Migrator(store_->database(), store_->known_migrations(), clock_); }
};
INSTANTIATE_TEST_SUITE_P(Databases, MigrationContract, ServedDatabases());

TEST_P(MigrationContract, SchemaFileIsTheResultOfAllMigrations) {
  const std::string path = absl::StrCat(PENSTOCK_SOURCE_DIR, "/migrations/", GetParam(), "/schema.sql");
  if (std::getenv("PENSTOCK_WRITE_SCHEMA") != nullptr) std::ofstream(path) << Schema();
  std::stringstream file;
  file << std::ifstream(path).rdbuf();
  EXPECT_EQ(file.str(), Schema());
}

TEST_P(MigrationContract, EachIsReversible) {
  const std::string before = Schema();
  Migrator migrator = MakeMigrator();
  for (size_t i = 0; i < store_->known_migrations().size(); ++i) {
    ASSERT_TRUE(migrator.RevertLast().ok());
  }
  EXPECT_THAT(Schema(), ::testing::Not(HasSubstr("CREATE TABLE runs")));
  EXPECT_TRUE(absl::IsFailedPrecondition(migrator.RevertLast().status()));
  EXPECT_EQ(*migrator.Apply(), static_cast<int>(store_->known_migrations().size()));
  EXPECT_EQ(Schema(), before);
}

TEST_P(MigrationContract, PlanChangesNothing) {
  Migrator migrator = MakeMigrator();
  EXPECT_TRUE(migrator.Plan()->empty());
  ASSERT_TRUE(migrator.RevertLast().ok());
  EXPECT_EQ(migrator.Plan()->size(), 1u);
  EXPECT_EQ(migrator.Plan()->size(), 1u);
}

TEST_P(MigrationContract, ANewerDatabaseIsRefused) {
  ASSERT_TRUE(
      store_
          ->Write([](db::Tx& tx) {
            return tx.Execute("INSERT INTO schema_migrations VALUES ($1, 'later', 'x', 0)", {999}).status();
          })
          .ok());
  store_.reset();
  const auto store = Store::Open(Url(), clock_);
  EXPECT_TRUE(absl::IsFailedPrecondition(store.status()));
  EXPECT_THAT(std::string(store.status().message()), HasSubstr("newer"));
}

TEST_P(MigrationContract, ADatabaseOfOtherTextsIsRefused) {
  ASSERT_TRUE(
      store_
          ->Write([](db::Tx& tx) {
            return tx.Execute("UPDATE schema_migrations SET checksum = 'x' WHERE version = 1", {}).status();
          })
          .ok());
  store_.reset();
  EXPECT_TRUE(absl::IsFailedPrecondition(Store::Open(Url(), clock_).status()));
}

TEST_P(MigrationContract, AFailingMigrationLeavesNothing) {
  const auto all = store_->known_migrations();
  std::vector<migrations::Migration> broken(all.begin(), all.end());
  broken.push_back({static_cast<int>(all.size()) + 1, "broken", "c",
                    "CREATE TABLE half (x TEXT); CREATE TABLE half (x TEXT);", ""});
  Migrator migrator(store_->database(), broken, clock_);
  EXPECT_FALSE(migrator.Apply().ok());
  EXPECT_THAT(Schema(), ::testing::Not(HasSubstr("half")));
  EXPECT_EQ(migrator.Plan()->size(), 1u);
}

TEST_P(MigrationContract, ADryRunTriesAllAndLeavesNothing) {
  const std::string migrated = Schema();
  Migrator migrator = MakeMigrator();
  ASSERT_TRUE(migrator.RevertLast().ok());
  const std::string before = Schema();
  EXPECT_EQ(*migrator.DryRun(), 1);
  EXPECT_EQ(Schema(), before);
  EXPECT_EQ(*migrator.Apply(), 1);
  EXPECT_EQ(Schema(), migrated);
}

TEST_P(MigrationContract, ManyMayMigrateAtOnce) {
  Migrator migrator = MakeMigrator();
  while (migrator.RevertLast().ok()) continue;
  std::atomic<int> applied = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      const auto store = Store::Open(Url(), clock_);
      EXPECT_TRUE(store.ok()) << store.status();
      if (store.ok()) applied += (*store)->migrations_applied();
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(applied, static_cast<int>(store_->known_migrations().size()));
}

// Tables, columns, types, nullability and keys; see migrations/README.md.
TEST_P(MigrationContract, EveryDatabaseHasTheSameModel) {
  const auto sqlite = Store::Open(absl::StrCat("sqlite://", (directory_ / "model.db").string()), clock_);
  ASSERT_TRUE(sqlite.ok()) << sqlite.status();
  const auto model_of = [](Store& store) {
    std::string text;
    const absl::Status status = store.Read([&](db::Tx& tx) -> absl::Status {
      ASSIGN_OR_RETURN(const auto tables, ReadTables(tx, store.database().kind()));
      text = ModelText(tables);
      return absl::OkStatus();
    });
    EXPECT_TRUE(status.ok()) << status;
    return text;
  };
  const std::string mine = model_of(*store_);
  EXPECT_EQ(mine, model_of(**sqlite));
  EXPECT_THAT(mine, HasSubstr("runs.run_id TEXT NOT NULL KEY 1\n"));
}

TEST_P(MigrationContract, AFileThatIsNoDatabaseIsRefused) {
  if (OnPostgres()) GTEST_SKIP() << "a file is SQLite's";
  store_.reset();
  std::ofstream(directory_ / "store.db") << std::string(8192, 'x');
  EXPECT_TRUE(absl::IsDataLoss(Store::Open(Url(), clock_).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(Store::Open("mysql://somewhere", clock_).status()));
}

}  // namespace
}  // namespace penstock
