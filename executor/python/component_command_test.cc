#include "executor/python/component_command.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace penstock {
namespace {

using ::testing::Optional;

// As kfp 2.17 writes it.
constexpr char kLightweight[] =
    "program_path=$(mktemp -d)\n\nprintf \"%s\" \"$0\" > \"$program_path/ephemeral_component.py\"\n"
    "_KFP_RUNTIME=true python3 -m kfp.dsl.executor_main                         --component_module_path"
    "                         \"$program_path/ephemeral_component.py\"                         \"$@\"\n";

TEST(ComponentModuleTest, KnowsTheCommandsOfTheSdk) {
  EXPECT_THAT(ComponentModule({"sh", "-ec", kLightweight, "source", "--executor_input", "{}"}),
              Optional(std::string("kfp.dsl.executor_main")));
  EXPECT_THAT(ComponentModule({"python3", "-m", "kfp.components.executor_main", "--executor_input", "{}"}),
              Optional(std::string("kfp.components.executor_main")));
}

TEST(ComponentModuleTest, AnythingElseIsNone) {
  const std::string script = kLightweight;
  const std::vector<std::vector<std::string>> others = {
      {},
      {"sh", "-ec", script},
      {"sh", "-c", script, "source"},
      {"bash", "-ec", script, "source"},
      {"sh", "-ec", script + "echo done\n", "source"},
      {"sh", "-ec", "ulimit -n 10\n" + script, "source"},
      {"python3", "-m", "kfp.dsl.other", "x"},
      {"python3", "-u", "-m", "kfp.dsl.executor_main"},
      {"/usr/bin/python3", "-m", "kfp.dsl.executor_main"},
  };
  for (const std::vector<std::string>& argv : others) {
    EXPECT_EQ(ComponentModule(argv), std::nullopt) << ::testing::PrintToString(argv);
  }
}

TEST(ChangeTheStartOfPythonTest, NamesWhatIsReadBeforeTheComponentRuns) {
  for (const char* name :
       {"PYTHONPATH", "PYTHONHASHSEED", "LD_PRELOAD", "LC_ALL", "TZ", "HOME", "OMP_NUM_THREADS"}) {
    EXPECT_TRUE(ChangeTheStartOfPython({{"MODEL", "a"}, {name, "1"}})) << name;
  }
  EXPECT_FALSE(ChangeTheStartOfPython({{"MODEL", "a"}, {"AWS_SECRET_ACCESS_KEY", "b"}, {"TMPDIR", "/x"}}));
}

}  // namespace
}  // namespace penstock
