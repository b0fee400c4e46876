#include "scheduler/executor/local/python_env.h"

#include <stdlib.h>
#include <unistd.h>

#include <filesystem>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "scheduler/executor/local/capture.h"

namespace penstock {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

// What the kfp SDK 2.17 compiles, with a place for its options and for the user's packages.
constexpr char kSetUp[] =
    "\nif ! [ -x \"$(command -v pip)\" ]; then\n    python3 -m ensurepip || python3 -m ensurepip --user || "
    "apt-get install python3-pip\nfi\n\nPIP_DISABLE_PIP_VERSION_CHECK=1 ";
constexpr char kKfp[] =
    "python3 -m pip install --quiet --no-warn-script-location 'kfp==2.17.0' '--no-deps' "
    "'typing-extensions>=3.7.4,<5; python_version<\"3.9\"' && \"$0\" \"$@\"\n";
constexpr char kSix[] =
    "python3 -m pip install --quiet --no-warn-script-location --index-url https://example.com/simple "
    "--trusted-host example.com 'six>=1.0'  &&  ";
constexpr char kVenv[] =
    "\nexport PIP_DISABLE_PIP_VERSION_CHECK=1\ntmp=$(mktemp -d)\npython3 -m venv \"$tmp/venv\" "
    "--system-site-packages\n. \"$tmp/venv/bin/activate\"\n ";

std::vector<std::string> Lightweight(const std::string& script) {
  return {
      "sh", "-c", script, "sh", "-ec", "python3 -m kfp.dsl.executor_main", "import kfp", "--executor_input",
      "{}"};
}

BasePython Base() {
  return {.version = "3.11",
          .executable = "/usr/bin/python3",
          .bin_dir = "/usr/bin",
          .kfp_version = "2.17.0",
          .has_pip = true};
}

TEST(FindPipUseTest, LightweightComponentAsksForKfpOnly) {
  const PipUse use = FindPipUse(Lightweight(absl::StrCat(kSetUp, kKfp)));
  EXPECT_TRUE(use.installs);
  EXPECT_FALSE(use.unclear);
  EXPECT_FALSE(use.makes_venv);
  EXPECT_THAT(use.requirements,
              ElementsAre("kfp==2.17.0", "typing-extensions>=3.7.4,<5; python_version<\"3.9\""));
  EXPECT_TRUE(IsSatisfied(use, Base()));
}

TEST(FindPipUseTest, PackagesOfTheUserAreFound) {
  const PipUse use = FindPipUse(Lightweight(absl::StrCat(kSetUp, kSix, kKfp)));
  EXPECT_THAT(use.requirements, testing::Contains("six>=1.0"));
  EXPECT_THAT(use.requirements, testing::Not(testing::Contains(HasSubstr("example.com"))));
  EXPECT_FALSE(IsSatisfied(use, Base()));
}

TEST(FindPipUseTest, VenvOfItsOwnIsFound) {
  const PipUse use = FindPipUse(Lightweight(absl::StrCat(kSetUp, kVenv, kKfp)));
  EXPECT_TRUE(use.makes_venv);
  EXPECT_FALSE(IsSatisfied(use, Base()));
}

TEST(FindPipUseTest, WhatUsesNoPip) {
  EXPECT_FALSE(FindPipUse({}).installs);
  EXPECT_FALSE(FindPipUse({"sh"}).installs);
  EXPECT_FALSE(FindPipUse({"sh", "-c", "echo 'pip install x'; apt-get install pip"}).installs);
  EXPECT_FALSE(FindPipUse({"sh", "-c", "true # pip install x"}).installs);
  EXPECT_FALSE(FindPipUse({"python3", "-c", "import pip"}).installs);
  EXPECT_FALSE(FindPipUse({"sh", "-c", "unbalanced ' quote and pip install x"}).installs);
}

TEST(FindPipUseTest, OtherSpellings) {
  EXPECT_THAT(FindPipUse({"pip", "install", "x"}).requirements, ElementsAre("x"));
  EXPECT_THAT(FindPipUse({"/opt/bin/pip3.11", "install", "-q", "x"}).requirements, ElementsAre("x"));
  EXPECT_THAT(FindPipUse({"bash", "-exc", "cd /x && pip install 'a[b]' c\npython3 main.py"}).requirements,
              ElementsAre("a[b]", "c"));
  EXPECT_TRUE(FindPipUse({"sh", "-c", "pip install -r requirements.txt"}).unclear);
  EXPECT_TRUE(FindPipUse({"sh", "-c", "pip install --upgrade kfp==2.17.0"}).unclear);
  EXPECT_TRUE(FindPipUse({"sh", "-c", "pip install --target=/x kfp==2.17.0"}).unclear);
}

TEST(IsSatisfiedTest, OnlyTheVeryVersionWillDo) {
  const PipUse other{.installs = true, .requirements = {"kfp==2.14.3"}};
  const PipUse range{.installs = true, .requirements = {"kfp>=2"}};
  EXPECT_FALSE(IsSatisfied(other, Base()));
  EXPECT_FALSE(IsSatisfied(range, Base()));
  EXPECT_TRUE(IsSatisfied({.installs = false}, Base()));
}

TEST(IsSatisfiedTest, ABaseThatPipCannotUseIsNeverUsed) {
  const PipUse use{.installs = true, .requirements = {"kfp==2.17.0"}};
  BasePython base = Base();
  base.externally_managed = true;
  EXPECT_FALSE(IsSatisfied(use, base));
  base = Base();
  base.has_pip = false;
  EXPECT_FALSE(IsSatisfied(use, base));
  base = Base();
  base.kfp_version = "";
  EXPECT_FALSE(IsSatisfied(use, base));
}

// With the machine's own Python.
class OverlayTest : public testing::Test {
 protected:
  void SetUp() override {
    if (access("/usr/bin/python3", X_OK) != 0) {
      GTEST_SKIP() << "needs /usr/bin/python3";
    }
    std::string name = testing::TempDir() + "penstock overlay XXXXXX";
    spec_.work_dir = mkdtemp(name.data());
    spec_.argv = {"sh", "-c", "pip install some-package"};
  }
  void TearDown() override {
    if (!spec_.work_dir.empty()) {
      std::filesystem::remove_all(spec_.work_dir);
    }
  }

  std::string Python(const std::string& program, const std::string& code) {
    const absl::StatusOr<Captured> run =
        RunCaptured({program, "-c", code}, {"PATH=/usr/bin:/bin"}, STDOUT_FILENO, absl::Seconds(60));
    EXPECT_TRUE(run.ok()) << run.status();
    return run.ok() ? run->text : "";
  }

  LaunchSpec spec_;
};

TEST_F(OverlayTest, InstallsGoToTheOverlayAndTheBaseIsSeen) {
  PythonEnvironments environments("/usr/bin/python3", "/usr/bin:/bin");
  const absl::StatusOr<PythonEnvironments::Choice> choice = environments.Choose(spec_);
  ASSERT_TRUE(choice.ok()) << choice.status();
  const std::string overlay = spec_.work_dir + "/venv";
  EXPECT_THAT(choice->path_prefix, ElementsAre(overlay + "/bin", "/usr/bin"));
  for (const char* name : {"/bin/python", "/bin/python3"}) {
    EXPECT_EQ(Python(overlay + name, "import sys; print(sys.prefix)"), overlay + "\n");
  }
  EXPECT_THAT(Python(overlay + "/bin/python3", "import sysconfig; print(sysconfig.get_path('purelib'))"),
              HasSubstr(overlay + "/lib/python"));
  const std::string sites =
      "import site, os, sys; print([p for p in site.getsitepackages() if os.path.isdir(p)])";
  EXPECT_EQ(Python(overlay + "/bin/python3",
                   "import sys; p = sys.path; " +
                       absl::StrCat("print(all(s in p for s in ", Python("/usr/bin/python3", sites), "))")),
            "True\n");
}

TEST_F(OverlayTest, WithoutPipTheBaseServes) {
  spec_.argv = {"python3", "main.py"};
  PythonEnvironments named("/usr/bin/python3", "/usr/bin:/bin");
  EXPECT_THAT(named.Choose(spec_)->path_prefix, ElementsAre("/usr/bin"));
  PythonEnvironments found("", "/usr/bin:/bin");
  EXPECT_THAT(found.Choose(spec_)->path_prefix, IsEmpty());
  EXPECT_FALSE(std::filesystem::exists(spec_.work_dir + "/venv"));
}

TEST(PythonEnvironmentsTest, AnInterpreterThatDoesNotWorkIsAnErrorAndNoneIsNot) {
  LaunchSpec spec;
  spec.work_dir = testing::TempDir();
  spec.argv = {"pip", "install", "x"};
  EXPECT_FALSE(PythonEnvironments("/bin/false", "/bin").Choose(spec).ok());
  EXPECT_TRUE(PythonEnvironments("", "/nowhere").Choose(spec).ok());
}

}  // namespace
}  // namespace penstock
