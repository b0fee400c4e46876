#include "executor/local/fetch_request.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace penstock {
namespace {

using testing::HasSubstr;
using Need = FetchRequest::Need;

TEST(FetchRequestTest, TravelsAsArguments) {
  FetchRequest request;
  request.inputs = {{Need::kFetched, "a", "http://h/a", "/w/a"},
                    {Need::kPresent, "--", "gs://b", ""},
                    {Need::kPresumed, "", "x", "--"}};
  request.command = {"sh", "-c", "--fetch"};
  FetchRequest read;
  ASSERT_TRUE(ParseArguments(ToArguments(request), &read));
  EXPECT_EQ(read.command, request.command);
  ASSERT_EQ(read.inputs.size(), request.inputs.size());
  for (size_t i = 0; i < read.inputs.size(); ++i) {
    EXPECT_EQ(read.inputs[i].need, request.inputs[i].need);
    EXPECT_EQ(read.inputs[i].name, request.inputs[i].name);
    EXPECT_EQ(read.inputs[i].uri, request.inputs[i].uri);
    EXPECT_EQ(read.inputs[i].path, request.inputs[i].path);
  }
}

TEST(FetchRequestTest, WhatIsNoRequest) {
  for (const std::vector<std::string>& words : {std::vector<std::string>{},
                                                {"--"},
                                                {"sh"},
                                                {"--fetch", "a", "b"},
                                                {"--fetch", "a", "b", "c"},
                                                {"--help", "a", "b", "c", "--", "sh"}}) {
    FetchRequest request;
    EXPECT_FALSE(ParseArguments(words, &request));
  }
}

TEST(FetchRequestTest, MissingContentSaysWhatWouldBeRight) {
  const auto missing = [](const char* uri, const char* path) {
    return MissingContent({Need::kPresent, "data", uri, path});
  };
  EXPECT_THAT(missing("file:///d/x", "/d/x"), HasSubstr("there is no /d/x on this machine"));
  EXPECT_THAT(missing("/d/x", "/d/x"), HasSubstr("there is no /d/x on this machine"));
  EXPECT_THAT(missing("x.csv", "x.csv"), HasSubstr("neither a URI with a scheme nor an absolute path"));
  EXPECT_THAT(missing("gs://b/k", "/gcs/b/k"), HasSubstr("nothing is mounted at /gcs/b/k"));
  EXPECT_THAT(missing("hdfs://h/k", "hdfs://h/k"), HasSubstr("which is not fetched here"));
}

}  // namespace
}  // namespace penstock
