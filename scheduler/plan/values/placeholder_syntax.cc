#include "scheduler/plan/values/placeholder_syntax.h"

#include <utility>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "common/json.h"
#include "common/status_macros.h"

namespace penstock {
namespace {

constexpr absl::string_view kOpening = "{{$";
constexpr absl::string_view kClosing = "}}";
constexpr size_t kMaxKeyBytes = 1024;  // keeps the search for the end of a key short
constexpr size_t kMaxSteps = 16;
constexpr int kMaxJsonEscape = 8;  // each time doubles the backslashes

std::optional<PlaceholderStep> ConsumeField(absl::string_view* rest, bool first) {
  if (!absl::ConsumePrefix(rest, ".") || rest->empty()) return std::nullopt;
  const char head = rest->front();
  if (first ? !absl::ascii_islower(head) : !absl::ascii_isalpha(head) && head != '_') return std::nullopt;
  size_t length = 1;
  while (length < rest->size() && (absl::ascii_isalnum((*rest)[length]) || (*rest)[length] == '_')) ++length;
  if (length > kMaxKeyBytes) return std::nullopt;
  PlaceholderStep step{PlaceholderStep::Kind::kField, std::string(rest->substr(0, length))};
  rest->remove_prefix(length);
  return step;
}

std::optional<PlaceholderStep> ConsumeSubscript(absl::string_view* rest) {
  if (!absl::ConsumePrefix(rest, "[") || rest->empty()) return std::nullopt;
  const char quote = rest->front();
  if (quote == '\'' || quote == '"') {
    rest->remove_prefix(1);
    const char end_marker[] = {quote, ']'};
    const size_t end = rest->substr(0, kMaxKeyBytes + 2).find(absl::string_view(end_marker, 2));
    if (end == absl::string_view::npos) return std::nullopt;
    PlaceholderStep step{PlaceholderStep::Kind::kKey, std::string(rest->substr(0, end))};
    rest->remove_prefix(end + 2);
    return step;
  }
  size_t length = 0;
  while (length < rest->size() && absl::ascii_isdigit((*rest)[length])) ++length;
  if (length == 0 || length > kMaxKeyBytes || length == rest->size() || (*rest)[length] != ']') {
    return std::nullopt;
  }
  PlaceholderStep step{PlaceholderStep::Kind::kIndex, std::string(rest->substr(0, length))};
  rest->remove_prefix(length + 1);
  return step;
}

// Takes json_escape[n] out of the steps if it stands at `at`.
bool TakeJsonEscape(size_t at, Placeholder* placeholder) {
  std::vector<PlaceholderStep>& steps = placeholder->steps;
  if (at + 2 > steps.size() || !placeholder->IsField(at, "json_escape") ||
      steps[at + 1].kind != PlaceholderStep::Kind::kIndex) {
    return false;
  }
  if (!absl::SimpleAtoi(steps[at + 1].text, &placeholder->json_escape) ||
      placeholder->json_escape > kMaxJsonEscape) {
    placeholder->json_escape = 0;
    return false;  // stays a step that nothing is known by
  }
  steps.erase(steps.begin() + at, steps.begin() + at + 2);
  return true;
}

}  // namespace

bool Placeholder::IsField(size_t index, absl::string_view name) const {
  return index < steps.size() && steps[index].kind == PlaceholderStep::Kind::kField &&
         steps[index].text == name;
}

std::optional<std::string> Placeholder::NameIn(absl::string_view side, absl::string_view kind) const {
  if (!IsField(0, side) || !IsField(1, kind) || steps.size() < 3 ||
      steps[2].kind != PlaceholderStep::Kind::kKey) {
    return std::nullopt;
  }
  return steps[2].text;
}

std::optional<Placeholder> ParsePlaceholder(absl::string_view text) {
  absl::string_view rest = text;
  if (!absl::ConsumePrefix(&rest, kOpening)) return std::nullopt;
  Placeholder placeholder;
  while (!absl::ConsumePrefix(&rest, kClosing)) {
    const bool first = placeholder.steps.empty();
    const bool field = absl::StartsWith(rest, ".");
    std::optional<PlaceholderStep> step = field   ? ConsumeField(&rest, first)
                                          : first ? std::nullopt
                                                  : ConsumeSubscript(&rest);
    if (!step.has_value() || placeholder.steps.size() == kMaxSteps) return std::nullopt;
    placeholder.steps.push_back(*std::move(step));
  }
  placeholder.source = std::string(text.substr(0, text.size() - rest.size()));
  if (!TakeJsonEscape(0, &placeholder) && placeholder.steps.size() > 2) {
    TakeJsonEscape(placeholder.steps.size() - 2, &placeholder);
  }
  return placeholder;
}

std::optional<Placeholder> ParseWholePlaceholder(absl::string_view text) {
  std::optional<Placeholder> placeholder = ParsePlaceholder(text);
  if (placeholder.has_value() && placeholder->source.size() != text.size()) return std::nullopt;
  return placeholder;
}

absl::StatusOr<std::string> ReplacePlaceholders(absl::string_view text, int64_t max_bytes,
                                                PlaceholderValue value) {
  std::string out;
  const auto append = [&](absl::string_view piece) {
    out.append(piece.data(), piece.size());
    return static_cast<int64_t>(out.size()) <= max_bytes;
  };
  bool fits = static_cast<int64_t>(text.size()) <= 2 * max_bytes;
  size_t start = 0;  // of what is not in `out` yet
  size_t at = text.find(kOpening);
  while (fits && at != absl::string_view::npos) {
    const std::optional<Placeholder> placeholder = ParsePlaceholder(text.substr(at));
    if (placeholder.has_value()) {
      ASSIGN_OR_RETURN(const std::optional<std::string> replacement, value(*placeholder));
      if (replacement.has_value()) {
        fits = append(text.substr(start, at - start)) &&
               append(JsonEscape(*replacement, placeholder->json_escape, max_bytes));
        start = at + placeholder->source.size();
      }
      at += placeholder->source.size();
    } else {
      at += kOpening.size();
    }
    at = text.find(kOpening, at);
  }
  if (!fits || !append(text.substr(start))) {
    return absl::InvalidArgumentError(
        absl::StrCat("with its placeholders replaced the text has more than ", max_bytes, " bytes"));
  }
  return out;
}

std::string JsonEscape(absl::string_view text, int times, int64_t max_bytes) {
  std::string out(text);
  for (int i = 0; i < times && static_cast<int64_t>(out.size()) <= max_bytes; ++i) {
    const std::string quoted = DumpJson(Json(std::move(out)));
    out = quoted.substr(1, quoted.size() - 2);
  }
  return out;
}

absl::StatusOr<std::optional<std::string>> RunPlaceholderValue(const Placeholder& placeholder,
                                                               const RunFacts& facts) {
  if (placeholder.steps.size() != 1) return std::nullopt;
  const absl::string_view name = placeholder.steps[0].text;
  if (name == "workspace_path" && facts.workspace_path.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat(placeholder.source,
                     " is used, but the run has no workspace; the pipeline has to be compiled with one"));
  }
  const std::pair<absl::string_view, const std::string*> known[] = {
      {"pipeline_job_name", &facts.run_display_name},
      {"pipeline_job_resource_name", &facts.run_resource_name},
      {"pipeline_job_uuid", &facts.run_id},
      {"pipeline_task_name", &facts.task_name},
      {"pipeline_task_uuid", &facts.task_id},
      {"pipeline_job_create_time_utc", &facts.created_at},
      {"pipeline_job_schedule_time_utc", &facts.scheduled_at},
      {"pipeline_root", &facts.pipeline_root},
      {"workspace_path", &facts.workspace_path},
  };
  for (const auto& [known_name, fact] : known) {
    if (name == known_name) return *fact;
  }
  return std::nullopt;
}

}  // namespace penstock
