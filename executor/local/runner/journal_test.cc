#include "executor/local/runner/journal.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace penstock {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class JournalTest : public testing::Test {
 protected:
  JournalTest() {
    std::string name = testing::TempDir() + "penstock_journal_XXXXXX";
    options_.directory = mkdtemp(name.data());
    options_.boot_id = "boot-1";
    options_.boot_at_us = 1'000;
    options_.now_us = 5'000;
    Reopen();
  }
  ~JournalTest() override { fs::remove_all(options_.directory); }

  // A new supervisor takes over.
  void Reopen() {
    journal_ = std::make_unique<Journal>();
    lost_.clear();
    std::string error;
    ASSERT_TRUE(journal_->Open(options_, &lost_, &error)) << error;
  }

  void Begin(const std::string& id) {
    journal_->BeginStart(id, 10, 100);
    journal_->Spawned(id, 4242, 200);
    ASSERT_TRUE(journal_->Flush());
  }

  void Finish(const std::string& id, std::string message = "") {
    journal_->Finish({.id = id,
                      .ending = wire::Ending::kExited,
                      .exit_code = 3,
                      .started_at_us = 10,
                      .finished_at_us = 20,
                      .cpu_us = 7,
                      .max_rss_bytes = 9,
                      .message = std::move(message)});
    ASSERT_TRUE(journal_->Flush());
  }

  std::vector<std::string> FinishedIds() const {
    std::vector<std::string> ids;
    for (const wire::Finished& finished : journal_->finished()) ids.push_back(finished.id);
    return ids;
  }

  std::string Path() const { return options_.directory + "/journal"; }
  void AppendRaw(const std::string& text) { std::ofstream(Path(), std::ios::app) << text; }

  Journal::Options options_;
  std::unique_ptr<Journal> journal_;
  std::vector<LostProcess> lost_;
};

TEST_F(JournalTest, ACopyHasNoProcessesAndAMovedOneHas) {
  options_.place = "1:2";
  Reopen();
  Begin("runs");
  Begin("ended");
  Finish("ended");
  const std::string original = options_.directory;
  fs::copy(original, original + "-copy");
  options_.directory = original + "-copy";
  options_.place = "1:3";
  options_.now_us = 9'000;
  Reopen();
  EXPECT_THAT(lost_, IsEmpty());
  EXPECT_THAT(FinishedIds(), testing::UnorderedElementsAre("runs", "ended"));
  EXPECT_EQ(journal_->finished().back().ending, wire::Ending::kLost);
  EXPECT_THAT(journal_->finished().back().message, HasSubstr("copy"));
  EXPECT_EQ(journal_->complete_since_us(), 9'000);
  EXPECT_EQ(journal_->records_begin(), wire::RecordsBegin::kCopied);
  Reopen();
  EXPECT_EQ(journal_->records_begin(), wire::RecordsBegin::kCopied);
  fs::remove_all(options_.directory);
  options_.directory = original + "-moved";
  options_.place = "1:2";
  fs::rename(original, options_.directory);
  Reopen();
  ASSERT_EQ(lost_.size(), 1U);
  EXPECT_EQ(lost_[0].attempt_id, "runs");
  EXPECT_EQ(journal_->complete_since_us(), 5'000);
}

TEST_F(JournalTest, AFreshOneIsCompleteFromNowOn) {
  EXPECT_EQ(journal_->complete_since_us(), 5'000);
  EXPECT_EQ(journal_->records_begin(), wire::RecordsBegin::kNew);
  options_.now_us = 9'000;
  Reopen();
  EXPECT_EQ(journal_->complete_since_us(), 5'000);
  EXPECT_THAT(journal_->finished(), IsEmpty());
}

TEST_F(JournalTest, EndsSurviveUntilForgotten) {
  Begin("a");
  Finish("a", "two\nlines");
  Begin("b");
  Finish("b");
  Reopen();
  EXPECT_THAT(FinishedIds(), ElementsAre("a", "b"));
  const wire::Finished& a = journal_->finished().front();
  EXPECT_EQ(a.ending, wire::Ending::kExited);
  EXPECT_EQ(a.exit_code, 3);
  EXPECT_EQ(a.started_at_us, 10);
  EXPECT_EQ(a.finished_at_us, 20);
  EXPECT_EQ(a.cpu_us, 7);
  EXPECT_EQ(a.max_rss_bytes, 9);
  EXPECT_EQ(a.message, "two lines");
  journal_->Forget("a");
  ASSERT_TRUE(journal_->Flush());
  Reopen();
  EXPECT_THAT(FinishedIds(), ElementsAre("b"));
  EXPECT_FALSE(journal_->Knows("a"));
}

TEST_F(JournalTest, WhatRanIsLostWithItsSupervisor) {
  Begin("a");
  journal_->BeginStart("b", 11, 150);
  ASSERT_TRUE(journal_->Flush());
  Reopen();
  ASSERT_EQ(lost_.size(), 2);
  const LostProcess& a = lost_[0].attempt_id == "a" ? lost_[0] : lost_[1];
  EXPECT_EQ(a.pid, 4242);
  EXPECT_EQ(a.started_after_ns, 100);
  EXPECT_EQ(a.started_before_ns, 200);
  ASSERT_EQ(journal_->finished().size(), 2);
  EXPECT_EQ(journal_->finished().front().ending, wire::Ending::kLost);
  EXPECT_THAT(journal_->finished().front().message, HasSubstr("supervisor"));
  Reopen();
  EXPECT_THAT(lost_, IsEmpty()) << "lost once";
  EXPECT_EQ(journal_->finished().size(), 2);
}

TEST_F(JournalTest, AfterARestartOfTheMachineNothingIsKilledAndOlderIdsMayHaveRun) {
  Begin("a");
  options_.boot_id = "boot-2";
  options_.boot_at_us = 8'000;
  options_.now_us = 9'000;
  Reopen();
  EXPECT_THAT(lost_, IsEmpty());
  EXPECT_THAT(journal_->finished().front().message, HasSubstr("machine"));
  EXPECT_EQ(journal_->complete_since_us(), 8'000);
  EXPECT_EQ(journal_->records_begin(), wire::RecordsBegin::kRestart);
  Reopen();
  EXPECT_EQ(journal_->records_begin(), wire::RecordsBegin::kRestart) << "still so for the next supervisor";
}

TEST_F(JournalTest, ATornLastLineIsLeftOut) {
  Begin("a");
  std::ifstream file(Path());
  std::string text(std::istreambuf_iterator<char>(file), {});
  Finish("a");
  fs::resize_file(Path(), text.size() + 20);  // killed while it wrote the end
  Reopen();
  EXPECT_EQ(journal_->damaged_records(), 0);
  EXPECT_EQ(journal_->records_begin(), wire::RecordsBegin::kNew);
  EXPECT_EQ(lost_.size(), 1);
}

TEST_F(JournalTest, DamageIsSeenAndBoundsWhatIsKnown) {
  Begin("a");
  Finish("a");
  AppendRaw(std::string(100, '\0') + "\n" + "deadbeef F b 1 0 0 0 0 0 0\n");
  Begin("c");
  options_.now_us = 70'000;
  Reopen();
  EXPECT_EQ(journal_->damaged_records(), 2);
  EXPECT_EQ(journal_->complete_since_us(), 70'000);
  EXPECT_EQ(journal_->records_begin(), wire::RecordsBegin::kDamaged);
  EXPECT_THAT(FinishedIds(), ElementsAre("a", "c"));
}

TEST_F(JournalTest, AnEmptyFileIsDamageNotAFreshStart) {
  fs::resize_file(Path(), 0);
  Reopen();
  EXPECT_EQ(journal_->records_begin(), wire::RecordsBegin::kDamaged);
}

TEST_F(JournalTest, AnEndlessLineIsSkipped) {
  AppendRaw(std::string(1 << 20, 'x') + "\n");
  Begin("a");
  Finish("a");
  Reopen();
  EXPECT_GT(journal_->damaged_records(), 0);
  EXPECT_THAT(FinishedIds(), ElementsAre("a"));
}

TEST_F(JournalTest, TheFileStaysSmallWhileItsHistoryGrows) {
  options_.compact_bytes = 10'000;
  Reopen();
  Begin("runs");
  for (int i = 0; i < 2'000; ++i) {
    const std::string id = "attempt-" + std::to_string(i);
    Begin(id);
    Finish(id);
    journal_->Forget(id);
    ASSERT_TRUE(journal_->Flush());
    ASSERT_TRUE(journal_->CompactIfLarge());
  }
  EXPECT_LT(fs::file_size(Path()), 12'000);
  Reopen();
  EXPECT_THAT(FinishedIds(), ElementsAre("runs"));
  EXPECT_EQ(lost_.size(), 1);
}

TEST_F(JournalTest, AFullDiskLeavesNoHalfRecordAndLosesNone) {
  const sighandler_t before = signal(SIGXFSZ, SIG_IGN);
  rlimit unlimited = {};
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &unlimited), 0);
  Begin("a");
  const size_t size = fs::file_size(Path());
  rlimit full = unlimited;
  full.rlim_cur = size + 10;
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &full), 0);
  journal_->Finish({.id = "a", .ending = wire::Ending::kExited, .exit_code = 0});
  EXPECT_FALSE(journal_->Flush());
  EXPECT_EQ(fs::file_size(Path()), size);
  EXPECT_FALSE(journal_->Flush());
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &unlimited), 0);
  signal(SIGXFSZ, before);
  EXPECT_TRUE(journal_->Flush());
  Reopen();
  EXPECT_EQ(journal_->damaged_records(), 0);
  EXPECT_THAT(FinishedIds(), ElementsAre("a"));
}

TEST_F(JournalTest, WithoutRoomForACompactFileTheOldOneGoesOn) {
  options_.compact_bytes = 1;
  Reopen();
  fs::create_directory(Path() + ".new");
  for (const char* id : {"a", "b", "c", "d", "e", "f"}) Begin(id);
  EXPECT_FALSE(journal_->CompactIfLarge());
  Finish("a");
  fs::remove(Path() + ".new");
  Reopen();
  EXPECT_EQ(lost_.size(), 5);
  EXPECT_EQ(journal_->finished().front().exit_code, 3);
}

TEST_F(JournalTest, NeverForgottenEndsAreBoundedAndTheLossIsKnown) {
  options_.max_finished = 2;
  Reopen();
  for (const char* id : {"a", "b", "c"}) {
    Begin(id);
    journal_->Finish({.id = id, .ending = wire::Ending::kExited, .exit_code = 0, .finished_at_us = 77'000});
  }
  ASSERT_TRUE(journal_->Flush());
  EXPECT_THAT(FinishedIds(), ElementsAre("b", "c"));
  Reopen();
  EXPECT_THAT(FinishedIds(), ElementsAre("b", "c"));
  EXPECT_EQ(journal_->complete_since_us(), 77'000);
  EXPECT_EQ(journal_->records_begin(), wire::RecordsBegin::kEvicted);
}

TEST(JournalOpenTest, ADirectoryThatIsNotThereIsAnError) {
  Journal journal;
  std::vector<LostProcess> lost;
  std::string error;
  EXPECT_FALSE(journal.Open({.directory = "/nowhere/at/all", .boot_id = "b"}, &lost, &error));
  EXPECT_THAT(error, HasSubstr("/nowhere/at/all"));
}

}  // namespace
}  // namespace penstock
