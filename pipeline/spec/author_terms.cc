#include "pipeline/spec/author_terms.h"

#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "common/text.h"

namespace penstock {
namespace {

// As kfp.dsl.pipeline_channel and kfp.dsl.for_loop make names.
constexpr absl::string_view kChannel = "pipelinechannel--";
constexpr absl::string_view kLoopItem = "-loop-item";
constexpr absl::string_view kSubvariable = "--subvar-";
constexpr absl::string_view kRawItems = "loop-item-param-";

// 'gen-Output' is the only output of the task 'gen'; 'gen-rows' may be a task's output or an input of that name.
std::string ChannelSource(absl::string_view name) {
  if (absl::ConsumeSuffix(&name, "-Output")) {
    return absl::StrCat("the output of task ", QuoteForMessage(name));
  }
  return QuoteForMessage(name);
}

// The kind of group that the compiler made a component of, by its name: comp-for-loop-2, or the task for-loop-2.
std::string GroupName(absl::string_view name) {
  absl::ConsumePrefix(&name, "comp-");
  for (const auto& [prefix, what] :
       std::vector<std::pair<absl::string_view, absl::string_view>>{{"for-loop-", "the loop"},
                                                                    {"condition-branches-", "the conditions"},
                                                                    {"condition-", "the condition"},
                                                                    {"exit-handler-", "the exit handler"}}) {
    if (absl::StartsWith(name, prefix)) return absl::StrCat(what, " ", QuoteForMessage(name));
  }
  return "";
}

std::string TaskName(absl::string_view name) {
  const std::string group = GroupName(name);
  return group.empty() ? absl::StrCat("task ", QuoteForMessage(name)) : group;
}

// What within a task the rest of a place means.
std::string PartName(const std::vector<absl::string_view>& parts) {
  if (parts.size() >= 3 && parts[0] == "inputs" && (parts[1] == "parameters" || parts[1] == "artifacts")) {
    const std::string made = AuthorName(parts[2]);
    return made.empty() ? absl::StrCat(", argument ", QuoteForMessage(parts[2]))
                        : absl::StrCat(", its use of ", made);
  }
  if (!parts.empty() && parts[0] == "triggerPolicy") return ", its condition";
  if (!parts.empty() && (parts[0] == "parameterIterator" || parts[0] == "artifactIterator")) {
    return ", the list that it goes over";
  }
  return parts.empty() ? "" : absl::StrCat(", ", absl::StrJoin(parts, "."));
}

// The place in author's terms; empty where it is not in a task of a graph. Keys with dots in them are quoted in a
// place, and such a place is left as it is.
std::string PlaceName(absl::string_view place) {
  if (absl::StrContains(place, '[')) return "";
  std::vector<absl::string_view> parts = absl::StrSplit(place, '.');
  std::string around;
  size_t at = 0;
  if (parts.size() > 2 && parts[0] == "components") {
    const std::string group = GroupName(parts[1]);
    around = absl::StrCat(
        " in ", group.empty()
                    ? absl::StrCat("component ", QuoteForMessage(absl::StripPrefix(parts[1], "comp-")))
                    : group);
    at = 2;
  } else if (parts[0] == "root") {
    at = 1;
  } else {
    return "";
  }
  if (parts.size() < at + 3 || parts[at] != "dag" || parts[at + 1] != "tasks") return "";
  const std::string task = TaskName(parts[at + 2]);
  parts.erase(parts.begin(), parts.begin() + static_cast<std::ptrdiff_t>(at) + 3);
  return absl::StrCat(task, around, PartName(parts));
}

bool IsNameCharacter(char c) {
  return c == '-' || c == '_' || absl::ascii_isalnum(static_cast<unsigned char>(c));
}

}  // namespace

std::string AuthorName(absl::string_view name) {
  absl::string_view rest = name;
  const bool is_channel = absl::ConsumePrefix(&rest, kChannel);
  std::string part;
  if (const size_t subvariable = rest.find(kSubvariable); subvariable != absl::string_view::npos) {
    part = absl::StrCat(QuoteForMessage(rest.substr(subvariable + kSubvariable.size())), " of ");
    rest = rest.substr(0, subvariable);
  }
  if (absl::StartsWith(rest, kRawItems)) return absl::StrCat(part, "the item of a loop");
  if (absl::ConsumeSuffix(&rest, kLoopItem)) {
    return absl::StrCat(part, "the item of the loop over ", ChannelSource(rest));
  }
  return is_channel ? absl::StrCat(part, ChannelSource(rest)) : "";
}

bool IsLoopItem(absl::string_view name) { return absl::StrContains(name, "loop-item"); }

std::string InAuthorTerms(absl::string_view text) {
  // Of a condition, with the quotes of the key.
  constexpr absl::string_view kValues[] = {"inputs.parameter_values['", "inputs.parameters['"};
  std::string out;
  while (!text.empty()) {
    const size_t at = text.find(kChannel);
    if (at == absl::string_view::npos) break;
    size_t end = at + kChannel.size();
    while (end < text.size() && IsNameCharacter(text[end])) ++end;
    absl::string_view before = text.substr(0, at);
    absl::string_view after = text.substr(end);
    const std::string name = AuthorName(text.substr(at, end - at));
    bool in_condition = false;
    for (const absl::string_view values : kValues) {
      in_condition = in_condition || absl::ConsumeSuffix(&before, values);
    }
    if (in_condition) {
      absl::ConsumePrefix(&after, "']");
    } else if (absl::ConsumeSuffix(&before, "'")) {
      absl::ConsumePrefix(&after, "'");
    }
    absl::StrAppend(&out, before, name);
    text = after;
  }
  absl::StrAppend(&out, text);
  return out;
}

absl::Status InAuthorTerms(const absl::Status& error) {
  if (error.ok()) return error;
  const std::pair<absl::string_view, absl::string_view> parts =
      absl::StrSplit(error.message(), absl::MaxSplits(": ", 1));
  const std::string place = PlaceName(parts.first);
  if (place.empty()) return absl::Status(error.code(), InAuthorTerms(error.message()));
  return absl::Status(error.code(),
                      absl::StrCat(place, ": ", InAuthorTerms(parts.second), " (", parts.first, ")"));
}

}  // namespace penstock
