#include "pipeline/spec/package_pins.h"

#include "absl/strings/str_cat.h"
#include "common/limits.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace penstock {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

PackagePins PinsIn(const Json& plugin) {
  auto pins = PackagePins::Read("plugin", plugin);
  EXPECT_TRUE(pins.ok()) << pins.status();
  return pins.ok() ? *std::move(pins) : PackagePins();
}

TEST(PackagePinsTest, ATaskHasItsOwnListOrThatOfTheOthers) {
  const PackagePins pins = PinsIn({{"constraints",
                                    {{"train", {"Numpy==1.26.4", "@science", "six==1.0"}},
                                     {"for-loop-1/score", "@science"},
                                     {"bare", Json::array()},
                                     {"*", {"six==1.17.0", "SIX==1.16.0"}}}},
                                   {"sets", {{"science", {"numpy==2.0", "scipy==1.13.1"}}}}});
  EXPECT_THAT(pins.Of("train"), ElementsAre("numpy==2.0", "scipy==1.13.1", "six==1.0")) << "the later counts";
  EXPECT_THAT(pins.Of("for-loop-1/score"), ElementsAre("numpy==2.0", "scipy==1.13.1"));
  EXPECT_THAT(pins.Of("bare"), IsEmpty());
  EXPECT_THAT(pins.Of("score"), ElementsAre("SIX==1.16.0"));
  EXPECT_THAT(PinsIn({{"constraints", {{"train", "six==1.0"}}}}).Of("other"), IsEmpty());
}

TEST(PackagePinsTest, OtherFormsAreRefusedWithASentence) {
  const auto refused = [](const Json& plugin, const std::string& says) {
    const absl::Status status = PackagePins::Read("plugin", plugin).status();
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << plugin;
    EXPECT_THAT(status.message(), HasSubstr(says));
  };
  const auto of_task = [](const Json& value) { return Json{{"constraints", {{"a", value}}}}; };
  refused(Json::object(), "plugin must be an object with \"constraints\"");
  refused({{"constraints", Json::object()}, {"other", 1}}, "must be an object with \"constraints\"");
  refused({{"constraints", 1}}, "plugin.constraints must be an object, not a number");
  refused({{"constraints", Json::object()}, {"sets", "x"}}, "plugin.sets must be an object, not a text");
  refused(of_task(1), "plugin.constraints['a'] must be a list");
  refused(of_task({1}), "plugin.constraints['a'] holds a number");
  refused(of_task({"numpy>=1"}), "'numpy>=1' must be a package in one version, such as 'numpy==1.26.4'");
  refused(of_task("@none"), "names the set 'none', which is not in \"sets\"");
  refused({{"constraints", Json::object()}, {"sets", {{"s", {"@s"}}}}}, "plugin.sets['s']: '@s' must be");
}

TEST(PackagePinsTest, Bounds) {
  const std::string longest = absl::StrCat("x==1.0+", std::string(limits::kPackagePinBytes - 7, 'a'));
  PinsIn({{"constraints", {{"a", {longest}}}}});
  EXPECT_THAT(PackagePins::Read("plugin", {{"constraints", {{"a", {longest + "a"}}}}}).status().message(),
              HasSubstr("kPackagePinBytes"));
  Json items = Json::array();
  for (int i = 0; i < limits::kPackagePinSets; ++i) items.push_back("@s");
  Json plugin = {{"constraints", {{"a", items}}}, {"sets", {{"s", {"x==1"}}}}};
  PinsIn(plugin);
  plugin["constraints"]["a"].push_back("@s");
  EXPECT_THAT(PackagePins::Read("plugin", plugin).status().message(), HasSubstr("kPackagePinSets"));
}

TEST(PackagePinsTest, AmongThePluginsOfARun) {
  for (const char* none : {"", "{}", R"({"other":{"penstock_packages":1}})"}) {
    const auto pins = PackagePins::OfPlugins(none);
    ASSERT_TRUE(pins.ok()) << pins.status();
    EXPECT_EQ(*pins, nullptr);
  }
  const auto pins = PackagePins::OfPlugins(R"({"penstock_packages":{"constraints":{"*":["x==1"]}}})");
  ASSERT_TRUE(pins.ok()) << pins.status();
  EXPECT_THAT((*pins)->Of("any"), ElementsAre("x==1"));
  EXPECT_FALSE(PackagePins::OfPlugins(R"({"penstock_packages":1})").ok());
  EXPECT_FALSE(PackagePins::OfPlugins("penstock_packages").ok());
}

TEST(PackagePinsTest, TasksThatThePipelineDoesNotHave) {
  PipelineDocument document;
  (*document.spec.mutable_root()->mutable_dag()->mutable_tasks())["outer"].mutable_component_ref()->set_name(
      "graph");
  auto& graph = (*document.spec.mutable_components())["graph"];
  (*graph.mutable_dag()->mutable_tasks())["train"].mutable_component_ref()->set_name("leaf");
  (*document.spec.mutable_components())["leaf"].set_executor_label("none");
  const auto check = [&](const std::string& path) {
    return PinsIn({{"constraints", {{path, "x==1"}}}}).CheckTasks("plugin", document);
  };
  for (const char* path : {"*", "outer", "outer/train"}) EXPECT_TRUE(check(path).ok()) << check(path);
  for (const char* path : {"train", "outer/train/x", "outer/", "", "/outer"}) {
    EXPECT_FALSE(check(path).ok()) << path;
  }
  EXPECT_THAT(check("oter").message(), HasSubstr("did you mean 'outer'?"));
}

}  // namespace
}  // namespace penstock
