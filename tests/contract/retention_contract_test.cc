// Reports of removals and policies of retention, as they are stored.
#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/limits.h"
#include "storage/artifact_store.h"
#include "storage/cache_store.h"
#include "storage/content_removal_store.h"
#include "storage/retention_store.h"
#include "storage/task_store.h"
#include "tests/support/store_fixture.h"

namespace penstock {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

class RetentionContract : public StoreTest {
 protected:
  void SetUp() override {
    StoreTest::SetUp();
    if (store_ == nullptr) return;  // skipped
    AddBasics();
    // The spec would go with the last run that has it.
    RunRow other = NewRun("other");
    other.experiment_id = "exp";
    other.namespace_ = "other";
    ASSERT_TRUE(AddRun(other).ok());
  }
  // A run that was created and ended so many hours after the clock's time.
  void AddEnded(absl::string_view id, int hour, RunState state = RunState::kSucceeded,
                absl::string_view recurring_run_id = "", StorageState storage = StorageState::kAvailable) {
    RunRow row = NewRun(id);
    row.created_at = clock_.Now() + absl::Hours(hour);
    row.recurring_run_id = std::string(recurring_run_id);
    row.storage_state = storage;
    ASSERT_TRUE(AddRun(row).ok());
    if (state == RunState::kPending) return;
    Write([&](db::Tx& tx) -> absl::Status {
      RETURN_IF_ERROR(RunSetState(tx, id, RunState::kPending, {RunState::kRunning, row.created_at, 0, ""}));
      return RunSetState(tx, id, RunState::kRunning, {state, row.created_at, 0, ""});
    });
  }
  std::vector<std::string> Found(const RetentionPolicyRow& policy, int hour, int limit = 100) {
    std::vector<std::string> ids;
    RetentionPosition position;
    for (int i = 0; i < 1000 && !position.at_end; ++i) {
      std::vector<RetentionRun> runs;
      Write([&](db::Tx& tx) {
        return RetentionSearch(tx, policy, clock_.Now() + absl::Hours(hour)).Next(limit, &position, &runs);
      });
      for (const RetentionRun& run : runs) ids.push_back(run.run_id);
    }
    EXPECT_TRUE(position.at_end);
    std::sort(ids.begin(), ids.end());
    return ids;
  }
  static RetentionPolicyRow OfExperiment() {
    RetentionPolicyRow policy;
    policy.policy_id = RetentionPolicyId("", "exp");
    policy.experiment_id = "exp";
    return policy;
  }
};
INSTANTIATE_TEST_SUITE_P(Databases, RetentionContract, ServedDatabases());

TEST_P(RetentionContract, ADeletedRunLeavesOneRowAndNoCacheEntry) {
  ASSERT_TRUE(AddRun(NewRun("a")).ok());
  TaskRow task;
  task.run_id = "a";
  task.task_id = "t";
  task.name = "t";
  CacheEntryRow entry;
  entry.namespace_ = "n";
  entry.fingerprint = "f";
  entry.run_id = "a";
  entry.task_id = "t";
  entry.fields = "{}";
  entry.created_at = clock_.Now();
  Write([&](db::Tx& tx) -> absl::Status {
    RETURN_IF_ERROR(TaskInsert(tx, task));
    return CacheEntryPut(tx, entry);
  });
  Write([&](db::Tx& tx) { return RunDelete(tx, "a", clock_.Now()); });
  const auto row = Read<ContentRemovalRow>([](db::Tx& tx) { return ContentRemovalGet(tx, "a"); });
  EXPECT_EQ(row.state, RemovalState::kWaiting);
  EXPECT_EQ(row.experiment_id, "exp");
  EXPECT_EQ(row.created_at, clock_.Now());
  EXPECT_EQ(row.due_at, clock_.Now());
  EXPECT_TRUE(row.unfinished);
  EXPECT_EQ(row.folders, "");
  const auto entries = Read<int64_t>([](db::Tx& tx) -> absl::StatusOr<int64_t> {
    int64_t count = 0;
    RETURN_IF_ERROR(tx.Query("SELECT COUNT(*) FROM cache_entries", {}, [&](const db::Row& found) {
      count = found.Int64(0);
      return absl::OkStatus();
    }));
    return count;
  });
  EXPECT_EQ(entries, 0);
  // Back again, and deleted again.
  ASSERT_TRUE(AddRun(NewRun("a")).ok());
  clock_.Advance(absl::Seconds(5));
  Write([&](db::Tx& tx) { return RunDelete(tx, "a", clock_.Now()); });
  const auto again = Read<ContentRemovalRow>([](db::Tx& tx) { return ContentRemovalGet(tx, "a"); });
  EXPECT_EQ(again.created_at, clock_.Now());
  // What was worked on before may not take its place.
  Write([&](db::Tx& tx) {
    ContentRemovalRow done = row;
    done.state = RemovalState::kDone;
    done.due_at.reset();
    return ContentRemovalsPut(tx, {done});
  });
  EXPECT_EQ(Read<ContentRemovalRow>([](db::Tx& tx) { return ContentRemovalGet(tx, "a"); }).state,
            RemovalState::kWaiting);
}

TEST_P(RetentionContract, RemovalsComeWhenTheyAreDueAndReportsGoWhenTheyAreOld) {
  for (int i = 0; i < 5; ++i) {
    ASSERT_TRUE(AddRun(NewRun(absl::StrCat("r", i))).ok());
    Write([&](db::Tx& tx) { return RunDelete(tx, absl::StrCat("r", i), clock_.Now()); });
    clock_.Advance(absl::Seconds(1));
  }
  std::vector<ContentRemovalRow> due;
  Write([&](db::Tx& tx) -> absl::Status {
    ASSIGN_OR_RETURN(due, ContentRemovalsDue(tx, clock_.Now(), 3));
    return absl::OkStatus();
  });
  ASSERT_EQ(due.size(), 3);
  EXPECT_EQ(due[0].run_id, "r0");
  for (ContentRemovalRow& row : due) {
    row.state = RemovalState::kDone;
    row.due_at.reset();
  }
  due[1].kept_count = 1;
  due[1].kept = R"([["u","why"]])";
  Write([&](db::Tx& tx) { return ContentRemovalsPut(tx, due); });
  EXPECT_EQ(Read<std::optional<absl::Time>>([](db::Tx& tx) { return ContentRemovalNextDue(tx); }),
            clock_.Now() - absl::Seconds(2));
  const auto there = [&] {
    std::string ids;
    for (int i = 0; i < 5; ++i) {
      const auto found =
          Read<bool>([&](db::Tx& tx) { return ContentRemovalExists(tx, absl::StrCat("r", i)); });
      if (found) absl::StrAppend(&ids, i);
    }
    return ids;
  };
  Write([&](db::Tx& tx) { return ContentRemovalsForget(tx, clock_.Now() - absl::Seconds(4), 100); });
  EXPECT_EQ(there(), "1234");
  Write([&](db::Tx& tx) { return ContentRemovalsForget(tx, clock_.Now() + absl::Seconds(4), 100); });
  EXPECT_EQ(there(), "134") << "something was kept of the second, and the others are not over";
  Write([&](db::Tx& tx) { return ContentRemovalsForget(tx, clock_.Now(), 1); });
  EXPECT_EQ(there(), "34");
}

TEST_P(RetentionContract, ReferencesAreFoundInFoldersWhateverTheirLength) {
  ASSERT_TRUE(AddRun(NewRun("a")).ok());
  const std::string longest = absl::StrCat("penstock://artifacts/", std::string(180, 'p'), "/r");
  int id = 0;
  for (const std::string& folder : {std::string("penstock://artifacts/p/r"), longest}) {
    for (const char* tail : {"", "/t/a/out", "/t/a/out/deep", "2/t/a/out", "-x", "."}) {
      ArtifactRow row;
      row.artifact_id = ++id;
      row.uuid = absl::StrCat("u", id);
      row.run_id = "a";
      row.uri = folder + tail;
      row.metadata = "{}";
      row.created_at = clock_.Now();
      Write([&](db::Tx& tx) { return ArtifactInsert(tx, row); });
    }
    std::vector<ContentReference> found;
    Write([&](db::Tx& tx) -> absl::Status {
      RETURN_IF_ERROR(ContentReferencesLater(tx, folder, "", 100, &found));
      return tx.Flush();
    });
    std::vector<std::string> uris;
    for (const ContentReference& one : found) uris.push_back(one.uri.substr(folder.size()));
    EXPECT_THAT(uris, UnorderedElementsAre("", "/t/a/out", "/t/a/out/deep")) << folder;
    EXPECT_TRUE(absl::StrContains(found[0].Sentence(), "of run a uses it")) << found[0].Sentence();
  }
}

TEST_P(RetentionContract, RunsAreFoundByAgeNumberStateAndStorage) {
  for (int i = 0; i < 6; ++i) AddEnded(absl::StrCat("s", i), i);
  AddEnded("f1", 1, RunState::kFailed);
  AddEnded("x1", 1, RunState::kSucceeded, "", StorageState::kArchived);
  AddEnded("p", 0, RunState::kPending);
  for (const int limit : {1, 3, 100}) {
    RetentionPolicyRow policy = OfExperiment();
    policy.max_age = absl::Hours(8);
    EXPECT_THAT(Found(policy, 10, limit), ElementsAre("f1", "s0", "s1", "s2", "x1"));
    policy.states = "SUCCEEDED";
    policy.storage = RetentionStorage::kAvailable;
    EXPECT_THAT(Found(policy, 10, limit), ElementsAre("s0", "s1", "s2"));
    policy.max_age = absl::ZeroDuration();
    policy.max_runs = 2;
    EXPECT_THAT(Found(policy, 10, limit), ElementsAre("s0", "s1", "s2", "s3"));
    policy.max_runs = 6;
    EXPECT_THAT(Found(policy, 10, limit), IsEmpty());
    policy.max_age = absl::Hours(9);
    EXPECT_THAT(Found(policy, 10, limit), ElementsAre("s0", "s1"));
    policy.storage = RetentionStorage::kArchived;
    policy.max_age = absl::Hours(1);
    EXPECT_THAT(Found(policy, 10, limit), ElementsAre("x1"));
  }
}

TEST_P(RetentionContract, TheLatestOfARecurringRunStay) {
  for (int i = 0; i < 4; ++i) {
    AddEnded(absl::StrCat("a", i), i, RunState::kSucceeded, "rr-a");
    AddEnded(absl::StrCat("b", i), i, i == 3 ? RunState::kPending : RunState::kFailed, "rr-b");
    AddEnded(absl::StrCat("c", i), i);
  }
  RetentionPolicyRow policy = OfExperiment();
  policy.max_age = absl::Hours(1);
  policy.keep_latest = 2;
  EXPECT_THAT(Found(policy, 1000, 2), ElementsAre("a0", "a1", "b0", "b1", "c0", "c1", "c2", "c3"));
  policy.keep_latest = 10;
  EXPECT_THAT(Found(policy, 1000), ElementsAre("c0", "c1", "c2", "c3"));
}

TEST_P(RetentionContract, AnExperimentWithItsOwnPolicyIsNoneOfItsNamespace) {
  AddEnded("a", 0);
  RetentionPolicyRow policy;
  policy.policy_id = RetentionPolicyId("", "");
  policy.max_age = absl::Hours(1);
  EXPECT_THAT(Found(policy, 10), ElementsAre("a"));
  policy.max_runs = 1;
  policy.max_age = absl::ZeroDuration();
  AddEnded("b", 1);
  EXPECT_THAT(Found(policy, 10), ElementsAre("a"));
  Write([&](db::Tx& tx) { return RetentionPolicyPut(tx, OfExperiment()); });
  EXPECT_THAT(Found(policy, 10), IsEmpty());
}

TEST_P(RetentionContract, PoliciesAreInForceWhenTheyWerePreviewedAsTheyAre) {
  RetentionPolicyRow policy = OfExperiment();
  policy.max_runs = 3;
  const auto in_force = [&] {
    return Read<std::vector<RetentionPolicyRow>>(
               [](db::Tx& tx) { return RetentionPoliciesInForce(tx, "", 10); })
        .size();
  };
  for (const bool enabled : {false, true}) {
    for (const int64_t previewed : {0, 1, 2}) {
      policy.enabled = enabled;
      policy.revision = 2;
      policy.previewed_revision = previewed;
      Write([&](db::Tx& tx) { return RetentionPolicyPut(tx, policy); });
      EXPECT_EQ(in_force(), enabled && previewed == 2 ? 1 : 0);
    }
  }
  EXPECT_TRUE(
      store_->Write([&](db::Tx& tx) { return RetentionPolicyApplied(tx, policy, 4, clock_.Now()); }).ok());
  EXPECT_EQ(Read<RetentionPolicyRow>([&](db::Tx& tx) {
              return RetentionPolicyGet(tx, policy.policy_id);
            }).deleted_runs,
            4);
  policy.revision = 1;
  EXPECT_TRUE(absl::IsAborted(
      store_->Write([&](db::Tx& tx) { return RetentionPolicyApplied(tx, policy, 4, clock_.Now()); })));
  Write([&](db::Tx& tx) { return RetentionPolicyDelete(tx, policy.policy_id); });
  EXPECT_TRUE(absl::IsNotFound(
      store_->Write([&](db::Tx& tx) { return RetentionPolicyDelete(tx, policy.policy_id); })));
}

TEST(SpecStoreTest, TheNameOfAPipelineIsFoundInItsSpec) {
  EXPECT_EQ(
      PipelineNameOf(
          R"({"components":{"a":{"x":"\"pipelineInfo\":{\"name\":\"no\"}"}},"pipelineInfo":{"description":"d","name":"my \"p\" ü"},"root":{}})"),
      "my \"p\" ü");
  EXPECT_EQ(PipelineNameOf(R"({"pipeline_spec":{"pipelineInfo":{"name":"p"}},"platform_spec":{}})"), "p");
  EXPECT_EQ(PipelineNameOf(R"({"components":{"pipelineInfo":{"name":"no"}},"pipelineInfo":{"name":"yes"}})"),
            "yes");
  EXPECT_EQ(PipelineNameOf(R"({"deploymentSpec":[{"pipelineInfo":{"name":"no"}}]})"), "");
  for (const char* none :
       {"", "{}", "{\"pipelineInfo\":{", "\"", "}}}}", "{\"pipelineInfo\":{\"name\":\"", "[]"}) {
    EXPECT_EQ(PipelineNameOf(none), "") << none;
  }
}

}  // namespace
}  // namespace penstock
