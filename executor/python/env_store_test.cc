#include "executor/python/env_store.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "executor/python/env_build.h"
#include "executor/python/env_commands.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace penstock {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

std::string Key(char digit) { return std::string(64, digit); }

class EnvStoreTest : public testing::Test {
 protected:
  EnvStoreTest() : directory_(testing::TempDir() + "penstock_envs_XXXXXX") {
    EXPECT_NE(mkdtemp(directory_.data()), nullptr);
  }
  ~EnvStoreTest() override { EXPECT_TRUE(RemoveAll(directory_)); }

  EnvStore Store() const { return EnvStore(directory_); }

  // A complete environment with a file of about this size, last used this many seconds after 1970.
  void Make(const std::string& key, size_t bytes, time_t used_at) {
    const EnvStore store = Store();
    std::filesystem::create_directories(store.PathOf(key) + "/lib");
    std::ofstream(store.PathOf(key) + "/lib/file") << std::string(bytes, 'x');
    std::ofstream(store.PackagesPathOf(key)) << "six==1.17.0\n";
    std::string error;
    ASSERT_TRUE(store.Complete(key, {.built_at_us = 3, .build_ms = 4, .requirements = {"six>=1"}}, &error))
        << error;
    const UniqueFd lock = store.OpenLock(key);
    const timespec times[2] = {{.tv_sec = used_at}, {.tv_sec = used_at}};
    ASSERT_EQ(futimens(lock.get(), times), 0);
  }

  std::vector<std::string> Keys() const {
    std::vector<std::string> keys;
    for (const EnvEntry& entry : Store().List()) keys.push_back(entry.key);
    return keys;
  }

  std::string directory_;
};

TEST_F(EnvStoreTest, ARecordMakesItComplete) {
  const EnvStore store = Store();
  std::filesystem::create_directories(store.PathOf(Key('a')));
  EXPECT_FALSE(store.IsComplete(Key('a')));
  EnvRecord record;
  EXPECT_FALSE(store.ReadRecord(Key('a'), &record));
  Make(Key('a'), 100'000, 5);
  EXPECT_TRUE(store.IsComplete(Key('a')));
  ASSERT_TRUE(store.ReadRecord(Key('a'), &record));
  EXPECT_GE(record.bytes, 100'000);
  EXPECT_LE(record.bytes, 200'000);
  EXPECT_EQ(record.built_at_us, 3);
  EXPECT_EQ(record.build_ms, 4);
  EXPECT_THAT(record.requirements, ElementsAre("six>=1"));
  EXPECT_THAT(record.packages, ElementsAre("six==1.17.0"));
}

TEST_F(EnvStoreTest, NothingInACompleteOneMayBeWritten) {
  Make(Key('a'), 10, 5);
  for (const char* path : {"", "/lib", "/lib/file", "/environment", "/packages.txt"}) {
    struct stat info = {};
    ASSERT_EQ(stat((Store().PathOf(Key('a')) + path).c_str(), &info), 0) << path;
    EXPECT_EQ(info.st_mode & 0222, 0U) << path;
  }
  EXPECT_TRUE(Store().Remove(Key('a'))) << "all the same";
  EXPECT_TRUE(std::filesystem::is_empty(directory_));
}

TEST_F(EnvStoreTest, LeastLatelyUsedGoesFirst) {
  Make(Key('a'), 100'000, 30);
  Make(Key('b'), 100'000, 10);
  Make(Key('c'), 100'000, 20);
  EXPECT_THAT(Keys(), ElementsAre(Key('b'), Key('c'), Key('a')));
  EXPECT_THAT(Store().PruneTo(int64_t{1} << 30), IsEmpty());
  EXPECT_THAT(Store().PruneTo(250'000), ElementsAre(Key('b')));
  EXPECT_THAT(Keys(), ElementsAre(Key('c'), Key('a')));
  EXPECT_THAT(Store().PruneTo(0), ElementsAre(Key('c'), Key('a')));
  EXPECT_TRUE(std::filesystem::is_empty(directory_)) << "locks go too";
}

TEST_F(EnvStoreTest, NeverOneInUse) {
  Make(Key('a'), 100'000, 10);
  Make(Key('b'), 100'000, 20);
  UniqueFd lock = Store().OpenLock(Key('a'));
  ASSERT_TRUE(LockFile(lock, LOCK_SH));
  EXPECT_TRUE(Store().List()[0].in_use);
  EXPECT_FALSE(Store().Remove(Key('a')));
  EXPECT_THAT(Store().PruneTo(0), ElementsAre(Key('b')));
  EXPECT_TRUE(Store().IsCurrent(lock, Key('a')));
  lock.Reset();
  EXPECT_FALSE(Store().List()[0].in_use);
  EXPECT_THAT(Store().PruneTo(0), ElementsAre(Key('a')));
}

TEST_F(EnvStoreTest, WhatCrashesLeftIsRemovedUnlessSomebodyBuilds) {
  for (const char key : {'a', 'b'}) std::filesystem::create_directories(Store().PathOf(Key(key)) + "/bin");
  std::filesystem::create_directories(directory_ + "/.removing-abc-1/lib");
  { const UniqueFd lock_of_nothing = Store().OpenLock(Key('c')); }
  UniqueFd builder = Store().OpenLock(Key('a'));
  ASSERT_TRUE(LockFile(builder, LOCK_EX));
  EXPECT_THAT(Store().PruneTo(int64_t{1} << 40), ElementsAre(Key('b')));
  EXPECT_THAT(Keys(), ElementsAre(Key('a')));
  builder.Reset();
  EXPECT_THAT(Store().PruneTo(int64_t{1} << 40), ElementsAre(Key('a')));
  EXPECT_TRUE(std::filesystem::is_empty(directory_));
}

TEST_F(EnvStoreTest, WhoWaitedForALockThatIsGoneKnowsIt) {
  Make(Key('a'), 10, 10);
  const UniqueFd old = Store().OpenLock(Key('a'));
  ASSERT_TRUE(Store().Remove(Key('a')));
  EXPECT_FALSE(Store().IsCurrent(old, Key('a')));
  const UniqueFd next = Store().OpenLock(Key('a'));
  EXPECT_FALSE(Store().IsCurrent(old, Key('a')));
  EXPECT_TRUE(Store().IsCurrent(next, Key('a')));
}

TEST_F(EnvStoreTest, OtherFilesAreLeftAlone) {
  std::ofstream(directory_ + "/notes") << "x";
  std::filesystem::create_directories(directory_ + "/mine");
  EXPECT_THAT(Keys(), IsEmpty());
  EXPECT_THAT(Store().PruneTo(0), IsEmpty());
  EXPECT_TRUE(std::filesystem::exists(directory_ + "/notes"));
  EXPECT_TRUE(std::filesystem::exists(directory_ + "/mine"));
}

TEST_F(EnvStoreTest, TheCommandsShowAndPrune) {
  EXPECT_THAT(EnvsList("/nowhere"), testing::HasSubstr("0 in /nowhere, 0.0 MiB"));
  Make(Key('a'), 100'000, 86'400);
  Make(Key('b'), 100'000, 2 * 86'400);
  std::filesystem::create_directories(Store().PathOf(Key('c')));
  const UniqueFd lock = Store().OpenLock(Key('a'));
  ASSERT_TRUE(LockFile(lock, LOCK_SH));
  const std::string list = EnvsList(directory_);
  EXPECT_THAT(list, testing::ContainsRegex("aaaaaaaaaaaa +0.1 MiB +1970-01-02 00:00 +in use +six>=1\n"));
  EXPECT_THAT(list, testing::ContainsRegex("bbbbbbbbbbbb +0.1 MiB +1970-01-03 00:00 +idle +six>=1\n"));
  EXPECT_THAT(list, testing::ContainsRegex("cccccccccccc +- +never +broken"));
  EXPECT_THAT(EnvsPrune(directory_), testing::StartsWith("removed 2, 0.1 MiB; 1 in use stay"));
  EXPECT_THAT(Keys(), ElementsAre(Key('a')));
}

TEST_F(EnvStoreTest, WarmPythonsAreListedWhileTheyAreThere) {
  const std::string report = directory_ + "/warm";
  EXPECT_EQ(WarmList(report), "") << "no report";
  const std::string gone = "4194305";  // beyond the largest id of a process
  std::ofstream(report) << gone << "\tready\t1048576\t1\t0\t\tpython3\n" << getpid() << "\tready\n";
  EXPECT_EQ(WarmList(report), "") << "a process that has gone, and a line that is not whole";
  std::ofstream(report) << gone << "\tready\t1048576\t1\t0\t\tpython3\n"
                        << getpid() << "\tready\t12582912\t34\t1700000000000000\tnumpy pandas\tsix==1.17.0\n"
                        << getpid() << "\tstarting\t0\t0\t1700000000000000\t\t/venv/bin/python3\n";
  const std::string list = WarmList(report);
  EXPECT_EQ(std::count(list.begin(), list.end(), '\n'), 5) << list;
  EXPECT_THAT(
      list, testing::ContainsRegex("\n[0-9]+ +12.0 MiB +34 +2023-11-14 22:13 +ready +numpy pandas +six==1"));
  EXPECT_THAT(list,
              testing::ContainsRegex("\n[0-9]+ +- +0 +2023-11-14 22:13 +starting +- +/venv/bin/python3\n"));
}

TEST(SummaryTest, SaysHowMuchIsLeftOut) {
  EXPECT_EQ(Summary({}, 10), "");
  EXPECT_EQ(Summary({"a", "b"}, 10), "a, b");
  EXPECT_EQ(Summary({"abc", "defghijk", "l", "m"}, 10), "abc and 3 more");
  EXPECT_EQ(Summary({"abcdefghijkl"}, 10), "abcdefghij");
}

TEST(LastWordsTest, ErrorsOfPipElseItsLastLines) {
  EXPECT_EQ(
      LastWords("Looking\nERROR: no version (from versions: none)\nERROR: No match for x\n\n[notice] new\n"),
      "ERROR: no version (from versions: none) ERROR: No match for x");
  EXPECT_EQ(LastWords("ERROR: Exception:\nTraceback:\n  in x\nValueError: y\n"),
            "ERROR: Exception: ValueError: y");
  EXPECT_EQ(LastWords("1\n2\n3\n4\n5\n6\r\n7"), "3 4 5 6 7");
  EXPECT_EQ(LastWords(""), "");
  EXPECT_EQ(LastWords(std::string(10'000, 'x')).size(), 2048U);
}

}  // namespace
}  // namespace penstock
