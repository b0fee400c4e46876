#include "storage/list_filter.h"

#include <optional>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "common/json.h"
#include "common/limits.h"
#include "common/status_macros.h"

namespace penstock {
namespace {

constexpr std::pair<absl::string_view, FilterOperation> kOperations[] = {
    {"EQUALS", FilterOperation::kEquals},
    {"NOT_EQUALS", FilterOperation::kNotEquals},
    {"GREATER_THAN", FilterOperation::kGreaterThan},
    {"GREATER_THAN_EQUALS", FilterOperation::kGreaterThanEquals},
    {"LESS_THAN", FilterOperation::kLessThan},
    {"LESS_THAN_EQUALS", FilterOperation::kLessThanEquals},
    {"IN", FilterOperation::kIn},
    {"IS_SUBSTRING", FilterOperation::kIsSubstring},
};

enum class ValueKind { kNumber, kText, kTime };
struct ValueField {
  absl::string_view snake;
  absl::string_view camel;
  ValueKind kind;
  bool list;
};
constexpr ValueField kValueFields[] = {
    {"int_value", "intValue", ValueKind::kNumber, false},
    {"long_value", "longValue", ValueKind::kNumber, false},
    {"string_value", "stringValue", ValueKind::kText, false},
    {"timestamp_value", "timestampValue", ValueKind::kTime, false},
    {"int_values", "intValues", ValueKind::kNumber, true},
    {"long_values", "longValues", ValueKind::kNumber, true},
    {"string_values", "stringValues", ValueKind::kText, true},
};

std::string PercentDecode(absl::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size() && absl::ascii_isxdigit(text[i + 1]) &&
        absl::ascii_isxdigit(text[i + 2])) {
      out += absl::HexStringToBytes(text.substr(i + 1, 2));
      i += 2;
    } else {
      out.push_back(text[i] == '+' ? ' ' : text[i]);
    }
  }
  return out;
}

absl::Status Wrong(size_t index, absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat("filter: predicates[", index, "]: ", what));
}

absl::StatusOr<FilterOperation> DecodeOperation(const Json& json, size_t index) {
  for (const auto& [name, operation] : kOperations) {
    if (json.is_string() && json.get_ref<const std::string&>() == name) return operation;
    if (json.is_number_integer() && json.get<int64_t>() == static_cast<int64_t>(operation)) return operation;
  }
  return Wrong(index,
               "'operation' must be one of EQUALS, NOT_EQUALS, GREATER_THAN, GREATER_THAN_EQUALS, LESS_THAN, "
               "LESS_THAN_EQUALS, IN, IS_SUBSTRING");
}

absl::StatusOr<FilterValue> DecodeValue(const Json& json, const ValueField& field, size_t index) {
  if (field.kind == ValueKind::kNumber) {
    if (json.is_number_integer()) return FilterValue{json.get<int64_t>()};
    int64_t number;
    if (json.is_string() && absl::SimpleAtoi(json.get_ref<const std::string&>(), &number))
      return FilterValue{number};
    return Wrong(index, absl::StrCat("'", field.snake, "' must be an integer"));
  }
  if (!json.is_string()) return Wrong(index, absl::StrCat("'", field.snake, "' must be a string"));
  const std::string& text = json.get_ref<const std::string&>();
  if (field.kind == ValueKind::kText) return FilterValue{text};
  absl::Time time;
  std::string error;
  if (!absl::ParseTime(absl::RFC3339_full, text, &time, &error)) {
    return Wrong(index, absl::StrCat("'", field.snake, "' must be an RFC 3339 time: ", error));
  }
  return FilterValue{absl::ToUnixMicros(time), /*is_time=*/true};
}

absl::Status DecodeValues(const Json& json, const ValueField& field, size_t index,
                          FilterPredicate& predicate) {
  if (!field.list) {
    ASSIGN_OR_RETURN(FilterValue value, DecodeValue(json, field, index));
    predicate.values.push_back(std::move(value));
    return absl::OkStatus();
  }
  if (!json.is_object() || json.size() != 1 || !json.contains("values") || !json["values"].is_array()) {
    return Wrong(index, absl::StrCat("'", field.snake, "' must be an object with one list named 'values'"));
  }
  const Json& list = json["values"];
  if (list.size() > limits::kFilterValues) {
    return Wrong(index, absl::StrCat("'", field.snake, "' has ", list.size(), " values; at most ",
                                     limits::kFilterValues, " are allowed"));
  }
  for (const Json& item : list) {
    ASSIGN_OR_RETURN(FilterValue value, DecodeValue(item, field, index));
    predicate.values.push_back(std::move(value));
  }
  return absl::OkStatus();
}

absl::StatusOr<FilterPredicate> DecodePredicate(const Json& json, size_t index) {
  if (!json.is_object()) return Wrong(index, "must be an object");
  FilterPredicate predicate;
  bool has_operation = false;
  std::optional<ValueField> value_field;
  for (const auto& [name, value] : json.items()) {
    if (name == "operation") {
      ASSIGN_OR_RETURN(predicate.operation, DecodeOperation(value, index));
      has_operation = true;
      continue;
    }
    if (name == "key") {
      if (!value.is_string()) return Wrong(index, "'key' must be a string");
      predicate.key = value.get<std::string>();
      continue;
    }
    const ValueField* found = nullptr;
    for (const ValueField& field : kValueFields) {
      if (name == field.snake || name == field.camel) found = &field;
    }
    if (found == nullptr) return Wrong(index, absl::StrCat("'", name, "' is not a field of a predicate"));
    if (value_field.has_value()) return Wrong(index, "has two values; give one");
    value_field = *found;
    RETURN_IF_ERROR(DecodeValues(value, *found, index, predicate));
  }
  if (!has_operation) return Wrong(index, "'operation' is missing, for example \"operation\": \"EQUALS\"");
  if (predicate.key.empty()) return Wrong(index, "'key' is missing");
  if (!value_field.has_value()) return Wrong(index, "has no value, for example \"string_value\": \"x\"");
  if (value_field->list != (predicate.operation == FilterOperation::kIn)) {
    return Wrong(index, value_field->list ? "a list of values needs the operation IN"
                                          : "the operation IN needs a list, for example string_values");
  }
  if (predicate.operation == FilterOperation::kIsSubstring && value_field->kind != ValueKind::kText) {
    return Wrong(index, "IS_SUBSTRING needs a string_value");
  }
  return predicate;
}

}  // namespace

absl::StatusOr<std::vector<FilterPredicate>> ParseFilter(absl::string_view text) {
  std::vector<FilterPredicate> predicates;
  if (text.empty()) return predicates;
  if (text.size() > limits::kFilterBytes) {
    return absl::InvalidArgumentError(absl::StrCat("filter is ", text.size(), " bytes long; at most ",
                                                   limits::kFilterBytes, " are allowed"));
  }
  auto json = ParseJson(text);
  if (!json.ok()) json = ParseJson(PercentDecode(text));
  if (!json.ok())
    return absl::InvalidArgumentError(absl::StrCat("filter is not JSON: ", json.status().message()));
  if (!json->is_object())
    return absl::InvalidArgumentError("filter must be a JSON object with a list 'predicates'");
  for (const auto& [name, value] : json->items()) {
    if (name != "predicates")
      return absl::InvalidArgumentError(absl::StrCat("filter: unknown field '", name, "'"));
    if (!value.is_array()) return absl::InvalidArgumentError("filter: 'predicates' must be a list");
    if (value.size() > limits::kFilterPredicates) {
      return absl::InvalidArgumentError(absl::StrCat("filter has ", value.size(), " predicates; at most ",
                                                     limits::kFilterPredicates, " are allowed"));
    }
    for (size_t i = 0; i < value.size(); ++i) {
      ASSIGN_OR_RETURN(FilterPredicate predicate, DecodePredicate(value[i], i));
      predicates.push_back(std::move(predicate));
    }
  }
  return predicates;
}

}  // namespace penstock
