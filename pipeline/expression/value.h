// Values of expressions, and what can be said of two of them. Internal to pipeline/expression.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/strings/string_view.h"
#include "common/json.h"

namespace penstock::expression {

inline constexpr double kInt64End = 9223372036854775808.0;  // 2^63, the first that is too large for an int

// Refers to what it does not own: the syntax, the data, and the evaluator that made it outlive it.
struct Value {
  enum class Kind : uint8_t { kNull, kBool, kInt, kDouble, kString, kList, kMap, kInputs, kParameters };

  Kind kind = Kind::kNull;
  bool boolean = false;
  int64_t integer = 0;
  double number = 0;
  absl::string_view text;
  // The data that it is, if it is a number, list or map that came in.
  const Json* json = nullptr;
  // A list or map that was written out; a map's keys and values take turns.
  const std::vector<Value>* items = nullptr;
  const std::map<std::string, Json>* parameters = nullptr;  // kInputs, kParameters

  static Value Null() { return {}; }
  static Value Bool(bool boolean);
  static Value Int(int64_t integer);
  static Value Double(double number);
  static Value Text(absl::string_view text);
  static Value Items(Kind kind, const std::vector<Value>* items);
  // Data: numbers become doubles that know where they came from.
  static Value Data(const Json& json);

  bool IsNumber() const { return kind == Kind::kInt || kind == Kind::kDouble; }
  // The integer that it is, exactly: an int, or a double that came in as an integer of 64 bits.
  std::optional<int64_t> ExactInteger() const;
  // The number as a double; only for numbers.
  double AsDouble() const { return kind == Kind::kInt ? static_cast<double>(integer) : number; }
};

// CEL's name of the kind, for messages: "int".
absl::string_view KindName(const Value& value);

enum class Order : uint8_t { kLess, kEqual, kGreater, kNone };  // kNone: nan is one of them

// The order of two numbers by value, whatever their kinds, without rounding.
Order CompareNumbers(const Value& a, const Value& b);

// The elements of a list, and the entries of a map whose keys are `data` ones.
size_t SizeOf(const Value& list_or_map);
Value ElementOf(const Value& list, size_t index);
// The value at `key`, a string, bool or number, in a map.
std::optional<Value> Find(const Value& map, const Value& key);

// What an element of a list or map costs: about the bytes of a Value.
inline constexpr int64_t kElementCost = 64;

// Takes from the budget of the evaluation; false when it is used up.
using Charge = absl::FunctionRef<bool(int64_t)>;

// CEL's ==: numbers by value, lists and maps by their elements, two kinds never. Nothing if the budget is
// used up. Does not recurse.
std::optional<bool> Equal(const Value& a, const Value& b, Charge charge);

}  // namespace penstock::expression
