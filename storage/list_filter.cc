#include "storage/list_filter.h"

#include <optional>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/time/time.h"
#include "common/errors.h"
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

absl::StatusOr<FilterOperation> DecodeOperation(const Json& json) {
  for (const auto& [name, operation] : kOperations) {
    if (json.is_string() && json.get_ref<const std::string&>() == name) return operation;
    // As protobuf's JSON has it, an enum may be its number.
    if (json.is_number_integer() && json.get<int64_t>() == static_cast<int64_t>(operation)) return operation;
  }
  return error::PredicateOperationUnknown();
}

absl::StatusOr<FilterValue> DecodeValue(const Json& json, const ValueField& field) {
  if (field.kind == ValueKind::kNumber) {
    if (json.is_number_integer()) return FilterValue{json.get<int64_t>()};
    int64_t number;
    if (json.is_string() && absl::SimpleAtoi(json.get_ref<const std::string&>(), &number)) {
      return FilterValue{number};
    }
    return error::PredicateValueNotInteger(field.snake);
  }
  if (!json.is_string()) return error::PredicateValueNotText(field.snake);
  const std::string& text = json.get_ref<const std::string&>();
  if (field.kind == ValueKind::kText) return FilterValue{text};
  absl::Time time;
  std::string reason;
  if (!absl::ParseTime(absl::RFC3339_full, text, &time, &reason)) {
    return error::PredicateValueNotTime(field.snake, reason);
  }
  return FilterValue{absl::ToUnixMicros(time), /*is_time=*/true};
}

absl::Status DecodeValues(const Json& json, const ValueField& field, FilterPredicate& predicate) {
  if (!field.list) {
    ASSIGN_OR_RETURN(FilterValue value, DecodeValue(json, field));
    predicate.values.push_back(std::move(value));
    return absl::OkStatus();
  }
  if (!json.is_object() || json.size() != 1 || !json.contains("values") || !json["values"].is_array()) {
    return error::PredicateValuesNotList(field.snake);
  }
  const Json& list = json["values"];
  if (list.size() > limits::kFilterValues) {
    return error::PredicateHasTooManyValues(field.snake, list.size(), limits::kFilterValues);
  }
  for (const Json& item : list) {
    ASSIGN_OR_RETURN(FilterValue value, DecodeValue(item, field));
    predicate.values.push_back(std::move(value));
  }
  return absl::OkStatus();
}

absl::StatusOr<FilterPredicate> DecodePredicate(const Json& json) {
  if (!json.is_object()) return error::PredicateNotObject();
  FilterPredicate predicate;
  bool has_operation = false;
  std::optional<ValueField> value_field;
  for (const auto& [name, value] : json.items()) {
    if (name == "operation") {
      ASSIGN_OR_RETURN(predicate.operation, DecodeOperation(value));
      has_operation = true;
      continue;
    }
    if (name == "key") {
      if (!value.is_string()) return error::PredicateKeyNotText();
      predicate.key = value.get<std::string>();
      continue;
    }
    const ValueField* found = nullptr;
    for (const ValueField& field : kValueFields) {
      if (name == field.snake || name == field.camel) found = &field;
    }
    if (found == nullptr) return error::PredicateFieldUnknown(name);
    if (value_field.has_value()) return error::PredicateHasTwoValues();
    value_field = *found;
    RETURN_IF_ERROR(DecodeValues(value, *found, predicate));
  }
  if (!has_operation) return error::PredicateWithoutOperation();
  if (predicate.key.empty()) return error::PredicateWithoutKey();
  if (!value_field.has_value()) return error::PredicateWithoutValue();
  if (value_field->list != (predicate.operation == FilterOperation::kIn)) {
    return value_field->list ? error::PredicateListWithoutIn() : error::PredicateInWithoutList();
  }
  if (predicate.operation == FilterOperation::kIsSubstring && value_field->kind != ValueKind::kText) {
    return error::PredicateSubstringNotText();
  }
  return predicate;
}

}  // namespace

absl::StatusOr<std::vector<FilterPredicate>> ParseFilter(absl::string_view text) {
  std::vector<FilterPredicate> predicates;
  if (text.empty()) return predicates;
  if (text.size() > limits::kFilterBytes) return error::FilterTooLong(text.size(), limits::kFilterBytes);
  auto json = ParseJson(text);
  // Some clients encode it for the URL once more than they have to.
  if (!json.ok()) json = ParseJson(PercentDecode(text));
  if (!json.ok()) return error::FilterNotJson(json.status().message());
  if (!json->is_object()) return error::FilterNotObject();
  for (const auto& [name, value] : json->items()) {
    if (name != "predicates") return error::FilterFieldUnknown(name);
    if (!value.is_array()) return error::FilterPredicatesNotList();
    if (value.size() > limits::kFilterPredicates) {
      return error::FilterTooManyPredicates(value.size(), limits::kFilterPredicates);
    }
    for (size_t i = 0; i < value.size(); ++i) {
      auto predicate = DecodePredicate(value[i]);
      if (!predicate.ok()) return error::InFilterPredicate(i, predicate.status());
      predicates.push_back(*std::move(predicate));
    }
  }
  return predicates;
}

}  // namespace penstock
