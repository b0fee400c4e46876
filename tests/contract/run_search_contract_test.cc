// Searches of runs on every database, against a model: whichever way finds the rows, the answer is the same.
#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <random>
#include <vector>

#include "absl/strings/str_join.h"
#include "common/ordered_double.h"
#include "storage/metric_store.h"
#include "storage/run_parameter_store.h"
#include "storage/run_search.h"
#include "storage/tag_store.h"
#include "tests/support/environment.h"
#include "tests/support/store_fixture.h"

namespace penstock {
namespace {

struct ModelRun {
  RunRow row;
  std::map<std::string, double> metrics;
  std::map<std::string, std::string> params;
  std::map<std::string, std::string> tags;
};

class RunSearchContract : public StoreTest {
 protected:
  void SetUp() override {
    StoreTest::SetUp();
    if (store_ == nullptr) return;
    AddBasics();
    ASSERT_TRUE(store_
                    ->Write([](db::Tx& tx) {
                      ExperimentRow other;
                      other.experiment_id = "other";
                      other.name = "Other";
                      other.created_at = absl::UnixEpoch();
                      return ExperimentInsert(tx, other);
                    })
                    .ok());
  }

  template <typename T>
  T OneOf(std::initializer_list<T> values) {
    return *(values.begin() + static_cast<ptrdiff_t>(random_() % values.size()));
  }

  // Values repeat, so that ties, NaN and what is missing meet in all ways.
  void AddRandomRun(int number) {
    ModelRun run;
    run.row = NewRun(absl::StrCat("run", random_() % 1000, "-", number));
    run.row.experiment_id = random_() % 4 == 0 ? "other" : "exp";
    run.row.display_name = absl::StrCat("name ", random_() % 5);
    run.row.scheduled_at = absl::FromUnixMillis(static_cast<int64_t>(1000 + random_() % 6));
    run.row.state = OneOf({RunState::kRunning, RunState::kSucceeded, RunState::kFailed});
    if (random_() % 5 == 0) run.row.storage_state = StorageState::kArchived;
    for (const char* name : {"m", "n"}) {
      if (random_() % 3 == 0) continue;
      run.metrics[name] =
          OneOf({-1.5, 0.0, 1.0, 2.0, 3.0, std::nan(""), std::numeric_limits<double>::infinity()});
    }
    if (random_() % 3 != 0) run.params["p"] = OneOf<std::string>({"1", "2", "x y", "Größe", "10%"});
    if (random_() % 3 != 0) run.tags["t"] = OneOf<std::string>({"a", "A", "b", ""});
    ASSERT_TRUE(store_
                    ->Write([&](db::Tx& tx) -> absl::Status {
                      RETURN_IF_ERROR(RunInsert(tx, run.row, {"spec", "{}", ""}));
                      std::vector<NamedMetricPoint> points;
                      for (const auto& [name, value] : run.metrics) {
                        points.push_back({name, {0, run.row.scheduled_at, value}});
                      }
                      RETURN_IF_ERROR(MetricsLog(tx, {run.row.run_id, ""}, points));
                      for (const auto& [name, value] : run.params) {
                        RETURN_IF_ERROR(RunParameterSet(tx, run.row.run_id, name, value).status());
                      }
                      for (const auto& [name, value] : run.tags) {
                        RETURN_IF_ERROR(TagSet(tx, run.row.run_id, name, {TagType::kString, value}));
                      }
                      return absl::OkStatus();
                    })
                    .ok());
    runs_.push_back(std::move(run));
  }

  RunCondition RandomCondition() {
    switch (random_() % 6) {
      case 0:
      case 1:
        return {RunSubject::kMetric,
                OneOf<std::string>({"m", "n"}),
                OneOf({SearchOp::kEqual, SearchOp::kNotEqual, SearchOp::kLess, SearchOp::kLessOrEqual,
                       SearchOp::kGreater, SearchOp::kGreaterOrEqual}),
                {},
                OneOf({-1.5, 0.0, 1.0, 2.5})};
      case 2:
        return {RunSubject::kParameter,
                "p",
                OneOf({SearchOp::kEqual, SearchOp::kNotEqual, SearchOp::kIsNull}),
                {OneOf<std::string>({"1", "Größe"})},
                0};
      case 3:
        return {RunSubject::kTag,
                "t",
                OneOf({SearchOp::kEqual, SearchOp::kNotEqual, SearchOp::kIsNotNull}),
                {OneOf<std::string>({"a", "b", ""})},
                0};
      case 4:
        return {RunSubject::kStart,
                "",
                OneOf({SearchOp::kLess, SearchOp::kEqual, SearchOp::kGreaterOrEqual}),
                {},
                OneOf({1001.0, 1003.0, 1003.5})};
      default:
        return {RunSubject::kName, "", OneOf({SearchOp::kIn, SearchOp::kNotIn}), {"name 1", "name 3"}, 0};
    }
  }

  static bool TextSatisfies(const std::map<std::string, std::string>& of, const RunCondition& condition) {
    const auto found = of.find(condition.key);
    if (condition.op == SearchOp::kIsNull) return found == of.end();
    if (found == of.end()) return false;
    if (condition.op == SearchOp::kIsNotNull) return true;
    return (found->second == condition.texts.front()) == (condition.op == SearchOp::kEqual);
  }

  static bool NumberSatisfies(double value, SearchOp op, double number) {
    switch (op) {
      case SearchOp::kEqual:
        return value == number;
      case SearchOp::kNotEqual:
        return value != number;
      case SearchOp::kLess:
        return value < number;
      case SearchOp::kLessOrEqual:
        return value <= number;
      case SearchOp::kGreater:
        return value > number;
      default:
        return value >= number;
    }
  }

  static bool Satisfies(const ModelRun& run, const RunCondition& condition) {
    switch (condition.subject) {
      case RunSubject::kMetric: {
        const auto found = run.metrics.find(condition.key);
        return found != run.metrics.end() && NumberSatisfies(found->second, condition.op, condition.number);
      }
      case RunSubject::kParameter:
        return TextSatisfies(run.params, condition);
      case RunSubject::kTag:
        return TextSatisfies(run.tags, condition);
      case RunSubject::kStart:
        return NumberSatisfies(static_cast<double>(absl::ToUnixMillis(run.row.scheduled_at)), condition.op,
                               condition.number);
      default: {
        const bool in = run.row.display_name == "name 1" || run.row.display_name == "name 3";
        return in == (condition.op == SearchOp::kIn);
      }
    }
  }

  static SearchPosition PositionOf(const ModelRun& run, const std::vector<RunOrder>& orders) {
    SearchPosition position;
    position.id = run.row.run_id;
    position.at_us = absl::ToUnixMicros(run.row.scheduled_at);
    for (const RunOrder& order : orders) {
      SearchValue& value = position.values.emplace_back();
      const auto metric = run.metrics.find(order.key);
      const auto param = run.params.find(order.key);
      if (order.subject == RunSubject::kMetric && metric != run.metrics.end()) {
        value = OrderOfDouble(metric->second);
      }
      if (order.subject == RunSubject::kParameter && param != run.params.end()) value = param->second;
      if (order.subject == RunSubject::kStart) value = position.at_us;
      if (order.subject == RunSubject::kName) value = run.row.display_name;
    }
    return position;
  }

  std::vector<std::string> Expected(const RunSearchQuery& query) const {
    const auto has = [](const auto& list, const auto& value) {
      return std::find(list.begin(), list.end(), value) != list.end();
    };
    const std::vector<SearchKey> keys = RunSearchKeys(query.orders);
    std::vector<SearchPosition> rows;
    for (const ModelRun& run : runs_) {
      const bool wanted =
          has(query.experiment_ids, run.row.experiment_id) &&
          has(query.storage_states, run.row.storage_state) &&
          std::all_of(query.conditions.begin(), query.conditions.end(),
                      [&](const RunCondition& condition) { return Satisfies(run, condition); });
      if (wanted) rows.push_back(PositionOf(run, query.orders));
    }
    std::sort(rows.begin(), rows.end(),
              [&](const SearchPosition& a, const SearchPosition& b) { return ComesBefore(keys, a, b); });
    std::vector<std::string> ids;
    for (const SearchPosition& row : rows) ids.push_back(row.id);
    return ids;
  }

  // All pages, with the positions as tokens have them.
  std::vector<std::string> Found(RunSearchQuery query) {
    std::vector<std::string> ids;
    const std::vector<SearchKey> keys = RunSearchKeys(query.orders);
    for (int pages = 0; pages < 10'000; ++pages) {
      SearchPage page;
      const absl::Status read = store_->Read([&](db::Tx& tx) -> absl::Status {
        ASSIGN_OR_RETURN(page, RunSearch(tx, query));
        return absl::OkStatus();
      });
      EXPECT_TRUE(read.ok()) << read;
      EXPECT_LE(static_cast<int>(page.rows.size()), query.limit);
      for (const SearchPosition& row : page.rows) ids.push_back(row.id);
      if (!read.ok() || !page.next.has_value()) return ids;
      const auto next = PositionFromJson(keys, PositionToJson(*page.next));
      EXPECT_TRUE(next.ok()) << next.status();
      query.after = *next;
    }
    ADD_FAILURE() << "the pages do not end";
    return ids;
  }

  const int64_t seed_ = FromEnvironment("PENSTOCK_SEED", 20261129);
  std::mt19937_64 random_{static_cast<uint64_t>(seed_)};
  std::vector<ModelRun> runs_;
};
INSTANTIATE_TEST_SUITE_P(Databases, RunSearchContract, ServedDatabases());

TEST_P(RunSearchContract, EveryWayFindsTheSame) {
  SCOPED_TRACE(absl::StrCat("PENSTOCK_SEED=", seed_));
  for (int i = 0; i < 60; ++i) AddRandomRun(i);
  const std::vector<std::vector<RunOrder>> orders = {
      {},
      {{RunSubject::kStart, "", true}},
      {{RunSubject::kStart, "", false}},
      {{RunSubject::kMetric, "m", false}},
      {{RunSubject::kMetric, "m", true}},
      {{RunSubject::kMetric, "n", true}, {RunSubject::kStart, "", true}},
      {{RunSubject::kMetric, "none", false}},
      {{RunSubject::kParameter, "p", true}},
      {{RunSubject::kMetric, "m", false}, {RunSubject::kName, "", false}}};
  const int rounds = static_cast<int>(FromEnvironment("PENSTOCK_STEPS", 400));
  for (int round = 0; round < rounds; ++round) {
    RunSearchQuery query;
    query.experiment_ids = OneOf<std::vector<std::string>>({{"exp"}, {"exp", "other"}, {"other", "nobody"}});
    query.storage_states =
        OneOf<std::vector<StorageState>>({{StorageState::kAvailable},
                                          {StorageState::kAvailable, StorageState::kArchived},
                                          {StorageState::kArchived}});
    query.orders = orders[random_() % orders.size()];
    for (auto conditions = random_() % 3; conditions > 0; --conditions) {
      query.conditions.push_back(RandomCondition());
    }
    query.limit = OneOf({1, 2, 7, 100});
    // Candidates are few enough to be read, or the order is walked, in steps of any size.
    query.bounds.candidates = OneOf<int64_t>({5000, 5, 0});
    query.bounds.first_step = OneOf<int64_t>({1, 3, 2000});
    query.bounds.walked = OneOf<int64_t>({1, 10, 50'000});
    ASSERT_EQ(Found(query), Expected(query)) << "round " << round << " orders " << query.orders.size()
                                             << " conditions " << query.conditions.size();
  }
}

TEST_P(RunSearchContract, TextsAreComparedAsTheyAre) {
  const std::vector<std::string> texts = {"Abc", "abc", "a_c", "a%c", "a\\c", "ÄB"};
  for (size_t i = 0; i < texts.size(); ++i) {
    RunRow row = NewRun(absl::StrCat("r", i));
    row.display_name = texts[i];
    ASSERT_TRUE(AddRun(row).ok());
  }
  const auto found = [&](SearchOp op, const std::string& text) {
    RunSearchQuery query;
    query.experiment_ids = {"exp"};
    query.storage_states = {StorageState::kAvailable};
    query.conditions = {{RunSubject::kName, "", op, {text}, 0}};
    query.orders = {{RunSubject::kRunId, "", false}};
    query.limit = 100;
    return absl::StrJoin(Found(query), " ");
  };
  EXPECT_EQ(found(SearchOp::kLike, "a_c"), "r1 r2 r3 r4");
  EXPECT_EQ(found(SearchOp::kLike, "A%"), "r0");
  EXPECT_EQ(found(SearchOp::kILike, "A%"), "r0 r1 r2 r3 r4");
  EXPECT_EQ(found(SearchOp::kLike, "a\\c"), "r4");
  EXPECT_EQ(found(SearchOp::kLike, "_B"), "r5");
  EXPECT_EQ(found(SearchOp::kEqual, "a%c"), "r3");
  EXPECT_EQ(found(SearchOp::kIn, "abc"), "r1");
}

TEST_P(RunSearchContract, AnOrderWithoutAnIndexHasABound) {
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(AddRun(NewRun(absl::StrCat("r", i))).ok());
  RunSearchQuery query;
  query.experiment_ids = {"exp"};
  query.storage_states = {StorageState::kAvailable};
  query.orders = {{RunSubject::kName, "", false}};
  query.limit = 10;
  query.bounds.candidates = 0;
  query.bounds.sorted = 5;
  EXPECT_EQ(Found(query).size(), 5U);
  query.bounds.sorted = 4;
  const absl::Status refused = store_->Read([&](db::Tx& tx) { return RunSearch(tx, query).status(); });
  EXPECT_TRUE(absl::IsInvalidArgument(refused)) << refused;
}

}  // namespace
}  // namespace penstock
