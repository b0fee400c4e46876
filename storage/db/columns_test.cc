#include "storage/db/columns.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace penstock::db {
namespace {

using ::testing::ElementsAre;

struct Size {
  int64_t width = 0;
  std::optional<int> depth;
};
struct Plum {
  std::string plum_id;
  std::string tree_id;
  bool is_ripe = false;
  Size size;
  absl::Time picked_at;
  absl::Duration age;
  std::string note = "none";  // no column
};

constexpr auto kKept =
    Columns(Key("plum_id", &Plum::plum_id), Column<NullIfEmpty>("tree_id", &Plum::tree_id));
constexpr auto kChanged =
    Columns(Column("is_ripe", &Plum::is_ripe), Column("width", &Plum::size, &Size::width),
            Column("depth", &Plum::size, &Size::depth), Column("picked_at_us", &Plum::picked_at),
            Column("age_us", &Plum::age));
constexpr auto kColumns = Join(kKept, kChanged);
constexpr SqlText kSelect = kColumns.Sql("SELECT $columns FROM plums WHERE plum_id = $1");

std::string Text(absl::string_view text) { return std::string(text); }

// A row of texts and numbers; monostate is NULL.
class FakeRow final : public Row {
 public:
  explicit FakeRow(std::vector<std::variant<std::monostate, int64_t, std::string>> values)
      : values_(std::move(values)) {}
  bool IsNull(int column) const override { return values_[column].index() == 0; }
  int64_t Int64(int column) const override { return std::get<int64_t>(values_[column]); }
  absl::string_view Text(int column) const override { return std::get<std::string>(values_[column]); }
  absl::string_view Bytes(int column) const override { return Text(column); }

 private:
  std::vector<std::variant<std::monostate, int64_t, std::string>> values_;
};

// Of each parameter, as text.
std::vector<std::string> Shown(Params params) {
  std::vector<std::string> shown;
  for (const Param& param : params) {
    if (const auto* number = std::get_if<int64_t>(&param.value())) {
      shown.push_back(std::to_string(*number));
    } else if (const auto* text = std::get_if<absl::string_view>(&param.value())) {
      shown.push_back(Text(*text));
    } else {
      shown.push_back("NULL");
    }
  }
  return shown;
}

TEST(ColumnsTest, MakesStatementsOfOneList) {
  EXPECT_EQ(
      Text(kSelect),
      "SELECT plum_id, tree_id, is_ripe, width, depth, picked_at_us, age_us FROM plums WHERE plum_id = $1");
  constexpr SqlText insert = kKept.SqlFrom(2, "INSERT INTO plums (tree, $columns) VALUES ($1, $values)");
  EXPECT_EQ(Text(insert), "INSERT INTO plums (tree, plum_id, tree_id) VALUES ($1, $2, $3)");
  constexpr SqlText rows = kKept.Sql("INSERT INTO plums ($columns) VALUES $rows");
  EXPECT_EQ(Text(rows), "INSERT INTO plums (plum_id, tree_id) VALUES $rows");
  constexpr SqlText update = kKept.SqlFrom(11, "UPDATE plums SET $assignments WHERE x = $1");
  EXPECT_EQ(Text(update), "UPDATE plums SET plum_id = $11, tree_id = $12 WHERE x = $1");
  constexpr SqlText joined = kKept.Sql("SELECT t.name, p1.$columns FROM trees t");
  EXPECT_EQ(Text(joined), "SELECT t.name, p1.plum_id, p1.tree_id FROM trees t");
}

TEST(ColumnsTest, AnUpsertLeavesTheKey) {
  constexpr SqlText upsert = kKept.Sql("ON CONFLICT (plum_id) DO UPDATE SET $excluded");
  EXPECT_EQ(Text(upsert), "ON CONFLICT (plum_id) DO UPDATE SET tree_id = excluded.tree_id");
}

TEST(ColumnsTest, WritesAndReadsInTheSameOrder) {
  Plum plum = {"p", "", true, {3, std::nullopt}, absl::FromUnixMicros(7), absl::Microseconds(9), "x"};
  EXPECT_THAT(Shown(kColumns.Params(plum, "first")),
              ElementsAre("first", "p", "NULL", "1", "3", "NULL", "7", "9"));
  plum.tree_id = "t";
  plum.size.depth = 4;
  std::vector<Param> params = {"first"};
  kColumns.AppendParams(plum, &params);
  EXPECT_THAT(Shown(params), ElementsAre("first", "p", "t", "1", "3", "4", "7", "9"));

  const Plum read = kColumns.Read(FakeRow({"first", "p", "t", 1, 3, 4, 7, 9}), 1);
  EXPECT_EQ(read.plum_id, "p");
  EXPECT_EQ(read.tree_id, "t");
  EXPECT_TRUE(read.is_ripe);
  EXPECT_EQ(read.size.width, 3);
  EXPECT_EQ(read.size.depth, 4);
  EXPECT_EQ(read.picked_at, absl::FromUnixMicros(7));
  EXPECT_EQ(read.age, absl::Microseconds(9));
  EXPECT_EQ(read.note, "none");
}

TEST(ColumnsTest, ReadsNulls) {
  const Plum read = kColumns.Read(FakeRow({"p", {}, 0, 3, {}, 7, 9}));
  EXPECT_EQ(read.tree_id, "");
  EXPECT_FALSE(read.is_ripe);
  EXPECT_FALSE(read.size.depth.has_value());
}

}  // namespace
}  // namespace penstock::db
