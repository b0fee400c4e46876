// The engine's cache: what is taken from an equal task, what is not, and what survives.
#include <filesystem>
#include <fstream>

#include "common/limits.h"
#include "content/local/file_content.h"
#include "scheduler/run_commit.h"
#include "storage/artifact_store.h"
#include "storage/cache_store.h"
#include "storage/task_attempt_store.h"
#include "storage/task_store.h"
#include "tests/scheduler/engine_fixture.h"

namespace penstock {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

// "make" puts out a parameter and an artifact, "use" reads both.
Json TwoTasks(const Json& caching = {{"enableCache", true}}) {
  const Json type = {{"artifactType", {{"schemaTitle", "system.Dataset"}, {"schemaVersion", "0.0.1"}}}};
  Json spec = SpecOf({});
  spec["components"]["comp-make"] = {
      {"executorLabel", "exec-make"},
      {"inputDefinitions", {{"parameters", {{"seed", {{"parameterType", "NUMBER_INTEGER"}}}}}}},
      {"outputDefinitions",
       {{"parameters", {{"count", {{"parameterType", "NUMBER_INTEGER"}}}}},
        {"artifacts", {{"data", type}}}}}};
  spec["components"]["comp-use"] = {{"executorLabel", "exec-make"},
                                    {"inputDefinitions",
                                     {{"parameters", {{"count", {{"parameterType", "NUMBER_INTEGER"}}}}},
                                      {"artifacts", {{"data", type}}}}}};
  spec["deploymentSpec"]["executors"]["exec-make"] = {
      {"container", {{"image", "none"}, {"command", {"/bin/true"}}}}};
  spec["root"]["inputDefinitions"]["parameters"]["seed"] = {{"parameterType", "NUMBER_INTEGER"}};
  spec["root"]["dag"]["tasks"] = {
      {"make",
       {{"taskInfo", {{"name", "make"}}},
        {"componentRef", {{"name", "comp-make"}}},
        {"cachingOptions", caching},
        {"inputs", {{"parameters", {{"seed", {{"componentInputParameter", "seed"}}}}}}}}},
      {"use",
       {{"taskInfo", {{"name", "use"}}},
        {"componentRef", {{"name", "comp-use"}}},
        {"cachingOptions", caching},
        {"dependentTasks", {"make"}},
        {"inputs",
         {{"parameters",
           {{"count",
             {{"taskOutputParameter", {{"producerTask", "make"}, {"outputParameterKey", "count"}}}}}}},
          {"artifacts",
           {{"data",
             {{"taskOutputArtifact", {{"producerTask", "make"}, {"outputArtifactKey", "data"}}}}}}}}}}}};
  return spec;
}

class EngineCache : public EngineTest {
 protected:
  void SetUp() override {
    EngineTest::SetUp();
    executor_.leave = [this](const LaunchSpec& spec) {
      AttemptOutputs outputs;
      for (const OutputFile& file : spec.parameter_files) outputs.parameter_files[file.name] = "3";
      for (const OutputArtifact& artifact : spec.artifacts) {
        std::filesystem::create_directories(std::filesystem::path(artifact.path).parent_path());
        std::ofstream(artifact.path) << data_;
        last_path_ = artifact.path;
        int64_t bytes = 1 << 20;
        outputs.artifacts[artifact.path] = ReadContent(artifact.path, &bytes);
      }
      return outputs;
    };
  }

  std::string Create(const Json& spec, int seed = 1, RunConfigRow config = {}, const char* namespace_ = "") {
    auto document = ParsePipelineJson(spec);
    EXPECT_TRUE(document.ok()) << document.status();
    config.parameters = absl::StrCat("{\"seed\":", seed, "}");
    return CreateRunOf(*document, config, namespace_);
  }
  std::string CreateFlat(const Json& more, int count = 1) {
    TestPipeline pipeline;
    for (int i = 0; i < count; ++i) pipeline.root.push_back({absl::StrCat("t", i), {}, "true", more});
    return CreateRunOf(pipeline);
  }
  // Runs everything; returns how many processes that took.
  int Finish() {
    const size_t before = executor_.starts.size();
    for (int i = 0; i < 100; ++i) {
      clock_.Advance(absl::Seconds(1));
      const bool idle = Pass().idle();
      if (idle && executor_.running.empty()) break;
      const std::set<std::string> running = executor_.running;
      for (const std::string& id : running) executor_.Finish(id, AttemptOutcome::kSucceeded);
    }
    return static_cast<int>(executor_.starts.size() - before);
  }
  int RunToEnd(const std::string& run) {
    const int started = Finish();
    EXPECT_EQ(StateOf(run), RunState::kSucceeded);
    return started;
  }
  CacheDecision DecisionOf(const std::string& run, const std::string& task) {
    const std::string text = TasksOf(run)[task].cache_decision;
    const auto decision = CacheDecisionFromText(text);
    EXPECT_TRUE(decision.ok()) << task << ": '" << text << "'";
    return decision.ok() ? *decision : CacheDecision{};
  }
  std::string ReasonOf(const std::string& run, const std::string& task) {
    const CacheDecision decision = DecisionOf(run, task);
    return decision.result == CacheResult::kHit
               ? "HIT"
               : absl::StrCat(decision.reason, decision.field.empty() ? "" : " ", decision.field);
  }
  template <typename Rows>
  Rows Read(absl::StatusOr<Rows> (*list)(db::Tx&, absl::string_view), const std::string& run) {
    Rows rows;
    EXPECT_TRUE(store_
                    ->Read([&](db::Tx& tx) -> absl::Status {
                      ASSIGN_OR_RETURN(rows, list(tx, run));
                      return absl::OkStatus();
                    })
                    .ok());
    return rows;
  }
  void Delete(const std::string& run) {
    EXPECT_TRUE(store_->Write([&](db::Tx& tx) { return RunDelete(tx, run, absl::UnixEpoch()); }).ok());
    store_->notifier().Notify(Topic::kRuns, run);
  }

  std::string data_ = "rows";
  std::string last_path_;
};
INSTANTIATE_TEST_SUITE_P(Databases, EngineCache, ServedDatabases());

TEST_P(EngineCache, AnEqualTaskIsTakenFromTheOneThatRan) {
  const std::string first = Create(TwoTasks());
  EXPECT_EQ(RunToEnd(first), 2);
  EXPECT_EQ(ReasonOf(first, "make"), "NO_ENTRY");
  const std::string second = Create(TwoTasks());
  EXPECT_EQ(RunToEnd(second), 0);
  for (const char* task : {"make", "use"}) {
    const CacheDecision decision = DecisionOf(second, task);
    EXPECT_EQ(decision.result, CacheResult::kHit);
    EXPECT_EQ(decision.run_id, first);
    EXPECT_EQ(decision.task_id, TasksOf(first)[task].task_id);
    EXPECT_EQ(decision.fingerprint, DecisionOf(first, task).fingerprint);
  }
  EXPECT_THAT(Read(TaskAttemptList, second), IsEmpty());
  std::vector<TaskState> states;
  for (const TaskStateRow& row : Read(TaskStates, second)) {
    if (row.task_id == TasksOf(second)["use"].task_id) states.push_back(row.state);
  }
  EXPECT_THAT(states, ElementsAre(TaskState::kPending, TaskState::kSucceeded));
  EXPECT_NE(TasksOf(second)["make"].started_at, absl::UnixEpoch());

  // The same artifact, as output of one task and input of the other.
  const auto links = Read(ArtifactTaskList, second);
  ASSERT_THAT(links, SizeIs(2));
  EXPECT_EQ(links[0].artifact_id, Read(ArtifactTaskList, first)[0].artifact_id);
  EXPECT_EQ(links[0].artifact_id, links[1].artifact_id);
  EXPECT_THAT(Read(ArtifactList, second), SizeIs(1));
}

TEST_P(EngineCache, ATaskThatDiffersRunsAndSaysInWhat) {
  RunToEnd(Create(TwoTasks()));
  const std::string other_seed = Create(TwoTasks(), 2);
  EXPECT_EQ(RunToEnd(other_seed), 1);  // it puts out the same, so "use" is as before
  EXPECT_EQ(ReasonOf(other_seed, "make"), "FIELD_DIFFERS inputs.parameters.seed");
  EXPECT_EQ(ReasonOf(other_seed, "use"), "HIT");
  Json spec = TwoTasks();
  spec["deploymentSpec"]["executors"]["exec-make"]["container"]["image"] = "other";
  const std::string other_image = Create(spec);
  EXPECT_EQ(RunToEnd(other_image), 2);
  EXPECT_EQ(ReasonOf(other_image, "make"), "FIELD_DIFFERS image");
  data_ = "other rows";
  const std::string other_content = Create(TwoTasks(), 3);
  EXPECT_EQ(RunToEnd(other_content), 2);
  EXPECT_EQ(ReasonOf(other_content, "use"), "FIELD_DIFFERS inputs.artifacts.data");
}

// With entries that differ in more, the one that differs least is named.
TEST_P(EngineCache, IsComparedWithTheNearest) {
  const std::string first = Create(TwoTasks(), 1);
  RunToEnd(first);
  Json other = TwoTasks();
  other["deploymentSpec"]["executors"]["exec-make"]["container"]["image"] = "other";
  RunToEnd(Create(other, 2));
  const std::string third = Create(TwoTasks(), 3);
  RunToEnd(third);
  EXPECT_EQ(ReasonOf(third, "make"), "FIELD_DIFFERS inputs.parameters.seed");
  EXPECT_EQ(DecisionOf(third, "make").run_id, first);
}

TEST_P(EngineCache, ServersMayDieInBetween) {
  const std::string first = Create(TwoTasks());
  Pass();
  Restart();  // while "make" runs
  EXPECT_EQ(RunToEnd(first), 1);
  Restart();
  const std::string second = Create(TwoTasks());
  EXPECT_EQ(RunToEnd(second), 0);
  Restart();
  EXPECT_EQ(Finish(), 0);
  EXPECT_EQ(ReasonOf(second, "make"), "HIT");
}

TEST_P(EngineCache, ATaskGoesOnFromWhatWasTakenBeforeTheServerDied) {
  RunToEnd(Create(TwoTasks()));
  Json spec = TwoTasks();
  spec["root"]["dag"]["tasks"]["use"]["cachingOptions"] = Json::object();
  const std::string second = Create(spec);
  Pass();
  Restart();
  EXPECT_EQ(RunToEnd(second), 0);  // "use" is found again
  EXPECT_EQ(ReasonOf(second, "make"), "HIT");
  EXPECT_EQ(TasksOf(second)["use"].cache_decision, "");
}

TEST_P(EngineCache, WhatFailsIsNotKept) {
  const Json more = {{"cachingOptions", {{"enableCache", true}}}};
  const std::string first = CreateFlat(more);
  Pass();
  EngineTest::Finish("t0", AttemptOutcome::kFailed);
  Settle();
  EXPECT_EQ(StateOf(first), RunState::kFailed);
  const std::string second = CreateFlat(more);
  EXPECT_EQ(RunToEnd(second), 1);
  EXPECT_EQ(ReasonOf(second, "t0"), "NO_ENTRY");
}

TEST_P(EngineCache, ATaskThatIsTriedAgainIsKeptOnceItSucceeds) {
  const Json more = {{"cachingOptions", {{"enableCache", true}}}, {"retryPolicy", {{"maxRetryCount", 1}}}};
  const std::string first = CreateFlat(more);
  Pass();
  EngineTest::Finish("t0", AttemptOutcome::kFailed);
  Pass();
  Restart();
  EXPECT_EQ(RunToEnd(first), 0);
  EXPECT_EQ(RunToEnd(CreateFlat(more)), 0);
}

TEST_P(EngineCache, EachIterationIsATaskOfItsOwn) {
  const auto loop = [](int count) {
    return Json{{"cachingOptions", {{"enableCache", true}}}, {"parameterIterator", LoopOver(count)}};
  };
  EXPECT_EQ(RunToEnd(CreateFlat(loop(3))), 3);
  EXPECT_EQ(RunToEnd(CreateFlat(loop(5))), 2);
  EXPECT_EQ(RunToEnd(CreateFlat(loop(4))), 0);
}

TEST_P(EngineCache, ATaskAroundSwitchesItOff) {
  TestPipeline pipeline;
  pipeline.graphs["inner"] = {{"t", {}, "true", {{"cachingOptions", {{"enableCache", true}}}}}};
  pipeline.root = {{"outer", {}, "inner"}};
  EXPECT_EQ(RunToEnd(CreateRunOf(pipeline)), 1);
  EXPECT_EQ(RunToEnd(CreateRunOf(pipeline)), 0);
  pipeline.root[0].more["cachingOptions"] = Json::object();
  EXPECT_EQ(RunToEnd(CreateRunOf(pipeline)), 1);
  pipeline.root[0].more["cachingOptions"] = {{"enableCache", true}};
  EXPECT_EQ(RunToEnd(CreateRunOf(pipeline)), 0);
}

TEST_P(EngineCache, TheServerAndTheRunSwitchItOff) {
  RunToEnd(Create(TwoTasks()));
  RunConfigRow off;
  off.cache_enabled = false;
  const std::string run_off = Create(TwoTasks(), 1, off);
  EXPECT_EQ(RunToEnd(run_off), 2);
  EXPECT_EQ(ReasonOf(run_off, "make"), "RUN_OFF");
  cache_.enabled = false;
  Restart();
  const std::string server_off = Create(TwoTasks());
  EXPECT_EQ(RunToEnd(server_off), 2);
  EXPECT_EQ(ReasonOf(server_off, "make"), "SERVER_OFF");
  const std::string not_wanted = Create(TwoTasks(Json::object()));
  EXPECT_EQ(RunToEnd(not_wanted), 2);
  EXPECT_EQ(TasksOf(not_wanted)["make"].cache_decision, "");
}

TEST_P(EngineCache, WhatWasMadeWithOtherPackagesIsNotWhatIsPinned) {
  RunToEnd(Create(TwoTasks()));
  RunConfigRow pinned;
  pinned.plugins_input = R"({"penstock_packages":{"constraints":{"make":["numpy==1.26.4"]}}})";
  const std::string first = Create(TwoTasks(), 1, pinned);
  EXPECT_EQ(RunToEnd(first), 1);
  EXPECT_EQ(ReasonOf(first, "make"), "FIELD_DIFFERS packages");
  EXPECT_EQ(RunToEnd(Create(TwoTasks(), 1, pinned)), 0);
  EXPECT_EQ(RunToEnd(Create(TwoTasks())), 0);
}

TEST_P(EngineCache, AnEntryMayBeTooOld) {
  RunToEnd(Create(TwoTasks()));
  clock_.Advance(absl::Hours(1));
  RunConfigRow hour;
  hour.cache_max_age = absl::Minutes(30);
  const std::string by_run = Create(TwoTasks(), 1, hour);
  EXPECT_EQ(RunToEnd(by_run), 2);
  EXPECT_EQ(ReasonOf(by_run, "make"), "TOO_OLD");
  EXPECT_EQ(RunToEnd(Create(TwoTasks(), 1, hour)), 0);  // from the one that ran just now
  clock_.Advance(absl::Hours(3));
  EXPECT_EQ(RunToEnd(Create(TwoTasks())), 0);
  cache_.max_age = absl::Hours(2);
  Restart();
  EXPECT_EQ(RunToEnd(Create(TwoTasks())), 2);
}

TEST_P(EngineCache, AnArtifactThatIsGoneOrChangedIsNotReused) {
  RunToEnd(Create(TwoTasks()));
  std::filesystem::remove(last_path_);
  const std::string gone = Create(TwoTasks());
  EXPECT_EQ(RunToEnd(gone), 1);  // the same content again, so "use" hits
  EXPECT_EQ(ReasonOf(gone, "make"), "ARTIFACT_GONE data");
  EXPECT_EQ(ReasonOf(gone, "use"), "HIT");
  std::ofstream(last_path_) << "edited by hand";
  const std::string changed = Create(TwoTasks());
  RunToEnd(changed);
  EXPECT_EQ(ReasonOf(changed, "make"), "ARTIFACT_CHANGED data");
  EXPECT_EQ(RunToEnd(Create(TwoTasks())), 0);
}

// The consumer of an artifact that was edited by hand has not seen this content.
TEST_P(EngineCache, AnInputThatWasChangedMeanwhileIsAnother) {
  Json spec = TwoTasks();
  spec["root"]["dag"]["tasks"]["make"]["cachingOptions"] = Json::object();
  RunToEnd(Create(spec));
  const std::string run = Create(spec);
  Pass();
  EngineTest::Finish("make");
  std::ofstream(last_path_) << "edited";
  Pass();
  EXPECT_THAT(executor_.running, SizeIs(1));
  EXPECT_EQ(ReasonOf(run, "use"), "FIELD_DIFFERS inputs.artifacts.data");
  Finish();
}

TEST_P(EngineCache, ADeletedRunIsNotUsedAndTakesNothingAway) {
  const std::string first = Create(TwoTasks());
  RunToEnd(first);
  const std::string second = Create(TwoTasks());
  EXPECT_EQ(RunToEnd(second), 0);
  Delete(first);
  EXPECT_THAT(Read(ArtifactTaskList, second), SizeIs(2));
  EXPECT_THAT(Read(ArtifactList, second), SizeIs(1));
  const std::string third = Create(TwoTasks());
  EXPECT_EQ(RunToEnd(third), 2);
  EXPECT_EQ(ReasonOf(third, "make"), "NO_ENTRY");
  Delete(second);
  EXPECT_THAT(Read(ArtifactList, second), IsEmpty());
}

// It was found by a pass that commits after the deletion.
TEST_P(EngineCache, AnArtifactDeletedBeforeTheCommitIsDecidedAgain) {
  const std::string run = Create(TwoTasks());
  Pass();
  RunCommit commit;
  auto outputs = std::make_shared<TaskOutputs>();
  outputs->artifacts["data"].emplace_back().artifact_id = "999";
  commit.reused.emplace_back(0, outputs);
  RunSnapshot snapshot;
  snapshot.run_id = run;
  snapshot.tasks.emplace_back().task_id = TasksOf(run)["make"].task_id;
  EXPECT_TRUE(absl::IsAborted(store_->Write([&](db::Tx& tx) {
    return WriteRunCommit(tx, snapshot, commit, {"", ids_}, clock_.Now());
  })));
}

TEST_P(EngineCache, ANamespaceSeesItsOwn) {
  RunToEnd(Create(TwoTasks(), 1, {}, "a"));
  const std::string other = Create(TwoTasks(), 1, {}, "b");
  EXPECT_EQ(RunToEnd(other), 2);
  EXPECT_EQ(ReasonOf(other, "make"), "NO_ENTRY");
  EXPECT_EQ(RunToEnd(Create(TwoTasks(), 1, {}, "a")), 0);
}

TEST_P(EngineCache, AKeyOfItsOwnStandsForTheInputs) {
  const Json key = {{"enableCache", true}, {"cacheKey", "v1"}};
  RunToEnd(Create(TwoTasks(key), 1));
  EXPECT_EQ(RunToEnd(Create(TwoTasks(key), 2)), 0);
  const std::string other = Create(TwoTasks({{"enableCache", true}, {"cacheKey", "v2"}}), 1);
  EXPECT_EQ(RunToEnd(other), 2);
  EXPECT_EQ(ReasonOf(other, "make"), "FIELD_DIFFERS cache_key");
}

TEST_P(EngineCache, WhatRunsWhateverHappensAlwaysRuns) {
  const Json more = {{"cachingOptions", {{"enableCache", true}}},
                     {"triggerPolicy", {{"strategy", "ALL_UPSTREAM_TASKS_COMPLETED"}}}};
  RunToEnd(CreateFlat(more));
  const std::string second = CreateFlat(more);
  EXPECT_EQ(RunToEnd(second), 1);
  EXPECT_EQ(ReasonOf(second, "t0"), "RUNS_WHATEVER_HAPPENS");
}

// More hits than one pass looks up.
TEST_P(EngineCache, ManyTasksTakeSeveralPasses) {
  const Json more = {{"cachingOptions", {{"enableCache", true}}}};
  RunToEnd(CreateFlat(more));
  const std::string many = CreateFlat(more, limits::kCacheLookups + 10);
  clock_.Advance(absl::Seconds(1));
  const Engine::PassResult first = Pass();
  EXPECT_EQ(first.from_cache, limits::kCacheLookups);
  EXPECT_TRUE(first.more);
  EXPECT_EQ(Pass().from_cache, 10);
  EXPECT_EQ(StateOf(many), RunState::kSucceeded);
  EXPECT_THAT(executor_.starts, SizeIs(1));
}

TEST_P(EngineCache, TerminatedRunsTakeNothing) {
  RunToEnd(Create(TwoTasks()));
  const std::string run = Create(TwoTasks());
  ASSERT_TRUE(Terminate(run).ok());
  Settle();
  EXPECT_EQ(StateOf(run), RunState::kCanceled);
  EXPECT_EQ(TasksOf(run)["make"].state, TaskState::kCanceled);
}

}  // namespace
}  // namespace penstock
