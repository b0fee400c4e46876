#include "pipeline/schedule/macros.h"

#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"

namespace penstock {
namespace {

MacroValues Values() {
  MacroValues values;
  values.run_id = "the-run";
  values.current_time = absl::FromUnixSeconds(1'772'000'065) + absl::Milliseconds(7);  // 2026-02-25 06:14:25
  values.scheduled_time = absl::FromUnixSeconds(1'772'000'000);                        // 2026-02-25 06:13:20
  values.index = 12;
  return values;
}

TEST(MacrosTest, EachIsReplaced) {
  const std::pair<const char*, const char*> cases[] = {
      {"", ""},
      {"nothing [here] {{x}}", "nothing [here] {{x}}"},
      {"[[RunUUID]]", "the-run"},
      {"a [[Index]] b [[Index]]", "a 12 b 12"},
      {"[[ScheduledTime]]", "20260225061320"},
      {"[[CurrentTime]]", "20260225061425"},
      {"[[ScheduledTime.2006-01-02]]T[[ScheduledTime.15:04:05]]Z", "2026-02-25T06:13:20Z"},
      {"[[CurrentTime.Mon, 2 Jan 2006 3:04PM .000 MST -0700]]", "Wed, 25 Feb 2026 6:14AM .007 UTC +0000"},
      {"{{$.scheduledTime.strftime('%Y/%m/%d')}}", "2026/02/25"},
      {"{{$.currentTime.strftime('%s')}}", "1772000065"},
      // What is not known stays, and what is put in is not read again.
      {"[[Unknown]] [[Index [[Index]]", "[[Unknown]] [[Index 12"},
      {"[[ScheduledTimes]] [[RunUUID.x]]", "[[ScheduledTimes]] [[RunUUID.x]]"},
      {"{{$.inputs.x}} [[", "{{$.inputs.x}} [["},
      {"[[CurrentTime.]]", ""},
  };
  for (const auto& [text, expected] : cases) {
    EXPECT_EQ(ReplaceMacros(text, Values()), expected) << text;
  }
}

TEST(MacrosTest, ARunOfItsOwnHasNoSlotAndNoNumber) {
  MacroValues values = Values();
  values.scheduled_time.reset();
  values.index.reset();
  EXPECT_EQ(ReplaceMacros("[[ScheduledTime]] [[Index]] [[RunUUID]]", values),
            "[[ScheduledTime]] [[Index]] the-run");
}

TEST(MacrosTest, OnlyStringsOfTheObjectItself) {
  Json parameters = {{"text", "n[[Index]]"}, {"number", 1}, {"list", {"[[Index]]"}}};
  ReplaceMacros(Values(), &parameters);
  EXPECT_EQ(parameters, (Json{{"text", "n12"}, {"number", 1}, {"list", {"[[Index]]"}}}));
}

TEST(MacrosTest, LayoutsOfGo) {
  const absl::Time time = absl::FromUnixSeconds(1'767'322'805) + absl::Microseconds(123'400);  // 2026-01-02
  const std::pair<const char*, const char*> cases[] = {
      {"2006-01-02T15:04:05Z07:00", "2026-01-02T03:00:05Z"},
      {"Monday January _2 06 002", "Friday January  2 26 002"},
      {"1/2 3:4:5 pm", "1/2 3:0:5 am"},
      {"05.000000", "05.123400"},
      {"05.999999999", "05.1234"},
      {"x.0y", "x.1y"},
      {"plain", "plain"},
  };
  for (const auto& [layout, expected] : cases) {
    EXPECT_EQ(FormatGoLayout(layout, time), expected) << layout;
  }
}

TEST(MacrosTest, ManyBeginningsWithoutEndTakeNoTime) {
  const std::string text(4 << 20, '[');
  EXPECT_EQ(ReplaceMacros(text, Values()), text);
}

}  // namespace
}  // namespace penstock
