#include "scheduler/plan/values/constant.h"

#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/limits.h"
#include "common/status_macros.h"
#include "common/text.h"
#include "scheduler/plan/values/placeholder_syntax.h"

namespace penstock {
namespace {

bool TextHasPlaceholder(const std::string& text) { return absl::StrContains(text, "{{$."); }

class ConstantResolver {
 public:
  ConstantResolver(const RunFacts& facts, InputValue input_value)
      : facts_(facts), input_value_(input_value) {}

  // Recursion is bounded by limits::kSpecDepth, as the constant was when it was read.
  absl::StatusOr<Json> Resolve(const Json& constant) {
    if (constant.is_string()) {
      ASSIGN_OR_RETURN(std::string text, ResolveText(constant.get_ref<const std::string&>()));
      return Json(std::move(text));
    }
    if (constant.is_array()) {
      Json out = Json::array();
      for (const Json& item : constant) {
        ASSIGN_OR_RETURN(Json value, Resolve(item));
        out.push_back(std::move(value));
      }
      return out;
    }
    if (constant.is_object()) {
      Json out = Json::object();
      for (const auto& item : constant.items()) {
        ASSIGN_OR_RETURN(std::string key, ResolveText(item.key()));
        if (out.contains(key)) {
          return absl::InvalidArgumentError(absl::StrCat("with the placeholders replaced, the key ",
                                                         QuoteForMessage(key), " is there twice"));
        }
        ASSIGN_OR_RETURN(out[key], Resolve(item.value()));
      }
      return out;
    }
    return constant;
  }

 private:
  absl::StatusOr<std::string> ResolveText(const std::string& text) {
    if (!TextHasPlaceholder(text)) return text;
    ASSIGN_OR_RETURN(std::string out, ReplacePlaceholders(text, bytes_left_,
                                                          [this](const Placeholder& p) { return Value(p); }));
    bytes_left_ -= static_cast<int64_t>(out.size());
    return out;
  }

  absl::StatusOr<std::optional<std::string>> Value(const Placeholder& placeholder) {
    if (!placeholder.IsField(0, "inputs")) return RunPlaceholderValue(placeholder, facts_);
    const std::optional<std::string> name = placeholder.NameIn("inputs", "parameters");
    if (!name.has_value() || placeholder.steps.size() != 3) {
      return absl::InvalidArgumentError(
          absl::StrCat("the constant holds ", placeholder.source,
                       "; only {{$.inputs.parameters['name']}} can stand in one"));
    }
    ASSIGN_OR_RETURN(const Json value, input_value_(*name));
    return JsonText(value);
  }

  const RunFacts& facts_;
  InputValue input_value_;
  int64_t bytes_left_ = limits::kOutputParameterBytes;
};

}  // namespace

bool HasPlaceholder(const Json& constant) {
  if (constant.is_string()) return TextHasPlaceholder(constant.get_ref<const std::string&>());
  if (!constant.is_structured()) return false;
  for (const auto& item : constant.items()) {
    if ((constant.is_object() && TextHasPlaceholder(item.key())) || HasPlaceholder(item.value())) return true;
  }
  return false;
}

bool IsLaunchPlaceholder(const Json& constant) {
  if (!constant.is_string()) return false;
  const std::optional<Placeholder> placeholder =
      ParseWholePlaceholder(constant.get_ref<const std::string&>());
  return placeholder.has_value() && (placeholder->steps.empty() || placeholder->IsField(0, "outputs") ||
                                     placeholder->IsField(0, "outputMetadataUri"));
}

absl::StatusOr<Json> ResolveConstant(const Json& constant, bool native, const RunFacts& facts,
                                     InputValue input_value) {
  if (native && constant.is_string()) {
    const std::optional<Placeholder> whole = ParseWholePlaceholder(constant.get_ref<const std::string&>());
    if (whole.has_value() && whole->json_escape == 0 && whole->steps.size() == 3) {
      const std::optional<std::string> name = whole->NameIn("inputs", "parameters");
      if (name.has_value()) return input_value(*name);
    }
  }
  return ConstantResolver(facts, input_value).Resolve(constant);
}

}  // namespace penstock
