#include "scheduler/cleanup/removal_folders.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "storage/content_removal_store.h"

namespace penstock {
namespace {

using testing::ElementsAre;

std::vector<std::string> UrisOf(const ContentRemovalRow& row,
                                const std::vector<std::string>& pipelines = {}) {
  std::vector<std::string> uris;
  for (const RemovalFolder& folder : RemovalFolders(row, pipelines)) uris.push_back(folder.uri);
  return uris;
}

TEST(RemovalFoldersTest, ARunHasFoldersOfItsOwn) {
  ContentRemovalRow row;
  row.run_id = "r-1";
  row.pipeline_name = "my pipeline/2";
  EXPECT_THAT(UrisOf(row),
              ElementsAre("penstock://logs/r-1", "penstock://workspaces/r-1",
                          "penstock://artifacts/imported/r-1", "penstock://artifacts/my%20pipeline%2f2/r-1"));
  row.pipeline_root = "s3://bucket/root/";
  EXPECT_THAT(UrisOf(row), testing::IsSupersetOf(
                               {"s3://bucket/root/my%20pipeline%2f2/r-1", "s3://bucket/root/@logs/r-1"}));
  row.pipeline_root = "file:///mnt/root";
  EXPECT_EQ(UrisOf(row).back(), "file:///mnt/root/my%20pipeline%2f2/r-1");
  row.pipeline_root = "/mnt/root";  // a path is nobody's to remove
  EXPECT_EQ(UrisOf(row).size(), 4);
  row.pipeline_name.clear();
  EXPECT_THAT(
      UrisOf(row, {"a", "b"}),
      ElementsAre("penstock://logs/r-1", "penstock://workspaces/r-1", "penstock://artifacts/imported/r-1",
                  "penstock://artifacts/a/r-1", "penstock://artifacts/b/r-1"));
}

TEST(RemovalFoldersTest, OtherFoldersBelongToTheirRuns) {
  ContentRemovalRow row;
  row.run_id = "r";
  row.pipeline_name = "p";
  row.folders = "penstock://artifacts/p/old\npenstock://artifacts/p/r\ns3://b/p/r";
  const auto folders = RemovalFolders(row, {});
  ASSERT_EQ(folders.size(), 6);
  EXPECT_EQ(folders[4].uri, "penstock://artifacts/p/old");
  EXPECT_EQ(folders[4].owner, "old");
  EXPECT_EQ(folders[5].uri, "s3://b/p/r");
}

TEST(RemovalFoldersTest, MlflowsFilesLieByExperiment) {
  ContentRemovalRow row;
  row.run_id = "r";
  row.experiment_id = "e";
  EXPECT_EQ(MlflowRoot(row, "d")->uri, "penstock://artifacts/@mlflow/e");
  EXPECT_EQ(MlflowRoot(row, "e")->uri, "penstock://artifacts/@mlflow/0");
  row.artifact_location = "mlflow-artifacts:/team/x/";
  EXPECT_EQ(MlflowRoot(row, "e")->uri, "penstock://artifacts/@mlflow/team/x");
  EXPECT_EQ(MlflowRoot(row, "e")->mlflow_uri, "mlflow-artifacts:/team/x");
  for (const char* elsewhere : {"mlflow-artifacts://host/x", "s3://bucket/x", "/mnt/x"}) {
    row.artifact_location = elsewhere;
    EXPECT_FALSE(MlflowRoot(row, "e").has_value()) << elsewhere;
  }
  EXPECT_TRUE(IsMlflowFolderOf("r", "r"));
  EXPECT_TRUE(IsMlflowFolderOf("r", "r_task"));
  EXPECT_FALSE(IsMlflowFolderOf("r", "r2"));
}

TEST(RemovalFoldersTest, TheFolderOfAnArtifactIsFoundInItsUri) {
  const auto own = FolderOfArtifact("penstock://artifacts/p/r/t/a/out", "r");
  EXPECT_EQ(own->uri, "penstock://artifacts/p/r");
  EXPECT_TRUE(own->is_local);
  EXPECT_EQ(own->run_id, "r");
  const auto given = FolderOfArtifact("penstock://artifacts/p/old/t/a/out/part/1", "r");
  EXPECT_EQ(given->uri, "penstock://artifacts/p/old");
  EXPECT_EQ(given->run_id, "old");
  const auto elsewhere = FolderOfArtifact("s3://bucket/some/root/p/r/t/a/out/deep", "r");
  EXPECT_EQ(elsewhere->uri, "s3://bucket/some/root/p/r");
  EXPECT_FALSE(elsewhere->is_local);
  EXPECT_EQ(FolderOfArtifact("s3://bucket/root/p/old/t/a/out", "r")->uri, "s3://bucket/root/p/old");
  for (const char* none : {"", "/mnt/x/p/r/t/a/out", "penstock://artifacts/p/r/t",
                           "penstock://artifacts/@mlflow/0/m/artifacts/x", "s3://bucket/r",
                           "gs://b/p/../r/t/a/o", "s3://b//p/old/t/a/o"}) {
    EXPECT_FALSE(FolderOfArtifact(none, "r").has_value()) << none;
  }
}

}  // namespace
}  // namespace penstock
