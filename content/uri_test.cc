#include "content/uri.h"

#include <string>
#include <utility>

#include "gtest/gtest.h"

namespace penstock {
namespace {

UriMount TestMap() { return {"penstock://artifacts", "/data/artifacts"}; }

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

}  // namespace
}  // namespace penstock
