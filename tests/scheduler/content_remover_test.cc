// Removal of the content of deleted runs, between storage and a content store that may fail.
#include "scheduler/cleanup/content_remover.h"

#include <string>
#include <vector>

#include "absl/random/random.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/limits.h"
#include "scheduler/cleanup/retention_keeper.h"
#include "storage/artifact_store.h"
#include "storage/model_registry_store.h"
#include "tests/fakes/faulty_content_store.h"
#include "tests/scheduler/engine_fixture.h"

namespace penstock {
namespace {

class ContentRemoverTest : public EngineTest {
 protected:
  void SetUp() override {
    EngineTest::SetUp();
    if (store_ == nullptr) return;
    faulty_ = std::make_unique<FaultyContentStore>(*content_);
    ASSERT_TRUE(lease_->Hold(clock_.Now()).ok());
    NewRemover();
  }
  void TearDown() override {
    remover_.reset();
    EngineTest::TearDown();
  }

  void NewRemover(int64_t entries = 1000) {
    ContentRemoverOptions options;
    options.entries_per_call = entries;
    options.threads = 1;  // the faulty store counts calls
    remover_ = std::make_unique<ContentRemover>(*store_, *lease_, *faulty_, in_work_, clock_, options);
  }
  ContentRemover::PassResult Remove() {
    EXPECT_TRUE(lease_->Hold(clock_.Now()).ok());
    const auto result = remover_->RunOnce();
    EXPECT_TRUE(result.ok()) << result.status();
    return result.ok() ? *result : ContentRemover::PassResult{};
  }

  // A run that has ended, with a log and an artifact.
  std::string EndedRun(RunState state = RunState::kSucceeded) {
    const std::string run_id = CreateRun({{"a", {}}});
    Put(absl::StrCat("penstock://logs/", run_id, "/a-1.log"));
    Put(UriOf(run_id));
    AddArtifact(run_id, UriOf(run_id));
    Write([&](db::Tx& tx) -> absl::Status {
      RETURN_IF_ERROR(RunSetState(tx, run_id, RunState::kPending, {RunState::kRunning, clock_.Now(), 0, ""}));
      return RunSetState(tx, run_id, RunState::kRunning, {state, clock_.Now(), 0, ""});
    });
    return run_id;
  }
  static std::string UriOf(absl::string_view run_id) {
    return absl::StrCat("penstock://artifacts/test/", run_id, "/a/attempt/out");
  }
  void Put(absl::string_view uri) { ASSERT_TRUE(content_->Write(uri, "12345").ok()); }
  bool IsThere(absl::string_view uri) { return content_->Stat(uri).ok(); }
  int64_t AddArtifact(absl::string_view run_id, absl::string_view uri, absl::string_view import_key = "") {
    int64_t id = 0;
    Write([&](db::Tx& tx) -> absl::Status {
      ASSIGN_OR_RETURN(id, ArtifactIdReserve(tx, 1));
      ArtifactRow row;
      row.artifact_id = id;
      row.uuid = absl::StrCat("artifact-", id);
      row.run_id = std::string(run_id);
      row.name = "out";
      row.schema_title = "system.Dataset";
      row.uri = std::string(uri);
      row.metadata = "{}";
      row.import_key = std::string(import_key);
      row.size_bytes = 5;
      row.created_at = clock_.Now();
      return ArtifactInsert(tx, row);
    });
    return id;
  }
  void Link(absl::string_view run_id, int64_t artifact_id) {
    ArtifactTaskRow link;
    link.run_id = std::string(run_id);
    link.name = "out";
    link.artifact_id = artifact_id;
    link.io_type = "OUTPUT";
    Write([&](db::Tx& tx) { return ArtifactTaskInsert(tx, link); });
  }
  void Delete(absl::string_view run_id) {
    Write([&](db::Tx& tx) { return RunDelete(tx, run_id, clock_.Now()); });
  }
  ContentRemovalRow Report(absl::string_view run_id) {
    return Read<ContentRemovalRow>([&](db::Tx& tx) { return ContentRemovalGet(tx, run_id); });
  }
  bool IsGone(absl::string_view run_id) {
    return !IsThere(absl::StrCat("penstock://logs/", run_id)) &&
           !IsThere(absl::StrCat("penstock://artifacts/test/", run_id));
  }

  std::unique_ptr<FaultyContentStore> faulty_;
  std::unique_ptr<ContentRemover> remover_;
};
INSTANTIATE_TEST_SUITE_P(Databases, ContentRemoverTest, ServedDatabases());

TEST_P(ContentRemoverTest, ManyRunsGoSideBySide) {
  remover_ = std::make_unique<ContentRemover>(*store_, *lease_, *content_, in_work_, clock_,
                                              ContentRemoverOptions{.threads = 8});
  std::vector<std::string> run_ids;
  for (int i = 0; i < 20; ++i) run_ids.push_back(EndedRun());
  // Two that have the folder of a third in common, which went before.
  const std::string given = EndedRun();
  for (int i = 0; i < 2; ++i) AddArtifact(run_ids[i], UriOf(given));
  Delete(given);
  for (const std::string& run_id : run_ids) Delete(run_id);
  for (int pass = 0; pass < 10 && Remove().removals > 0; ++pass) {
  }
  run_ids.push_back(given);
  for (const std::string& run_id : run_ids) {
    EXPECT_EQ(Report(run_id).state, RemovalState::kDone);
    EXPECT_TRUE(IsGone(run_id)) << run_id;
  }
}

// Others have their turn between the steps of a large one.
TEST_P(ContentRemoverTest, ALargeRunGoesInSeveralPasses) {
  const std::string run_id = EndedRun();
  for (int i = 0; i < 20; ++i) Put(absl::StrCat(UriOf(run_id), "s/", i));
  NewRemover(/*entries=*/6);  // of which the folders on the way take four
  Delete(run_id);
  int passes = 1;
  while (Remove().done == 0) {
    EXPECT_EQ(Report(run_id).state, RemovalState::kRunning);
    EXPECT_EQ(Report(run_id).due_at, clock_.Now());
    ASSERT_LT(++passes, 100);
  }
  EXPECT_GT(passes, 1);
  EXPECT_EQ(Report(run_id).removed_files, 22);
  EXPECT_TRUE(IsGone(run_id));
}

TEST_P(ContentRemoverTest, ADeletedRunLeavesNothingAndOthersAll) {
  const std::string run_id = EndedRun();
  const std::string other = EndedRun();
  Put(absl::StrCat("penstock://artifacts/@mlflow/exp/", run_id, "/artifacts/model"));
  Put(absl::StrCat("penstock://artifacts/@mlflow/exp/", run_id, "_task/artifacts/model"));
  Put(absl::StrCat("penstock://artifacts/@mlflow/exp/", run_id, "x/artifacts/model"));
  Put(absl::StrCat("penstock://workspaces/", run_id, "/file"));
  EXPECT_EQ(Remove().removals, 0);
  Delete(run_id);
  EXPECT_EQ(Report(run_id).state, RemovalState::kWaiting);
  EXPECT_EQ(Remove().done, 1);
  const ContentRemovalRow report = Report(run_id);
  EXPECT_EQ(report.state, RemovalState::kDone);
  EXPECT_EQ(report.removed_files, 5);
  EXPECT_EQ(report.removed_bytes, 25);
  EXPECT_EQ(report.finished_at, clock_.Now());
  EXPECT_FALSE(report.due_at.has_value());
  EXPECT_TRUE(IsGone(run_id));
  EXPECT_FALSE(IsThere(absl::StrCat("penstock://artifacts/@mlflow/exp/", run_id)));
  EXPECT_FALSE(IsThere(absl::StrCat("penstock://artifacts/@mlflow/exp/", run_id, "_task")));
  EXPECT_TRUE(IsThere(absl::StrCat("penstock://artifacts/@mlflow/exp/", run_id, "x")));
  EXPECT_FALSE(IsThere(absl::StrCat("penstock://workspaces/", run_id)));
  EXPECT_TRUE(IsThere(UriOf(other)));
  EXPECT_TRUE(IsThere(absl::StrCat("penstock://logs/", other, "/a-1.log")));
  EXPECT_EQ(Remove().removals, 0);
}

TEST_P(ContentRemoverTest, WhatAnotherRunHasStaysUntilThatGoes) {
  const std::string first = CreateRun({{"a", {}}});
  const std::string second = EndedRun();
  Put(UriOf(first));
  Put(absl::StrCat("penstock://artifacts/test/", first, "/a/attempt/other"));
  Link(second, AddArtifact(first, UriOf(first)));
  Delete(first);
  clock_.Advance(absl::Minutes(1));  // it had not ended, though nothing of it runs
  Remove();
  const ContentRemovalRow report = Report(first);
  EXPECT_EQ(report.kept_count, 1);
  EXPECT_TRUE(absl::StrContains(report.kept, absl::StrCat("of run ", second, " uses it"))) << report.kept;
  EXPECT_TRUE(IsThere(UriOf(first)));
  EXPECT_FALSE(IsThere(absl::StrCat("penstock://artifacts/test/", first, "/a/attempt/other")));
  Delete(second);
  Remove();
  EXPECT_TRUE(IsGone(first));
  EXPECT_TRUE(IsGone(second));
}

TEST_P(ContentRemoverTest, WhoeverNamesContentWhenItIsToGoKeepsIt) {
  const std::string run_id = EndedRun();
  const std::string user = EndedRun();
  const std::string folder = absl::StrCat("penstock://artifacts/test/", run_id, "/a/attempt/");
  const std::string mlflow = absl::StrCat("exp/", run_id, "/artifacts/model");
  Put(folder + "imported");
  Put("penstock://artifacts/@mlflow/" + mlflow + "/weights");
  Delete(run_id);
  AddArtifact(user, folder + "imported", "import");
  Write([&](db::Tx& tx) -> absl::Status {
    RegisteredModelRow model;
    model.name = "m";
    model.created_at = model.updated_at = clock_.Now();
    RETURN_IF_ERROR(RegisteredModelInsert(tx, model));
    ModelVersionRow version;
    version.name = "m";
    version.version = 1;
    version.location = version.source = "mlflow-artifacts:/" + mlflow;
    version.created_at = version.updated_at = clock_.Now();
    return ModelVersionInsert(tx, version);
  });
  Remove();
  EXPECT_EQ(Report(run_id).kept_count, 2) << Report(run_id).kept;
  EXPECT_TRUE(IsThere(folder + "imported"));
  EXPECT_FALSE(IsThere(UriOf(run_id)));
  EXPECT_TRUE(IsThere("penstock://artifacts/@mlflow/" + mlflow + "/weights"));
  Delete(user);
  Remove();
  EXPECT_TRUE(IsGone(run_id)) << "the last who named it has gone";
}

TEST_P(ContentRemoverTest, WhatARunImportedFromElsewhereStays) {
  const std::string run_id = EndedRun();
  const std::string living = EndedRun();
  const std::string by_hand = "penstock://artifacts/data/set/of/mine/x";
  Put(by_hand);
  AddArtifact(run_id, by_hand, "import-1");
  AddArtifact(run_id, UriOf(living), "import-2");
  AddArtifact(run_id, "gs://bucket/p/other/t/a/out", "import-3");
  Delete(run_id);
  Remove();
  EXPECT_EQ(Report(run_id).state, RemovalState::kDone);
  EXPECT_TRUE(IsGone(run_id));
  EXPECT_TRUE(IsThere(by_hand));
  EXPECT_TRUE(IsThere(UriOf(living)));
}

TEST_P(ContentRemoverTest, AttemptsOfADeletedRunEndFirst) {
  const std::string run_id = CreateRun({{"a", {}}});
  Settle();
  Put(UriOf(run_id));
  EXPECT_TRUE(in_work_.Any(run_id));
  Delete(run_id);
  for (int i = 0; i < 5; ++i) {
    clock_.Advance(absl::Seconds(2));
    EXPECT_EQ(Remove().done, 0);
  }
  EXPECT_TRUE(IsThere(UriOf(run_id)));
  store_->notifier().Notify(Topic::kRuns, run_id);
  Settle();
  EXPECT_TRUE(in_work_.Any(run_id)) << "it is being cancelled";
  Finish("a", AttemptOutcome::kCancelled);
  Settle();
  EXPECT_FALSE(in_work_.Any(run_id));
  clock_.Advance(absl::Seconds(20));
  EXPECT_EQ(Remove().done, 1);
  EXPECT_TRUE(IsGone(run_id));
}

TEST_P(ContentRemoverTest, AnAttemptThatNeverEndsIsWaitedForWithinABound) {
  const std::string run_id = CreateRun({{"a", {}}});
  in_work_.Begin("attempt", run_id);
  Put(UriOf(run_id));
  Delete(run_id);
  clock_.Advance(absl::Seconds(limits::kRemovalWaitSeconds - 1));
  EXPECT_EQ(Remove().done, 0);
  clock_.Advance(absl::Seconds(2));
  EXPECT_EQ(Remove().done, 1);
}

TEST_P(ContentRemoverTest, AStoreThatIsAwayIsTriedAgainLaterAndLater) {
  const std::string run_id = EndedRun();
  Delete(run_id);
  faulty_->let_through = 0;
  faulty_->fault = absl::UnavailableError("the bucket is away");
  absl::Duration last;
  for (int i = 0; i < 12; ++i) {
    EXPECT_EQ(Remove().done, 0);
    const ContentRemovalRow report = Report(run_id);
    EXPECT_EQ(report.state, RemovalState::kWaiting);
    EXPECT_EQ(report.error, "the bucket is away");
    const absl::Duration pause = *report.due_at - clock_.Now();
    EXPECT_GE(pause, last);
    EXPECT_LE(pause, absl::Seconds(limits::kRemovalBackoffMaxSeconds));
    last = pause;
    EXPECT_EQ(Remove().removals, 0) << "it is not due";
    clock_.Advance(pause);
  }
  faulty_->let_through = 1000;
  EXPECT_EQ(Remove().done, 1);
  EXPECT_EQ(Report(run_id).error, "");
  EXPECT_TRUE(IsGone(run_id));
}

TEST_P(ContentRemoverTest, AStoreThatRefusesIsAskedDailyForABoundedTime) {
  const std::string run_id = EndedRun();
  const std::string other = EndedRun();
  Delete(run_id);
  faulty_->let_through = 0;
  faulty_->fault = absl::PermissionDeniedError("the bucket is not yours");
  for (int i = 1; i <= limits::kRemovalRefusals; ++i) {
    EXPECT_EQ(Remove().removals, 1);
    const ContentRemovalRow report = Report(run_id);
    EXPECT_EQ(report.state, RemovalState::kFailed);
    EXPECT_EQ(report.error, "the bucket is not yours");
    EXPECT_EQ(report.due_at.has_value(), i < limits::kRemovalRefusals);
    clock_.Advance(absl::Hours(24));
  }
  EXPECT_EQ(Remove().removals, 0);
  faulty_->let_through = 1000;
  Delete(other);
  EXPECT_EQ(Remove().done, 1) << "it holds nobody else up";
}

TEST_P(ContentRemoverTest, AnySequenceOfDeathsAndFaultsEndsWithAllGone) {
  absl::BitGen random;
  std::vector<std::string> runs;
  const std::string kept = EndedRun();
  for (int i = 0; i < 6; ++i) {
    runs.push_back(EndedRun());
    for (int file = 0; file < 30; ++file) {
      Put(absl::StrCat("penstock://artifacts/test/", runs.back(), "/t", file % 7, "/", file));
    }
    Delete(runs.back());
  }
  faulty_->fault = absl::UnavailableError("away");
  for (int i = 0; i < 60; ++i) {
    faulty_->let_through = absl::Uniform(random, 0, 6);
    if (absl::Bernoulli(random, 0.3)) Restart();
    NewRemover(/*entries=*/absl::Uniform(random, 1, 20));
    Remove();
    clock_.Advance(absl::Minutes(10));
  }
  faulty_->let_through = 1 << 30;
  NewRemover();
  for (int i = 0; i < 100 && Remove().wake_at != absl::InfiniteFuture(); ++i) {
    clock_.Advance(absl::Minutes(10));
  }
  for (const std::string& run_id : runs) {
    EXPECT_EQ(Report(run_id).state, RemovalState::kDone);
    EXPECT_TRUE(IsGone(run_id));
  }
  EXPECT_TRUE(IsThere(UriOf(kept)));
}

TEST_P(ContentRemoverTest, WithoutTheNameOfThePipelineTheFolderIsFound) {
  const std::string run_id = EndedRun();
  Write([](db::Tx& tx) { return tx.Execute("UPDATE specs SET pipeline_name = ''", {}).status(); });
  Delete(run_id);
  EXPECT_EQ(Remove().done, 1);
  EXPECT_TRUE(IsGone(run_id));
}

TEST_P(ContentRemoverTest, AStandbyRemovesNothing) {
  const std::string run_id = EndedRun();
  Delete(run_id);
  Lease other(*store_, "other");
  ContentRemover standby(*store_, other, *faulty_, in_work_, clock_, {});
  const auto result = standby.RunOnce();
  ASSERT_TRUE(result.ok());
  EXPECT_FALSE(result->leads);
  EXPECT_EQ(faulty_->calls, 0);
}

TEST_P(ContentRemoverTest, APolicyDeletesRunsByTheSameVerb) {
  std::vector<std::string> runs;
  for (int i = 0; i < 5; ++i) {
    runs.push_back(EndedRun(i == 0 ? RunState::kFailed : RunState::kSucceeded));
    clock_.Advance(absl::Hours(1));
  }
  RetentionPolicyRow policy;
  policy.policy_id = RetentionPolicyId("", "exp");
  policy.experiment_id = "exp";
  policy.enabled = true;
  policy.max_age = absl::Hours(3);
  policy.states = "SUCCEEDED";
  Write([&](db::Tx& tx) { return RetentionPolicyPut(tx, policy); });
  RetentionKeeper keeper(*store_, *lease_, clock_, {absl::Seconds(60), /*runs_per_search=*/1});
  const auto round = [&] {
    int deleted = 0;
    clock_.Advance(absl::Seconds(61));
    for (int i = 0; i < 50; ++i) {
      EXPECT_TRUE(lease_->Hold(clock_.Now()).ok());
      const auto step = keeper.RunOnce();
      EXPECT_TRUE(step.ok()) << step.status();
      if (step.ok()) deleted += step->deleted;
    }
    return deleted;
  };
  EXPECT_EQ(round(), 0) << "it was not previewed";
  policy.previewed_revision = policy.revision;
  Write([&](db::Tx& tx) { return RetentionPolicyPut(tx, policy); });
  EXPECT_EQ(round(), 2);
  EXPECT_EQ(round(), 0);
  Remove();
  EXPECT_FALSE(IsGone(runs[0])) << "it failed";
  EXPECT_TRUE(IsGone(runs[1]));
  EXPECT_TRUE(IsGone(runs[2]));
  EXPECT_FALSE(IsGone(runs[3]));
  EXPECT_EQ(Read<RetentionPolicyRow>([&](db::Tx& tx) {
              return RetentionPolicyGet(tx, policy.policy_id);
            }).deleted_runs,
            2);
}

}  // namespace
}  // namespace penstock
