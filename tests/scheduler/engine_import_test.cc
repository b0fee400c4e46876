// Importers in the engine: completed without an executor, recorded once, shared by runs.
#include "common/limits.h"
#include "storage/artifact_store.h"
#include "tests/scheduler/engine_fixture.h"

namespace penstock {
namespace {

class EngineImportTest : public EngineTest {
 protected:
  struct Importer {
    std::string uri;
    Json metadata = Json::object();
    bool reimport = false;
  };

  // An importer, and a task that reads what it puts out.
  static Json Reading(const Importer& importer) {
    Json spec = PipelineOf({{"read", {"import"}}});
    const Json artifact = {{"artifactType", {{"schemaTitle", "system.Dataset"}}}};
    spec["components"]["comp-import"] = {{"executorLabel", "exec-import"},
                                         {"outputDefinitions", {{"artifacts", {{"artifact", artifact}}}}}};
    spec["components"]["comp-true"]["inputDefinitions"]["artifacts"] = {{"data", artifact}};
    spec["deploymentSpec"]["executors"]["exec-import"]["importer"] = {
        {"artifactUri", {{"constant", importer.uri}}},
        {"typeSchema", artifact["artifactType"]},
        {"metadata", importer.metadata},
        {"reimport", importer.reimport}};
    spec["deploymentSpec"]["executors"]["exec-true"]["container"]["args"] = {
        "{{$.inputs.artifacts['data'].uri}}"};
    Json& tasks = spec["root"]["dag"]["tasks"];
    tasks["import"] = {{"componentRef", {{"name", "comp-import"}}}};
    tasks["read"]["inputs"]["artifacts"]["data"]["taskOutputArtifact"] = {{"producerTask", "import"},
                                                                          {"outputArtifactKey", "artifact"}};
    return spec;
  }

  std::string CreateRunOfSpec(const Json& spec) {
    auto document = ParsePipelineJson(spec);
    EXPECT_TRUE(document.ok()) << document.status();
    const RunRow row = NewRun(ids_.NewId());
    EXPECT_TRUE(store_
                    ->Write([&](db::Tx& tx) -> absl::Status {
                      RETURN_IF_ERROR(SpecPut(tx, (*document)->sha256_hex, (*document)->canonical_json));
                      return RunInsert(tx, row, {(*document)->sha256_hex, "{}", ""});
                    })
                    .ok());
    store_->notifier().Notify(Topic::kRuns, row.run_id);
    return row.run_id;
  }
  std::string CreateRunOf(const Importer& importer) { return CreateRunOfSpec(Reading(importer)); }

  std::vector<ArtifactRow> ArtifactsOf(const std::string& run_id) {
    std::vector<ArtifactRow> rows;
    EXPECT_TRUE(store_
                    ->Read([&](db::Tx& tx) -> absl::Status {
                      ASSIGN_OR_RETURN(rows, ArtifactList(tx, run_id));
                      return absl::OkStatus();
                    })
                    .ok());
    return rows;
  }
  int64_t ImportedIdOf(const std::string& run_id) {
    const auto artifacts = ArtifactsOf(run_id);
    EXPECT_EQ(artifacts.size(), 1u);
    return artifacts.empty() ? 0 : artifacts[0].artifact_id;
  }
  absl::Status Delete(const std::string& run_id) {
    const absl::Status status =
        store_->Write([&](db::Tx& tx) { return RunDelete(tx, run_id, absl::UnixEpoch()); });
    store_->notifier().Notify(Topic::kRuns, run_id);
    return status;
  }
};

INSTANTIATE_TEST_SUITE_P(Databases, EngineImportTest, ServedDatabases());

TEST_P(EngineImportTest, NeedsNoExecutor) {
  const std::string run = CreateRunOf({"gs://bucket/data", {{"rows", 3}}});
  Pass();
  auto tasks = TasksOf(run);
  EXPECT_EQ(tasks["import"].state, TaskState::kSucceeded);
  EXPECT_EQ(tasks["import"].finished_at, tasks["import"].started_at);
  EXPECT_EQ(tasks["read"].state, TaskState::kRunning);
  ASSERT_EQ(executor_.specs.size(), 1u);
  EXPECT_EQ(executor_.specs.begin()->second.argv,
            (std::vector<std::string>{"/bin/true", "gs://bucket/data"}));
  Finish("read");
  Settle();
  EXPECT_EQ(StateOf(run), RunState::kSucceeded);

  const auto artifacts = ArtifactsOf(run);
  ASSERT_EQ(artifacts.size(), 1u);
  EXPECT_EQ(artifacts[0].uri, "gs://bucket/data");
  EXPECT_EQ(artifacts[0].schema_title, "system.Dataset");
  EXPECT_EQ(artifacts[0].metadata, R"({"rows":3})");
  EXPECT_FALSE(artifacts[0].import_key.empty());
}

TEST_P(EngineImportTest, TheSameArtifactKeepsItsIdUnlessItIsWantedAnew) {
  const auto id_of = [&](const Importer& importer) {
    const std::string run = CreateRunOf(importer);
    Pass();
    Finish("read");
    Settle();
    return ImportedIdOf(run);
  };
  const int64_t first = id_of({"gs://bucket/data", {{"a", 1}}});
  EXPECT_GT(first, 0);
  EXPECT_EQ(id_of({"gs://bucket/data", {{"a", 1}}}), first);
  EXPECT_NE(id_of({"gs://bucket/data", {{"a", 2}}}), first);
  EXPECT_NE(id_of({"gs://bucket/other", {{"a", 1}}}), first);
  const int64_t anew = id_of({"gs://bucket/data", {{"a", 1}}, /*reimport=*/true});
  EXPECT_NE(anew, first);
  EXPECT_EQ(id_of({"gs://bucket/data", {{"a", 1}}}), anew);
  Restart();
  EXPECT_EQ(id_of({"gs://bucket/data", {{"a", 1}}}), anew);
}

TEST_P(EngineImportTest, RunsOfOnePassShareIt) {
  const std::string one = CreateRunOf({"gs://bucket/data"});
  const std::string two = CreateRunOf({"gs://bucket/data"});
  Pass();
  EXPECT_EQ(ImportedIdOf(one), ImportedIdOf(two));
}

TEST_P(EngineImportTest, StaysForTheOthersWhenItsFirstRunIsDeleted) {
  const std::string one = CreateRunOf({"gs://bucket/data"});
  Pass();
  const std::string two = CreateRunOf({"gs://bucket/data"});
  Pass();
  const int64_t id = ImportedIdOf(one);
  ASSERT_TRUE(Delete(one).ok());
  Restart();  // reads what the task that runs has taken
  Pass();
  EXPECT_EQ(ImportedIdOf(two), id);
  EXPECT_EQ(TasksOf(two)["read"].state, TaskState::kRunning);
  ASSERT_TRUE(Delete(two).ok());
  EXPECT_TRUE(ArtifactsOf(two).empty());
}

TEST_P(EngineImportTest, FailsByASentenceOfItsOwn) {
  const std::string run = CreateRunOf({"gs://{{$.inputs.parameters['none']}}"});
  Settle();
  EXPECT_EQ(StateOf(run), RunState::kFailed);
  auto tasks = TasksOf(run);
  EXPECT_EQ(tasks["import"].state, TaskState::kFailed);
  EXPECT_NE(tasks["import"].error_message.find("there is no input 'none'"), std::string::npos)
      << tasks["import"].error_message;
  EXPECT_EQ(tasks["read"].state, TaskState::kSkipped);
}

TEST_P(EngineImportTest, WaitsForNoSlot) {
  const std::string blocked = CreateRun({{"a", {}}, {"b", {}}, {"c", {}}});  // there are two slots
  Pass();
  const std::string run = CreateRunOf({"gs://bucket/data"});
  Pass();
  EXPECT_EQ(TasksOf(run)["import"].state, TaskState::kSucceeded);
  EXPECT_EQ(TasksOf(run)["read"].state, TaskState::kPending);
}

TEST_P(EngineImportTest, ManyImportsAreManyTransactions) {
  Json spec = Reading({"gs://bucket/data"});
  const int count = limits::kImportsPerPass + 10;
  spec["root"]["dag"]["tasks"] = {{"import", {{"componentRef", {{"name", "comp-import"}}}}}};
  spec["root"]["dag"]["tasks"]["import"]["parameterIterator"] = LoopOver(count);
  spec["components"]["comp-import"]["inputDefinitions"]["parameters"]["item"]["parameterType"] =
      "NUMBER_INTEGER";
  const std::string run = CreateRunOfSpec(spec);
  EXPECT_LE(Pass().started, limits::kImportsPerPass);
  EXPECT_EQ(StateOf(run), RunState::kRunning);
  Settle();
  EXPECT_EQ(StateOf(run), RunState::kSucceeded);
  EXPECT_EQ(ImportedIdOf(run), ArtifactsOf(run).front().artifact_id);
}

}  // namespace
}  // namespace penstock
