#include "scheduler/plan/values/artifact_paths.h"

#include <set>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "scheduler/plan/values/test_util.h"

namespace penstock {
namespace {

TEST(PathComponentTest, KeepsPlainNamesAndEncodesTheRest) {
  const std::pair<std::string, std::string> cases[] = {
      {"train", "train"},
      {"pipelinechannel--for-loop-2_x", "pipelinechannel--for-loop-2_x"},
      {"data.csv", "data.csv"},
      {".", "%2e"},
      {"..", "%2e."},
      {"../../etc/passwd", "%2e.%2f..%2fetc%2fpasswd"},
      {".hidden", "%2ehidden"},
      {"", "%"},
      {"a b", "a%20b"},
      {"a%2fb", "a%252fb"},
      {"namespace/ns/pipeline/p", "namespace%2fns%2fpipeline%2fp"},
      {std::string("a\0b", 3), "a%00b"},
      {"\xC3\xA9", "%c3%a9"},
  };
  for (const auto& [name, want] : cases) {
    EXPECT_EQ(PathComponent(name), want);
  }
}

TEST(PathComponentTest, LongNamesStayShortAndDifferent) {
  const std::string one(5000, 'x');
  const std::string two = one + "y";
  EXPECT_LE(PathComponent(one).size(), 200u);
  EXPECT_NE(PathComponent(one), PathComponent(two));
  EXPECT_EQ(PathComponent(std::string(200, 'x')), std::string(200, 'x'));
  // What a long name becomes is no name's own form.
  EXPECT_NE(PathComponent(PathComponent(one)), PathComponent(one));
}

TEST(TaskPathsTest, LaysOutOneAttempt) {
  const TaskPaths paths = MakeTaskPaths(TestMap(), "pipe", "run/1", "..", "a1", "/data/work/a1");
  EXPECT_EQ(paths.artifact_dir, "/data/artifacts/pipe/run%2f1/%2e./a1");
  EXPECT_EQ(paths.artifact_uri_prefix, "penstock://artifacts/pipe/run%2f1/%2e./a1");
  EXPECT_EQ(ParameterFilePath(paths, "../x"), "/data/work/a1/outputs/%2e.%2fx");
  EXPECT_EQ(LocalUri(TestMap(), paths.artifact_uri_prefix), paths.artifact_dir);
}

TEST(UriTest, MapsOnlyWhatLiesUnderTheRoot) {
  struct Case {
    std::string logical;
    std::string local;
  };
  const Case both_ways[] = {
      {"penstock://artifacts/p/r/t/a/model", "/data/artifacts/p/r/t/a/model"},
      {"penstock://artifacts", "/data/artifacts"},
      {"penstock://artifacts/a%2fb", "/data/artifacts/a%2fb"},
      {"gs://b/k", "gs://b/k"},
      {"s3://b/k", "s3://b/k"},
      {"/tmp/x", "/tmp/x"},
      {"/data/artifactsX/y", "/data/artifactsX/y"},
      {"penstock://artifactsX/y", "penstock://artifactsX/y"},
      {"relative/path", "relative/path"},
      {"", ""},
  };
  for (const Case& c : both_ways) {
    EXPECT_EQ(LocalUri(TestMap(), c.logical), c.local);
    EXPECT_EQ(LogicalUri(TestMap(), c.local), c.logical);
  }
}

TEST(UriTest, NoUriLeavesTheRoot) {
  for (const std::string uri :
       {"penstock://artifacts/../../etc/passwd", "penstock://artifacts/a/..", "penstock://artifacts/./x"}) {
    EXPECT_EQ(LocalUri(TestMap(), uri), uri);
  }
}

TEST(UriTest, ReportedPathsAreNormalised) {
  const std::pair<std::string, std::string> cases[] = {
      {"/data//artifacts/./p/x/", "penstock://artifacts/p/x"},
      {"/data/artifacts/p/../q", "penstock://artifacts/q"},
      {"/data/artifacts/../secret", "/data/artifacts/../secret"},
      {"/tmp/../data/artifacts/x", "penstock://artifacts/x"},
      {"/../data/artifacts/x", "penstock://artifacts/x"},
      {"file:///data/artifacts/x", "file:///data/artifacts/x"},
  };
  for (const auto& [path, want] : cases) {
    EXPECT_EQ(LogicalUri(TestMap(), path), want);
  }
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
