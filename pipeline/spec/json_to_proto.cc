#include "pipeline/spec/json_to_proto.h"

#include <cmath>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "common/limits.h"
#include "common/status_macros.h"
#include "common/text.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/duration.pb.h"
#include "google/protobuf/struct.pb.h"

namespace penstock {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::EnumDescriptor;
using google::protobuf::EnumValueDescriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::OneofDescriptor;
using google::protobuf::Reflection;

constexpr int64_t kDurationSeconds = 315'576'000'000;  // the type's own range: 10,000 years
constexpr size_t kNamesShown = 20;

absl::Status WrongKind(const DocPath& path, absl::string_view expected, const Json& found) {
  if (found.is_null()) return path.Error("expected ", expected, ", found null");
  return path.Error("expected ", expected, ", found ", JsonKindName(found), " (", JsonExcerpt(found), ")");
}

// Both spellings, camelCase and the proto's own, as protobuf's parser takes them.
const FieldDescriptor* FindField(const Descriptor& descriptor, const std::string& name) {
  const FieldDescriptor* field = descriptor.FindFieldByCamelcaseName(name);
  return field != nullptr ? field : descriptor.FindFieldByName(name);
}

bool IsDynamicValue(const FieldDescriptor& field) {
  return field.cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE && !field.is_repeated() &&
         field.message_type() == google::protobuf::Value::descriptor();
}

// "3.5s" in seconds and nanoseconds of one sign.
std::optional<std::pair<int64_t, int32_t>> ParseDuration(absl::string_view text) {
  if (!absl::ConsumeSuffix(&text, "s")) return std::nullopt;
  const bool negative = absl::ConsumePrefix(&text, "-");
  const size_t point = text.find('.');
  const absl::string_view whole = text.substr(0, point);
  std::string fraction(point == absl::string_view::npos ? "0" : text.substr(point + 1));
  const auto is_digits = [](absl::string_view digits) {
    return !digits.empty() && digits.find_first_not_of("0123456789") == absl::string_view::npos;
  };
  int64_t seconds = 0;
  if (!is_digits(whole) || !is_digits(fraction) || fraction.size() > 9 ||
      !absl::SimpleAtoi(whole, &seconds) || seconds > kDurationSeconds) {
    return std::nullopt;
  }
  fraction.resize(9, '0');
  int32_t nanos = 0;
  if (!absl::SimpleAtoi(fraction, &nanos)) return std::nullopt;
  return negative ? std::pair(-seconds, -nanos) : std::pair(seconds, nanos);
}

// One field of one message, and its element rather than itself if it is repeated.
struct Slot {
  Message* message;
  const Reflection* reflection;
  const FieldDescriptor* field;
};

template <typename Value>
void Store(const Slot& slot, Value value,
           void (Reflection::*set)(Message*, const FieldDescriptor*, Value) const,
           void (Reflection::*add)(Message*, const FieldDescriptor*, Value) const) {
  (slot.reflection->*(slot.field->is_repeated() ? add : set))(slot.message, slot.field, value);
}

template <typename Int>
absl::StatusOr<Int> ReadInteger(const Json& json, const DocPath& path) {
  Int value = 0;
  bool fits = false;
  if (json.is_number_unsigned()) {
    fits = json.get<uint64_t>() <= static_cast<uint64_t>(std::numeric_limits<Int>::max());
    value = static_cast<Int>(json.get<uint64_t>());
  } else if (json.is_number_integer()) {
    const int64_t wide = json.get<int64_t>();
    fits = std::is_signed_v<Int>
               ? wide >= static_cast<int64_t>(std::numeric_limits<Int>::min()) &&
                     wide <= static_cast<int64_t>(std::numeric_limits<Int>::max())
               : wide >= 0 && static_cast<uint64_t>(wide) <= std::numeric_limits<Int>::max();
    value = static_cast<Int>(wide);
  } else if (json.is_string()) {
    fits = absl::SimpleAtoi(json.get_ref<const std::string&>(), &value);
  } else if (!json.is_number()) {
    return WrongKind(path, "an integer", json);
  }
  if (!fits) {
    return path.Error("expected an integer from ", std::numeric_limits<Int>::min(), " to ",
                      std::numeric_limits<Int>::max(), ", found ", JsonExcerpt(json));
  }
  return value;
}

absl::StatusOr<double> ReadDouble(const Json& json, const DocPath& path) {
  double value = 0;
  if (json.is_number()) {
    value = json.get<double>();
  } else if (!json.is_string() || !absl::SimpleAtod(json.get_ref<const std::string&>(), &value)) {
    return WrongKind(path, "a number", json);
  }
  if (!std::isfinite(value)) return path.Error("expected a finite number, found ", JsonExcerpt(json));
  return value;
}

absl::StatusOr<int> ReadEnum(const EnumDescriptor& type, const Json& json, const DocPath& path) {
  const EnumValueDescriptor* value = nullptr;
  if (json.is_string()) {
    value = type.FindValueByName(json.get_ref<const std::string&>());
  } else if (json.is_number_integer()) {
    const int64_t number = json.get<int64_t>();
    if (number >= INT32_MIN && number <= INT32_MAX) value = type.FindValueByNumber(static_cast<int>(number));
  }
  if (value != nullptr) return value->number();
  std::vector<std::string> names;
  for (int i = 0; i < type.value_count(); ++i) names.push_back(type.value(i)->name());
  return path.Error("expected one of ", ListNames(names, kNamesShown), ", found ", JsonExcerpt(json));
}

class Decoder {
 public:
  explicit Decoder(const JsonToProtoOptions& options) : options_(options) {}

  absl::Status DecodeMessage(const Json& json, const DocPath& path, Message* message) {
    const Descriptor* type = message->GetDescriptor();
    if (type->well_known_type() != Descriptor::WELLKNOWNTYPE_UNSPECIFIED) {
      return DecodeWellKnown(json, path, message);
    }
    if (!json.is_object()) return WrongKind(path, "an object", json);
    if (depth_ >= limits::kSpecDepth) {
      return path.Error("nested more than ", limits::kSpecDepth, " levels deep (the bound kSpecDepth)");
    }
    ++depth_;
    for (const auto& [name, value] : json.get_ref<const Json::object_t&>()) {
      RETURN_IF_ERROR(DecodeNamed(json, name, value, path, message));
    }
    --depth_;
    return absl::OkStatus();
  }

 private:
  absl::Status DecodeNamed(const Json& parent, const std::string& name, const Json& value,
                           const DocPath& path, Message* message) {
    const Descriptor& type = *message->GetDescriptor();
    const FieldDescriptor* field = FindField(type, name);
    if (field == nullptr) {
      return options_.ignore_unknown_fields ? absl::OkStatus() : UnknownField(type, name, path);
    }
    if (name != field->camelcase_name() && parent.contains(field->camelcase_name())) {
      return path.Error("the field '", field->camelcase_name(), "' is given twice, also as '", name, "'");
    }
    // null is a field that is not set, but for a google.protobuf.Value, which may be null itself.
    if (value.is_null() && !IsDynamicValue(*field)) return absl::OkStatus();
    if (const OneofDescriptor* oneof = field->real_containing_oneof(); oneof != nullptr) {
      const FieldDescriptor* other = message->GetReflection()->GetOneofFieldDescriptor(*message, oneof);
      if (other != nullptr) {
        return path.Error("both '", other->camelcase_name(), "' and '", field->camelcase_name(),
                          "' are set; only one of them may be");
      }
    }
    const Slot slot{message, message->GetReflection(), field};
    const DocPath field_path = path.Key(name);
    if (field->is_map()) return DecodeMap(slot, value, field_path);
    return field->is_repeated() ? DecodeRepeated(slot, value, field_path)
                                : DecodeSingle(slot, value, field_path);
  }

  static absl::Status UnknownField(const Descriptor& type, const std::string& name, const DocPath& path) {
    std::vector<std::string> known;
    for (int i = 0; i < type.field_count(); ++i) known.push_back(type.field(i)->camelcase_name());
    return path.Error("unknown field ", QuoteForMessage(name), SuggestName(name, known));
  }

  absl::Status DecodeMap(const Slot& slot, const Json& json, const DocPath& path) {
    if (!json.is_object()) return WrongKind(path, "an object", json);
    const Descriptor* entry_type = slot.field->message_type();
    for (const auto& [key, value] : json.get_ref<const Json::object_t&>()) {
      Message* entry = slot.reflection->AddMessage(slot.message, slot.field);
      const Reflection* reflection = entry->GetReflection();
      const DocPath value_path = path.Key(key);
      RETURN_IF_ERROR(DecodeSingle({entry, reflection, entry_type->map_key()}, Json(key), value_path));
      const FieldDescriptor* value_field = entry_type->map_value();
      if (value.is_null() && !IsDynamicValue(*value_field)) {
        return value_path.Error("expected a value, found null");
      }
      RETURN_IF_ERROR(DecodeSingle({entry, reflection, value_field}, value, value_path));
    }
    return absl::OkStatus();
  }

  absl::Status DecodeRepeated(const Slot& slot, const Json& json, const DocPath& path) {
    if (!json.is_array()) return WrongKind(path, "a list", json);
    for (size_t i = 0; i < json.size(); ++i) RETURN_IF_ERROR(DecodeSingle(slot, json[i], path.Index(i)));
    return absl::OkStatus();
  }

  // A field, or the next element of a repeated one.
  absl::Status DecodeSingle(const Slot& slot, const Json& json, const DocPath& path) {
    switch (slot.field->cpp_type()) {
      case FieldDescriptor::CPPTYPE_MESSAGE:
        return DecodeMessage(json, path,
                             slot.field->is_repeated()
                                 ? slot.reflection->AddMessage(slot.message, slot.field)
                                 : slot.reflection->MutableMessage(slot.message, slot.field));
      case FieldDescriptor::CPPTYPE_STRING:
        return DecodeString(slot, json, path);
      case FieldDescriptor::CPPTYPE_BOOL:
        if (!json.is_boolean()) return WrongKind(path, "true or false", json);
        Store<bool>(slot, json.get<bool>(), &Reflection::SetBool, &Reflection::AddBool);
        return absl::OkStatus();
      case FieldDescriptor::CPPTYPE_ENUM: {
        ASSIGN_OR_RETURN(const int value, ReadEnum(*slot.field->enum_type(), json, path));
        Store<int>(slot, value, &Reflection::SetEnumValue, &Reflection::AddEnumValue);
        return absl::OkStatus();
      }
      default:
        return DecodeNumber(slot, json, path);
    }
  }

  static absl::Status DecodeString(const Slot& slot, const Json& json, const DocPath& path) {
    if (!json.is_string() || slot.field->type() == FieldDescriptor::TYPE_BYTES) {
      return WrongKind(path, "a text", json);
    }
    Store<std::string>(slot, json.get_ref<const std::string&>(), &Reflection::SetString,
                       &Reflection::AddString);
    return absl::OkStatus();
  }

  static absl::Status DecodeNumber(const Slot& slot, const Json& json, const DocPath& path) {
    switch (slot.field->cpp_type()) {
      case FieldDescriptor::CPPTYPE_INT32: {
        ASSIGN_OR_RETURN(const int32_t value, ReadInteger<int32_t>(json, path));
        Store<int32_t>(slot, value, &Reflection::SetInt32, &Reflection::AddInt32);
        break;
      }
      case FieldDescriptor::CPPTYPE_INT64: {
        ASSIGN_OR_RETURN(const int64_t value, ReadInteger<int64_t>(json, path));
        Store<int64_t>(slot, value, &Reflection::SetInt64, &Reflection::AddInt64);
        break;
      }
      case FieldDescriptor::CPPTYPE_UINT32: {
        ASSIGN_OR_RETURN(const uint32_t value, ReadInteger<uint32_t>(json, path));
        Store<uint32_t>(slot, value, &Reflection::SetUInt32, &Reflection::AddUInt32);
        break;
      }
      case FieldDescriptor::CPPTYPE_UINT64: {
        ASSIGN_OR_RETURN(const uint64_t value, ReadInteger<uint64_t>(json, path));
        Store<uint64_t>(slot, value, &Reflection::SetUInt64, &Reflection::AddUInt64);
        break;
      }
      case FieldDescriptor::CPPTYPE_FLOAT: {
        ASSIGN_OR_RETURN(const double value, ReadDouble(json, path));
        Store<float>(slot, static_cast<float>(value), &Reflection::SetFloat, &Reflection::AddFloat);
        break;
      }
      default: {
        ASSIGN_OR_RETURN(const double value, ReadDouble(json, path));
        Store<double>(slot, value, &Reflection::SetDouble, &Reflection::AddDouble);
      }
    }
    return absl::OkStatus();
  }

  static absl::Status DecodeWellKnown(const Json& json, const DocPath& path, Message* message) {
    switch (message->GetDescriptor()->well_known_type()) {
      case Descriptor::WELLKNOWNTYPE_VALUE:
        JsonToValue(json, static_cast<google::protobuf::Value*>(message));
        return absl::OkStatus();
      case Descriptor::WELLKNOWNTYPE_STRUCT:
        if (!json.is_object()) return WrongKind(path, "an object", json);
        JsonToStruct(json, static_cast<google::protobuf::Struct*>(message));
        return absl::OkStatus();
      case Descriptor::WELLKNOWNTYPE_LISTVALUE: {
        if (!json.is_array()) return WrongKind(path, "a list", json);
        google::protobuf::Value value;
        JsonToValue(json, &value);
        static_cast<google::protobuf::ListValue*>(message)->Swap(value.mutable_list_value());
        return absl::OkStatus();
      }
      case Descriptor::WELLKNOWNTYPE_DURATION:
        return DecodeDuration(json, path, static_cast<google::protobuf::Duration*>(message));
      default:
        return path.Error("a field of type ", message->GetDescriptor()->full_name(), " cannot be given here");
    }
  }

  static absl::Status DecodeDuration(const Json& json, const DocPath& path,
                                     google::protobuf::Duration* duration) {
    if (!json.is_string()) return WrongKind(path, "a duration in seconds such as \"3600s\"", json);
    const auto parsed = ParseDuration(json.get_ref<const std::string&>());
    if (!parsed.has_value()) {
      return path.Error("expected a duration in seconds such as \"3600s\", found ", JsonExcerpt(json));
    }
    duration->set_seconds(parsed->first);
    duration->set_nanos(parsed->second);
    return absl::OkStatus();
  }

  const JsonToProtoOptions options_;
  int depth_ = 0;
};

void NormalizeField(const FieldDescriptor& field, Json* value) {
  if (field.is_map()) {
    const FieldDescriptor* value_field = field.message_type()->map_value();
    if (value->is_object() && value_field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
      for (Json& element : *value) NormalizeFieldNames(*value_field->message_type(), &element);
    }
  } else if (field.is_repeated()) {
    for (Json& element : *value) NormalizeFieldNames(*field.message_type(), &element);
  } else {
    NormalizeFieldNames(*field.message_type(), value);
  }
}

}  // namespace

absl::Status JsonToProto(const Json& json, const DocPath& path, const JsonToProtoOptions& options,
                         Message* message) {
  // Maps that are filled by reflection hold each entry twice until they are copied.
  const std::unique_ptr<Message> scratch(message->New());
  const absl::Status status = Decoder(options).DecodeMessage(json, path, scratch.get());
  if (status.ok()) message->CopyFrom(*scratch);
  return status;
}

// Recursion ends where the document's own levels do: it is a valid message, which the decoder has bounded.
void NormalizeFieldNames(const Descriptor& descriptor, Json* json) {
  if (!json->is_object() || descriptor.well_known_type() != Descriptor::WELLKNOWNTYPE_UNSPECIFIED) return;
  auto& object = json->get_ref<Json::object_t&>();
  std::vector<std::string> renamed;
  for (auto it = object.begin(); it != object.end();) {
    const FieldDescriptor* field = FindField(descriptor, it->first);
    if (field != nullptr && it->second.is_null() && !IsDynamicValue(*field)) {
      it = object.erase(it);
      continue;
    }
    if (field != nullptr && field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
      NormalizeField(*field, &it->second);
    }
    if (field != nullptr && it->first != field->camelcase_name()) renamed.push_back(it->first);
    ++it;
  }
  // Only now: a new name may stand anywhere in the order, also ahead of the loop above.
  for (const std::string& name : renamed) {
    auto node = object.extract(name);
    node.key() = descriptor.FindFieldByName(name)->camelcase_name();
    object.insert(std::move(node));
  }
}

}  // namespace penstock
