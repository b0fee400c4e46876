// Migrations: both ways, refused when the database is another's, and the same as the schema file.
#include <cstdlib>
#include <fstream>
#include <sstream>

#include "common/status_macros.h"
#include "storage/migrator.h"
#include "storage/sqlite/database.h"
#include "tests/support/store_fixture.h"

namespace penstock {
namespace {

using ::testing::HasSubstr;

class MigrationContract : public StoreTest {
 protected:
  std::string Schema() {
    std::string text;
    EXPECT_TRUE(
        store_
            ->Read([&](db::Tx& tx) {
              text.clear();
              return tx.Query(
                  "SELECT sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY tbl_name, type DESC, name",
                  {}, [&](const db::Row& row) {
                    absl::StrAppend(&text, row.Text(0), ";\n\n");
                    return absl::OkStatus();
                  });
            })
            .ok());
    return text;
  }
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
  Migrator migrator(store_->database(), migrations::Sqlite(), clock_);
  for (size_t i = 0; i < migrations::Sqlite().size(); ++i) ASSERT_TRUE(migrator.RevertLast().ok());
  EXPECT_THAT(Schema(), ::testing::Not(HasSubstr("CREATE TABLE runs")));
  EXPECT_TRUE(absl::IsFailedPrecondition(migrator.RevertLast()));
  EXPECT_EQ(*migrator.Apply(), static_cast<int>(migrations::Sqlite().size()));
  EXPECT_EQ(Schema(), before);
}

TEST_P(MigrationContract, PlanChangesNothing) {
  Migrator migrator(store_->database(), migrations::Sqlite(), clock_);
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
  const auto all = migrations::Sqlite();
  std::vector<migrations::Migration> broken(all.begin(), all.end());
  broken.push_back(
      {static_cast<int>(all.size()) + 1, "broken", "c", "CREATE TABLE half (x); CREATE TABLE half (x);", ""});
  Migrator migrator(store_->database(), broken, clock_);
  EXPECT_FALSE(migrator.Apply().ok());
  EXPECT_THAT(Schema(), ::testing::Not(HasSubstr("half")));
  EXPECT_EQ(migrator.Plan()->size(), 1u);
}

TEST_P(MigrationContract, AFileThatIsNoDatabaseIsRefused) {
  store_.reset();
  std::ofstream(directory_ / "store.db") << std::string(8192, 'x');
  EXPECT_TRUE(absl::IsDataLoss(Store::Open(Url(), clock_).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(Store::Open("mysql://somewhere", clock_).status()));
}

}  // namespace
}  // namespace penstock
