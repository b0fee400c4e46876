#include "common/log.h"

#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "common/text.h"

namespace penstock {
namespace {

TEST(LogValue, QuotesWhatIsNotPlain) {
  EXPECT_EQ(LogValue("abc-1.2/x"), "abc-1.2/x");
  EXPECT_EQ(LogValue(""), "\"\"");
  EXPECT_EQ(LogValue("a b"), "\"a b\"");
  EXPECT_EQ(LogValue("a=b"), "\"a=b\"");
  EXPECT_EQ(LogValue("line\nbreak"), "\"line\\nbreak\"");
}

TEST(LogValue, CutsLongText) {
  const std::string value = LogValue(std::string(10'000, 'x'));
  EXPECT_LT(value.size(), 600u);
  EXPECT_NE(value.find("..."), std::string::npos);
}

TEST(LogValue, CutsBetweenCharacters) {
  std::string text = "x";
  for (int i = 0; i < 1'000; ++i) text += "\u00e9";
  EXPECT_TRUE(IsUtf8(LogValue(text)));
}

TEST(LogLineJson, GivesEachFieldItsOwnKey) {
  EXPECT_EQ(LogLineJson("run ended run=r1 state=FAILED"),
            R"("message":"run ended","run":"r1","state":"FAILED")");
  EXPECT_EQ(LogLineJson(absl::StrCat("it failed error=", LogValue("a \"b\"\nc=d"), " run=x")),
            R"("message":"it failed","error":"a \"b\"\u000ac=d","run":"x")");
  EXPECT_EQ(LogLineJson("no fields, 1 + 1 = 2"), R"("message":"no fields, 1 + 1 = 2")");
  EXPECT_EQ(LogLineJson("it has a=1 and more"), R"("message":"it has a=1 and more")");
  EXPECT_EQ(LogLineJson("it has a=1 and more b=2"), R"("message":"it has a=1 and more","b":"2")");
  EXPECT_EQ(LogLineJson(""), R"("message":"")");
}

TEST(SetUpLog, RefusesAnUnknownLevel) {
  EXPECT_EQ(SetUpLog("loud", LogFormat::kText).code(), absl::StatusCode::kInvalidArgument);
  EXPECT_TRUE(SetUpLog("warn", LogFormat::kJson).ok());
}

}  // namespace
}  // namespace penstock
