#include "executor/python/executor_input.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace penstock {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

// As the SDK 2.17 writes it.
constexpr char kSdkScript[] =
    "program_path=$(mktemp -d)\n\nprintf \"%s\" \"$0\" > \"$program_path/ephemeral_component.py\"\n"
    "_KFP_RUNTIME=true python3 -m kfp.dsl.executor_main                         --component_module_path "
    "                        \"$program_path/ephemeral_component.py\"                         \"$@\"\n";
constexpr char kSource[] = "# python3 -m kfp.dsl.executor_main --executor_input\n";

TEST(InputAsFileTest, ALightweightComponent) {
  const auto found =
      InputAsFile(std::vector<std::string>{"sh", "-ec", kSdkScript, kSource, "--executor_input", "{}",
                                           "--function_to_execute", "f"},
                  "/w/file");
  ASSERT_TRUE(found.has_value());
  EXPECT_EQ(found->content, "{}");
  EXPECT_THAT(found->argv, ElementsAre("sh", "-ec", HasSubstr("_KFP_RUNTIME=true python3 -c 'import "),
                                       kSource, "--executor_input", "/w/file", "--function_to_execute", "f"));
  EXPECT_THAT(found->argv[2],
              HasSubstr("\"$program_path/ephemeral_component.py\"                         \"$@\""));
  EXPECT_THAT(found->argv[2], Not(HasSubstr("-m kfp")));
}

TEST(InputAsFileTest, AComponentInItsImageAndOneOfAnEarlierSdk) {
  for (const std::string module : {"kfp.dsl.executor_main", "kfp.components.executor_main"}) {
    const auto found =
        InputAsFile(std::vector<std::string>{"python3", "-m", module, "--executor_input", "x"}, "/w/f");
    ASSERT_TRUE(found.has_value());
    EXPECT_THAT(found->argv,
                ElementsAre("python3", "-c", HasSubstr("\"" + module + "\""), "--executor_input", "/w/f"));
  }
}

TEST(InputAsFileTest, OtherCommandsAreLeftAlone) {
  EXPECT_FALSE(InputAsFile(std::vector<std::string>{"python3", "-m", "mine", "--executor_input", "x"}, "/f"));
  EXPECT_FALSE(InputAsFile(
      std::vector<std::string>{"python3", "-m", "kfp.dsl.executor_main", "--executor_input"}, "/f"));
  EXPECT_FALSE(InputAsFile(std::vector<std::string>{"sh", "-c", "true"}, "/f"));
  EXPECT_FALSE(InputAsFile({}, "/f"));
}

}  // namespace
}  // namespace penstock
