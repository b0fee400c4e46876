// Shorthands for the tests of this folder.
#pragma once

#include <string>

#include "absl/strings/string_view.h"
#include "common/json.h"
#include "google/protobuf/util/json_util.h"
#include "gtest/gtest.h"
#include "ml_pipelines/pipeline_spec.pb.h"
#include "scheduler/plan/values/artifact_paths.h"
#include "scheduler/plan/values/values.h"

namespace penstock {

// A message from its JSON form; a mistake in it fails the test.
template <typename Message>
Message FromJson(absl::string_view json) {
  Message message;
  const auto status = google::protobuf::util::JsonStringToMessage(
      google::protobuf::StringPiece(json.data(), json.size()), &message);
  EXPECT_TRUE(status.ok()) << status.ToString() << " in " << json;
  return message;
}

inline ml_pipelines::ComponentSpec Component(absl::string_view json) {
  return FromJson<ml_pipelines::ComponentSpec>(json);
}

inline ml_pipelines::PipelineTaskSpec Task(absl::string_view json) {
  return FromJson<ml_pipelines::PipelineTaskSpec>(json);
}

inline UriMount TestMap() { return {"penstock://artifacts", "/data/artifacts"}; }

inline TaskPaths TestPaths() {
  return MakeTaskPaths(TestMap(), "pipe", "run-1", "train", "a1", "/data/work/a1");
}

// Of an attempt whose artifacts go to an object store.
inline TaskPaths RemotePaths() {
  return MakeTaskPaths({"s3://team/root", "/data/work/a1/artifacts"}, "pipe", "run-1", "train", "a1",
                       "/data/work/a1");
}

inline RunFacts TestFacts() {
  RunFacts facts;
  facts.run_id = "run-1";
  facts.run_display_name = "My run";
  facts.run_resource_name = "pipe-x7k2";
  facts.pipeline_name = "pipe";
  facts.pipeline_root = "/data/artifacts/pipe/run-1";
  facts.created_at = "2024-01-02T03:04:05Z";
  facts.scheduled_at = "2024-01-02T03:00:00Z";
  facts.task_id = "task-9";
  facts.task_name = "train";
  return facts;
}

inline ArtifactRecord TestArtifact(absl::string_view name, absl::string_view uri) {
  ArtifactRecord artifact;
  artifact.artifact_id = "id-1";
  artifact.name = std::string(name);
  artifact.schema_title = "system.Dataset";
  artifact.schema_version = "0.0.1";
  artifact.uri = std::string(uri);
  return artifact;
}

}  // namespace penstock
