// The small parts around an attempt: its log, directories, environment, command and outputs.
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "absl/strings/str_cat.h"
#include "common/files.h"
#include "common/limits.h"
#include "executor/local/launch.h"
#include "executor/local/outputs.h"
#include "executor/local/runner/log_sink.h"
#include "executor/local/short_names.h"
#include "executor/local/task_environment.h"
#include "executor/local/work_dirs.h"
#include "executor/parts/command_bounds.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace penstock {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::Contains;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

class TaskFilesTest : public testing::Test {
 protected:
  TaskFilesTest() {
    std::string name = testing::TempDir() + "penstock_files_XXXXXX";
    dir_ = mkdtemp(name.data());
  }
  ~TaskFilesTest() override { EXPECT_TRUE(RemoveTree(dir_).ok()); }

  std::string Path(const std::string& name) const { return dir_ + "/" + name; }
  static std::string Read(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    return std::string(std::istreambuf_iterator<char>(file), {});
  }
  static void Write(const std::string& path, const std::string& text) { std::ofstream(path) << text; }

  std::string dir_;
};

// --- Log ---

TEST_F(TaskFilesTest, LogAppearsWithItsFirstByte) {
  LogSink log(Path("log"), 100);
  EXPECT_FALSE(fs::exists(Path("log")));
  log.Append("a\n");
  EXPECT_EQ(Read(Path("log")), "a\n") << "a reader can follow it";
  log.Close();
  EXPECT_EQ(log.dropped_bytes(), 0);
}

TEST_F(TaskFilesTest, LogOfExactlyTheLimitLosesNothing) {
  LogSink log(Path("log"), 4);
  log.Append("12");
  log.Append("34");
  log.Close();
  EXPECT_EQ(Read(Path("log")), "1234");
}

TEST_F(TaskFilesTest, LogBeyondTheLimitSaysWhatIsMissing) {
  LogSink log(Path("log"), 4);
  log.Append("12\n4567");
  log.Append("89");
  log.Close();
  EXPECT_EQ(log.dropped_bytes(), 5);
  EXPECT_THAT(Read(Path("log")), StartsWith("12\n4\n[penstock] "));
  EXPECT_THAT(Read(Path("log")), HasSubstr("4 bytes, 5 more"));
}

TEST_F(TaskFilesTest, LogThatCannotBeWrittenIsCountedOnly) {
  LogSink log(Path("absent/log"), 100);
  log.Append("abc");
  log.Close();
  EXPECT_EQ(log.dropped_bytes(), 3);
  EXPECT_EQ(log.error(), ENOENT);
}

TEST_F(TaskFilesTest, LogDoesNotFollowALink) {
  fs::create_symlink(Path("target"), Path("log"));
  LogSink log(Path("log"), 100);
  log.Append("abc");
  EXPECT_FALSE(fs::exists(Path("target")));
}

TEST_F(TaskFilesTest, LogTailIsOfWholeLinesAndValidUtf8) {
  EXPECT_EQ(ReadLogTail(Path("absent")), "");
  Write(Path("log"),
        "gr\xC3\xBC\xC3\x9F " + std::string("\0", 1) + "\xE2\x82 \xF0\x9F\x98\x80 \xED\xA0\x80 \xC0\xAF");
  EXPECT_EQ(ReadLogTail(Path("log")), "gr\xC3\xBC\xC3\x9F ??? \xF0\x9F\x98\x80 ??? ??");
  Write(Path("log"), std::string(10'000, 'x') + "\nlast\n");
  EXPECT_EQ(ReadLogTail(Path("log")), "last\n");
  Write(Path("log"), std::string(10'000, 'x'));
  EXPECT_EQ(ReadLogTail(Path("log")), std::string(limits::kLogTailBytes, 'x'));
}

// --- Directories ---

TEST_F(TaskFilesTest, DirectoriesAreMadeForUsAlone) {
  ASSERT_TRUE(MakeDirectories(Path("a/b/c")).ok());
  ASSERT_TRUE(MakeDirectories(Path("a/b/c")).ok());
  struct stat info = {};
  ASSERT_EQ(stat(Path("a").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0700U);
  Write(Path("file"), "");
  EXPECT_THAT(std::string(MakeDirectories(Path("file/x")).message()), HasSubstr(Path("file/x")));
}

TEST_F(TaskFilesTest, TreesAreRemovedWhateverTheirModes) {
  fs::create_directories(Path("tree/deep/er"));
  Write(Path("tree/deep/er/file"), "x");
  Write(Path("kept"), "x");
  fs::create_symlink(Path("kept"), Path("tree/link"));
  fs::create_directory_symlink(dir_, Path("tree/deep/up"));
  fs::permissions(Path("tree/deep/er"), fs::perms::none);
  fs::permissions(Path("tree/deep"), fs::perms::owner_read);
  EXPECT_TRUE(RemoveTree(Path("tree")).ok());
  EXPECT_FALSE(fs::exists(Path("tree")));
  EXPECT_TRUE(fs::exists(Path("kept")));
  EXPECT_TRUE(RemoveTree(Path("tree")).ok()) << "what is gone is removed";
}

TEST_F(TaskFilesTest, ParentOfAPath) {
  EXPECT_EQ(ParentOf("/a/b"), "/a");
  EXPECT_EQ(ParentOf("/a"), "/");
}

// --- Work directories ---

TEST_F(TaskFilesTest, EmptyWorkDirectoriesAreUsedAgainAndOthersRemoved) {
  std::vector<std::string> forgotten;
  {
    WorkDirs dirs(Path("work"), /*keep=*/false, {dir_}, [&](std::vector<std::string> ids) {
      forgotten.insert(forgotten.end(), ids.begin(), ids.end());
    });
    for (const char* name : {"empty", "used", "opened"}) {
      ASSERT_TRUE(dirs.Make(Path(absl::StrCat("work/run/", name))).ok());
    }
    Write(Path("work/run/used/file"), "x");
    fs::permissions(Path("work/run/opened"), fs::perms::all);
    for (const char* name : {"empty", "used", "opened"}) {
      dirs.Remove(name, Path(absl::StrCat("work/run/", name)));
    }
    dirs.Remove("none", "");
  }
  EXPECT_THAT(forgotten, testing::UnorderedElementsAre("empty", "used", "opened", "none"));
  EXPECT_FALSE(fs::exists(Path("work/run")));
  EXPECT_TRUE(fs::exists(Path("work/spare/0")));
  WorkDirs next(Path("work"), /*keep=*/false, {dir_}, [](std::vector<std::string> ids) {});
  ASSERT_TRUE(next.Make(Path("work/run2/a")).ok());
  EXPECT_FALSE(fs::exists(Path("work/spare/0"))) << "it became the new one";
  ASSERT_TRUE(next.Make(Path("work/run2/b")).ok());
  EXPECT_TRUE(fs::is_empty(Path("work/run2/a")));
  EXPECT_TRUE(fs::is_empty(Path("work/run2/b")));
}

TEST_F(TaskFilesTest, WorkDirectoriesMayBeKept) {
  {
    WorkDirs dirs(Path("work"), /*keep=*/true, {dir_}, [](std::vector<std::string> ids) {});
    ASSERT_TRUE(dirs.Make(Path("work/run/a")).ok());
    dirs.Remove("a", Path("work/run/a"));
  }
  EXPECT_TRUE(fs::exists(Path("work/run/a")));
}

TEST_F(TaskFilesTest, ShortNamesLeadToWorkDirectoriesAndGoWithThem) {
  const std::string folder = Path(absl::StrCat("penstock-", geteuid()));
  ASSERT_TRUE(MakeDirectories(Path("work/a")).ok() && MakeDirectories(Path("work/b")).ok());
  const ShortNames names({Path("none"), dir_});
  const std::string a = names.Give(Path("work/a"));
  EXPECT_EQ(a, names.Give(Path("work/a")));
  EXPECT_NE(a, names.Give(Path("work/b")));
  EXPECT_THAT(a, StartsWith(folder + "/"));
  EXPECT_LE(a.size(), folder.size() + 14);
  Write(a + "file", "x");
  EXPECT_EQ(Read(Path("work/a/file")), "x");
  EXPECT_EQ(fs::status(folder).permissions(), fs::perms::owner_all);
  names.Remove(Path("work/a"));
  fs::remove(Path("work/b"));
  EXPECT_EQ(Read(Path("work/a/file")), "x");
  const ShortNames next({dir_});
  EXPECT_TRUE(fs::is_empty(folder)) << "what a crash left";
}

TEST_F(TaskFilesTest, NoShortNamesInAFolderThatOthersMayWriteTo) {
  const std::string folder = Path(absl::StrCat("penstock-", geteuid()));
  ASSERT_TRUE(MakeDirectories(Path("theirs")).ok());
  fs::create_directory_symlink(Path("theirs"), folder);
  EXPECT_EQ(ShortNames({dir_}).Give(dir_), dir_) << "a link";
  fs::remove(folder);
  ASSERT_TRUE(MakeDirectories(folder).ok());
  fs::permissions(folder, fs::perms::all);
  EXPECT_EQ(ShortNames({dir_}).Give(dir_), dir_) << "for all";
  EXPECT_TRUE(fs::is_empty(folder));
}

// --- Environment ---

TEST_F(TaskFilesTest, EnvironmentHoldsNothingOfTheServersOwn) {
  setenv("PENSTOCK_TEST_SECRET", "s3cret", 1);
  LaunchSpec spec;
  spec.attempt_id = "id-1";
  spec.task_name = "train";
  spec.attempt_number = 3;
  spec.work_dir = "/w";
  spec.env = {{"A", "task"}, {"PENSTOCK_ATTEMPT_ID", "forged"}, {"PATH", "/mine"}};
  const TaskEnvironment environment({{"A", "base"}, {"B", "base"}, {"HOME", "/base"}});
  const std::vector<std::string> env =
      environment.For(spec, {.path_prefix = {"/venv/bin", "/base/bin"}}, "/t/1/");
  unsetenv("PENSTOCK_TEST_SECRET");
  EXPECT_THAT(env, Not(Contains(HasSubstr("s3cret"))));
  for (const char* entry :
       {"A=task", "B=base", "HOME=/base", "PATH=/venv/bin:/base/bin:/mine", "TMPDIR=/t/1/", "TMP=/t/1/",
        "TEMP=/t/1/", "PYTHONUNBUFFERED=1", "PENSTOCK_TASK_NAME=train", "PENSTOCK_ATTEMPT=3",
        "KFP_RETRY_INDEX=2", "KFP_POD_NAME=id-1", "KFP_POD_UID=id-1", "PENSTOCK_ATTEMPT_ID=id-1"}) {
    EXPECT_THAT(env, Contains(entry));
  }
  EXPECT_THAT(env, Not(Contains("PENSTOCK_ATTEMPT_ID=forged")));
}

// --- Command ---

TEST_F(TaskFilesTest, CommandsThatNoSystemWouldStartAreRefused) {
  const std::string limit(static_cast<size_t>(limits::kArgumentBytes), 'x');
  EXPECT_TRUE(CheckCommand({"a", limit.substr(1)}, {"A=1"}).ok());
  EXPECT_THAT(std::string(CheckCommand({}, {}).message()), HasSubstr("empty"));
  EXPECT_THAT(std::string(CheckCommand({"prog", limit}, {}).message()), HasSubstr("Argument 1"));
  EXPECT_THAT(std::string(CheckCommand({"prog", std::string("a\0b", 3)}, {}).message()), HasSubstr("NUL"));
  EXPECT_THAT(std::string(CheckCommand({"prog"}, {"BIG=" + limit}).message()), HasSubstr("'BIG'"));
  EXPECT_THAT(std::string(CheckCommand({"prog"}, {"=x"}).message()), HasSubstr("no name"));
  EXPECT_THAT(std::string(CheckCommand(std::vector<std::string>(20, limit.substr(1)), {}).message()),
              HasSubstr(absl::StrCat(limits::kArgumentsBytes)));
}

TEST_F(TaskFilesTest, SpecsWithRelativePathsOrBadIdsAreRefused) {
  LaunchSpec good;
  good.attempt_id = "id";
  good.work_dir = "/x";
  EXPECT_TRUE(CheckSpec(good, "/x").ok());
  EXPECT_FALSE(CheckSpec(good, "").ok());
  for (const std::string& id :
       {std::string(), std::string("a b"), std::string("a\nb"), std::string(65, 'x')}) {
    LaunchSpec spec = good;
    spec.attempt_id = id;
    EXPECT_FALSE(CheckSpec(spec, "/x").ok()) << id;
  }
  LaunchSpec spec = good;
  spec.directories = {"relative"};
  EXPECT_FALSE(CheckSpec(spec, "/x").ok());
}

// --- Outputs ---

TEST_F(TaskFilesTest, OutputsTogetherAreBounded) {
  LaunchSpec spec;
  spec.work_dir = dir_;
  const std::string most(static_cast<size_t>(limits::kOutputParameterBytes), 'x');
  for (int i = 0; i < 5; ++i) {
    const std::string path = Path(absl::StrCat("p", i));
    Write(path, most);
    spec.parameter_files.push_back({absl::StrCat("p", i), path});
  }
  const AttemptOutputs all = ReadOutputs(PlanOutputs(spec));
  EXPECT_THAT(std::string(all.status.message()), HasSubstr("'p4'"));
  spec.parameter_files.pop_back();
  EXPECT_TRUE(ReadOutputs(PlanOutputs(spec)).status.ok());
}

TEST_F(TaskFilesTest, OutputsAreReadThroughALinkedDataDirectory) {
  fs::create_directories(Path("real/work"));
  fs::create_directory_symlink(Path("real"), Path("linked"));
  Write(Path("real/work/out"), "value");
  LaunchSpec spec;
  spec.work_dir = Path("linked/work");
  spec.parameter_files = {{"out", Path("linked/work/out")}};
  const AttemptOutputs outputs = ReadOutputs(PlanOutputs(spec));
  EXPECT_TRUE(outputs.status.ok()) << outputs.status;
  EXPECT_EQ(outputs.parameter_files.at("out"), "value");
}

TEST_F(TaskFilesTest, OutputsOutsideTheDirectoriesAreRefused) {
  fs::create_directories(Path("work"));
  fs::create_directories(Path("work-of-another"));
  Write(Path("work-of-another/out"), "value");
  LaunchSpec spec;
  spec.work_dir = Path("work");
  spec.parameter_files = {{"out", Path("work-of-another/out")}};
  EXPECT_FALSE(ReadOutputs(PlanOutputs(spec)).status.ok());
}

TEST_F(TaskFilesTest, NothingDeclaredCostsNothing) {
  LaunchSpec spec;
  spec.work_dir = dir_;
  EXPECT_TRUE(PlanOutputs(spec).empty());
  EXPECT_TRUE(PlanOutputs(spec).roots.empty());
}

// --- Ends ---

TEST_F(TaskFilesTest, EveryEndHasItsSentence) {
  const auto message = [](wire::Finished finished) {
    return FinishedEvent(finished, absl::Minutes(5)).message;
  };
  EXPECT_EQ(message({.ending = wire::Ending::kExited, .exit_code = 0}), "");
  EXPECT_THAT(message({.ending = wire::Ending::kExited, .exit_code = 3}), HasSubstr("code 3"));
  EXPECT_THAT(message({.ending = wire::Ending::kSignaled, .signal = 9}), HasSubstr("SIGKILL"));
  EXPECT_THAT(message({.ending = wire::Ending::kTimedOut}), HasSubstr("5m"));
  EXPECT_THAT(message({.ending = wire::Ending::kCancelled}), HasSubstr("cancelled"));
  EXPECT_EQ(message({.ending = wire::Ending::kLost, .message = "Why."}), "Why.");
  EXPECT_EQ(TimeoutMillis(absl::InfiniteDuration()), wire::kNoTimeout);
  EXPECT_EQ(TimeoutMillis(absl::ZeroDuration()), 1);
}

TEST_F(TaskFilesTest, AFailureBeginsWithItsCause) {
  const wire::Finished failed = {.ending = wire::Ending::kExited, .exit_code = 1};
  const std::string log =
      "before\nTraceback (most recent call last):\n  File \"a.py\", line 2, in f\n    raise E\n";
  EXPECT_EQ(WithCause("Ended.", failed, log + "E: why\n", {}),
            "E: why\nRaised in line 2 of a.py, in f: raise E\nEnded.");
  EXPECT_EQ(WithCause("Ended.", failed, "some\nlast words\n", {"alpine"}),
            "Ended. Its last line: last words");
  EXPECT_EQ(WithCause("Ended.", failed, "", {"alpine"}), "Ended.");
  EXPECT_EQ(
      WithCause("Killed.", {.ending = wire::Ending::kSignaled, .signal = 9}, log + "E: why\n", {"alpine"}),
      "Killed.");
}

TEST_F(TaskFilesTest, AFailureSaysThatItsImageWasNotUsedWhereThatMayBeTheCause) {
  const wire::Finished failed = {.ending = wire::Ending::kExited, .exit_code = 1};
  const std::string log = "Traceback (most recent call last):\n  File \"a.py\", line 2, in f\n    import y\n";
  const std::string no_module = log + "ModuleNotFoundError: No module named 'y'\n";
  EXPECT_THAT(
      WithCause("Ended.", failed, no_module, {"mine:1", "/usr/bin/python3"}),
      AllOf(StartsWith("ModuleNotFoundError: No module named 'y'\n"),
            HasSubstr("The image 'mine:1' was not used: tasks run on this machine, with /usr/bin/python3. "
                      "The module 'y' is missing there")));
  for (const std::string image : {"", "python:3.11"}) {
    EXPECT_THAT(WithCause("Ended.", failed, no_module, {image}), Not(HasSubstr("not used")));
  }
  const std::string no_file = log + "FileNotFoundError: [Errno 2] No such file or directory: '/data'\n";
  EXPECT_THAT(WithCause("Ended.", failed, no_file, {"mine:1"}), HasSubstr("image 'mine:1' was not used"));
  EXPECT_THAT(WithCause("Ended.", failed, log + "ValueError: other\n", {"mine:1"}),
              Not(HasSubstr("not used")));
  const wire::Finished not_found = {.ending = wire::Ending::kExited, .exit_code = 127};
  EXPECT_THAT(WithCause("Ended.", not_found, "sh: 1: tool: not found\n", {"mine:1"}),
              AllOf(StartsWith("Ended. Its last line: sh: 1: tool: not found\n"), HasSubstr("was not used")));
  const wire::Finished not_started = {.ending = wire::Ending::kNotStarted};
  EXPECT_THAT(WithCause("Not found.", not_started, "", {"mine:1"}), HasSubstr("image 'mine:1' was not used"));
}

}  // namespace
}  // namespace penstock
