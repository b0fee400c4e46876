#include "scheduler/plan/values/artifact_paths.h"

#include <set>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "scheduler/plan/values/test_util.h"

namespace penstock {
namespace {

TEST(TaskPathsTest, LaysOutOneAttempt) {
  const TaskPaths paths = MakeTaskPaths(TestMap(), "pipe", "run/1", "..", "a1", "/data/work/a1");
  EXPECT_EQ(paths.artifact_dir, "/data/artifacts/pipe/run%2f1/%2e./a1");
  EXPECT_EQ(paths.artifact_uri_prefix, "penstock://artifacts/pipe/run%2f1/%2e./a1");
  EXPECT_EQ(ParameterFilePath(paths, "../x"), "/data/work/a1/outputs/%2e.%2fx");
  EXPECT_EQ(LocalUri(TestMap(), paths.artifact_uri_prefix), paths.artifact_dir);
}

TEST(TaskPathTest, SchemesMapToTheMountPointsOfKfp) {
  const std::pair<std::string, std::string> cases[] = {
      {"penstock://artifacts/p/x", "/data/artifacts/p/x"},
      {"gs://b/k", "/gcs/b/k"},
      {"minio://b/k", "/minio/b/k"},
      {"s3://b/k", "/s3/b/k"},
      {"oci://reg/img:1", "/oci/reg_img:1/models"},
      {"/plain", "/plain"},
      {"https://x/y", "https://x/y"},
  };
  for (const auto& [uri, want] : cases) {
    EXPECT_EQ(TaskPath(TestMap(), TestArtifact("x", uri)), want);
  }
}

TEST(TaskPathTest, FileUrisArePaths) {
  const std::pair<std::string, std::string> cases[] = {
      {"file:///data/x.csv", "/data/x.csv"},
      {"FILE:/data/x", "/data/x"},
      {"file://localhost/d/x", "/d/x"},
      {"file:///a%20b%2Fc", "/a b/c"},
      {"file:///50%/100%zz%00", "/50%/100%zz%00"},
  };
  for (const auto& [uri, want] : cases) {
    EXPECT_EQ(PathOfFileUri(uri), want);
    EXPECT_EQ(TaskPath(TestMap(), TestArtifact("x", uri)), want);
    EXPECT_EQ(TaskUri(TestMap(), TestArtifact("x", uri)), want);
  }
  for (const char* uri : {"file://elsewhere/x", "file:x", "file://", "/file:/x", "files:///x", ""}) {
    EXPECT_EQ(PathOfFileUri(uri), std::nullopt) << uri;
  }
}

TEST(TaskPathTest, ContentThatWasBroughtIsFoundThere) {
  ArtifactRecord artifact = TestArtifact("x", "https://x/y");
  artifact.content_path = "/work/y";
  EXPECT_EQ(TaskPath(TestMap(), artifact), "/work/y");
  EXPECT_EQ(TaskUri(TestMap(), artifact), "https://x/y");
}

TEST(TaskPathTest, CustomPathWins) {
  ArtifactRecord artifact = TestArtifact("x", "penstock://artifacts/p/x");
  artifact.custom_path = "penstock://artifacts/p/other";
  EXPECT_EQ(TaskPath(TestMap(), artifact), "/data/artifacts/p/other");
  EXPECT_EQ(TaskUri(TestMap(), artifact), "/data/artifacts/p/other");
  artifact.custom_path = "/mnt/big";
  EXPECT_EQ(TaskUri(TestMap(), artifact), "/mnt/big");
  artifact.uri = "gs://b/k";  // a remote place stays the artifact's URI
  EXPECT_EQ(TaskUri(TestMap(), artifact), "gs://b/k");
  EXPECT_EQ(TaskPath(TestMap(), artifact), "/mnt/big");
  artifact.custom_path = "";
  EXPECT_EQ(TaskPath(TestMap(), artifact), "/gcs/b/k");
}

}  // namespace
}  // namespace penstock
