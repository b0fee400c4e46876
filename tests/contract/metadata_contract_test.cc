// Metrics, links, lineage and typed tags, on every database.
#include <algorithm>
#include <cmath>
#include <limits>
#include <random>

#include "absl/strings/str_cat.h"
#include "common/limits.h"
#include "common/status_macros.h"
#include "storage/artifact_store.h"
#include "storage/lineage_store.h"
#include "storage/metric_store.h"
#include "storage/numbered_store.h"
#include "storage/run_parameter_store.h"
#include "storage/run_store.h"
#include "storage/tag_store.h"
#include "storage/task_store.h"
#include "tests/support/environment.h"
#include "tests/support/store_fixture.h"

namespace penstock {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;

constexpr int64_t kFirstStep = std::numeric_limits<int64_t>::min();
constexpr int64_t kLastStep = std::numeric_limits<int64_t>::max();

class MetadataContract : public StoreTest {
 protected:
  void SetUp() override {
    StoreTest::SetUp();
    if (IsSkipped() || HasFatalFailure()) return;
    AddBasics();
    for (const char* run : {"a", "b"}) ASSERT_TRUE(AddRun(NewRun(run)).ok());
  }

  static NamedMetricPoint Point(const std::string& name, int64_t step, double value, int64_t at_us = 0) {
    return {name, {step, absl::FromUnixMicros(at_us), value}};
  }
  void Log(const std::string& run, const std::string& task, const std::vector<NamedMetricPoint>& points) {
    Write([&](db::Tx& tx) { return MetricsLog(tx, {run, task}, points); });
  }
  MetricSeriesRow Series(const std::string& run, const std::string& task, const std::string& name) {
    const auto row = Read<std::optional<MetricSeriesRow>>(
        [&](db::Tx& tx) { return MetricSeriesFind(tx, run, task, name); });
    EXPECT_TRUE(row.has_value()) << name;
    return row.value_or(MetricSeriesRow());
  }
  std::vector<MetricPoint> Points(int64_t series_id) {
    return Read<std::vector<MetricPoint>>([&](db::Tx& tx) {
      return MetricPointsRead(tx, series_id, kFirstStep, kLastStep, std::nullopt, 100'000);
    });
  }
  std::map<std::string, MetricPoint> RunMetrics(const std::string& run) {
    RunMetricRows rows;
    EXPECT_TRUE(store_
                    ->Read([&](db::Tx& tx) -> absl::Status {
                      RETURN_IF_ERROR(RunMetricsLater(tx, {run}, &rows));
                      return tx.Finish();
                    })
                    .ok());
    return rows[run];
  }

  int64_t AddArtifact(const std::string& run, const std::string& uri = "",
                      const std::string& import_key = "") {
    ArtifactRow row;
    Write([&](db::Tx& tx) -> absl::Status {
      ASSIGN_OR_RETURN(row.artifact_id, ArtifactIdReserve(tx, 1));
      row.uuid = absl::StrCat("uuid-", row.artifact_id);
      row.run_id = run;
      row.name = "n";
      row.schema_title = "system.Dataset";
      row.uri = uri;
      row.metadata = "{}";
      row.import_key = import_key;
      row.created_at = clock_.Now();
      return ArtifactInsert(tx, row);
    });
    return row.artifact_id;
  }
  void Link(const std::string& run, const std::string& task, Direction direction, int64_t artifact_id,
            LinkRole role = LinkRole::kOwn) {
    ArtifactTaskRow link;
    link.run_id = run;
    link.task_id = task;
    link.direction = direction;
    link.name = absl::StrCat("n", artifact_id);
    link.artifact_id = artifact_id;
    link.io_type = "OUTPUT";
    link.role = role;
    Write([&](db::Tx& tx) { return ArtifactTaskInsert(tx, link); });
  }
  Lineage LineageOf(int64_t artifact_id, LineageDirection direction, int tasks_max = 100) {
    return Read<Lineage>([&](db::Tx& tx) { return LineageRead(tx, artifact_id, direction, tasks_max); });
  }
};
INSTANTIATE_TEST_SUITE_P(Databases, MetadataContract, ServedDatabases());

TEST_P(MetadataContract, ABatchThatComesTwiceIsThereOnce) {
  const std::vector<NamedMetricPoint> batch = {Point("loss", 0, 3), Point("loss", 2, 1), Point("acc", 0, 0.5),
                                               Point("loss", 1, 2), Point("loss", 1, 2)};
  for (int i = 0; i < 3; ++i) Log("a", "", batch);
  const MetricSeriesRow loss = Series("a", "", "loss");
  EXPECT_EQ(loss.points, 3);
  EXPECT_EQ(loss.first.value, 3);
  EXPECT_EQ(loss.latest.value, 1);
  EXPECT_EQ(loss.least.step, 2);
  EXPECT_EQ(loss.greatest.step, 0);
  EXPECT_THAT(Points(loss.series_id), SizeIs(3));
}

TEST_P(MetadataContract, PointsInAnyOrderGiveTheSameSeries) {
  std::mt19937 random(static_cast<uint32_t>(FromEnvironment("PENSTOCK_SEED", 1)));
  std::vector<NamedMetricPoint> points;
  for (int i = 0; i < 300; ++i) {
    const double value = i % 50 == 7 ? std::nan("") : static_cast<double>(random() % 100) - 50;
    points.push_back(Point("m", static_cast<int64_t>(random() % 40) - 20, value, random() % 3));
  }
  Log("a", "", points);
  std::shuffle(points.begin(), points.end(), random);
  for (size_t begin = 0; begin < points.size(); begin += 7) {
    const auto end = std::min(points.size(), begin + 9);  // some of them again
    Log("b", "", std::vector<NamedMetricPoint>(points.begin() + begin, points.begin() + end));
  }
  const MetricSeriesRow one = Series("a", "", "m");
  const MetricSeriesRow other = Series("b", "", "m");
  EXPECT_EQ(one.points, other.points);
  EXPECT_EQ(one.points, static_cast<int64_t>(Points(one.series_id).size()));
  for (const auto part : {&MetricSeriesRow::first, &MetricSeriesRow::latest, &MetricSeriesRow::least}) {
    EXPECT_EQ((one.*part).step, (other.*part).step);
    EXPECT_EQ((one.*part).at, (other.*part).at);
    EXPECT_EQ((one.*part).value, (other.*part).value);
  }
  EXPECT_TRUE(std::isnan(one.greatest.value) && std::isnan(other.greatest.value));
  EXPECT_EQ(one.greatest.step, other.greatest.step);
}

TEST_P(MetadataContract, TheRunHasTheLatestOfItsTasks) {
  Log("a", "t1", {Point("m", 1, 10)});
  Log("a", "t2", {Point("m", 3, 30)});
  Log("a", "", {Point("m", 2, 20), Point("own", 0, 1)});
  EXPECT_EQ(RunMetrics("a")["m"].value, 30);
  EXPECT_EQ(RunMetrics("a")["own"].value, 1);
  EXPECT_THAT(RunMetrics("b"), IsEmpty());
  const auto list = [&](const MetricSeriesFilter& filter, const MetricSeriesRow& after, int limit) {
    std::vector<std::string> names;
    for (const MetricSeriesRow& row : Read<std::vector<MetricSeriesRow>>(
             [&](db::Tx& tx) { return MetricSeriesList(tx, "a", filter, after, limit); })) {
      names.push_back(absl::StrCat(row.task_id, "/", row.name));
    }
    return names;
  };
  EXPECT_THAT(list({}, {}, 10), ElementsAre("/m", "/own", "t1/m", "t2/m"));
  MetricSeriesRow after;
  after.name = "own";
  EXPECT_THAT(list({}, after, 1), ElementsAre("t1/m"));
  EXPECT_THAT(list({"", ""}, {}, 10), ElementsAre("/m", "/own"));
  EXPECT_THAT(list({std::nullopt, "m"}, {}, 10), ElementsAre("/m", "t1/m", "t2/m"));
  Write([&](db::Tx& tx) { return RunDelete(tx, "a", absl::UnixEpoch()); });
  EXPECT_THAT(RunMetrics("a"), IsEmpty());
}

TEST_P(MetadataContract, ASampleIsEvenAndHasTheEnds) {
  std::vector<NamedMetricPoint> points;
  for (int step = 0; step < 5000; ++step) points.push_back(Point("m", step * 3, step));
  Log("a", "", points);
  const int64_t id = Series("a", "", "m").series_id;
  const auto sample = [&](int64_t from, int64_t to, int count) {
    return Read<std::vector<MetricPoint>>(
        [&](db::Tx& tx) { return MetricPointsSample(tx, id, from, to, count); });
  };
  const auto all = sample(kFirstStep, kLastStep, 100);
  ASSERT_THAT(all, SizeIs(100));
  EXPECT_EQ(all.front().step, 0);
  EXPECT_EQ(all.back().step, 14'997);
  for (size_t i = 1; i < all.size(); ++i) {
    EXPECT_NEAR(static_cast<double>(all[i].step - all[i - 1].step), 14'997.0 / 99, 4);
  }
  EXPECT_THAT(sample(30, 60, 100), SizeIs(11));
  EXPECT_THAT(sample(kFirstStep, kLastStep, 1), SizeIs(1));
  EXPECT_THAT(sample(1'000'000, kLastStep, 10), IsEmpty());
  // Steps as far apart as they can be.
  Log("b", "", {Point("m", kFirstStep, 1), Point("m", 0, 2), Point("m", 1, 3), Point("m", kLastStep, 4)});
  const int64_t far = Series("b", "", "m").series_id;
  const auto few = Read<std::vector<MetricPoint>>(
      [&](db::Tx& tx) { return MetricPointsSample(tx, far, kFirstStep, kLastStep, 3); });
  ASSERT_THAT(few, SizeIs(3));
  EXPECT_EQ(few.front().value, 1);
  EXPECT_EQ(few.back().value, 4);
}

TEST_P(MetadataContract, ARunHasABoundOnItsSeries) {
  std::vector<NamedMetricPoint> points;
  for (int i = 0; i < limits::kRunMetricSeries; ++i) points.push_back(Point(absl::StrCat("m", i), 0, i));
  Log("a", "", points);
  Log("a", "", {Point("m7", 1, 8)});
  EXPECT_TRUE(absl::IsResourceExhausted(store_->Write([&](db::Tx& tx) {
    return MetricsLog(tx, {"a", ""}, {Point("new", 0, 1)});
  })));
  EXPECT_EQ(RunMetrics("a").count("new"), 0u);
}

TEST_P(MetadataContract, LinksHaveNumbersAndPages) {
  const int64_t artifact = AddArtifact("a");
  Link("a", "", Direction::kInput, artifact);
  Link("a", "t", Direction::kInput, artifact);
  Link("b", "t", Direction::kOutput, artifact, LinkRole::kCache);
  ArtifactTaskFilter filter;
  filter.artifact_ids = {artifact};
  const auto page = [&](int64_t after, bool descending, int limit) {
    std::vector<std::string> tasks;
    for (const ArtifactTaskRow& row : Read<std::vector<ArtifactTaskRow>>(
             [&](db::Tx& tx) { return ArtifactTasksAfter(tx, filter, after, descending, limit); })) {
      tasks.push_back(absl::StrCat(row.run_id, "/", row.task_id));
    }
    return tasks;
  };
  EXPECT_THAT(page(0, false, 10), ElementsAre("a/", "a/t", "b/t"));
  EXPECT_THAT(page(kLastStep, true, 2), ElementsAre("b/t", "a/t"));
  filter.run_ids = {"a"};
  EXPECT_THAT(page(0, false, 10), ElementsAre("a/", "a/t"));
  EXPECT_EQ(Counter("artifacts"), 1);
  // Its run goes, and another that has it takes it over.
  Write([&](db::Tx& tx) { return RunDelete(tx, "a", absl::UnixEpoch()); });
  const auto row = Read<std::optional<ArtifactRow>>([&](db::Tx& tx) { return ArtifactFind(tx, artifact); });
  ASSERT_TRUE(row.has_value());
  EXPECT_EQ(row->run_id, "b");
  EXPECT_THAT(LineageOf(artifact, LineageDirection::kUp).links, SizeIs(1));
  Write([&](db::Tx& tx) { return RunDelete(tx, "b", absl::UnixEpoch()); });
  EXPECT_EQ(Counter("artifacts"), 0);
}

TEST_P(MetadataContract, LineageFollowsTasksAndImports) {
  const int64_t data = AddArtifact("a");
  const int64_t other = AddArtifact("a");
  const int64_t model = AddArtifact("a", "penstock://artifacts/model");
  const int64_t imported = AddArtifact("b", "penstock://artifacts/model", "key");
  const int64_t result = AddArtifact("b");
  Link("a", "prepare", Direction::kOutput, data);
  Link("a", "prepare", Direction::kOutput, other);
  Link("a", "train", Direction::kInput, data);
  Link("a", "train", Direction::kOutput, model);
  Link("a", "graph", Direction::kInput, other, LinkRole::kScope);
  Link("a", "graph", Direction::kOutput, model, LinkRole::kScope);
  Link("b", "use", Direction::kInput, imported);
  Link("b", "use", Direction::kOutput, result);
  const Lineage up = LineageOf(result, LineageDirection::kUp);
  EXPECT_THAT(up.artifact_ids, ElementsAre(result, imported, model, data));
  EXPECT_THAT(up.imports, ElementsAre(std::pair(imported, model)));
  EXPECT_THAT(up.links, SizeIs(5));
  EXPECT_FALSE(up.truncated);
  EXPECT_THAT(LineageOf(data, LineageDirection::kDown).artifact_ids,
              ElementsAre(data, model, imported, result));
  EXPECT_THAT(LineageOf(other, LineageDirection::kDown).artifact_ids, ElementsAre(other));
}

TEST_P(MetadataContract, LineageEndsInCyclesAndAtItsBound) {
  // A run that imports what is made of it, round and round.
  const int64_t a = AddArtifact("a", "uri-1", "key-1");
  const int64_t b = AddArtifact("a", "uri-2");
  const int64_t c = AddArtifact("b", "uri-2", "key-2");
  const int64_t d = AddArtifact("b", "uri-1");
  Link("a", "t", Direction::kInput, a);
  Link("a", "t", Direction::kOutput, b);
  Link("b", "t", Direction::kInput, c);
  Link("b", "t", Direction::kOutput, d);
  for (const LineageDirection direction : {LineageDirection::kUp, LineageDirection::kDown}) {
    EXPECT_THAT(LineageOf(b, direction).artifact_ids, UnorderedElementsAre(a, b, c, d));
  }
  int64_t last = AddArtifact("a");
  const int64_t first = last;
  for (int i = 0; i < 50; ++i) {
    const int64_t next = AddArtifact("a");
    Link("a", absl::StrCat("step", i), Direction::kInput, last);
    Link("a", absl::StrCat("step", i), Direction::kOutput, next);
    last = next;
  }
  EXPECT_THAT(LineageOf(last, LineageDirection::kUp).artifact_ids, SizeIs(51));
  const Lineage cut = LineageOf(first, LineageDirection::kDown, 10);
  EXPECT_TRUE(cut.truncated);
  EXPECT_THAT(cut.artifact_ids, SizeIs(11));
}

TEST_P(MetadataContract, TagsHaveTypesAndAreFound) {
  const std::string task = TaskTagOwner("a", "t");
  Write([&](db::Tx& tx) -> absl::Status {
    RETURN_IF_ERROR(TagSet(tx, "a", "n", {TagType::kNumber, "2"}));
    RETURN_IF_ERROR(TagSet(tx, "b", "n", {TagType::kNumber, "10"}));
    RETURN_IF_ERROR(TagSet(tx, task, "n", {TagType::kNumber, "2"}));
    RETURN_IF_ERROR(TagSet(tx, "a", "text", {TagType::kString, std::string(9000, 'x')}));
    RETURN_IF_ERROR(TagSet(tx, "b", "text", {TagType::kString, std::string(9000, 'x') + "y"}));
    return TagSet(tx, "a", "yes", {TagType::kBoolean, "true"});
  });
  const auto find = [&](TagSearch search, const std::optional<TagPosition>& after = std::nullopt) {
    std::vector<std::string> owners;
    for (const TagPosition& one :
         Read<std::vector<TagPosition>>([&](db::Tx& tx) { return TagsFind(tx, search, after, 10); })) {
      owners.push_back(one.owner_id);
    }
    return owners;
  };
  TagSearch number{"", true, "n", TagSearch::kGreater, {TagType::kNumber, "1"}};
  EXPECT_THAT(find(number), ElementsAre("a", "b"));
  EXPECT_THAT(find(number, TagPosition{OrderOfDouble(2), "a"}), ElementsAre("b"));
  number.comparison = TagSearch::kEquals;
  number.value.value = "10";
  EXPECT_THAT(find(number), ElementsAre("b"));
  EXPECT_THAT(find({"task/", false, "n", TagSearch::kLess, {TagType::kNumber, "3"}}), ElementsAre(task));
  EXPECT_THAT(find({"", true, "text", TagSearch::kEquals, {TagType::kString, std::string(9000, 'x')}}),
              ElementsAre("a"));
  EXPECT_THAT(find({"", true, "yes", TagSearch::kEquals, {TagType::kString, "true"}}), IsEmpty());
  const TypedTags tags = Read<TypedTags>([](db::Tx& tx) { return TypedTagsRead(tx, "a"); });
  EXPECT_EQ(tags.at("n"), (TypedTag{TagType::kNumber, "2"}));
  Write([](db::Tx& tx) -> absl::Status {
    EXPECT_TRUE(*TagRemove(tx, "a", "yes"));
    EXPECT_FALSE(*TagRemove(tx, "a", "yes"));
    return absl::OkStatus();
  });
}

TEST_P(MetadataContract, ParametersOfRunsAreKeptAsText) {
  const RunRow row = NewRun("c");
  const std::string json = R"({"a": "text", "b": 1.0, "c": [1, "x"], "d": null, "e": "nul\u0000"})";
  Write([&](db::Tx& tx) { return RunInsert(tx, row, {"spec", json, ""}); });
  RunParameterRows rows;
  Write([&](db::Tx& tx) -> absl::Status {
    RETURN_IF_ERROR(RunParametersLater(tx, {"c"}, &rows));
    return tx.Flush();
  });
  EXPECT_EQ(rows["c"], (std::map<std::string, std::string>{
                           {"a", "text"}, {"b", "1"}, {"c", R"([1,"x"])"}, {"e", "\"nul\\u0000\""}}));
  std::string known;
  Write([&](db::Tx& tx) -> absl::Status {
    ASSIGN_OR_RETURN(known, RunParameterSet(tx, "c", "a", "another"));
    return absl::OkStatus();
  });
  EXPECT_EQ(known, "text");
}

TEST_P(MetadataContract, RunsAndTasksHaveNumbersOfTheirOwn) {
  TaskRow task;
  task.run_id = "a";
  task.task_id = "t";
  task.name = "train";
  task.created_at = task.started_at = task.finished_at = clock_.Now();
  Write([&](db::Tx& tx) { return TaskInsert(tx, task); });
  const RunRow a = Read<RunRow>([](db::Tx& tx) { return RunGet(tx, "a"); });
  const RunRow b = Read<RunRow>([](db::Tx& tx) { return RunGet(tx, "b"); });
  const TaskRow stored = Read<TaskRow>([](db::Tx& tx) { return TaskGet(tx, "a", "t"); });
  EXPECT_LT(a.number, b.number);
  EXPECT_LT(b.number, stored.number);
  const auto found =
      Read<std::vector<NumberedTask>>([&](db::Tx& tx) { return NumberedTasksFind(tx, {stored.number}); });
  ASSERT_THAT(found, SizeIs(1));
  EXPECT_EQ(found[0].key.task_id, "t");
  const auto later = Read<std::vector<NumberedTask>>(
      [&](db::Tx& tx) { return NumberedTasksAfter(tx, a.number, /*descending=*/false, 10); });
  ASSERT_THAT(later, SizeIs(2));
  EXPECT_EQ(later[0].key.run_id, "b");
  EXPECT_EQ(later[0].key.task_id, "");
  EXPECT_EQ(later[1].number, stored.number);
}

}  // namespace
}  // namespace penstock
