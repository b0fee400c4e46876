#include "scheduler/plan/platform_settings.h"

#include "gmock/gmock.h"
#include "google/protobuf/util/json_util.h"
#include "gtest/gtest.h"
#include "scheduler/plan/plan.h"
#include "tests/support/pipelines.h"

namespace penstock {
namespace {

class PlatformSettingsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    TestPipeline pipeline;
    pipeline.root = {{"a", {}}, {"b", {"a"}}};
    auto plan = RunPlan::Create(DocumentOf(pipeline));
    ASSERT_TRUE(plan.ok()) << plan.status();
    run_.plan = *plan;
    auto inputs = std::make_shared<TaskInputs>();
    inputs->parameters["sec"] = "my-secret";
    run_.root_inputs = inputs;
    Step(run_, RunTaken{}, absl::UnixEpoch(), ids_);
    TaskOutputs outputs;
    outputs.parameters["name"] = "claim-1";
    Step(run_, TaskStarting{0, "attempt"}, absl::UnixEpoch(), ids_);
    Step(run_,
         AttemptEnded{0, "attempt", AttemptResult::kSucceeded, "",
                      std::make_shared<const TaskOutputs>(std::move(outputs))},
         absl::UnixEpoch(), ids_);
  }

  Json Resolved(const Json& settings) {
    google::protobuf::Struct as_struct;
    EXPECT_TRUE(google::protobuf::util::JsonStringToMessage(DumpJson(settings), &as_struct).ok());
    const auto resolved = ResolvedSettings(run_, 1, as_struct);
    EXPECT_TRUE(resolved.ok()) << resolved.status();
    return resolved.value_or(Json());
  }

  static Json Constant(Json value) { return {{"runtimeValue", {{"constant", std::move(value)}}}}; }

  SequentialIdGenerator ids_;
  RunSnapshot run_;
};

TEST_F(PlatformSettingsTest, InputsOfTheGraphAndOutputsOfSiblingsAreTaken) {
  const Json got =
      Resolved({{"secretAsEnv",
                 {{{"secretNameParameter", {{"componentInputParameter", "sec"}}}, {"optional", false}}}},
                {"pvcMount",
                 {{{"pvcNameParameter",
                    {{"taskOutputParameter", {{"producerTask", "a"}, {"outputParameterKey", "name"}}}}},
                   {"mountPath", "/data"}}}}});
  EXPECT_EQ(got["secretAsEnv"][0]["secretNameParameter"], Constant("my-secret"));
  EXPECT_EQ(got["secretAsEnv"][0]["optional"], Json(false));
  EXPECT_EQ(got["pvcMount"][0]["pvcNameParameter"], Constant("claim-1"));
  EXPECT_EQ(got["pvcMount"][0]["mountPath"], Json("/data"));
}

TEST_F(PlatformSettingsTest, MountsOfClaimsKeepTheirOtherFields) {
  const Json output = {{"producerTask", "a"}, {"outputParameterKey", "name"}};
  const Json old_input = {{"componentInputParameter", "sec"}, {"mountPath", "/data"}};
  const Json old_output = {{"taskOutputParameter", output}, {"mountPath", "/data"}};
  Json both = old_output;
  both["pvcNameParameter"] = {{"taskOutputParameter", output}};
  const Json got = Resolved({{"pvcMount", {old_input, old_output, both}}});
  const auto mount = [](const char* claim) {
    return Json({{"mountPath", "/data"}, {"pvcNameParameter", Constant(claim)}});
  };
  EXPECT_EQ(got["pvcMount"], Json({mount("my-secret"), mount("claim-1"), mount("claim-1")}));
}

TEST_F(PlatformSettingsTest, WhatIsNotThereIsNull) {
  const Json got =
      Resolved({{"x", {{"componentInputParameter", "no"}}},
                {"y", {{"taskOutputParameter", {{"producerTask", "b"}, {"outputParameterKey", "name"}}}}}});
  EXPECT_EQ(got["x"], Constant(nullptr));
  EXPECT_EQ(got["y"], Constant(nullptr));
}

}  // namespace
}  // namespace penstock
