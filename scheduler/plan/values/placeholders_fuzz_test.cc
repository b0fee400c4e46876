// Random templates against a slow and simple model of the placeholder pass, and random damage to templates.
// The seed is printed; PENSTOCK_FUZZ_SEED repeats a run and PENSTOCK_FUZZ_ROUNDS makes it longer.
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/limits.h"
#include "gtest/gtest.h"
#include "scheduler/plan/values/placeholders.h"
#include "scheduler/plan/values/test_util.h"
#include "tests/support/random_damage.h"

namespace penstock {
namespace {

uint64_t Number(const char* variable, uint64_t otherwise) {
  const char* text = std::getenv(variable);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

class FuzzTest : public ::testing::Test {
 protected:
  FuzzTest() : seed_(Number("PENSTOCK_FUZZ_SEED", std::random_device{}())), random_(seed_) {
    std::cout << "PENSTOCK_FUZZ_SEED=" << seed_ << "\n";
  }

  size_t Below(size_t bound) { return std::uniform_int_distribution<size_t>(0, bound - 1)(random_); }

  // Pieces of templates and of what looks like them.
  std::string Noise() {
    static const std::vector<std::string> kPieces = {"{{$",
                                                     "}}",
                                                     "{",
                                                     "}",
                                                     ".inputs",
                                                     ".parameters",
                                                     ".artifacts",
                                                     ".outputs",
                                                     "['x']",
                                                     "['",
                                                     "']",
                                                     "[\"x\"]",
                                                     "[1]",
                                                     ".json_escape",
                                                     "[2]",
                                                     "$",
                                                     "'",
                                                     "\"",
                                                     "\\",
                                                     "\n",
                                                     "x",
                                                     ".uri",
                                                     ".metadata",
                                                     "{{$.Values",
                                                     ".",
                                                     " ",
                                                     "é",
                                                     "\xff",
                                                     "{\"Concat\": [",
                                                     "]}",
                                                     ", ",
                                                     "{\"IfPresent\": {\"InputName\": \"x\", \"Then\": "};
    std::string out;
    for (size_t i = Below(12); i > 0; --i) out += kPieces[Below(kPieces.size())];
    return out;
  }

  std::string Value() {
    switch (Below(3)) {
      case 0:
        return Noise();
      case 1:
        return "{{$.inputs.parameters['x']}}";
      default:
        return absl::StrCat("v", Below(1000));
    }
  }

  PlaceholderSources Sources() { return {component_, inputs_, paths_, map_, facts_, "{\"ei\":\"{{$}}\"}"}; }

  const uint64_t seed_;
  std::mt19937_64 random_;
  const ml_pipelines::ComponentSpec component_ =
      Component(R"({"outputDefinitions": {"parameters": {"o": {"parameterType": "STRING"}}}})");
  TaskInputs inputs_;
  const TaskPaths paths_ = TestPaths();
  const UriMount map_ = TestMap();
  const RunFacts facts_ = TestFacts();
};

// A template built from text without braces and known placeholders gives the texts and values in order,
// whatever is in the values.
TEST_F(FuzzTest, KnownTemplatesGiveTheirPieces) {
  for (uint64_t round = Number("PENSTOCK_FUZZ_ROUNDS", 20000); round > 0; --round) {
    inputs_.parameters = {{"x", Value()}, {"y", Value()}};
    std::vector<std::string> templates;
    std::vector<std::string> wants;
    for (size_t i = Below(6); i > 0; --i) {
      const std::string name = Below(2) == 0 ? "x" : "y";
      const std::string value = inputs_.parameters[name].get<std::string>();
      switch (Below(5)) {
        case 0:
          templates.push_back(absl::StrCat("{{$.inputs.parameters['", name, "']}}"));
          wants.push_back(value);
          break;
        case 1:
          templates.push_back(absl::StrCat("{{$.json_escape[1].inputs.parameters[\"", name, "\"]}}"));
          wants.push_back(JsonEscape(value, 1, limits::kArgumentBytes));
          break;
        case 2:
          templates.push_back("{{$}}");
          wants.push_back("{\"ei\":\"{{$}}\"}");
          break;
        case 3:
          templates.push_back("{{$.outputs.parameters['o'].output_file}}");
          wants.push_back("/data/work/a1/outputs/o");
          break;
        default:
          templates.push_back(absl::StrCat("text ", Below(100), "} $ '"));
          wants.push_back(templates.back());
      }
    }
    const absl::StatusOr<std::string> got = ResolveText(absl::StrJoin(templates, ""), Sources());
    ASSERT_TRUE(got.ok()) << got.status();
    ASSERT_EQ(*got, absl::StrJoin(wants, ""));

    Json concat = Json::object();
    concat["Concat"] = templates;
    const absl::StatusOr<std::vector<std::string>> joined = ResolveArgument(DumpJson(concat), Sources());
    ASSERT_TRUE(joined.ok()) << joined.status();
    ASSERT_EQ(*joined, std::vector<std::string>{absl::StrJoin(wants, "")});
  }
}

// Whatever the text is: no crash, no unbounded result, and what is not a placeholder comes out as it went in.
TEST_F(FuzzTest, AnyTextIsSafe) {
  const std::string seeds[] = {
      "--x={{$.inputs.parameters['x']}} {{$.inputs.artifacts['a'].metadata['k']}}",
      "{{$.json_escape[1].outputs.parameters['o'].output_file}}{{$}}",
      R"({"IfPresent": {"InputName": "x", "Then": ["{{$.inputs.parameters['x']}}", {"Concat": ["a", "b"]}], "Else": "e"}})",
      R"({"Concat": ["a", {"IfPresent": {"InputName": "x", "Then": "{{$.pipeline_root}}"}}]})",
  };
  for (uint64_t round = Number("PENSTOCK_FUZZ_ROUNDS", 20000); round > 0; --round) {
    inputs_.parameters = {{"x", Value()}};
    std::string text = Below(3) == 0 ? Noise() : seeds[Below(std::size(seeds))];
    Damage(
        Below(5), [this](size_t bound) { return Below(bound); }, [this] { return Noise(); }, &text);
    const absl::StatusOr<std::vector<std::string>> got = ResolveArgument(text, Sources());
    if (!got.ok()) {
      ASSERT_EQ(got.status().code(), absl::StatusCode::kInvalidArgument) << text;
      continue;
    }
    if (text.find("{{$") == std::string::npos && text.find('{') != text.find_first_not_of(" \t\n\r\v\f")) {
      ASSERT_EQ(*got, std::vector<std::string>{text});
    }
    for (const std::string& argument : *got) {
      ASSERT_LE(static_cast<int64_t>(argument.size()), limits::kArgumentBytes);
    }
  }
}

}  // namespace
}  // namespace penstock
