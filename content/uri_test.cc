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

TEST(PublicUrisTest, UrlsOfArtifactsLeadBackToThem) {
  const PublicUris uris("http://127.0.0.1:8888");
  const std::pair<std::string, std::string> cases[] = {
      {"penstock://artifacts/p/r/t/a/model",
       "http://127.0.0.1:8888/artifacts/http/penstock/artifacts/p/r/t/a/model"},
      {"penstock://artifacts/N%c3%a4me%20%26%20100%25/x",
       "http://127.0.0.1:8888/artifacts/http/penstock/artifacts/N%25c3%25a4me%2520%2526%2520100%2525/x"},
      {"penstock://artifacts/@mlflow/1/a b?#\xC3\xA4&;",
       "http://127.0.0.1:8888/artifacts/http/penstock/artifacts/@mlflow/1/a%20b%3F%23%C3%A4&;"},
      {"penstock://logs/r/t-1.log", "penstock://logs/r/t-1.log"},
      {"penstock://artifacts", "penstock://artifacts"},
      {"gs://b/k", "gs://b/k"},
      {"http://elsewhere/artifacts/http/penstock/artifacts/x",
       "http://elsewhere/artifacts/http/penstock/artifacts/x"},
      {"http://127.0.0.1:8888/artifacts/http/penstock/logs/x",
       "http://127.0.0.1:8888/artifacts/http/penstock/logs/x"},
      {"http://127.0.0.1:88888/artifacts/x", "http://127.0.0.1:88888/artifacts/x"},
      {"", ""},
  };
  for (const auto& [stored, shown] : cases) {
    EXPECT_EQ(uris.Of(stored), shown);
    EXPECT_EQ(uris.Stored(shown), stored);
  }
}

TEST(PublicUrisTest, TakesWhatWasToldBefore) {
  for (const std::string base : {"", "http://penstock", "https://ml.example.org/penstock"}) {
    const PublicUris uris(base);
    EXPECT_EQ(uris.Stored("http://penstock/artifacts/a%20b/x"), "penstock://artifacts/a%20b/x");
    EXPECT_EQ(uris.Stored("http://penstock/artifacts/http/penstock/artifacts/a%2520b/x"),
              "penstock://artifacts/a%20b/x");
    EXPECT_EQ(uris.Stored("http://penstock/logs/x"), "http://penstock/logs/x");
    EXPECT_EQ(uris.Stored(uris.Of("penstock://artifacts/a%20b/x")), "penstock://artifacts/a%20b/x");
  }
  EXPECT_EQ(PublicUris().Of("penstock://artifacts/x"), "penstock://artifacts/x");
}

}  // namespace
}  // namespace penstock
