// Between JSON and protobuf's dynamic values. Work lists on the heap stand in for recursion.
#include <cmath>
#include <cstdint>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "common/json.h"
#include "common/limits.h"

namespace penstock {
namespace {

using google::protobuf::ListValue;
using google::protobuf::Struct;
using google::protobuf::Value;

// A value still to be read and where it goes. Places stay where they are: a list gets its size before its
// elements are read, and the elements of a map do not move.
struct ToJson {
  const Value* from;
  Json* to;
  int depth;  // of the collections around it
};

absl::Status OpenCollection(size_t size, int depth, int64_t* nodes) {
  if (depth >= limits::kSpecDepth) {
    return absl::InvalidArgumentError(absl::StrCat("lists and objects are nested more than ",
                                                   limits::kSpecDepth,
                                                   " levels deep (the bound kSpecDepth)"));
  }
  *nodes += static_cast<int64_t>(size);
  if (*nodes > limits::kSpecNodes) {
    return absl::InvalidArgumentError(
        absl::StrCat("more than ", limits::kSpecNodes, " values (the bound kSpecNodes)"));
  }
  return absl::OkStatus();
}

absl::Status ExpandStruct(const Struct& from, Json* to, int depth, int64_t* nodes,
                          std::vector<ToJson>* work) {
  *to = Json::object();
  const absl::Status opened = OpenCollection(from.fields_size(), depth, nodes);
  if (!opened.ok()) return opened;
  auto& object = to->get_ref<Json::object_t&>();
  for (const auto& [key, value] : from.fields()) work->push_back({&value, &object[key], depth + 1});
  return absl::OkStatus();
}

absl::Status ExpandList(const ListValue& from, Json* to, int depth, int64_t* nodes,
                        std::vector<ToJson>* work) {
  *to = Json::array();
  const absl::Status opened = OpenCollection(from.values_size(), depth, nodes);
  if (!opened.ok()) return opened;
  auto& array = to->get_ref<Json::array_t&>();
  array.resize(from.values_size());
  for (int i = 0; i < from.values_size(); ++i) work->push_back({&from.values(i), &array[i], depth + 1});
  return absl::OkStatus();
}

absl::Status Drain(std::vector<ToJson> work, int64_t nodes) {
  while (!work.empty()) {
    const ToJson item = work.back();
    work.pop_back();
    absl::Status status;
    switch (item.from->kind_case()) {
      case Value::kNumberValue:
        if (!std::isfinite(item.from->number_value())) {
          return absl::InvalidArgumentError("NaN and infinities are not JSON numbers");
        }
        *item.to = JsonNumber(item.from->number_value());
        break;
      case Value::kStringValue:
        *item.to = item.from->string_value();
        break;
      case Value::kBoolValue:
        *item.to = item.from->bool_value();
        break;
      case Value::kStructValue:
        status = ExpandStruct(item.from->struct_value(), item.to, item.depth, &nodes, &work);
        break;
      case Value::kListValue:
        status = ExpandList(item.from->list_value(), item.to, item.depth, &nodes, &work);
        break;
      default:
        *item.to = nullptr;
    }
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

struct ToValue {
  const Json* from;
  Value* to;
};

void ExpandObject(const Json& json, Struct* to, std::vector<ToValue>* work) {
  auto& fields = *to->mutable_fields();
  for (const auto& [key, value] : json.get_ref<const Json::object_t&>()) {
    work->push_back({&value, &fields[key]});
  }
}

void Drain(std::vector<ToValue> work) {
  while (!work.empty()) {
    const ToValue item = work.back();
    work.pop_back();
    switch (item.from->type()) {
      case Json::value_t::object:
        ExpandObject(*item.from, item.to->mutable_struct_value(), &work);
        break;
      case Json::value_t::array: {
        ListValue* list = item.to->mutable_list_value();
        for (const Json& element : *item.from) work.push_back({&element, list->add_values()});
        break;
      }
      case Json::value_t::string:
        item.to->set_string_value(item.from->get_ref<const std::string&>());
        break;
      case Json::value_t::boolean:
        item.to->set_bool_value(item.from->get<bool>());
        break;
      case Json::value_t::number_integer:
      case Json::value_t::number_unsigned:
      case Json::value_t::number_float:
        item.to->set_number_value(item.from->get<double>());
        break;
      default:
        item.to->set_null_value(google::protobuf::NULL_VALUE);
    }
  }
}

}  // namespace

absl::StatusOr<Json> JsonFromValue(const Value& value) {
  Json json;
  const absl::Status status = Drain({{&value, &json, 0}}, 1);
  if (!status.ok()) return status;
  return json;
}

absl::StatusOr<Json> JsonFromStruct(const Struct& value) {
  Json json;
  int64_t nodes = 1;
  std::vector<ToJson> work;
  absl::Status status = ExpandStruct(value, &json, 0, &nodes, &work);
  if (status.ok()) status = Drain(std::move(work), nodes);
  if (!status.ok()) return status;
  return json;
}

void JsonToValue(const Json& json, Value* value) {
  value->Clear();
  Drain({{&json, value}});
}

void JsonToStruct(const Json& json, Struct* value) {
  value->Clear();
  if (json.is_object()) {
    std::vector<ToValue> work;
    ExpandObject(json, value, &work);
    Drain(std::move(work));
  }
}

}  // namespace penstock
