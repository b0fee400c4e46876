#include "scheduler/plan/values/parameter_type.h"

#include <cmath>
#include <cstdint>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "common/status_macros.h"
#include "common/text.h"
#include "pipeline/spec/parameter_type.h"

namespace penstock {
namespace {

using ml_pipelines::ParameterType;

constexpr size_t kContentExcerptBytes = 60;

// strconv.ParseBool, which KFP reads booleans with.
absl::StatusOr<Json> ParseBool(absl::string_view text) {
  for (const absl::string_view yes : {"1", "t", "T", "TRUE", "true", "True"}) {
    if (text == yes) return Json(true);
  }
  for (const absl::string_view no : {"0", "f", "F", "FALSE", "false", "False"}) {
    if (text == no) return Json(false);
  }
  return absl::InvalidArgumentError("it is neither true nor false");
}

absl::StatusOr<Json> ParseInteger(absl::string_view text) {
  int64_t number = 0;
  if (!absl::SimpleAtoi(text, &number)) {
    return absl::InvalidArgumentError("it is not a whole number of 64 bits");
  }
  return Json(number);
}

absl::StatusOr<Json> ParseDouble(absl::string_view text) {
  double number = 0;
  if (!absl::SimpleAtod(text, &number)) return absl::InvalidArgumentError("it is not a number");
  if (!std::isfinite(number)) {
    return absl::InvalidArgumentError("NaN and infinity cannot be passed on as JSON");
  }
  return JsonNumber(number);
}

absl::StatusOr<Json> ParseContent(absl::string_view content, ParameterTypeEnum type) {
  const absl::string_view trimmed = absl::StripAsciiWhitespace(content);
  switch (type) {
    case ParameterType::STRING:
      if (!IsUtf8(content)) return absl::InvalidArgumentError("it is not UTF-8");
      return Json(std::string(content));
    case ParameterType::NUMBER_INTEGER:
      return ParseInteger(trimmed);
    case ParameterType::NUMBER_DOUBLE:
      return ParseDouble(trimmed);
    case ParameterType::BOOLEAN:
      return ParseBool(trimmed);
    case ParameterType::LIST:
    case ParameterType::STRUCT: {
      ASSIGN_OR_RETURN(Json value, ParseJson(content));
      RETURN_IF_ERROR(CheckParameterKind(value, type));
      return value;
    }
    default:
      return absl::InvalidArgumentError("no value of this type can be read from a file");
  }
}

}  // namespace

std::string ParameterTypeName(ParameterTypeEnum type) {
  if (type == ParameterType::PARAMETER_TYPE_ENUM_UNSPECIFIED) return "unspecified";
  const std::string& name = ParameterType::ParameterTypeEnum_Name(type);
  return name.empty() ? absl::StrCat("unknown type ", static_cast<int>(type)) : name;
}

absl::Status CheckParameterKind(const Json& value, ParameterTypeEnum type) {
  if (IsOfType(value, type)) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("its type is ", ParameterTypeName(type),
                                                 ", and the value is ", JsonKindName(value), ": ",
                                                 JsonExcerpt(value)));
}

absl::StatusOr<Json> ConvertParameter(Json value, ParameterTypeEnum type) {
  if (type == ParameterType::STRING && !value.is_string()) return Json(JsonText(value));
  RETURN_IF_ERROR(CheckParameterKind(value, type));
  return value;
}

absl::StatusOr<Json> ParseLoopItem(const std::string& text, ParameterTypeEnum type) {
  absl::StatusOr<Json> value = ParseContent(text, type);
  if (value.ok()) return value;
  return absl::InvalidArgumentError(
      absl::StrCat("its type is ", ParameterTypeName(type), ", and the item of the loop is ",
                   JsonExcerpt(Json(text)), ": ", value.status().message(),
                   "; give the list a type (List[int], for example), or make its items such values"));
}

absl::StatusOr<Json> ParseParameterFile(absl::string_view content, ParameterTypeEnum type) {
  absl::StatusOr<Json> value = ParseContent(content, type);
  if (value.ok()) return value;
  return absl::InvalidArgumentError(
      absl::StrCat("\"", Shorten(ReplaceInvalidUtf8(content), kContentExcerptBytes),
                   "\" was written, its type is ", ParameterTypeName(type), ": ", value.status().message()));
}

}  // namespace penstock
