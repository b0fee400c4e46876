// The grammar of KFP's text placeholders, and the one pass that replaces them.
//
//   placeholder = "{{$" [ step { step } ] "}}"
//   step        = "." identifier | "['" key "']" | "[\"" key "\"]" | "[" digits "]"
//
// The first step is an identifier that begins with a lower-case letter, as all of KFP's do. Text that begins
// with "{{$" and is not of this form ("{{$.Values.x}}" of a Go template, "{{$var}}", an unfinished
// "{{$.inputs") is no placeholder and stays as it is. A key may hold anything but its own end; keys and whole
// placeholders are bounded.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "scheduler/plan/values/values.h"

namespace penstock {

struct PlaceholderStep {
  enum class Kind { kField, kKey, kIndex };
  Kind kind = Kind::kField;
  std::string text;  // the identifier, key or digits

  bool operator==(const PlaceholderStep&) const = default;
};

struct Placeholder {
  std::string source;  // as written, braces included
  // {{$.json_escape[n].path}} or {{$.path.json_escape[n]}}: the value is escaped n times, for use inside n
  // nested JSON texts. Not among the steps.
  int json_escape = 0;
  std::vector<PlaceholderStep> steps;  // none for {{$}}

  // Whether steps[index] is that field.
  bool IsField(size_t index, absl::string_view name) const;
  // The name in {{$.<side>.<kind>['name']...}}, if the placeholder begins so.
  std::optional<std::string> NameIn(absl::string_view side, absl::string_view kind) const;
};

// The placeholder that `text` begins with, if it begins with one.
std::optional<Placeholder> ParsePlaceholder(absl::string_view text);

// The placeholder that `text` is, whole.
std::optional<Placeholder> ParseWholePlaceholder(absl::string_view text);

// What a placeholder stands for, before json_escape is applied; nothing leaves it in the text as it is; an
// error ends the pass.
using PlaceholderValue = absl::FunctionRef<absl::StatusOr<std::optional<std::string>>(const Placeholder&)>;

// Replaces the placeholders in one pass from left to right. Values are not looked at again, so nothing in
// them is ever taken for a placeholder. Returns the error of `value`, or INVALID_ARGUMENT if the result has
// more than `max_bytes`, or `text` twice as many.
absl::StatusOr<std::string> ReplacePlaceholders(absl::string_view text, int64_t max_bytes,
                                                PlaceholderValue value);

// `text` as it stands between the quotes of a JSON text, done `times` times, or until it has more than
// `max_bytes`.
std::string JsonEscape(absl::string_view text, int times, int64_t max_bytes);

// The value of {{$.pipeline_job_name}} and its like, and of {{$.workspace_path}}. Nothing if the placeholder
// is not one of them. INVALID_ARGUMENT if the run has no workspace.
absl::StatusOr<std::optional<std::string>> RunPlaceholderValue(const Placeholder& placeholder,
                                                               const RunFacts& facts);

}  // namespace penstock
