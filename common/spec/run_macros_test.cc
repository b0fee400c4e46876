#include "common/spec/run_macros.h"

#include "absl/strings/str_cat.h"
#include "common/limits.h"
#include "gtest/gtest.h"

namespace penstock {
namespace {

RunMacros Macros() {
  return {"run-1", absl::FromUnixSeconds(1'700'000'000)};
}  // 2023-11-14 22:13:20, a Tuesday

std::string Expanded(const std::string& text) {
  const auto parameters = ExpandRunMacros({{"p", text}}, Macros());
  EXPECT_TRUE(parameters.ok()) << parameters.status();
  return parameters.ok() ? (*parameters)["p"].get<std::string>() : "";
}

TEST(RunMacrosTest, AreReplaced) {
  const std::pair<const char*, const char*> kCases[] = {
      {"[[RunUUID]]", "run-1"},
      {"a/[[RunUUID]]/[[CurrentTime]].csv", "a/run-1/20231114221320.csv"},
      {"[[CurrentTime.2006-01-02]]", "2023-11-14"},
      {"[[CurrentTime.Mon Jan _2 15:04:05 MST 2006]]", "Tue Nov 14 22:13:20 UTC 2023"},
      {"[[CurrentTime.2006-01-02T15:04:05Z07:00]]", "2023-11-14T22:13:20Z"},
      {"[[CurrentTime.03:04 PM Monday January 06]]", "10:13 PM Tuesday November 23"},
      {"{{$.currentTime.strftime('%Y/%m %s')}}", "2023/11 1700000000"},
      {"[[RunUUID]][[RunUUID]]", "run-1run-1"},
  };
  for (const auto& [text, want] : kCases) EXPECT_EQ(Expanded(text), want);
}

TEST(RunMacrosTest, EverythingElseStays) {
  for (const char* text :
       {"", "[[", "[[RunUUID", "[[runuuid]]", "[[CurrentTime", "[[CurrentTimeX]]", "[[[1, 2]]]", "[[Other]]",
        "{{$.currentTime.strftime('%Y'}}", "{{$.inputs.parameters['x']}}"}) {
    EXPECT_EQ(Expanded(text), text);
  }
  EXPECT_EQ(Expanded("[[[RunUUID]]]"), "[run-1]");
  const Json nested = {{"list", {"[[RunUUID]]"}}, {"object", {{"a", "[[RunUUID]]"}}}, {"number", 1}};
  const auto same = ExpandRunMacros(nested, Macros());
  ASSERT_TRUE(same.ok());
  EXPECT_EQ(*same, nested);
}

TEST(RunMacrosTest, IsBounded) {
  std::string text;
  while (text.size() < limits::kRunParametersBytes / 2) text += "{{$.currentTime.strftime('%c%c')}}";
  const auto status = ExpandRunMacros({{"p", text}}, Macros()).status();
  EXPECT_TRUE(absl::IsResourceExhausted(status)) << status;
}

}  // namespace
}  // namespace penstock
