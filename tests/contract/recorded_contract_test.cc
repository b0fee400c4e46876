// What clients record of runs: data sets, models, records of tasks and typed tags, many rows at once, on every database.
#include "absl/strings/str_cat.h"
#include "common/status_macros.h"
#include "storage/artifact_store.h"
#include "storage/dataset_store.h"
#include "storage/logged_model_store.h"
#include "storage/run_store.h"
#include "storage/tag_store.h"
#include "storage/task_record_store.h"
#include "storage/task_store.h"
#include "tests/support/store_fixture.h"

namespace penstock {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::SizeIs;

constexpr int kMany = 1500;  // more than one statement takes

class RecordedContract : public StoreTest {
 protected:
  void SetUp() override {
    StoreTest::SetUp();
    if (IsSkipped() || HasFatalFailure()) return;
    AddBasics();
    for (const char* run : {"a", "b"}) ASSERT_TRUE(AddRun(NewRun(run)).ok());
  }

  // What `later` puts off.
  template <typename Result>
  Result ReadLater(absl::FunctionRef<absl::Status(db::Tx&, Result*)> later) {
    return Read<Result>([&](db::Tx& tx) -> absl::StatusOr<Result> {
      Result result;
      RETURN_IF_ERROR(later(tx, &result));
      RETURN_IF_ERROR(tx.Finish());
      return result;
    });
  }

  // An artifact that `task` of run a is linked with.
  int64_t AddArtifact(const std::string& schema, const std::string& task, Direction direction) {
    int64_t id = 0;
    Write([&](db::Tx& tx) -> absl::Status {
      ASSIGN_OR_RETURN(id, ArtifactIdReserve(tx, 1));
      ArtifactRow row;
      row.artifact_id = id;
      row.uuid = absl::StrCat("uuid-", id);
      row.run_id = "a";
      row.schema_title = schema;
      row.metadata = "{}";
      row.created_at = clock_.Now();
      RETURN_IF_ERROR(ArtifactInsert(tx, row));
      ArtifactTaskRow link;
      link.run_id = "a";
      link.task_id = task;
      link.direction = direction;
      link.name = absl::StrCat("n", id);
      link.artifact_id = id;
      link.io_type = "OUTPUT";
      return ArtifactTaskInsert(tx, link);
    });
    return id;
  }
  void AddTasks(int count) {
    Write([&](db::Tx& tx) -> absl::Status {
      for (int i = 0; i < count; ++i) {
        TaskRow task;
        task.run_id = "a";
        task.task_id = absl::StrCat("t", i);
        task.name = "train";
        task.recorded = true;
        task.created_at = task.started_at = task.finished_at = clock_.Now();
        RETURN_IF_ERROR(TaskInsert(tx, task));
      }
      return absl::OkStatus();
    });
  }
  LoggedModelRow Model(const std::string& id, int64_t artifact_id) {
    LoggedModelRow row;
    row.model_id = id;
    row.experiment_id = "exp";
    row.status = "READY";
    row.artifact_id = artifact_id;
    row.created_at = row.updated_at = clock_.Now();
    return row;
  }
};
INSTANTIATE_TEST_SUITE_P(Databases, RecordedContract, ServedDatabases());

TEST_P(RecordedContract, DataSetsOfARunAreReadOnceAndFoundByNameAndDigest) {
  const int64_t wine = AddArtifact("system.Dataset", "t1", Direction::kInput);
  const int64_t beer = AddArtifact("system.Dataset", "", Direction::kInput);
  Write([&](db::Tx& tx) -> absl::Status {
    ArtifactTaskRow again;
    again.run_id = "a";
    again.task_id = "t2";
    again.direction = Direction::kInput;
    again.name = "wine";
    again.artifact_id = wine;
    again.io_type = "OUTPUT";
    RETURN_IF_ERROR(ArtifactTaskInsert(tx, again));
    RETURN_IF_ERROR(DatasetsInsert(tx, {{wine, "exp", "wine", "1", "local", "{}", "columns", "profile"},
                                        {beer, "exp", "beer", "2", "local", "{}", "", ""}}));
    return InputTagsInsert(tx, {{"a", "t1", wine, "mlflow.data.context", "training"},
                                {"a", "t1", wine, "fold", "1"},
                                {"a", "t1", wine, "fold", "2"}});
  });
  const auto rows = Read<std::vector<DatasetRow>>([](db::Tx& tx) { return DatasetsOfRun(tx, "a"); });
  ASSERT_THAT(rows, SizeIs(2));
  EXPECT_EQ(rows[0].artifact_id, wine);
  EXPECT_EQ(rows[0].profile, "profile");
  EXPECT_EQ(rows[1].digest, "2");
  const auto tags = Read<std::vector<InputTagRow>>([](db::Tx& tx) { return InputTagsOfRun(tx, "a"); });
  ASSERT_THAT(tags, SizeIs(2));
  EXPECT_EQ(tags[0].name, "fold");
  EXPECT_EQ(tags[0].value, "1");
  std::vector<DatasetRow> wanted = rows;
  for (int i = 0; i < kMany; ++i) wanted.push_back({0, "", absl::StrCat("other", i), "1", "", "", "", ""});
  EXPECT_THAT(Read<DatasetIds>([&](db::Tx& tx) { return DatasetsFind(tx, "exp", wanted); }),
              ElementsAre(Pair(Pair("beer", "2"), beer), Pair(Pair("wine", "1"), wine)));
  EXPECT_THAT(Read<DatasetIds>([&](db::Tx& tx) { return DatasetsFind(tx, "none", rows); }), IsEmpty());

  const auto uses = ReadLater<TaskDatasetUses>([](db::Tx& tx, TaskDatasetUses* out) {
    return TaskDatasetUsesLater(tx, {"a", "b"}, out);
  });
  ASSERT_EQ(uses.count("b"), 0u);
  std::vector<std::string> seen;
  for (const TaskDatasetUse& one : uses.at("a")) {
    seen.push_back(absl::StrCat(one.task_id, "/", one.use.dataset.name, "/", one.use.dataset.digest, "/",
                                one.use.context));
  }
  EXPECT_THAT(seen, ElementsAre("t1/wine/1/training", "/beer/2/", "t2/wine/1/"));
}

TEST_P(RecordedContract, ModelsOfARunAreThoseThatItIsLinkedWith) {
  const int64_t made = AddArtifact("system.Model", "t1", Direction::kOutput);
  const int64_t plain = AddArtifact("system.Model", "t1", Direction::kOutput);
  EXPECT_NE(made, plain);
  std::vector<LoggedModelRow> models = {Model("made", made), Model("linked", 0), Model("neither", 0)};
  std::vector<LoggedModelParameterRow> parameters;
  for (int i = 0; i < kMany; ++i) parameters.push_back({"made", absl::StrCat("p", i), std::string(300, 'x')});
  const MetricPoint point = {2, clock_.Now(), 0.5};
  Write([&](db::Tx& tx) -> absl::Status {
    RETURN_IF_ERROR(LoggedModelsInsert(tx, models));
    RETURN_IF_ERROR(LoggedModelParametersInsert(tx, parameters));
    RETURN_IF_ERROR(LoggedModelMetricsInsert(
        tx, {{"made", "acc", "", "", "a", point}, {"linked", "acc", "wine", "1", "a_t1", point}}));
    return ModelLinksInsert(tx, {{"a", "t1", Direction::kInput, "linked", 0}});
  });
  const auto found = ReadLater<LoggedModelRows>(
      [](db::Tx& tx, LoggedModelRows* out) { return LoggedModelsOfRunLater(tx, "a", out); });
  ASSERT_THAT(found, SizeIs(2));
  EXPECT_EQ(found.at("made").artifact_id, made);
  EXPECT_EQ(found.count("linked"), 1u);
  EXPECT_THAT(ReadLater<LoggedModelRows>(
                  [](db::Tx& tx, LoggedModelRows* out) { return LoggedModelsOfRunLater(tx, "b", out); }),
              IsEmpty());
  std::vector<std::string> ids = {"made"};
  for (int i = 0; i < kMany; ++i) ids.push_back(absl::StrCat("none", i));
  ids.push_back("linked");
  const auto stored = ReadLater<LoggedModelParameters>(
      [&](db::Tx& tx, LoggedModelParameters* out) { return LoggedModelParametersLater(tx, ids, out); });
  EXPECT_THAT(stored.at("made"), SizeIs(kMany));
  const auto metrics = ReadLater<LoggedModelMetrics>(
      [&](db::Tx& tx, LoggedModelMetrics* out) { return LoggedModelMetricsLater(tx, ids, out); });
  EXPECT_EQ(metrics.at("linked").at(0).dataset_name, "wine");
  EXPECT_EQ(metrics.at("made").at(0).latest.value, 0.5);
}

TEST_P(RecordedContract, RecordsOfTasksAreReadTogether) {
  AddTasks(kMany);
  std::vector<TaskRecordRow> rows;
  std::vector<LoggedParameterRow> parameters;
  for (int i = 0; i < kMany; ++i) {
    const std::string task = absl::StrCat("t", i);
    rows.push_back({"a", task, "", i == 0 ? "print" : "", std::string("\0\xff", 2) + std::string(i, 'x')});
    parameters.push_back({task, "rate", absl::StrCat(i)});
  }
  Write([&](db::Tx& tx) -> absl::Status {
    RETURN_IF_ERROR(TaskRecordsInsert(tx, rows));
    return LoggedParametersInsert(tx, "a", parameters);
  });
  const auto stored = Read<std::vector<TaskRecordRow>>([](db::Tx& tx) { return TaskRecordList(tx, "a"); });
  ASSERT_THAT(stored, SizeIs(kMany));
  EXPECT_EQ(stored[0].record, rows[0].record);
  EXPECT_EQ(stored[0].cache_fingerprint, "print");
  int64_t bytes = 0;
  for (const TaskRecordRow& row : rows) bytes += static_cast<int64_t>(row.record.size());
  EXPECT_EQ(Read<int64_t>([](db::Tx& tx) { return TaskRecordBytes(tx, "a"); }), bytes);
  EXPECT_EQ(Read<int64_t>([](db::Tx& tx) { return TaskRecordBytes(tx, "b"); }), 0);
  const auto logged = ReadLater<LoggedParameters>(
      [](db::Tx& tx, LoggedParameters* out) { return LoggedParametersLater(tx, "a", out); });
  EXPECT_EQ(logged.at("t7").at("rate"), "7");
}

TEST_P(RecordedContract, RecordedTasksAreCountedFromWhatIsThere) {
  const auto add = [&](const char* run) {
    int64_t count = 0;
    Write([&](db::Tx& tx) -> absl::Status {
      ASSIGN_OR_RETURN(count, RecordedTaskAdd(tx, run));
      return absl::OkStatus();
    });
    return count;
  };
  EXPECT_EQ(add("b"), 1);
  AddTasks(3);
  Write([&](db::Tx& tx) {
    return TaskRecordsInsert(tx,
                             {{"a", "t0", "", "", "x"}, {"a", "t1", "", "", "x"}, {"a", "t2", "", "", "x"}});
  });
  EXPECT_EQ(add("a"), 4);
  EXPECT_EQ(add("a"), 5);
  EXPECT_EQ(add("b"), 2);
  // What is refused is not counted.
  EXPECT_FALSE(store_
                   ->Write([&](db::Tx& tx) -> absl::Status {
                     RETURN_IF_ERROR(RecordedTaskAdd(tx, "a").status());
                     return absl::ResourceExhaustedError("enough");
                   })
                   .ok());
  EXPECT_EQ(add("a"), 6);
  Write([&](db::Tx& tx) { return RunDelete(tx, "a", absl::UnixEpoch()); });
  EXPECT_EQ(Counter("recorded_tasks/a"), 0);
}

TEST_P(RecordedContract, TagsOfManyOwnersAreSetTogether) {
  std::vector<OwnedTag> tags;
  for (int i = 0; i < kMany; ++i) {
    tags.push_back({TaskTagOwner("a", absl::StrCat("t", i)), "score", {TagType::kNumber, absl::StrCat(i)}});
  }
  tags.push_back({"a", "text", {TagType::kString, "x"}});
  Write([&](db::Tx& tx) -> absl::Status {
    RETURN_IF_ERROR(TagSet(tx, "a", "text", {TagType::kBoolean, "true"}));
    return TagsSet(tx, tags);
  });
  EXPECT_EQ(Read<TypedTags>([](db::Tx& tx) { return TypedTagsRead(tx, "a"); }).at("text"),
            (TypedTag{TagType::kString, "x"}));
  const TagSearch search = {"task/", false, "score", TagSearch::kGreater, {TagType::kNumber, "9"}};
  EXPECT_THAT(
      Read<std::vector<TagPosition>>([&](db::Tx& tx) { return TagsFind(tx, search, std::nullopt, 10'000); }),
      SizeIs(kMany - 10));
  for (const TagType type : {TagType::kString, TagType::kNumber, TagType::kBoolean, TagType::kJson}) {
    EXPECT_EQ(TagTypeFromName(Name(type)), type);
  }
  EXPECT_EQ(TagTypeFromName("DATE"), std::nullopt);
}

}  // namespace
}  // namespace penstock
