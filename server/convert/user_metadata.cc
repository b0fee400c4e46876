#include "server/convert/user_metadata.h"

#include <string>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/errors.h"
#include "common/json.h"
#include "common/limits.h"
#include "common/status_macros.h"
#include "common/text.h"
#include "server/errors.h"

namespace penstock {
namespace {

int DepthOf(const Json& json) {
  if (!json.is_structured()) return 0;
  int deepest = 0;
  for (const Json& element : json) deepest = std::max(deepest, DepthOf(element));
  return deepest + 1;
}

}  // namespace

absl::StatusOr<TypedTag> TagFromValue(absl::string_view field, const google::protobuf::Value& value) {
  TypedTag tag;
  switch (value.kind_case()) {
    case google::protobuf::Value::kStringValue:
      tag.value = value.string_value();
      break;
    case google::protobuf::Value::kBoolValue:
      tag = {TagType::kBoolean, value.bool_value() ? "true" : "false"};
      break;
    case google::protobuf::Value::kNumberValue:
      // Not as JSON, which has no NaN and infinities.
      tag = {TagType::kNumber, absl::StrCat(value.number_value())};
      if (const std::string text = JsonText(JsonNumber(value.number_value()));
          text != "null" && !text.empty()) {
        tag.value = text;
      }
      break;
    case google::protobuf::Value::kListValue:
    case google::protobuf::Value::kStructValue: {
      ASSIGN_OR_RETURN(const Json json, JsonFromValue(value));
      if (DepthOf(json) > limits::kMetadataDepth) {
        return error::MetadataTooDeep(field, limits::kMetadataDepth);
      }
      tag = {TagType::kJson, DumpJson(json)};
      break;
    }
    default:
      return error::FieldRequired(
          field, "give a text, a number, true, false, a list or an object; remove a value by its key");
  }
  if (static_cast<int64_t>(tag.value.size()) > limits::kMetadataBytes) {
    return error::FieldTooLong(field, tag.value.size(), limits::kMetadataBytes);
  }
  if (!IsUtf8(tag.value) || tag.value.find('\0') != std::string::npos) return error::FieldNotUtf8(field);
  return tag;
}

void TagToValue(const TypedTag& tag, google::protobuf::Value* value) {
  double number = 0;
  if (tag.type == TagType::kNumber && absl::SimpleAtod(tag.value, &number)) {
    value->set_number_value(number);
  } else if (tag.type == TagType::kBoolean) {
    value->set_bool_value(tag.value == "true");
  } else if (const auto json = ParseJson(tag.value); tag.type == TagType::kJson && json.ok()) {
    JsonToValue(*json, value);
  } else {
    value->set_string_value(tag.value);
  }
}

}  // namespace penstock
