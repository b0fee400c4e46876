#include <algorithm>
#include <cmath>
#include <utility>

#include "pipeline/expression/value.h"

namespace penstock::expression {
namespace {

Order OrderOf(int64_t a, int64_t b) { return a < b ? Order::kLess : a > b ? Order::kGreater : Order::kEqual; }

Order OrderOf(double a, double b) {
  if (std::isnan(a) || std::isnan(b)) return Order::kNone;
  return a < b ? Order::kLess : a > b ? Order::kGreater : Order::kEqual;
}

Order Reverse(Order order) {
  return order == Order::kLess ? Order::kGreater : order == Order::kGreater ? Order::kLess : order;
}

// Compares without making a double of the int, which would round it: a double within the range of ints is
// compared by its whole part, and only then by its fraction.
Order OrderOf(int64_t a, double b) {
  if (std::isnan(b)) return Order::kNone;
  if (b >= kInt64End) return Order::kLess;
  if (b < -kInt64End) return Order::kGreater;
  const double whole = std::trunc(b);
  const Order order = OrderOf(a, static_cast<int64_t>(whole));
  return order == Order::kEqual ? OrderOf(whole, b) : order;
}

using Pair = std::pair<Value, Value>;

// Whether two values that are no lists or maps are equal. Lists and maps add the pairs that have to be.
bool EqualHere(const Value& a, const Value& b, std::vector<Pair>* open) {
  if (a.IsNumber() && b.IsNumber()) return CompareNumbers(a, b) == Order::kEqual;
  if (a.kind != b.kind) return false;
  switch (a.kind) {
    case Value::Kind::kNull:
      return true;
    case Value::Kind::kBool:
      return a.boolean == b.boolean;
    case Value::Kind::kString:
      return a.text == b.text;
    case Value::Kind::kList: {
      const size_t size = SizeOf(a);
      if (size != SizeOf(b)) return false;
      for (size_t i = 0; i < size; ++i) open->emplace_back(ElementOf(a, i), ElementOf(b, i));
      return true;
    }
    default:
      return false;
  }
}

// Adds the pairs of values that two maps have at the same keys; false if a key has no partner.
bool PairMaps(const Value& a, const Value& b, std::vector<Pair>* open) {
  if (SizeOf(a) != SizeOf(b)) return false;
  const auto pair = [&](const Value& key, const Value& value) {
    const std::optional<Value> other = Find(b, key);
    if (other.has_value()) open->emplace_back(value, *other);
    return other.has_value();
  };
  if (a.items != nullptr) {
    for (size_t i = 0; i < a.items->size(); i += 2) {
      if (!pair((*a.items)[i], (*a.items)[i + 1])) return false;
    }
    return true;
  }
  for (const auto& [key, value] : a.json->get_ref<const Json::object_t&>()) {
    if (!pair(Value::Text(key), Value::Data(value))) return false;
  }
  return true;
}

// What a look at the two costs: their bytes, or their elements at the price of a value each.
int64_t CostOf(const Value& a, const Value& b) {
  if (a.kind != b.kind) return 1;
  if (a.kind == Value::Kind::kString) return 1 + static_cast<int64_t>(std::min(a.text.size(), b.text.size()));
  if (a.kind == Value::Kind::kList || a.kind == Value::Kind::kMap) {
    const auto smaller = static_cast<int64_t>(std::min(SizeOf(a), SizeOf(b)));
    // A key of a written map is looked for from its beginning.
    const bool written = a.kind == Value::Kind::kMap && b.items != nullptr;
    return 1 + smaller * (written ? smaller + kElementCost : kElementCost);
  }
  return 1;
}

}  // namespace

Value Value::Bool(bool boolean) {
  Value value;
  value.kind = Kind::kBool;
  value.boolean = boolean;
  return value;
}

Value Value::Int(int64_t integer) {
  Value value;
  value.kind = Kind::kInt;
  value.integer = integer;
  return value;
}

Value Value::Double(double number) {
  Value value;
  value.kind = Kind::kDouble;
  value.number = number;
  return value;
}

Value Value::Text(absl::string_view text) {
  Value value;
  value.kind = Kind::kString;
  value.text = text;
  return value;
}

Value Value::Items(Kind kind, const std::vector<Value>* items) {
  Value value;
  value.kind = kind;
  value.items = items;
  return value;
}

Value Value::Data(const Json& json) {
  Value value;
  switch (json.type()) {
    case Json::value_t::boolean:
      return Bool(json.get<bool>());
    case Json::value_t::string:
      return Text(json.get_ref<const std::string&>());
    case Json::value_t::number_integer:
    case Json::value_t::number_unsigned:
    case Json::value_t::number_float:
      // A number of run data is a double, as in KFP. It keeps `json`, where an integer has all its digits:
      // see ExactInteger.
      value = Double(json.get<double>());
      break;
    case Json::value_t::array:
      value.kind = Kind::kList;
      break;
    case Json::value_t::object:
      value.kind = Kind::kMap;
      break;
    default:
      return Null();
  }
  value.json = &json;
  return value;
}

std::optional<int64_t> Value::ExactInteger() const {
  if (kind == Kind::kInt) return integer;
  if (kind != Kind::kDouble || json == nullptr || !json->is_number_integer()) return std::nullopt;
  if (json->is_number_unsigned() && json->get<uint64_t>() > static_cast<uint64_t>(INT64_MAX)) {
    return std::nullopt;
  }
  return json->get<int64_t>();
}

absl::string_view KindName(const Value& value) {
  switch (value.kind) {
    case Value::Kind::kNull:
      return "null";
    case Value::Kind::kBool:
      return "bool";
    case Value::Kind::kInt:
      return "int";
    case Value::Kind::kDouble:
      return "double";
    case Value::Kind::kString:
      return "string";
    case Value::Kind::kList:
      return "list";
    case Value::Kind::kMap:
      return "map";
    case Value::Kind::kInputs:
      return "all inputs";
    case Value::Kind::kParameters:
      return "all parameters";
  }
  return "";
}

Order CompareNumbers(const Value& a, const Value& b) {
  const std::optional<int64_t> left = a.ExactInteger();
  const std::optional<int64_t> right = b.ExactInteger();
  if (left.has_value()) return right.has_value() ? OrderOf(*left, *right) : OrderOf(*left, b.number);
  return right.has_value() ? Reverse(OrderOf(*right, a.number)) : OrderOf(a.number, b.number);
}

size_t SizeOf(const Value& list_or_map) {
  if (list_or_map.items == nullptr) return list_or_map.json->size();
  return list_or_map.kind == Value::Kind::kMap ? list_or_map.items->size() / 2 : list_or_map.items->size();
}

Value ElementOf(const Value& list, size_t index) {
  return list.items != nullptr ? (*list.items)[index] : Value::Data((*list.json)[index]);
}

std::optional<Value> Find(const Value& map, const Value& key) {
  if (map.items == nullptr) {
    if (key.kind != Value::Kind::kString) {
      return std::nullopt;  // the keys of data are strings
    }
    const auto found = map.json->find(std::string(key.text));
    return found == map.json->end() ? std::nullopt : std::optional<Value>(Value::Data(*found));
  }
  for (size_t i = 0; i < map.items->size(); i += 2) {
    std::vector<Pair> open;
    // Keys of a written map are strings, ints and bools, so EqualHere settles it alone.
    if (EqualHere((*map.items)[i], key, &open) && open.empty()) return (*map.items)[i + 1];
  }
  return std::nullopt;
}

// Pairs that have yet to be equal are on a stack of its own, since data may be nested deeply. Each is paid
// for before it is looked at.
std::optional<bool> Equal(const Value& a, const Value& b, Charge charge) {
  std::vector<Pair> open = {{a, b}};
  while (!open.empty()) {
    const Pair pair = open.back();
    open.pop_back();
    if (!charge(CostOf(pair.first, pair.second))) return std::nullopt;
    const bool maps = pair.first.kind == Value::Kind::kMap && pair.second.kind == Value::Kind::kMap;
    if (maps ? !PairMaps(pair.first, pair.second, &open) : !EqualHere(pair.first, pair.second, &open)) {
      return false;
    }
  }
  return true;
}

}  // namespace penstock::expression
