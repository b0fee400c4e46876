#include "scheduler/plan/values/import_artifact.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "common/limits.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "scheduler/plan/values/test_util.h"

namespace penstock {
namespace {

using ImporterSpec = ml_pipelines::PipelineDeploymentConfig::ImporterSpec;
using testing::HasSubstr;

constexpr char kComponent[] = R"({
  "inputDefinitions": {"parameters": {
    "uri": {"parameterType": "STRING"}, "metadata": {"parameterType": "NUMBER_INTEGER"},
    "metadata-2": {"parameterType": "STRING", "isOptional": true}}},
  "outputDefinitions": {"artifacts": {
    "artifact": {"artifactType": {"schemaTitle": "system.Dataset", "schemaVersion": "0.0.1"}}}}})";

absl::StatusOr<ArtifactRecord> Import(absl::string_view importer, const TaskInputs& inputs) {
  auto outputs =
      ImportedOutputs(FromJson<ImporterSpec>(importer), Component(kComponent), inputs, TestFacts());
  if (!outputs.ok()) return outputs.status();
  EXPECT_EQ(outputs->artifacts.size(), 1u);
  return outputs->artifacts.at("artifact").front();
}

TaskInputs Given(Json parameters) {
  TaskInputs inputs;
  for (const auto& item : parameters.items()) inputs.parameters[item.key()] = item.value();
  return inputs;
}

TEST(ImportedOutputsTest, AConstantUriWithItsType) {
  const auto artifact = Import(R"({"artifactUri": {"constant": "gs://bucket/data"},
                                   "typeSchema": {"schemaTitle": "system.Model", "schemaVersion": "0.0.2"}})",
                               {});
  ASSERT_TRUE(artifact.ok()) << artifact.status();
  EXPECT_EQ(artifact->uri, "gs://bucket/data");
  EXPECT_EQ(artifact->name, "artifact");
  EXPECT_EQ(artifact->schema_title, "system.Model");
  EXPECT_EQ(artifact->schema_version, "0.0.2");
  EXPECT_TRUE(artifact->imported);
  EXPECT_TRUE(artifact->artifact_id.empty());
  EXPECT_EQ(artifact->metadata, Json::object());
}

TEST(ImportedOutputsTest, AUriFromAnInput) {
  const TaskInputs inputs = Given({{"uri", "s3://b/k"}});
  for (const char* importer : {
           R"({"artifactUri": {"runtimeParameter": "uri"}})",
           R"({"artifactUri": {"constant": "{{$.inputs.parameters['uri']}}"}})",
           R"({"artifactUri": {"constant": "s3://{{channel:task=;name=b;type=String;}}/k"}})",
       }) {
    const auto artifact = Import(importer, inputs);
    ASSERT_TRUE(artifact.ok()) << artifact.status();
    EXPECT_EQ(artifact->uri, "s3://b/k");
    EXPECT_EQ(artifact->schema_title, "system.Dataset");  // the component's
  }
}

TEST(ImportedOutputsTest, TheUrlOfAnArtifactOfOurs) {
  RunFacts facts = TestFacts();
  facts.uris = PublicUris("http://127.0.0.1:8888");
  const auto outputs = ImportedOutputs(
      FromJson<ImporterSpec>(R"({"artifactUri": {"runtimeParameter": "uri"}})"), Component(kComponent),
      Given({{"uri", "http://127.0.0.1:8888/artifacts/http/penstock/artifacts/p/r/a%2520b"}}), facts);
  ASSERT_TRUE(outputs.ok()) << outputs.status();
  EXPECT_EQ(outputs->artifacts.at("artifact").front().uri, "penstock://artifacts/p/r/a%20b");
}

TEST(ImportedOutputsTest, WhatIsNoUri) {
  const std::string importer = R"({"artifactUri": {"runtimeParameter": "uri"}})";
  const struct {
    Json uri;
    const char* message;
  } kCases[] = {
      {"", "it is given no URI"},
      {nullptr, "it is given no URI"},
      {std::string(limits::kUrlBytes + 1, 'x'), "kUrlBytes"},
      {std::string("a\0b", 3), "holds what no URI can"},
  };
  for (const auto& c : kCases) {
    const absl::Status status = Import(importer, Given({{"uri", c.uri}})).status();
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr(c.message));
    EXPECT_THAT(std::string(status.message()), HasSubstr("task 'train'"));
  }
  EXPECT_TRUE(Import(importer, Given({{"uri", std::string(limits::kUrlBytes, 'x')}})).ok());
}

TEST(ImportedOutputsTest, PlaceholdersInMetadata) {
  const auto artifact = Import(R"({"artifactUri": {"constant": "x"}, "metadata": {
      "plain": "text", "whole": "{{$.inputs.parameters['metadata']}}",
      "mixed": "n={{$.inputs.parameters['metadata']}}", "absent": "{{$.inputs.parameters['metadata-2']}}",
      "key-{{$.inputs.parameters['metadata']}}": true,
      "nested": [{"n": "{{$.inputs.parameters['metadata']}}"}, 1.5],
      "run": "{{$.pipeline_job_uuid}}"}})",
                               Given({{"metadata", 3}}));
  ASSERT_TRUE(artifact.ok()) << artifact.status();
  EXPECT_EQ(artifact->metadata, Json({{"plain", "text"},
                                      {"whole", 3},
                                      {"mixed", "n=3"},
                                      {"absent", nullptr},
                                      {"key-3", true},
                                      {"nested", {{{"n", 3}}, 1.5}},
                                      {"run", "run-1"}}));
}

TEST(ImportedOutputsTest, MetadataThatCannotBe) {
  const auto error = [](absl::string_view metadata, const TaskInputs& inputs) {
    return std::string(
        Import(absl::StrCat(R"({"artifactUri": {"constant": "x"}, "metadata": )", metadata, "}"), inputs)
            .status()
            .message());
  };
  EXPECT_THAT(error(R"({"a": "{{$.inputs.parameters['none']}}"})", {}),
              HasSubstr("there is no input 'none'"));
  EXPECT_THAT(error(R"({"3": 1, "{{$.inputs.parameters['metadata']}}": 2})", Given({{"metadata", 3}})),
              HasSubstr("is there twice"));
  const std::string half(limits::kOutputParameterBytes / 2, 'x');
  EXPECT_THAT(
      error(R"({"a": "{{$.inputs.parameters['metadata-2']}}", "b": "{{$.inputs.parameters['metadata-2']}}"})",
            Given({{"metadata-2", half}})),
      HasSubstr("kOutputParameterBytes"));
}

TEST(ImportIdentityTest, IsOfTypeUriAndMetadata) {
  const ArtifactRecord one = TestArtifact("a", "gs://b/k");
  ArtifactRecord other = one;
  other.name = "b";
  other.artifact_id = "id-2";
  EXPECT_EQ(ImportIdentity(one), ImportIdentity(other));
  for (const auto& change :
       {+[](ArtifactRecord& a) { a.uri += "x"; }, +[](ArtifactRecord& a) { a.schema_title = "system.Model"; },
        +[](ArtifactRecord& a) { a.schema_version = "0.0.2"; },
        +[](ArtifactRecord& a) { a.metadata["k"] = 1; }}) {
    other = one;
    change(other);
    EXPECT_NE(ImportIdentity(one), ImportIdentity(other));
  }
}

}  // namespace
}  // namespace penstock
