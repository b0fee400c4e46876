#include "scheduler/plan/values/loop_items.h"

#include <gmock/gmock.h>

#include "common/limits.h"
#include "scheduler/plan/values/test_util.h"

namespace penstock {
namespace {

using ::testing::HasSubstr;

constexpr absl::string_view kItemComponent =
    R"({"executorLabel": "e", "inputDefinitions": {"parameters": {"item": {"parameterType": "STRING"}}}})";
constexpr absl::string_view kOverInput =
    R"({"parameterIterator": {"itemInput": "item", "items": {"inputParameter": "list"}}})";

absl::StatusOr<LoopItems> Items(absl::string_view task, const Json& list) {
  TaskInputs inputs;
  inputs.parameters["list"] = list;
  return ItemsOfLoop(Task(task), Component(kItemComponent), inputs, TestFacts());
}

TEST(LoopItems, AListOrItsText) {
  EXPECT_EQ(Items(kOverInput, {1, "x", {{"a", 1}}})->count, 3);
  EXPECT_EQ(Items(kOverInput, "[1, 2]")->parameters, Json({1, 2}));
  EXPECT_EQ(Items(kOverInput, Json::array())->count, 0);
  for (const Json& wrong : {Json("text"), Json(5), Json{{"a", 1}}, Json(nullptr), Json("{}")}) {
    EXPECT_THAT(std::string(Items(kOverInput, wrong).status().message()),
                HasSubstr("a loop goes over a list"));
  }
}

TEST(LoopItems, PlaceholdersInItemsOfThePipeline) {
  constexpr absl::string_view kRaw =
      R"({"parameterIterator": {"itemInput": "item", "items": {"raw": "[\"{{$.inputs.parameters['list']}}-x\", 2]"}}})";
  EXPECT_EQ(Items(kRaw, "a\"b")->parameters, Json({"a\"b-x", 2}));
}

TEST(LoopItems, TheirNumberHasABound) {
  EXPECT_TRUE(Items(kOverInput, Json::array_t(limits::kLoopIterations, 1)).ok());
  EXPECT_THAT(
      std::string(Items(kOverInput, Json::array_t(limits::kLoopIterations + 1, 1)).status().message()),
      HasSubstr("kLoopIterations"));
}

TEST(LoopItems, AnItemIsConvertedToItsType) {
  LoopItems items{{7, {{"b", 1}, {"a", 2}}}, 2};
  TaskInputs inputs;
  ASSERT_TRUE(SetItem(Task(kOverInput), Component(kItemComponent), items, 0, TestFacts(), inputs).ok());
  EXPECT_EQ(inputs.parameters["item"], "7");
  ASSERT_TRUE(SetItem(Task(kOverInput), Component(kItemComponent), items, 1, TestFacts(), inputs).ok());
  EXPECT_EQ(inputs.parameters["item"], R"({"a":2,"b":1})");
  ml_pipelines::ComponentSpec numbers = Component(kItemComponent);
  (*numbers.mutable_input_definitions()->mutable_parameters())["item"].set_parameter_type(
      ml_pipelines::ParameterType::NUMBER_INTEGER);
  EXPECT_THAT(std::string(SetItem(Task(kOverInput), numbers, items, 1, TestFacts(), inputs).message()),
              HasSubstr("item 1"));
}

TEST(LoopItems, ArtifactsOneByOne) {
  const auto task = Task(R"({"artifactIterator": {"itemInput": "one", "items": {"inputArtifact": "all"}}})");
  TaskInputs inputs;
  inputs.artifacts["all"] = {TestArtifact("a", "gs://a"), TestArtifact("b", "gs://b")};
  const auto items = ItemsOfLoop(task, {}, inputs, TestFacts());
  EXPECT_EQ(items->count, 2);
  ASSERT_TRUE(SetItem(task, {}, *items, 1, TestFacts(), inputs).ok());
  ASSERT_EQ(inputs.artifacts["one"].size(), 1u);
  EXPECT_EQ(inputs.artifacts["one"][0].uri, "gs://b");
}

}  // namespace
}  // namespace penstock
