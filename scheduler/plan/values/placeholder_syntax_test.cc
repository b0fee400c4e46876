#include "scheduler/plan/values/placeholder_syntax.h"

#include <optional>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "scheduler/plan/values/test_util.h"

namespace penstock {
namespace {

// The steps in a readable form: ".inputs.parameters<x>#1".
std::string Steps(const Placeholder& placeholder) {
  std::string out;
  for (const PlaceholderStep& step : placeholder.steps) {
    switch (step.kind) {
      case PlaceholderStep::Kind::kField:
        out += "." + step.text;
        break;
      case PlaceholderStep::Kind::kKey:
        out += "<" + step.text + ">";
        break;
      case PlaceholderStep::Kind::kIndex:
        out += "#" + step.text;
        break;
    }
  }
  return out;
}

TEST(ParsePlaceholderTest, ReadsTheGrammar) {
  struct Case {
    std::string text;
    std::string source;
    std::string steps;
    int json_escape = 0;
  };
  const Case cases[] = {
      {"{{$}}", "{{$}}", ""},
      {"{{$}}tail", "{{$}}", ""},
      {"{{$.inputs.parameters['x']}}", "{{$.inputs.parameters['x']}}", ".inputs.parameters<x>"},
      {"{{$.inputs.parameters[\"x\"]}}}}", "{{$.inputs.parameters[\"x\"]}}", ".inputs.parameters<x>"},
      {"{{$.inputs.parameters['it's']}}", "{{$.inputs.parameters['it's']}}", ".inputs.parameters<it's>"},
      {"{{$.inputs.parameters['a}}b']}}", "{{$.inputs.parameters['a}}b']}}", ".inputs.parameters<a}}b>"},
      {"{{$.inputs.parameters['']}}", "{{$.inputs.parameters['']}}", ".inputs.parameters<>"},
      {"{{$.inputs.artifacts['a'].metadata['k']}}", "{{$.inputs.artifacts['a'].metadata['k']}}",
       ".inputs.artifacts<a>.metadata<k>"},
      {"{{$.a[12]}}", "{{$.a[12]}}", ".a#12"},
      {"{{$.pipeline_job_name}}", "{{$.pipeline_job_name}}", ".pipeline_job_name"},
      {"{{$.json_escape[1]}}", "{{$.json_escape[1]}}", "", 1},
      {"{{$.json_escape[2].inputs.parameters['x']}}", "{{$.json_escape[2].inputs.parameters['x']}}",
       ".inputs.parameters<x>", 2},
      {"{{$.inputs.parameters['x'].json_escape[3]}}", "{{$.inputs.parameters['x'].json_escape[3]}}",
       ".inputs.parameters<x>", 3},
      {"{{$.json_escape[9]}}", "{{$.json_escape[9]}}", ".json_escape#9"},
      {"{{$.json_escape[99999999999]}}", "{{$.json_escape[99999999999]}}", ".json_escape#99999999999"},
      {"{{$.json_escape}}", "{{$.json_escape}}", ".json_escape"},
  };
  for (const Case& c : cases) {
    const std::optional<Placeholder> got = ParsePlaceholder(c.text);
    ASSERT_TRUE(got.has_value()) << c.text;
    EXPECT_EQ(got->source, c.source);
    EXPECT_EQ(Steps(*got), c.steps);
    EXPECT_EQ(got->json_escape, c.json_escape);
  }
}

TEST(ParsePlaceholderTest, LeavesOtherBracesAlone) {
  const std::string cases[] = {
      "",
      "{{",
      "{{$",
      "{{$.",
      "{{$ }}",
      "{{ $.x }}",
      "{$.x}",
      "{{$x}}",
      "{{$.Values.name}}",
      "{{$.1}}",
      "{{$['x']}}",
      "{{$[0]}}",
      "{{$.inputs",
      "{{$.inputs}",
      "{{$.inputs.parameters['x'}}",
      "{{$.inputs.parameters[x]}}",
      "{{$.inputs.parameters['x]}}",
      "{{$.inputs.parameters[]}}",
      "{{$.inputs..x}}",
      "{{$.inputs.parameters['x'] }}",
      "{{$.a[" + std::string(5000, '1') + "]}}",
      "{{$.a['" + std::string(5000, 'k') + "']}}",
      "{{$." + std::string(5000, 'a') + "}}",
      "{{$.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a}}",
  };
  for (const std::string& text : cases) {
    EXPECT_FALSE(ParsePlaceholder(text).has_value()) << text;
  }
}

TEST(ParseWholePlaceholderTest, TakesNothingAround) {
  EXPECT_TRUE(ParseWholePlaceholder("{{$.a}}").has_value());
  EXPECT_FALSE(ParseWholePlaceholder("{{$.a}} ").has_value());
  EXPECT_FALSE(ParseWholePlaceholder(" {{$.a}}").has_value());
}

absl::StatusOr<std::string> Replace(absl::string_view text, int64_t max_bytes = 1000) {
  return ReplacePlaceholders(text, max_bytes,
                             [](const Placeholder& p) -> absl::StatusOr<std::optional<std::string>> {
                               if (p.IsField(0, "bad")) return absl::InvalidArgumentError("bad");
                               if (p.IsField(0, "keep")) return std::nullopt;
                               return p.IsField(0, "quote") ? "\"" : "{{$.x}}";
                             });
}

TEST(ReplacePlaceholdersTest, OnePassFromLeftToRight) {
  const std::pair<std::string, std::string> cases[] = {
      {"", ""},
      {"plain", "plain"},
      {"{{$.x}}", "{{$.x}}"},
      {"a{{$.x}}b{{$.x}}c", "a{{$.x}}b{{$.x}}c"},
      {"{{$.quote}}", "\""},
      {"{{{$.quote}}}", "{\"}"},
      {"{{$.a{{$.quote}}", "{{$.a\""},
      {"{{${{$.quote}}", "{{$\""},
      {"{{$.keep}}{{$.quote}}", "{{$.keep}}\""},
      {"{{$.json_escape[1].quote}}", "\\\""},
      {"{{$.json_escape[2].quote}}", "\\\\\\\""},
      {"{{$.quote.json_escape[1]}}", "\\\""},
      {"{{$.json_escape[0].quote}}", "\""},
      {"{{$", "{{$"},
      {"x{{$.quote}}{{$", "x\"{{$"},
  };
  for (const auto& [text, want] : cases) {
    const absl::StatusOr<std::string> got = Replace(text);
    ASSERT_TRUE(got.ok()) << text << ": " << got.status();
    EXPECT_EQ(*got, want) << text;
  }
  EXPECT_EQ(Replace("a{{$.bad}}").status().message(), "bad");
}

TEST(ReplacePlaceholdersTest, TheResultIsBounded) {
  EXPECT_TRUE(Replace("0123456789", 10).ok());
  EXPECT_FALSE(Replace("01234567890", 10).ok());
  EXPECT_TRUE(Replace("{{$.quote}}012345678", 10).ok());
  EXPECT_FALSE(Replace("{{$.quote}}0123456789", 10).ok());
  EXPECT_FALSE(Replace("{{$.x}}{{$.x}}", 13).ok());
  EXPECT_FALSE(Replace("{{$.quote}}{{$.quote}}{{$.quote}}", 10).ok());  // the template itself is far too long
  EXPECT_FALSE(Replace("{{$.json_escape[8].quote}}", 100).ok());
}

TEST(JsonEscapeTest, EscapesWhatStandsBetweenQuotes) {
  EXPECT_EQ(JsonEscape("a\"b\n", 0, 100), "a\"b\n");
  EXPECT_EQ(JsonEscape("a\"b\n", 1, 100), "a\\\"b\\n");
  EXPECT_EQ(JsonEscape("\\", 3, 100), "\\\\\\\\\\\\\\\\");
}

TEST(RunPlaceholderValueTest, KnowsTheFacts) {
  RunFacts facts = TestFacts();
  facts.workspace_path = "/ws";
  const std::pair<std::string, std::optional<std::string>> cases[] = {
      {"{{$.pipeline_job_name}}", "My run"},
      {"{{$.pipeline_job_resource_name}}", "pipe-x7k2"},
      {"{{$.pipeline_job_uuid}}", "run-1"},
      {"{{$.pipeline_task_name}}", "train"},
      {"{{$.pipeline_task_uuid}}", "task-9"},
      {"{{$.pipeline_job_create_time_utc}}", "2024-01-02T03:04:05Z"},
      {"{{$.pipeline_job_schedule_time_utc}}", "2024-01-02T03:00:00Z"},
      {"{{$.pipeline_root}}", "/data/artifacts/pipe/run-1"},
      {"{{$.workspace_path}}", "/ws"},
      {"{{$.pipeline_google_cloud_project_id}}", std::nullopt},
      {"{{$.pipeline_job_name.x}}", std::nullopt},
      {"{{$}}", std::nullopt},
  };
  for (const auto& [text, want] : cases) {
    const auto got = RunPlaceholderValue(*ParsePlaceholder(text), facts);
    ASSERT_TRUE(got.ok()) << text;
    EXPECT_EQ(*got, want) << text;
  }
  facts.workspace_path.clear();
  EXPECT_FALSE(RunPlaceholderValue(*ParsePlaceholder("{{$.workspace_path}}"), facts).ok());
}

}  // namespace
}  // namespace penstock
