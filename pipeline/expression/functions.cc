// Arithmetic, comparison, conversion: what is done to values once they are there.
#include <string.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/limits.h"
#include "common/status_macros.h"
#include "common/text.h"
#include "pipeline/expression/evaluate.h"

namespace penstock::expression {
namespace {

constexpr int64_t kParseCost = 3;  // of a byte of JSON: what it becomes takes more room than the text

constexpr absl::string_view SymbolOf(Op op) {
  switch (op) {
    case Op::kSubtract:
      return "-";
    case Op::kMultiply:
      return "*";
    case Op::kDivide:
      return "/";
    case Op::kLess:
      return "<";
    case Op::kLessEqual:
      return "<=";
    case Op::kGreater:
      return ">";
    default:
      return ">=";
  }
}

// Order::kNone, where a NaN is compared, satisfies none of them.
bool Holds(Op op, Order order) {
  switch (op) {
    case Op::kLess:
      return order == Order::kLess;
    case Op::kLessEqual:
      return order == Order::kLess || order == Order::kEqual;
    case Op::kGreater:
      return order == Order::kGreater;
    default:
      return order == Order::kGreater || order == Order::kEqual;
  }
}

}  // namespace

Value Evaluator::Keep(std::string text) {
  texts_.push_back(std::move(text));
  return Value::Text(texts_.back());
}

absl::StatusOr<Value> Evaluator::Compare(const Node& node, const Value& a, const Value& b) {
  if (a.IsNumber() && b.IsNumber()) return Value::Bool(Holds(node.op, CompareNumbers(a, b)));
  // An input that was not given is neither less nor more than anything.
  if (a.kind == Value::Kind::kNull || b.kind == Value::Kind::kNull) return Value::Bool(false);
  int order = 0;
  if (a.kind == Value::Kind::kString && b.kind == Value::Kind::kString) {
    if (!Charge(static_cast<int64_t>(std::min(a.text.size(), b.text.size())))) return TooDear(node);
    order = a.text.compare(b.text);  // the order of UTF-8 is the order of its characters
  } else if (a.kind == Value::Kind::kBool && b.kind == Value::Kind::kBool) {
    order = static_cast<int>(a.boolean) - static_cast<int>(b.boolean);
  } else {
    return NotFor(node, absl::StrCat(SymbolOf(node.op), " takes two numbers, two strings or two bools"), a,
                  b);
  }
  return Value::Bool(Holds(node.op, order < 0 ? Order::kLess : order > 0 ? Order::kGreater : Order::kEqual));
}

absl::StatusOr<Value> Evaluator::Add(const Node& node, const Value& a, const Value& b) {
  if (a.kind == Value::Kind::kString && b.kind == Value::Kind::kString) {
    const size_t size = a.text.size() + b.text.size();
    RETURN_IF_ERROR(CheckResultBytes(node, size));
    if (!Charge(static_cast<int64_t>(size))) return TooDear(node);
    return Keep(absl::StrCat(a.text, b.text));
  }
  if (a.kind == Value::Kind::kList && b.kind == Value::Kind::kList) {
    const size_t size = SizeOf(a) + SizeOf(b);
    // Paid by the memory that the new list takes.
    if (!Charge(static_cast<int64_t>(size * sizeof(Value)))) return TooDear(node);
    std::vector<Value> items;
    items.reserve(size);
    for (const Value& list : {a, b}) {
      for (size_t i = 0; i < SizeOf(list); ++i) items.push_back(ElementOf(list, i));
    }
    items_.push_back(std::move(items));
    return Value::Items(Value::Kind::kList, &items_.back());
  }
  if (a.kind == Value::Kind::kInt && b.kind == Value::Kind::kInt) {
    return CalculateInts(node, a.integer, b.integer);
  }
  if (a.kind == Value::Kind::kDouble && b.kind == Value::Kind::kDouble) {
    return Value::Double(a.number + b.number);
  }
  return NotFor(node, "+ takes two ints, two doubles, two strings or two lists", a, b);
}

absl::StatusOr<Value> Evaluator::Calculate(const Node& node, const Value& a, const Value& b) {
  if (a.kind == Value::Kind::kInt && b.kind == Value::Kind::kInt) {
    return CalculateInts(node, a.integer, b.integer);
  }
  if (node.op == Op::kModulo) return NotFor(node, "% takes two ints", a, b);
  if (a.kind != Value::Kind::kDouble || b.kind != Value::Kind::kDouble) {
    return NotFor(node, absl::StrCat(SymbolOf(node.op), " takes two ints or two doubles"), a, b);
  }
  switch (node.op) {
    case Op::kSubtract:
      return Value::Double(a.number - b.number);
    case Op::kMultiply:
      return Value::Double(a.number * b.number);
    default:
      return Value::Double(a.number / b.number);
  }
}

absl::StatusOr<Value> Evaluator::CalculateInts(const Node& node, int64_t a, int64_t b) {
  int64_t result = 0;
  bool overflow = false;
  switch (node.op) {
    case Op::kAdd:
      overflow = __builtin_add_overflow(a, b, &result);
      break;
    case Op::kSubtract:
      overflow = __builtin_sub_overflow(a, b, &result);
      break;
    case Op::kMultiply:
      overflow = __builtin_mul_overflow(a, b, &result);
      break;
    default:
      if (b == 0) return Error(node, "division by zero");
      // The one quotient that does not fit. C++ leaves it undefined for % as well.
      overflow = a == INT64_MIN && b == -1;
      if (!overflow) result = node.op == Op::kDivide ? a / b : a % b;
  }
  return overflow ? Error(node, "the result is beyond the 64 bits of an int")
                  : absl::StatusOr<Value>(Value::Int(result));
}

absl::StatusOr<Value> Evaluator::Negate(const Node& node, const Value& value) {
  if (value.kind == Value::Kind::kDouble) return Value::Double(-value.number);
  if (value.kind != Value::Kind::kInt) return NotFor(node, "- takes a number", value);
  if (value.integer == INT64_MIN) return Error(node, "the result is beyond the 64 bits of an int");
  return Value::Int(-value.integer);
}

absl::StatusOr<Value> Evaluator::Search(const Node& node, const Value& text, const Value& part) {
  if (text.kind != Value::Kind::kString || part.kind != Value::Kind::kString) {
    return NotFor(node, "two strings are wanted", text, part);
  }
  if (!Charge(static_cast<int64_t>(text.text.size() + part.text.size()))) return TooDear(node);
  if (node.op == Op::kStartsWith) return Value::Bool(absl::StartsWith(text.text, part.text));
  if (node.op == Op::kEndsWith) return Value::Bool(absl::EndsWith(text.text, part.text));
  // glibc's memmem takes linear time whatever the texts are; std::search does not.
  return Value::Bool(part.text.empty() ||
                     (!text.text.empty() && memmem(text.text.data(), text.text.size(), part.text.data(),
                                                   part.text.size()) != nullptr));
}

absl::StatusOr<Value> Evaluator::ToInt(const Node& node, const Value& value) {
  if (const std::optional<int64_t> exact = value.ExactInteger(); exact.has_value()) return Value::Int(*exact);
  if (value.kind == Value::Kind::kDouble) {
    const double whole = std::trunc(value.number);
    if (!(whole >= -kInt64End && whole < kInt64End)) {
      return Error(node, "the number is beyond the 64 bits of an int");
    }
    return Value::Int(static_cast<int64_t>(whole));
  }
  if (value.kind == Value::Kind::kNull) return value;
  if (value.kind != Value::Kind::kString) return NotFor(node, "int() takes a number or a string", value);
  // SimpleAtoi would pass over white space around the digits, which CEL does not.
  int64_t integer = 0;
  const bool plain = !value.text.empty() && value.text.size() <= 32 &&
                     value.text.find_first_not_of("+-0123456789") == absl::string_view::npos;
  if (!plain || !absl::SimpleAtoi(value.text, &integer)) {
    return Error(node, absl::StrCat(QuoteForMessage(value.text), " is not an int of 64 bits"));
  }
  return Value::Int(integer);
}

absl::StatusOr<Value> Evaluator::ToDouble(const Node& node, const Value& value) {
  if (value.IsNumber()) {
    return value.kind == Value::Kind::kInt ? Value::Double(static_cast<double>(value.integer)) : value;
  }
  if (value.kind == Value::Kind::kNull) return value;
  if (value.kind != Value::Kind::kString) return NotFor(node, "double() takes a number or a string", value);
  if (!Charge(static_cast<int64_t>(value.text.size()))) return TooDear(node);
  double number = 0;
  // SimpleAtod would pass over white space around the number.
  const bool spaced =
      !value.text.empty() && (absl::ascii_isspace(static_cast<unsigned char>(value.text.front())) ||
                              absl::ascii_isspace(static_cast<unsigned char>(value.text.back())));
  if (spaced || !absl::SimpleAtod(value.text, &number)) {
    return Error(node, absl::StrCat(QuoteForMessage(value.text), " is not a number"));
  }
  return Value::Double(number);
}

absl::StatusOr<Value> Evaluator::ToText(const Node& node, const Value& value) {
  if (value.kind == Value::Kind::kString || value.kind == Value::Kind::kNull) return value;
  if (value.kind == Value::Kind::kBool) return Value::Text(value.boolean ? "true" : "false");
  if (const std::optional<int64_t> exact = value.ExactInteger(); exact.has_value()) {
    return Keep(absl::StrCat(*exact));
  }
  if (value.kind != Value::Kind::kDouble) {
    return NotFor(node, "string() takes a string, a number or a bool", value);
  }
  if (std::isfinite(value.number)) return Keep(NumberText(value.number));
  return Value::Text(std::isnan(value.number) ? "NaN" : value.number > 0 ? "+Inf" : "-Inf");
}

// The words of Go's strconv.ParseBool, by which cel-go converts.
absl::StatusOr<Value> Evaluator::ToBool(const Node& node, const Value& value) {
  if (value.kind == Value::Kind::kBool || value.kind == Value::Kind::kNull) return value;
  if (value.kind != Value::Kind::kString) return NotFor(node, "bool() takes a bool or a string", value);
  for (const absl::string_view word : {"true", "True", "TRUE", "t", "T", "1"}) {
    if (value.text == word) return Value::Bool(true);
  }
  for (const absl::string_view word : {"false", "False", "FALSE", "f", "F", "0"}) {
    if (value.text == word) return Value::Bool(false);
  }
  return Error(node, absl::StrCat(QuoteForMessage(value.text), " is neither 'true' nor 'false'"));
}

// A text is as long as it has code points, as in CEL; each byte that begins one counts.
absl::StatusOr<Value> Evaluator::Size(const Node& node, const Value& value) {
  switch (value.kind) {
    case Value::Kind::kString:
      if (!Charge(static_cast<int64_t>(value.text.size()))) return TooDear(node);
      return Value::Int(
          std::count_if(value.text.begin(), value.text.end(), [](char c) { return (c & 0xC0) != 0x80; }));
    case Value::Kind::kList:
    case Value::Kind::kMap:
      return Value::Int(static_cast<int64_t>(SizeOf(value)));
    case Value::Kind::kParameters:
      return Value::Int(static_cast<int64_t>(value.parameters->size()));
    default:
      return NotFor(node, "size() takes a string, a list or a map", value);
  }
}

absl::StatusOr<Value> Evaluator::ParseJsonText(const Node& node, const Value& value) {
  if (value.kind != Value::Kind::kString) return NotFor(node, "parseJson() takes a string", value);
  if (!Charge(static_cast<int64_t>(value.text.size()) * kParseCost)) return TooDear(node);
  absl::StatusOr<Json> json = ParseJson(value.text);
  if (!json.ok()) return Error(node, json.status().message());
  parsed_.push_back(*std::move(json));
  return Value::Data(parsed_.back());
}

}  // namespace penstock::expression
