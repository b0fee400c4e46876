// What every database must do for the cache of tasks.
#include <map>
#include <string>
#include <vector>

#include "common/status_macros.h"
#include "storage/artifact_store.h"
#include "storage/cache_store.h"
#include "storage/task_store.h"
#include "tests/support/store_fixture.h"

namespace penstock {
namespace {

using ::testing::ElementsAre;
using ::testing::SizeIs;

class CacheContract : public StoreTest {
 protected:
  void SetUp() override {
    StoreTest::SetUp();
    if (store_ == nullptr) return;
    AddBasics();
    for (const char* run : {"a", "b"}) {
      ASSERT_TRUE(AddRun(NewRun(run)).ok());
      ASSERT_TRUE(store_
                      ->Write([&](db::Tx& tx) {
                        TaskRow task;
                        task.run_id = run;
                        task.task_id = "t";
                        task.created_at = task.started_at = task.finished_at = clock_.Now();
                        return TaskInsert(tx, task);
                      })
                      .ok());
    }
  }
  absl::Status Put(const std::string& namespace_, const std::string& fingerprint, const std::string& run,
                   const std::string& group = "g") {
    clock_.Advance(absl::Seconds(1));
    const CacheEntryRow row{namespace_, fingerprint, group, run, "t", "{\"x\":\"1\"}", 2, 3, clock_.Now()};
    return store_->Write([&](db::Tx& tx) { return CacheEntryPut(tx, row); });
  }
  // Which run's task each entry names.
  std::map<std::string, std::string> Find(const std::string& namespace_,
                                          const std::vector<std::string>& fingerprints) {
    std::map<std::string, std::string> runs;
    EXPECT_TRUE(store_
                    ->Read([&](db::Tx& tx) -> absl::Status {
                      ASSIGN_OR_RETURN(const auto entries, CacheEntries(tx, namespace_, fingerprints));
                      for (const auto& [fingerprint, entry] : entries) runs[fingerprint] = entry.run_id;
                      return absl::OkStatus();
                    })
                    .ok());
    return runs;
  }
};
INSTANTIATE_TEST_SUITE_P(Databases, CacheContract, ServedDatabases());

TEST_P(CacheContract, TheLastEntryOfAFingerprintIsFoundInItsNamespace) {
  ASSERT_TRUE(Put("n", "f", "a").ok());
  ASSERT_TRUE(Put("other", "f", "a").ok());
  ASSERT_TRUE(Put("n", "f", "b").ok());
  using Runs = std::map<std::string, std::string>;
  EXPECT_EQ(Find("n", {"f", "unknown"}), (Runs{{"f", "b"}}));
  EXPECT_EQ(Find("other", {"f"}), (Runs{{"f", "a"}}));
  EXPECT_EQ(Find("n", {}), Runs{});
  ASSERT_TRUE(store_
                  ->Read([&](db::Tx& tx) -> absl::Status {
                    const auto entries = *CacheEntries(tx, "n", {"f"});
                    const CacheEntryRow& entry = entries.at("f");
                    EXPECT_EQ(entry.cache_group, "g");
                    EXPECT_EQ(entry.task_id, "t");
                    EXPECT_EQ(entry.output_parameters, 2);
                    EXPECT_EQ(entry.output_artifacts, 3);
                    EXPECT_EQ(entry.created_at, clock_.Now());
                    return absl::OkStatus();
                  })
                  .ok());
}

TEST_P(CacheContract, ManyFingerprintsAreFoundAtOnce) {
  std::vector<std::string> wanted;
  for (int i = 0; i < 200; ++i) {
    wanted.push_back(absl::StrCat("f", i));
    if (i % 2 == 0) {
      ASSERT_TRUE(Put("n", wanted.back(), "a").ok());
    }
  }
  EXPECT_THAT(Find("n", wanted), SizeIs(100));
}

TEST_P(CacheContract, AGroupIsReadNewestFirst) {
  for (const char* fingerprint : {"1", "2", "3"}) {
    ASSERT_TRUE(Put("n", fingerprint, "a").ok());
  }
  ASSERT_TRUE(Put("n", "4", "a", "another group").ok());
  ASSERT_TRUE(Put("another namespace", "5", "a").ok());
  ASSERT_TRUE(Put("n", "1", "b").ok());  // again, and so the newest
  ASSERT_TRUE(store_
                  ->Read([&](db::Tx& tx) -> absl::Status {
                    std::vector<std::string> found;
                    ASSIGN_OR_RETURN(const auto entries, CacheEntriesOfGroup(tx, "n", "g", 2));
                    for (const CacheEntryRow& entry : entries) found.push_back(entry.fingerprint);
                    EXPECT_THAT(found, ElementsAre("1", "3"));
                    EXPECT_EQ(entries[0].fields, "{\"x\":\"1\"}");
                    return absl::OkStatus();
                  })
                  .ok());
}

TEST_P(CacheContract, AnEntryGoesWithItsRun) {
  ASSERT_TRUE(Put("n", "f", "a").ok());
  EXPECT_FALSE(Put("n", "g", "no such run").ok());
  ASSERT_TRUE(store_->Write([](db::Tx& tx) { return RunDelete(tx, "a", absl::UnixEpoch()); }).ok());
  EXPECT_THAT(Find("n", {"f", "g"}), SizeIs(0));
}

// As when its task was taken from the cache.
TEST_P(CacheContract, AnArtifactStaysAsLongAsARunHasIt) {
  int64_t id = 0;
  ASSERT_TRUE(store_
                  ->Write([&](db::Tx& tx) -> absl::Status {
                    ASSIGN_OR_RETURN(id, ArtifactIdReserve(tx, 1));
                    ArtifactRow artifact;
                    artifact.artifact_id = id;
                    artifact.uuid = "u";
                    artifact.run_id = "a";
                    artifact.name = "m";
                    artifact.uri = "uri";
                    artifact.metadata = "{}";
                    artifact.content_sha256 = "sha";
                    artifact.content_stat = "stat";
                    RETURN_IF_ERROR(ArtifactInsert(tx, artifact));
                    for (const char* run : {"a", "b"}) {
                      RETURN_IF_ERROR(ArtifactTaskInsert(tx, {run, "t", Direction::kOutput, "m", 0, id}));
                    }
                    return RunDelete(tx, "a", absl::UnixEpoch());
                  })
                  .ok());
  ASSERT_TRUE(store_
                  ->Read([&](db::Tx& tx) -> absl::Status {
                    const auto artifacts = *ArtifactList(tx, "b");
                    EXPECT_EQ(artifacts.size(), 1u);
                    EXPECT_EQ(artifacts.at(0).run_id, "b");
                    EXPECT_EQ(artifacts.at(0).content_sha256, "sha");
                    EXPECT_EQ(artifacts.at(0).content_stat, "stat");
                    const auto outputs = *TaskOutputList(tx, "b", "t", true, true);
                    EXPECT_THAT(outputs.parameters, SizeIs(0));
                    EXPECT_EQ(outputs.artifacts.at(0).first, "m");
                    EXPECT_TRUE(*ArtifactExists(tx, id));
                    return absl::OkStatus();
                  })
                  .ok());
  ASSERT_TRUE(store_->Write([](db::Tx& tx) { return RunDelete(tx, "b", absl::UnixEpoch()); }).ok());
  ASSERT_TRUE(store_
                  ->Read([&](db::Tx& tx) -> absl::Status {
                    EXPECT_FALSE(*ArtifactExists(tx, id));
                    return absl::OkStatus();
                  })
                  .ok());
}

TEST_P(CacheContract, SeveralMovesOfATaskAreWrittenAtOnceAndCheckedOneByOne) {
  TaskRow task;
  task.run_id = "a";
  task.task_id = "t";
  task.state = TaskState::kSucceeded;
  task.created_at = task.started_at = task.finished_at = clock_.Now();
  const absl::Time at = clock_.Now();
  const auto move = [&](TaskState from, const TaskHistory& history) {
    return store_->Write([&](db::Tx& tx) { return TaskSetState(tx, from, task, history); });
  };
  EXPECT_TRUE(
      absl::IsInternal(move(TaskState::kPending, {{TaskState::kSkipped, at}, {TaskState::kSucceeded, at}})));
  task.cache_decision = "{}";
  ASSERT_TRUE(move(TaskState::kPending, {{TaskState::kRunning, at}, {TaskState::kSucceeded, at}}).ok());
  ASSERT_TRUE(store_
                  ->Read([&](db::Tx& tx) -> absl::Status {
                    EXPECT_THAT(*TaskStates(tx, "a"), SizeIs(3));
                    EXPECT_EQ(TaskList(tx, "a")->at(0).cache_decision, "{}");
                    return absl::OkStatus();
                  })
                  .ok());
}

TEST(CacheDecisionTest, IsReadAsItWasWritten) {
  CacheDecision decision{CacheResult::kMiss, "FIELD_DIFFERS", "env.A", "f", "r", "t"};
  const std::string text = CacheDecisionText(decision);
  EXPECT_EQ(
      text,
      R"({"field":"env.A","fingerprint":"f","reason":"FIELD_DIFFERS","result":"MISS","run_id":"r","task_id":"t"})");
  EXPECT_EQ(CacheDecisionText(*CacheDecisionFromText(text)), text);
  for (const char* broken : {"", "[]", "{}", R"({"result":"SOMETHING"})"}) {
    EXPECT_TRUE(absl::IsDataLoss(CacheDecisionFromText(broken).status())) << broken;
  }
}

}  // namespace
}  // namespace penstock
