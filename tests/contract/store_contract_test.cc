// What every database must do for the stores.
#include <thread>
#include <tuple>
#include <vector>

#include "common/status_macros.h"
#include "storage/artifact_store.h"
#include "storage/attempt_record_store.h"
#include "storage/experiment_archive.h"
#include "storage/lease_store.h"
#include "storage/pipeline_store.h"
#include "storage/setting_store.h"
#include "storage/task_attempt_store.h"
#include "storage/task_store.h"
#include "tests/support/store_fixture.h"

namespace penstock {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

class StoreContract : public StoreTest {
 protected:
  absl::StatusOr<RunRow> GetRun(absl::string_view id) {
    absl::StatusOr<RunRow> row = absl::UnknownError("");
    (void)store_->Read([&](db::Tx& tx) {
      row = RunGet(tx, id);
      return absl::OkStatus();
    });
    return row;
  }
};
INSTANTIATE_TEST_SUITE_P(Databases, StoreContract, ServedDatabases());

TEST_P(StoreContract, WhatWasAcknowledgedIsThereAfterReopening) {
  AddBasics();
  ASSERT_TRUE(AddRun(NewRun("a")).ok());
  const std::string key = store_->page_token_key();
  Reopen();
  EXPECT_EQ(GetRun("a")->display_name, "run a");
  EXPECT_EQ(store_->page_token_key(), key);
  EXPECT_EQ(store_->migrations_applied(), 0);
}

// As after a power cut: what the process would do when it ends is not done.
TEST_P(StoreContract, TheLogOfWritesHasRoomThatNobodyTakesForWrites) {
  if (OnPostgres()) GTEST_SKIP() << "PostgreSQL keeps its own log";
  AddBasics();
  const std::filesystem::path log = directory_ / "store.db-wal";
  uintmax_t length = 0;
  for (int run = 0; run < 300; ++run) {
    ASSERT_TRUE(AddRun(NewRun(absl::StrCat("r", run))).ok());
    length = std::filesystem::file_size(log);
    ASSERT_GE(length, uintmax_t{128} << 10);
  }
  EXPECT_LT(length, uintmax_t{32} << 20);
  const std::filesystem::path copy = directory_ / "copy";
  std::filesystem::create_directory(copy);
  for (const char* name : {"store.db", "store.db-wal"}) {
    std::filesystem::copy_file(directory_ / name, copy / name);
  }
  const auto opened = Store::Open(absl::StrCat("sqlite://", (copy / "store.db").string()), clock_);
  ASSERT_TRUE(opened.ok()) << opened.status();
  ASSERT_TRUE((*opened)->Read([](db::Tx& tx) { return RunGet(tx, "r299").status(); }).ok());
}

TEST_P(StoreContract, AFailedBodyLeavesNothing) {
  AddBasics();
  const absl::Status status = store_->Write([&](db::Tx& tx) -> absl::Status {
    RETURN_IF_ERROR(RunInsert(tx, NewRun("a"), {"spec", "{}", ""}));
    return absl::CancelledError("changed my mind");
  });
  EXPECT_TRUE(absl::IsCancelled(status));
  EXPECT_TRUE(absl::IsNotFound(GetRun("a").status()));
  EXPECT_EQ(RunsCounted(), 0);
}

TEST_P(StoreContract, ConcurrentWritersAreAllKeptAndFailuresAreTheirOwn) {
  AddBasics();
  constexpr int kThreads = 16;
  constexpr int kEach = 50;
  std::vector<std::thread> threads;
  std::atomic<int> wrong{0};
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < kEach; ++i) {
        const RunRow row = NewRun(absl::StrCat(t, "-", i));
        const bool fail = i % 5 == 4;
        const absl::Status status = store_->Write([&](db::Tx& tx) -> absl::Status {
          RETURN_IF_ERROR(RunInsert(tx, row, {"spec", "{}", ""}));
          return fail ? absl::CancelledError("") : absl::OkStatus();
        });
        if (status.ok() == fail) ++wrong;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
  EXPECT_EQ(RunsCounted(), kThreads * kEach * 4 / 5);
  EXPECT_TRUE(GetRun("3-3").ok());
  EXPECT_TRUE(absl::IsNotFound(GetRun("3-4").status()));
}

// PostgreSQL's codes come from a trigger, since its disk cannot be filled here.
TEST_P(StoreContract, WhatTheServerRefusesIsSaidAndNothingIsHalfWritten) {
  if (!OnPostgres()) GTEST_SKIP() << "SQLite has no server";
  AddBasics();
  const auto refuse_with = [&](absl::string_view sqlstate) {
    return RunPostgresStatement(
               postgres_url_,
               absl::StrCat(
                   "CREATE OR REPLACE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN ",
                   sqlstate.empty() ? "" : absl::StrCat("RAISE 'refused' USING ERRCODE = '", sqlstate, "'; "),
                   "RETURN NEW; END $$; CREATE OR REPLACE TRIGGER refuse BEFORE INSERT ON run_states "
                   "FOR EACH ROW EXECUTE FUNCTION refuse()"))
        .status();
  };
  const std::tuple<const char*, absl::StatusCode, const char*> cases[] = {
      {"53100", absl::StatusCode::kResourceExhausted, "disk"},
      {"53200", absl::StatusCode::kUnavailable, "memory"},
      {"25006", absl::StatusCode::kUnavailable, "read-only"},
      {"57014", absl::StatusCode::kUnavailable, "took too long"},
      {"42501", absl::StatusCode::kUnavailable, "GRANT"},
      {"40001", absl::StatusCode::kAborted, "refused"},
      {"XX001", absl::StatusCode::kDataLoss, "refused"},
      {"P0001", absl::StatusCode::kInternal, "refused"},
  };
  for (const auto& [sqlstate, code, text] : cases) {
    ASSERT_TRUE(refuse_with(sqlstate).ok());
    const absl::Status status = AddRun(NewRun("r"));
    EXPECT_EQ(status.code(), code) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr(text));
    EXPECT_TRUE(absl::IsNotFound(GetRun("r").status()));
    EXPECT_EQ(RunsCounted(), 0);
  }
  ASSERT_TRUE(refuse_with("").ok());
  EXPECT_TRUE(AddRun(NewRun("r")).ok());
}

// Another program that holds the rows makes a writer wait, not fail, and a deadlock's victim runs again.
TEST_P(StoreContract, AConflictWithAnotherProgramIsRunAgain) {
  if (!OnPostgres()) GTEST_SKIP() << "SQLite has no other writers";
  AddBasics();
  // The first three tries meet a serialization failure; a sequence keeps its value through a rollback.
  ASSERT_TRUE(
      RunPostgresStatement(postgres_url_,
                           "CREATE SEQUENCE tries; CREATE FUNCTION conflict() RETURNS trigger "
                           "LANGUAGE plpgsql AS $$ BEGIN IF nextval('tries') < 4 THEN RAISE 'conflict' "
                           "USING ERRCODE = '40P01'; END IF; RETURN NEW; END $$; CREATE TRIGGER conflict "
                           "BEFORE INSERT ON runs FOR EACH ROW EXECUTE FUNCTION conflict()")
          .ok());
  EXPECT_TRUE(AddRun(NewRun("r")).ok());
  EXPECT_EQ(RunsCounted(), 1);
}

TEST_P(StoreContract, AFullDiskIsSaidAndNothingIsHalfWritten) {
  if (OnPostgres()) GTEST_SKIP() << "its server's disk is not ours to fill; see the test of what it refuses";
  AddBasics();
  const auto limit_pages = [&](absl::string_view pages) {
    return store_->Write([&](db::Tx& tx) {
      return store_->database().ExecuteScript(tx, absl::StrCat("PRAGMA max_page_count = ", pages));
    });
  };
  ASSERT_TRUE(limit_pages("1").ok());  // the smallest that holds what is there
  absl::Status status;
  int written = 0;
  while (status.ok() && written < 10'000) status = AddRun(NewRun(absl::StrCat("r", written++)));
  EXPECT_TRUE(absl::IsResourceExhausted(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("disk"));
  EXPECT_EQ(RunsCounted(), written - 1);
  ASSERT_TRUE(limit_pages("1000000").ok());
  EXPECT_TRUE(AddRun(NewRun("later")).ok());
}

TEST_P(StoreContract, ReadersSeeASnapshot) {
  AddBasics();
  EXPECT_TRUE(store_
                  ->Read([&](db::Tx& tx) -> absl::Status {
                    EXPECT_TRUE(absl::IsNotFound(RunGet(tx, "a").status()));
                    std::thread([&] { EXPECT_TRUE(AddRun(NewRun("a")).ok()); }).join();
                    EXPECT_TRUE(absl::IsNotFound(RunGet(tx, "a").status()));
                    return absl::OkStatus();
                  })
                  .ok());
  EXPECT_TRUE(GetRun("a").ok());
}

TEST_P(StoreContract, RunsMoveOnlyAlongTheTableAndByCompareAndSet) {
  AddBasics();
  ASSERT_TRUE(AddRun(NewRun("a")).ok());
  const auto move = [&](RunState from, RunState to) {
    return store_->Write([&](db::Tx& tx) {
      return RunSetState(tx, "a", from, {to, clock_.Now() + absl::Seconds(1), 0, ""});
    });
  };
  EXPECT_TRUE(absl::IsInternal(move(RunState::kPending, RunState::kSucceeded)));
  EXPECT_TRUE(move(RunState::kPending, RunState::kRunning).ok());
  EXPECT_TRUE(absl::IsAborted(move(RunState::kPending, RunState::kRunning)));
  EXPECT_TRUE(move(RunState::kRunning, RunState::kSucceeded).ok());
  EXPECT_TRUE(absl::IsAborted(move(RunState::kRunning, RunState::kFailed)));
  EXPECT_EQ(GetRun("a")->finished_at, clock_.Now() + absl::Seconds(1));
  ASSERT_TRUE(store_
                  ->Read([](db::Tx& tx) -> absl::Status {
                    ASSIGN_OR_RETURN(const auto states, RunStates(tx, "a"));
                    EXPECT_THAT(states, SizeIs(3));
                    return absl::OkStatus();
                  })
                  .ok());
}

TEST_P(StoreContract, DeletingARunTakesEverythingOfItAndTheUnusedSpec) {
  AddBasics();
  ASSERT_TRUE(AddRun(NewRun("a")).ok());
  ASSERT_TRUE(store_
                  ->Write([&](db::Tx& tx) -> absl::Status {
                    TaskRow task;
                    task.run_id = "a";
                    task.task_id = "t";
                    task.name = "train";
                    task.created_at = task.started_at = task.finished_at = clock_.Now();
                    RETURN_IF_ERROR(TaskInsert(tx, task));
                    RETURN_IF_ERROR(TaskAttemptInsert(tx, {"a", "t", 1, "attempt"}));
                    RETURN_IF_ERROR(TaskParameterInsert(tx, "a", {"t", Direction::kInput, "p", "1"}));
                    ASSIGN_OR_RETURN(const int64_t id, ArtifactIdReserve(tx, 10));
                    ArtifactRow artifact;
                    artifact.artifact_id = id;
                    artifact.uuid = "u";
                    artifact.run_id = "a";
                    artifact.name = "m";
                    artifact.schema_title = "system.Model";
                    artifact.metadata = "{}";
                    RETURN_IF_ERROR(ArtifactInsert(tx, artifact));
                    return ArtifactTaskInsert(tx, {"a", "t", Direction::kOutput, "m", 0, id});
                  })
                  .ok());
  EXPECT_TRUE(store_
                  ->Read([](db::Tx& tx) -> absl::Status {
                    ASSIGN_OR_RETURN(const TaskRow task, TaskGet(tx, "a", "t"));
                    EXPECT_EQ(task.name, "train");
                    EXPECT_TRUE(absl::IsNotFound(TaskGet(tx, "a", "other").status()));
                    ASSIGN_OR_RETURN(const auto found, ArtifactOutputFind(tx, "a", "t", "m"));
                    EXPECT_TRUE(found.has_value() && found->schema_title == "system.Model");
                    ASSIGN_OR_RETURN(const auto none, ArtifactOutputFind(tx, "a", "t", "other"));
                    EXPECT_FALSE(none.has_value());
                    return absl::OkStatus();
                  })
                  .ok());
  ASSERT_TRUE(store_->Write([](db::Tx& tx) { return RunDelete(tx, "a", absl::UnixEpoch()); }).ok());
  EXPECT_TRUE(store_
                  ->Read([](db::Tx& tx) -> absl::Status {
                    EXPECT_THAT(*TaskList(tx, "a"), SizeIs(0));
                    EXPECT_THAT(*TaskAttemptList(tx, "a"), SizeIs(0));
                    EXPECT_THAT(*ArtifactList(tx, "a"), SizeIs(0));
                    EXPECT_TRUE(absl::IsNotFound(SpecGet(tx, "spec").status()));
                    return absl::OkStatus();
                  })
                  .ok());
  EXPECT_EQ(RunsCounted(), 0);
  EXPECT_TRUE(
      absl::IsNotFound(store_->Write([](db::Tx& tx) { return RunDelete(tx, "a", absl::UnixEpoch()); })));
}

TEST_P(StoreContract, AnAttemptEndsOnce) {
  AddBasics();
  ASSERT_TRUE(AddRun(NewRun("a")).ok());
  TaskAttemptRow attempt{"a", "t", 1, "attempt"};
  ASSERT_TRUE(store_
                  ->Write([&](db::Tx& tx) -> absl::Status {
                    TaskRow task;
                    task.run_id = "a";
                    task.task_id = "t";
                    task.name = "train";
                    RETURN_IF_ERROR(TaskInsert(tx, task));
                    return TaskAttemptInsert(tx, attempt);
                  })
                  .ok());
  attempt.outcome = "SUCCEEDED";
  attempt.exit_code = 0;
  const auto finish = [&] {
    return store_->Write([&](db::Tx& tx) { return TaskAttemptFinish(tx, attempt); });
  };
  EXPECT_TRUE(finish().ok());
  EXPECT_TRUE(absl::IsAborted(finish()));
  attempt.number = 2;
  EXPECT_TRUE(absl::IsNotFound(finish()));
  ASSERT_TRUE(store_
                  ->Read([](db::Tx& tx) -> absl::Status {
                    for (const char* name : {"t", "train", "attempt"}) {
                      EXPECT_EQ(TaskAttemptFind(tx, "a", name, 0)->attempt_id, "attempt") << name;
                    }
                    EXPECT_TRUE(absl::IsNotFound(TaskAttemptFind(tx, "a", "train", 3).status()));
                    EXPECT_TRUE(absl::IsNotFound(TaskAttemptFind(tx, "a", "nobody", 0).status()));
                    return absl::OkStatus();
                  })
                  .ok());
}

TEST_P(StoreContract, DocumentsOfAttemptsAreKeptOnceAndForAsLongAsTheyAreInUse) {
  AddBasics();
  ASSERT_TRUE(AddRun(NewRun("a")).ok());
  const absl::Time long_ago = clock_.Now() - absl::Hours(2);
  const std::string text(10'000, 'x');
  ASSERT_TRUE(store_
                  ->Write([&](db::Tx& tx) -> absl::Status {
                    for (const char* setup : {"s1", "s1", "s2", "s3"}) {
                      RETURN_IF_ERROR(AttemptTextPut(tx, AttemptText::kSetup, setup, text, long_ago));
                    }
                    RETURN_IF_ERROR(AttemptTextPut(tx, AttemptText::kSetup, "s3", text, clock_.Now()));
                    RETURN_IF_ERROR(AttemptTextPut(tx, AttemptText::kPlace, "p1", "place", long_ago));
                    TaskRow task;
                    task.run_id = "a";
                    task.task_id = "t";
                    task.name = "train";
                    RETURN_IF_ERROR(TaskInsert(tx, task));
                    TaskAttemptRow attempt{"a", "t", 1, "attempt"};
                    attempt.setup_sha256 = "s2";
                    return TaskAttemptInsert(tx, attempt);
                  })
                  .ok());
  const auto sweep = [&] {
    std::string last;
    EXPECT_TRUE(store_
                    ->Write([&](db::Tx& tx) -> absl::Status {
                      ASSIGN_OR_RETURN(last, AttemptSetupsSweep(tx, last, 2, clock_.Now() - absl::Hours(1)));
                      return absl::OkStatus();
                    })
                    .ok());
    return last;
  };
  const auto setups = [&] {
    std::vector<std::string> left;
    EXPECT_TRUE(store_
                    ->Read([&](db::Tx& tx) -> absl::Status {
                      left.clear();
                      ASSIGN_OR_RETURN(
                          const AttemptTexts texts,
                          AttemptTextsGet(tx, AttemptText::kSetup, {"s1", "s2", "s3", "", "none"}));
                      for (const auto& [sha256, one] : texts) {
                        EXPECT_EQ(one, text);
                        left.push_back(sha256);
                      }
                      return absl::OkStatus();
                    })
                    .ok());
    return left;
  };
  EXPECT_THAT(setups(), ElementsAre("s1", "s2", "s3"));
  EXPECT_EQ(sweep(), "s2");
  EXPECT_THAT(setups(), ElementsAre("s2", "s3"));
  ASSERT_TRUE(store_->Write([](db::Tx& tx) { return RunDelete(tx, "a", absl::UnixEpoch()); }).ok());
  EXPECT_EQ(sweep(), "s3");
  EXPECT_THAT(setups(), ElementsAre("s3"));
  ASSERT_TRUE(store_
                  ->Read([](db::Tx& tx) -> absl::Status {
                    ASSIGN_OR_RETURN(const AttemptTexts places,
                                     AttemptTextsGet(tx, AttemptText::kPlace, {"p1"}));
                    EXPECT_EQ(places.at("p1"), "place");
                    return absl::OkStatus();
                  })
                  .ok());
}

TEST_P(StoreContract, ALeaseHasOneHolderAndARisingFence) {
  const absl::Time now = clock_.Now();
  const auto acquire = [&](absl::string_view holder, absl::Time at) {
    LeaseRow lease;
    EXPECT_TRUE(store_
                    ->Write([&](db::Tx& tx) -> absl::Status {
                      ASSIGN_OR_RETURN(lease, LeaseAcquire(tx, "l", holder, at, at + absl::Seconds(10)));
                      return absl::OkStatus();
                    })
                    .ok());
    return lease;
  };
  EXPECT_EQ(acquire("a", now).holder, "a");
  EXPECT_EQ(acquire("b", now + absl::Seconds(9)).holder, "a");
  EXPECT_EQ(acquire("a", now + absl::Seconds(9)).fence, 1);
  const LeaseRow taken = acquire("b", now + absl::Seconds(19));
  EXPECT_EQ(taken.holder, "b");
  EXPECT_EQ(taken.fence, 2);
  EXPECT_TRUE(absl::IsAborted(store_->Write([](db::Tx& tx) { return LeaseCheck(tx, "l", "a", 1); })));
  EXPECT_TRUE(store_->Write([](db::Tx& tx) { return LeaseCheck(tx, "l", "b", 2); }).ok());
}

TEST_P(StoreContract, PipelinesHaveUniqueNamesAndKeepTheirVersions) {
  ASSERT_TRUE(store_->Write([](db::Tx& tx) { return SpecPut(tx, "s1", std::string(100'000, 'x')); }).ok());
  PipelineRow pipeline{"p", "", "train", "Train", "", clock_.Now(), {{"team", "a"}}};
  const auto insert = [&] { return store_->Write([&](db::Tx& tx) { return PipelineInsert(tx, pipeline); }); };
  ASSERT_TRUE(insert().ok());
  pipeline.pipeline_id = "q";
  EXPECT_TRUE(absl::IsAlreadyExists(insert()));
  PipelineVersionRow version{"v", "p", "v1", "v1", "", "", "", "s1", clock_.Now(), {}};
  ASSERT_TRUE(store_->Write([&](db::Tx& tx) { return PipelineVersionInsert(tx, version); }).ok());
  const auto remove = [&](bool cascade) {
    return store_->Write([&](db::Tx& tx) { return PipelineDelete(tx, "p", cascade); });
  };
  EXPECT_THAT(std::string(remove(false).message()), HasSubstr("cascade"));
  ASSERT_TRUE(store_
                  ->Read([](db::Tx& tx) -> absl::Status {
                    EXPECT_EQ(PipelineGet(tx, "p")->tags.at("team"), "a");
                    EXPECT_EQ(PipelineVersionLatest(tx, "p")->pipeline_version_id, "v");
                    EXPECT_EQ(SpecGet(tx, "s1")->size(), 100'000u);
                    return absl::OkStatus();
                  })
                  .ok());
  EXPECT_TRUE(remove(true).ok());
  EXPECT_TRUE(absl::IsNotFound(remove(true)));
  ASSERT_TRUE(store_
                  ->Read([](db::Tx& tx) -> absl::Status {
                    EXPECT_TRUE(absl::IsNotFound(SpecGet(tx, "s1").status()));
                    EXPECT_TRUE(absl::IsNotFound(PipelineVersionGet(tx, "v").status()));
                    return absl::OkStatus();
                  })
                  .ok());
}

TEST_P(StoreContract, TheDefaultExperimentIsMadeOnceAndStays) {
  ExperimentRow row;
  row.experiment_id = "first";
  row.name = "Default";
  const auto ensure = [&] {
    std::string id;
    EXPECT_TRUE(store_
                    ->Write([&](db::Tx& tx) -> absl::Status {
                      ASSIGN_OR_RETURN(id, ExperimentEnsureDefault(tx, row));
                      return absl::OkStatus();
                    })
                    .ok());
    return id;
  };
  EXPECT_EQ(ensure(), "first");
  row.experiment_id = "second";
  EXPECT_EQ(ensure(), "first");
  EXPECT_TRUE(absl::IsAborted(store_->Write([](db::Tx& tx) { return ExperimentDelete(tx, "first"); })));
}

TEST_P(StoreContract, ArchivingAnExperimentArchivesItsRunsOnly) {
  AddBasics();
  ASSERT_TRUE(AddRun(NewRun("a")).ok());
  ASSERT_TRUE(store_->Write([&](db::Tx& tx) { return ExperimentArchive(tx, "exp", clock_.Now()); }).ok());
  EXPECT_EQ(GetRun("a")->storage_state, StorageState::kArchived);
  ASSERT_TRUE(store_->Write([](db::Tx& tx) { return ExperimentUnarchive(tx, "exp"); }).ok());
  EXPECT_EQ(GetRun("a")->storage_state, StorageState::kArchived);
  EXPECT_TRUE(absl::IsNotFound(
      store_->Write([&](db::Tx& tx) { return ExperimentArchive(tx, "none", clock_.Now()); })));
}

}  // namespace
}  // namespace penstock
