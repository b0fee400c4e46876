#include "executor/python/python_env.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <set>

#include "absl/strings/str_cat.h"
#include "executor/posix/capture.h"
#include "executor/python/env_request.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace penstock {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

constexpr char kScript[] =
    "\nif ! [ -x \"$(command -v pip)\" ]; then\n    python3 -m ensurepip || python3 -m ensurepip --user || "
    "apt-get install python3-pip\nfi\n\nPIP_DISABLE_PIP_VERSION_CHECK=1 ";
constexpr char kInVenv[] =
    "\nexport PIP_DISABLE_PIP_VERSION_CHECK=1\ntmp=$(mktemp -d)\npython3 -m venv \"$tmp/venv\" "
    "--system-site-packages\n. \"$tmp/venv/bin/activate\"\n ";

// A component whose bootstrap installs these, each with a pip of its own.
std::vector<std::string> Component(const std::vector<std::string>& installs,
                                   const std::string& before_last = "") {
  std::string script = kScript;
  for (size_t i = 0; i < installs.size(); ++i) {
    absl::StrAppend(&script, i + 1 == installs.size() ? before_last : "", "python3 -m pip install --quiet ",
                    installs[i], " && ");
  }
  return {"sh", "-c", absl::StrCat(script, "\"$0\" \"$@\"\n"), "python3", "main.py"};
}

BasePython Base() {
  return {.version = "3.11",
          .executable = "/usr/bin/python3",
          .bin_dir = "/usr/bin",
          .kfp_version = "2.17.0",
          .fingerprint = "f",
          .has_pip = true};
}

TEST(MissingInTest, WhatTheBaseHasIsLeftOut) {
  const PipInstall kfp{
      .options = {"--no-deps"},
      .requirements = {"kfp==2.17.0", "typing-extensions>=3.7.4,<5; python_version<\"3.9\""}};
  const PipInstall six{.requirements = {"six", "kfp==2.17.0"}};
  EXPECT_THAT(MissingIn(Base(), {kfp}), IsEmpty());
  const std::vector<PipInstall> missing = MissingIn(Base(), {six, kfp});
  ASSERT_EQ(missing.size(), 1U);
  EXPECT_THAT(missing[0].requirements, ElementsAre("six"));
  BasePython other = Base();
  other.kfp_version = "2.16.0";
  EXPECT_EQ(MissingIn(other, {kfp}).size(), 1U);
  EXPECT_EQ(
      MissingIn(Base(), {{.options = {"--upgrade"}, .requirements = {"kfp==2.17.0"}, .is_shareable = false}})
          .size(),
      1U);
}

TEST(EnvKeyTest, NamesTheContent) {
  const std::vector<PipInstall> one = {{.options = {"--pre"}, .requirements = {"a", "b"}}};
  const std::string key = EnvKey(Base(), one, {});
  EXPECT_THAT(key, testing::MatchesRegex("[0-9a-f]+"));
  EXPECT_EQ(key.size(), 64U);
  EXPECT_EQ(EnvKey(Base(), {{.options = {"--pre"}, .requirements = {"b", "a", "b"}}}, {{"MODEL", "x"}}), key)
      << "order, repetition and what pip does not read make no difference";
  std::vector<std::string> keys = {
      key,
      EnvKey(Base(), {{.requirements = {"a", "b"}}}, {}),
      EnvKey(Base(), {{.options = {"--pre"}, .requirements = {"ab"}}}, {}),
      EnvKey(Base(), {{.options = {"--pre"}, .requirements = {"a"}}, {.requirements = {"b"}}}, {}),
      EnvKey(Base(), {{.options = {"--pre", "a"}, .requirements = {"b"}}}, {}),
      EnvKey(Base(), one, {{"PIP_INDEX_URL", "https://example.com"}}),
      EnvKey(Base(), one, {{"HTTPS_PROXY", "http://example.com"}}),
      EnvKey(Base(), one, {}, {"[global]"}),
      EnvKey(Base(), one, {}, {}, {"a==1", "b==2"}),
      EnvKey(Base(), one, {}, {}, {"a==1"}),
      EnvKey(Base(), one, {}, {"a==1"}),
      EnvKey(Base(), one, {{"CFLAGS", "-O1"}})};
  EXPECT_EQ(EnvKey(Base(), one, {}, {}, {"b==2", "a==1"}), EnvKey(Base(), one, {}, {}, {"a==1", "b==2"}));
  for (auto change : {+[](BasePython& base) { base.executable = "/opt/python3"; },
                      +[](BasePython& base) { base.version = "3.12"; },
                      +[](BasePython& base) { base.fingerprint = "g"; }}) {
    BasePython base = Base();
    change(base);
    keys.push_back(EnvKey(base, one, {}));
  }
  EXPECT_EQ(std::set<std::string>(keys.begin(), keys.end()).size(), keys.size());
}

// With the machine's own Python.
class PythonEnvironmentsTest : public testing::Test {
 protected:
  void SetUp() override {
    if (access("/usr/bin/python3", X_OK) != 0) GTEST_SKIP() << "needs /usr/bin/python3";
    std::string name = testing::TempDir() + "penstock overlay XXXXXX";
    spec_.work_dir = mkdtemp(name.data());
  }
  void TearDown() override {
    if (!spec_.work_dir.empty()) std::filesystem::remove_all(spec_.work_dir);
  }

  PythonEnvironments Make(const std::string& python) {
    return PythonEnvironments({.python = python,
                               .search_path = "/usr/bin:/bin",
                               .envs_dir = "/envs",
                               .env_program = "/bin/penstock-env",
                               .envs_bytes = 7});
  }

  PythonEnvironments::Choice Choose(std::vector<std::string> argv) {
    spec_.argv = std::move(argv);
    PythonEnvironments environments = Make("/usr/bin/python3");
    absl::StatusOr<PythonEnvironments::Choice> choice = environments.Choose(spec_);
    EXPECT_TRUE(choice.ok()) << choice.status();
    return choice.ok() ? *std::move(choice) : PythonEnvironments::Choice();
  }

  std::string Overlay() const { return spec_.work_dir + "/venv"; }
  bool HasOverlay() const { return std::filesystem::exists(Overlay()); }

  static std::string Python(const std::string& program, const std::string& code) {
    const absl::StatusOr<Captured> run =
        RunCaptured({program, "-c", code}, {"PATH=/usr/bin:/bin"}, STDOUT_FILENO, absl::Seconds(60));
    EXPECT_TRUE(run.ok()) << run.status();
    return run.ok() ? run->text : "";
  }

  LaunchSpec spec_;
};

TEST_F(PythonEnvironmentsTest, InstallsGoToTheOverlayAndTheBaseIsSeen) {
  const PythonEnvironments::Choice choice = Choose({"sh", "-c", "pip install some-package"});
  EXPECT_THAT(choice.argv, ElementsAre("sh", "-c", "pip install some-package"));
  EXPECT_THAT(choice.path_prefix, ElementsAre(Overlay() + "/bin", "/usr/bin"));
  for (const char* name : {"/bin/python", "/bin/python3"}) {
    EXPECT_EQ(Python(Overlay() + name, "import sys; print(sys.prefix)"), Overlay() + "\n");
  }
  EXPECT_THAT(Python(Overlay() + "/bin/python3", "import sysconfig; print(sysconfig.get_path('purelib'))"),
              HasSubstr(Overlay() + "/lib/python"));
  const std::string sites =
      "import site, os, sys; print([p for p in site.getsitepackages() if os.path.isdir(p)])";
  EXPECT_EQ(Python(Overlay() + "/bin/python3",
                   "import sys; p = sys.path; " +
                       absl::StrCat("print(all(s in p for s in ", Python("/usr/bin/python3", sites), "))")),
            "True\n");
}

TEST_F(PythonEnvironmentsTest, WhatMayRunPythonGetsAnEnvironmentOfItsOwn) {
  for (const std::vector<std::string>& argv : std::vector<std::vector<std::string>>{
           {"python3", "main.py"}, {"sh", "-c", "exec python3 main.py"}, {"uv", "pip", "install", "x"}}) {
    const PythonEnvironments::Choice choice = Choose(argv);
    EXPECT_EQ(choice.argv, argv);
    EXPECT_THAT(choice.path_prefix, ElementsAre(Overlay() + "/bin", "/usr/bin"));
    EXPECT_THAT(choice.env, ElementsAre(testing::Pair("VIRTUAL_ENV", Overlay())));
    EXPECT_TRUE(HasOverlay());
    std::filesystem::remove_all(Overlay());
  }
  EXPECT_THAT(Make("").Choose(spec_)->path_prefix, ElementsAre(Overlay() + "/bin", "/usr/bin"));
}

TEST_F(PythonEnvironmentsTest, AnUntouchedEnvironmentIsUsedAgainAndNoOther) {
  const std::string spares = spec_.work_dir + "/spares";
  std::filesystem::create_directory(spares);
  PythonEnvironments environments(
      {.python = "/usr/bin/python3", .search_path = "/usr/bin:/bin", .spares_dir = spares});
  const auto inode = [&] {
    struct stat info = {};
    EXPECT_EQ(stat(Overlay().c_str(), &info), 0);
    return info.st_ino;
  };
  spec_.argv = {"python3", "main.py"};
  ASSERT_TRUE(environments.Choose(spec_).ok());
  const auto first = inode();
  environments.TakeBack(spec_.work_dir);
  EXPECT_FALSE(HasOverlay());
  ASSERT_TRUE(environments.Choose(spec_).ok());
  EXPECT_EQ(inode(), first);
  EXPECT_EQ(Python(Overlay() + "/bin/python3", "import sys; print(sys.prefix)"), Overlay() + "\n");
  const std::string packages =
      Python(Overlay() + "/bin/python3", "import sysconfig; print(sysconfig.get_path('purelib'), end='')");
  std::ofstream(packages + "/new.py") << "";
  environments.TakeBack(spec_.work_dir);
  EXPECT_TRUE(HasOverlay()) << "something was installed";
  std::filesystem::remove(packages + "/new.py");
  std::ofstream(packages + "/_base.pth") << "import os";
  environments.TakeBack(spec_.work_dir);
  EXPECT_TRUE(HasOverlay()) << "it shows something else";
  std::filesystem::rename(Overlay(), spec_.work_dir + "/other");
  std::filesystem::create_directory_symlink(spec_.work_dir + "/other", Overlay());
  environments.TakeBack(spec_.work_dir);
  EXPECT_TRUE(HasOverlay()) << "a link";
  EXPECT_TRUE(std::filesystem::is_empty(spares));
}

TEST_F(PythonEnvironmentsTest, OtherProgramsRunAsTheyAre) {
  const PythonEnvironments::Choice named = Choose({"sh", "-c", "echo"});
  EXPECT_THAT(named.argv, ElementsAre("sh", "-c", "echo"));
  EXPECT_THAT(named.path_prefix, ElementsAre("/usr/bin"));
  EXPECT_THAT(Make("").Choose(spec_)->path_prefix, IsEmpty());
  EXPECT_FALSE(HasOverlay());
}

TEST_F(PythonEnvironmentsTest, ProgramsOfTheBasesPackagesRunInTheEnvironmentToo) {
  const std::string base = spec_.work_dir + "/base";
  std::string error;
  ASSERT_TRUE(MakeVenv({.version = "3", .executable = "/usr/bin/python3"}, "", base, &error)) << error;
  std::ofstream(base + "/bin/tool") << "#!" << base << "/bin/python3\nimport sys; print(sys.prefix)\n";
  spec_.argv = {"tool", "x"};
  EXPECT_THAT(Make(base + "/bin/python3").Choose(spec_)->argv,
              ElementsAre(Overlay() + "/bin/python3", base + "/bin/tool", "x"));
}

TEST_F(PythonEnvironmentsTest, DataOfTheBaseIsSeenAndNotWrittenTo) {
  const std::string base = spec_.work_dir + "/base";
  std::string error;
  ASSERT_TRUE(MakeVenv({.version = "3", .executable = "/usr/bin/python3"}, "", base, &error)) << error;
  std::filesystem::create_directories(base + "/share/jupyter/kernels/python3");
  std::ofstream(base + "/share/jupyter/kernels/python3/kernel.json") << "base";
  spec_.argv = {"python3", "main.py"};
  ASSERT_TRUE(Make(base + "/bin/python3").Choose(spec_).ok());
  const std::string kernels = Overlay() + "/share/jupyter/kernels";
  std::string text;
  std::getline(std::ifstream(kernels + "/python3/kernel.json"), text);
  EXPECT_EQ(text, "base");
  std::filesystem::create_directories(kernels + "/mine");
  std::filesystem::remove(kernels + "/python3/kernel.json");
  EXPECT_FALSE(std::filesystem::exists(base + "/share/jupyter/kernels/mine"));
  EXPECT_TRUE(std::filesystem::exists(base + "/share/jupyter/kernels/python3/kernel.json"));
}

TEST_F(PythonEnvironmentsTest, WhereTheBaseHasAllThePipStepIsLeftOut) {
  // The marker leaves nothing to install, whatever is in the base.
  const PythonEnvironments::Choice choice = Choose(Component({"'x; python_version<\"3.9\"'"}));
  EXPECT_THAT(choice.argv, ElementsAre("python3", "main.py"));
  EXPECT_THAT(choice.path_prefix, ElementsAre(Overlay() + "/bin", "/usr/bin"));
  EXPECT_THAT(choice.env, ElementsAre(testing::Pair("VIRTUAL_ENV", Overlay())));
  EXPECT_EQ(Python(Overlay() + "/bin/python3", "import sys; print(sys.prefix)"), Overlay() + "\n");
}

TEST_F(PythonEnvironmentsTest, AVenvOfItsOwnIsOneWithoutPip) {
  const PythonEnvironments::Choice choice = Choose(Component({"'x; python_version<\"3.9\"'"}, kInVenv));
  EXPECT_THAT(choice.argv, ElementsAre("python3", "main.py"));
  EXPECT_THAT(choice.path_prefix, ElementsAre(Overlay() + "/bin", "/usr/bin"));
  EXPECT_THAT(choice.env, testing::Contains(testing::Pair("PIP_DISABLE_PIP_VERSION_CHECK", "1")));
  EXPECT_EQ(Python(Overlay() + "/bin/python3", "import sys; print(sys.prefix)"), Overlay() + "\n");
}

TEST_F(PythonEnvironmentsTest, PackagesGetASharedEnvironment) {
  const PythonEnvironments::Choice choice = Choose(Component({"--pre 'b' 'a'", "'c'"}));
  ASSERT_THAT(choice.argv, testing::Contains("/bin/penstock-env"));
  EnvRequest request;
  ASSERT_TRUE(ParseArguments({choice.argv.begin() + 1, choice.argv.end()}, &request));
  EXPECT_EQ(request.envs_dir, "/envs");
  EXPECT_EQ(request.limit_bytes, 7);
  EXPECT_EQ(request.overlay, Overlay());
  EXPECT_THAT(request.installs, ElementsAre(ElementsAre("--pre", "b", "a"), ElementsAre("c")));
  EXPECT_THAT(request.requirements, ElementsAre("b", "a", "c"));
  EXPECT_THAT(request.command, ElementsAre("python3", "main.py"));
  EXPECT_THAT(choice.path_prefix,
              ElementsAre(Overlay() + "/bin", absl::StrCat("/envs/", request.key, "/bin"), "/usr/bin"));
  EXPECT_THAT(choice.env, ElementsAre(testing::Pair("VIRTUAL_ENV", Overlay())));
  EXPECT_FALSE(HasOverlay()) << "penstock-env makes it";
  EnvRequest same;
  const PythonEnvironments::Choice again = Choose(Component({"--pre 'a' 'b'", "--quiet 'c'"}));
  ASSERT_TRUE(ParseArguments({again.argv.begin() + 1, again.argv.end()}, &same));
  EXPECT_EQ(same.key, request.key);
}

TEST_F(PythonEnvironmentsTest, EveryPipKeepsToTheConstraints) {
  const auto request_of = [](const PythonEnvironments::Choice& choice) {
    EnvRequest request;
    EXPECT_TRUE(ParseArguments({choice.argv.begin() + 1, choice.argv.end()}, &request));
    return request;
  };
  const EnvRequest free = request_of(Choose(Component({"'six'"})));
  EXPECT_THAT(free.constraints, IsEmpty());
  spec_.constraints = {"six==1.16.0", "kfp==2.17.0"};
  const PythonEnvironments::Choice shared = Choose(Component({"'six'"}));
  EXPECT_THAT(request_of(shared).constraints, ElementsAre("six==1.16.0", "kfp==2.17.0"));
  EXPECT_NE(request_of(shared).key, free.key);
  const auto value_of = [](const PythonEnvironments::Choice& choice, const std::string& name) {
    for (const auto& [variable, value] : choice.env) {
      if (variable == name) return value;
    }
    return std::string();
  };
  for (const auto& argv :
       {Component({"'six'"}), {"sh", "-c", "pip install six"}, {"./script"}, Component({"'./x'"})}) {
    const PythonEnvironments::Choice choice = Choose(argv);
    for (const char* name : {"PIP_CONSTRAINT", "UV_CONSTRAINT"}) {
      EXPECT_THAT(value_of(choice, name), testing::StartsWith("file:///"));
      EXPECT_THAT(value_of(choice, name), Not(HasSubstr(" "))) << "pip takes words for files";
    }
    std::filesystem::remove_all(Overlay());
  }
  std::ifstream file(spec_.work_dir + "/.penstock-constraints.txt");
  EXPECT_EQ(std::string(std::istreambuf_iterator<char>(file), {}), "six==1.16.0\nkfp==2.17.0\n");
  EXPECT_EQ(Choose(Component({"'x; python_version<\"3.9\"'"})).argv,
            std::vector<std::string>({"python3", "main.py"}))
      << "what the base has is not installed";
}

TEST_F(PythonEnvironmentsTest, TheConstraintsOfTheAuthorGoBefore) {
  spec_.constraints = {"six==1.16.0"};
  spec_.env = {{"PIP_CONSTRAINT", "/mine.txt"}};
  const PythonEnvironments::Choice choice = Choose(Component({"'x @ https://me:secret@example.com/x.zip'"}));
  EnvRequest request;
  ASSERT_TRUE(ParseArguments({choice.argv.begin() + 1, choice.argv.end()}, &request));
  EXPECT_EQ(request.key, kOwnKey);
  EXPECT_THAT(request.constraints, IsEmpty());
  EXPECT_THAT(request.variables, testing::Contains("PIP_CONSTRAINT=/mine.txt"));
  EXPECT_THAT(choice.env, Not(testing::Contains(testing::Key("PIP_CONSTRAINT"))));
}

TEST_F(PythonEnvironmentsTest, WhatAnAttemptInstalledForItselfIsFound) {
  spec_.argv = {"python3", "main.py"};
  PythonEnvironments environments = Make("/usr/bin/python3");
  ASSERT_TRUE(environments.Choose(spec_).ok());
  EXPECT_THAT(environments.OwnPackages(spec_.work_dir), IsEmpty());
  const std::string site =
      Python(Overlay() + "/bin/python3", "import sysconfig; print(sysconfig.get_path('purelib'), end='')");
  std::filesystem::create_directory(site + "/Demo_One-1.0.dist-info");
  EXPECT_THAT(environments.OwnPackages(spec_.work_dir), ElementsAre("demo-one==1.0"));
  EXPECT_THAT(Make("/usr/bin/python3").OwnPackages(spec_.work_dir), ElementsAre("demo-one==1.0"))
      << "after a restart";
  EXPECT_THAT(environments.OwnPackages(""), IsEmpty());
  EXPECT_THAT(environments.OwnPackages("/nowhere"), IsEmpty());
}

TEST_F(PythonEnvironmentsTest, PasswordsAreForPipAlone) {
  const PythonEnvironments::Choice choice =
      Choose(Component({"'x @ https://me:secret@example.com/x.zip' 'y @ https://example.com/a@b.zip' 'z'"}));
  EnvRequest request;
  ASSERT_TRUE(ParseArguments({choice.argv.begin() + 1, choice.argv.end()}, &request));
  EXPECT_THAT(request.requirements,
              ElementsAre("x @ https://***@example.com/x.zip", "y @ https://example.com/a@b.zip", "z"));
  EXPECT_THAT(request.installs[0], testing::Contains("x @ https://me:secret@example.com/x.zip"));
}

TEST_F(PythonEnvironmentsTest, ABaseThatChangesIsAskedAgain) {
  const std::string base = spec_.work_dir + "/base";
  std::string error;
  ASSERT_TRUE(MakeVenv({.version = "3", .executable = "/usr/bin/python3"}, "", base, &error)) << error;
  const std::string site =
      Python(base + "/bin/python3", "import site; print(site.getsitepackages()[0], end='')");
  std::filesystem::create_directories(site);
  PythonEnvironments environments = Make(base + "/bin/python3");
  const auto key = [&] {
    spec_.argv = Component({"'x'"});
    EnvRequest request;
    const auto choice = environments.Choose(spec_);
    EXPECT_TRUE(choice.ok()) << choice.status();
    EXPECT_TRUE(ParseArguments({choice->argv.begin() + 1, choice->argv.end()}, &request));
    return request.key;
  };
  const std::string before = key();
  EXPECT_EQ(key(), before);
  std::filesystem::create_directories(site + "/six-1.0.dist-info");
  EXPECT_NE(key(), before);
}

TEST_F(PythonEnvironmentsTest, WhatIsNotShareableRunsAsItIs) {
  const std::vector<std::string> local = Component({"'./x'"});
  EXPECT_EQ(Choose(local).argv, local);
  EXPECT_TRUE(HasOverlay());
  std::filesystem::remove_all(Overlay());
  spec_.env = {{"PIP_TARGET", "/x"}};
  const std::vector<std::string> elsewhere = Component({"'x'"});
  EXPECT_EQ(Choose(elsewhere).argv, elsewhere);
  EXPECT_TRUE(HasOverlay());
}

TEST_F(PythonEnvironmentsTest, AnInterpreterThatDoesNotWorkIsAnErrorAndNoneIsNot) {
  spec_.argv = {"pip", "install", "x"};
  EXPECT_FALSE(Make("/bin/false").Choose(spec_).ok());
  PythonEnvironments none({.search_path = "/nowhere"});
  EXPECT_TRUE(none.Choose(spec_).ok());
}

TEST(EnvRequestTest, TravelsAsArguments) {
  EnvRequest request;
  request.envs_dir = "/d/envs";
  request.key = "ab";
  request.limit_bytes = 5;
  request.base = Base();
  request.base.site_dirs = {"/s=1", "--"};
  request.overlay = "/w/venv";
  request.installs = {{"--pre", "--list=install"}, {}};
  request.requirements = {"--", ""};
  request.constraints = {"a==1", "b==2"};
  request.variables = {"A=1=2"};
  request.command = {"sh", "--", "--key=other"};
  EnvRequest read;
  ASSERT_TRUE(ParseArguments(ToArguments(request), &read));
  EXPECT_EQ(ToArguments(read), ToArguments(request));
  EXPECT_EQ(read.installs, request.installs);
  EXPECT_EQ(read.command, request.command);
  EXPECT_EQ(read.variables, request.variables);
  EXPECT_EQ(read.constraints, request.constraints);
  EXPECT_EQ(read.base.site_dirs, request.base.site_dirs);
}

TEST(EnvRequestTest, NonsenseIsRefused) {
  for (const std::vector<std::string>& arguments :
       std::vector<std::vector<std::string>>{{},
                                             {"--key=a", "--envs_dir=/e"},
                                             {"--key=a", "--envs_dir=/e", "--"},
                                             {"--envs_dir=/e", "--", "x"},
                                             {"--key=a", "--envs_dir=/e", "--other=1", "--", "x"},
                                             {"--key=a", "--envs_dir=/e", "--limit_bytes=-1", "--", "x"},
                                             {"--key=a", "--envs_dir=/e", "--list=site", "3", "--", "x"},
                                             {"--key=a", "--envs_dir=/e", "--list=other", "0", "--", "x"}}) {
    EnvRequest request;
    EXPECT_FALSE(ParseArguments(arguments, &request));
  }
}

}  // namespace
}  // namespace penstock
