#include "content/pipeline_roots.h"

#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace penstock {
namespace {

PipelineRoots Known() {
  return PipelineRoots({.default_root = "s3://team/penstock",
                        .file_roots = {"/mnt/shared"},
                        .store_prefixes = {"minio://lab/"},
                        .schemes = {"gs://"}});
}

TEST(PipelineRootsTest, TakesPlacesThatCanBeReached) {
  const std::pair<std::string, std::string> cases[] = {
      {"s3://team/penstock", "s3://team/penstock"},
      {"s3://team/penstock/mine/", "s3://team/penstock/mine"},
      {"minio://lab", "minio://lab"},
      {"minio://lab/a b/\xC3\xA9", "minio://lab/a b/\xC3\xA9"},
      {"gs://any/where", "gs://any/where"},
      {"file:///mnt/shared/runs/", "file:///mnt/shared/runs"},
      {"file:///mnt/shared", "file:///mnt/shared"},
  };
  for (const auto& [given, kept] : cases) {
    const auto root = Known().Check(given);
    ASSERT_TRUE(root.ok()) << given << ": " << root.status();
    EXPECT_EQ(*root, kept);
  }
}

TEST(PipelineRootsTest, SaysWhatIsWrongWithOthers) {
  const std::pair<std::string, std::string> cases[] = {
      {"s3://other/place", "does not know"},
      {"s3://team/penstock-2", "does not know"},
      {"minio://laboratory", "does not know"},
      {"azblob://a/b", "no credentials for azblob://"},
      {"gs://bucket/../x", "'..' component"},
      {"gs://bucket//x", "empty"},
      {"gs://", "names no bucket"},
      {"gs://b/x?endpoint=http://h", "--stores file"},
      {"file:///etc", "--file_roots"},
      {"file:///mnt/shared/../../etc", "--file_roots"},
      {"/mnt/shared", "begins with s3://"},
      {"hdfs://host/x", "begins with s3://"},
      {"gs://" + std::string(600, 'x'), "kPipelineRootBytes"},
  };
  for (const auto& [given, words] : cases) {
    const auto root = Known().Check(given);
    EXPECT_FALSE(root.ok()) << given << " gave " << *root;
    EXPECT_THAT(std::string(root.status().message()), testing::HasSubstr(words)) << given;
  }
  EXPECT_THAT(std::string(PipelineRoots().Check("file:///tmp").status().message()),
              testing::HasSubstr("--file_roots"));
}

// What pipelines say had no effect in KFP, so most name places that nobody has.
TEST(PipelineRootsTest, ThePlaceOfAPipelineCountsWhereTheOperatorKnowsIt) {
  const PipelineRoots roots = Known();
  EXPECT_EQ(roots.Choose("", "").value(), "s3://team/penstock");
  EXPECT_EQ(roots.Choose("minio://lab/x", "minio://lab/y").value(), "minio://lab/x");
  EXPECT_EQ(roots.Choose("", "minio://lab/y").value(), "minio://lab/y");
  EXPECT_EQ(roots.Choose("", "file:///mnt/shared/y").value(), "file:///mnt/shared/y");
  // Credentials alone make it nobody's place.
  EXPECT_EQ(roots.Choose("", "gs://your-bucket/root").value(), "s3://team/penstock");
  EXPECT_EQ(roots.Choose("", "dummy_root").value(), "s3://team/penstock");
  EXPECT_FALSE(roots.Choose("dummy_root", "").ok());
  EXPECT_EQ(PipelineRoots().Choose("", "s3://a/b").value(), "");
}

TEST(PipelineRootsTest, TellsWhatCanBeBrought) {
  EXPECT_THAT(Known().Reachable(),
              testing::UnorderedElementsAre("minio://lab/", "gs://", "s3://team/penstock"));
}

}  // namespace
}  // namespace penstock
