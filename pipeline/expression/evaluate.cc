#include "pipeline/expression/evaluate.h"

#include <cmath>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/limits.h"
#include "common/status_macros.h"
#include "common/text.h"

namespace penstock::expression {
namespace {

constexpr size_t kSuggestedKeys = 100;  // looked at for one that is like a missing one
// A suggestion compares names, and && and || may swallow many errors: only the first ones pay for it.
constexpr int kErrorsWithSuggestion = 3;
constexpr int64_t kTextPerStep = 16;  // counting in a text is that much quicker than evaluating

template <typename Map>
std::vector<std::string> KeysOf(const Map& map) {
  std::vector<std::string> keys;
  for (auto it = map.begin(); it != map.end() && keys.size() < kSuggestedKeys; ++it) {
    keys.push_back(it->first);
  }
  return keys;
}

}  // namespace

absl::Status Evaluator::Error(const Node& node, absl::string_view message) {
  // Many errors may come to nothing within && and ||, and to find the place of one the text is read.
  ++errors_;
  Charge(static_cast<int64_t>(syntax_.text.size()) / kTextPerStep);
  return absl::FailedPreconditionError(absl::StrCat(QuoteSource(syntax_.Source(node)), " (",
                                                    PositionOf(syntax_.text, node.begin),
                                                    " of the expression): ", message));
}

absl::Status Evaluator::NotFor(const Node& node, absl::string_view wanted, const Value& a) {
  return Error(node, absl::StrCat(wanted, ", not ", KindName(a)));
}

absl::Status Evaluator::NotFor(const Node& node, absl::string_view wanted, const Value& a, const Value& b) {
  std::string message = absl::StrCat(wanted, ", not ", KindName(a), " and ", KindName(b));
  if (a.IsNumber() && b.IsNumber()) {
    absl::StrAppend(&message,
                    "; a parameter's number is a double, and int() and double() make one of the other");
  }
  return Error(node, message);
}

// Each step pays for what it looks at or makes: a node one, a text its bytes. So no expression takes long,
// whatever it is given. The cut keeps the sum from overflowing, however large one cost is.
bool Evaluator::Charge(int64_t cost) {
  cost_ += std::min(cost, limits::kExpressionCost + 1);
  return cost_ <= limits::kExpressionCost;
}

absl::Status Evaluator::TooDear(const Node& node) {
  return Error(node, absl::StrCat("the evaluation looks at more than ", limits::kExpressionCost,
                                  " bytes and elements (the bound kExpressionCost)"));
}

absl::Status Evaluator::CheckResultBytes(const Node& node, size_t bytes) {
  if (bytes <= static_cast<size_t>(limits::kExpressionResultBytes)) return absl::OkStatus();
  return Error(node, absl::StrCat("the result has more than ", limits::kExpressionResultBytes,
                                  " bytes (the bound kExpressionResultBytes)"));
}

absl::StatusOr<Value> Evaluator::Run() {
  absl::StatusOr<Value> value = Eval(syntax_.root);
  // An error that && or || absorbed leaves the budget used up.
  if (cost_ > limits::kExpressionCost) return TooDear(Root());
  return value;
}

absl::StatusOr<Value> Evaluator::Eval(uint32_t index) {
  const Node& node = syntax_.nodes[index];
  if (!Charge(1)) return TooDear(node);
  switch (node.op) {
    case Op::kLiteral:
      return node.literal;
    case Op::kVariable:
      return EvalVariable(node);
    case Op::kSelect:
    case Op::kHas:
      return EvalSelect(node);
    case Op::kList:
    case Op::kMap:
      return EvalItems(node);
    case Op::kOr:
    case Op::kAnd:
      return EvalJoined(node);
    case Op::kConditional:
      return EvalConditional(node);
    default:
      return node.child_count == 1 ? EvalUnary(node) : EvalBinary(node);
  }
}

absl::StatusOr<Value> Evaluator::EvalVariable(const Node& node) {
  const absl::string_view name = node.literal.text;
  if (variables_.parameters != nullptr) {
    if (name != "inputs") {
      return Error(node, "a condition has no such variable; parameters are inputs.parameter_values['name']");
    }
    Value inputs;
    inputs.kind = Value::Kind::kInputs;
    inputs.parameters = variables_.parameters;
    return inputs;
  }
  const Json& selected = *variables_.selected;
  if (name == "string_value") {
    if (selected.is_string()) return Value::Data(selected);
    // Made anew for each mention, so each mention pays for it.
    std::string text = JsonText(selected);
    if (!Charge(static_cast<int64_t>(text.size()))) return TooDear(node);
    return Keep(std::move(text));
  }
  const bool has = name == "number_value"   ? selected.is_number()
                   : name == "bool_value"   ? selected.is_boolean()
                   : name == "list_value"   ? selected.is_array()
                   : name == "struct_value" ? selected.is_object()
                                            : name == "null_value" && selected.is_null();
  if (!has) {
    return Error(node, name == "inputs"
                           ? "a selector has no such variable; its value is string_value"
                           : absl::StrCat("there is none: the value is ", JsonKindName(selected)));
  }
  return Value::Data(selected);
}

absl::StatusOr<Value> Evaluator::EvalItems(const Node& node) {
  std::vector<Value> items;
  for (uint32_t i = 0; i < node.child_count; ++i) {
    ASSIGN_OR_RETURN(const Value item, Eval(syntax_.Child(node, i)));
    items.push_back(item);
  }
  if (!Charge(static_cast<int64_t>(items.size()) * kElementCost)) return TooDear(node);
  if (node.op == Op::kMap) RETURN_IF_ERROR(CheckKeysOnce(node, items));
  items_.push_back(std::move(items));
  // Values point into items_, a deque, whose elements stay where they are.
  return Value::Items(node.op == Op::kList ? Value::Kind::kList : Value::Kind::kMap, &items_.back());
}

absl::Status Evaluator::CheckKeysOnce(const Node& node, const std::vector<Value>& items) {
  std::vector<Value> seen;
  for (size_t i = 0; i < items.size(); i += 2) {
    const Value& key = items[i];
    if (key.kind != Value::Kind::kString && key.kind != Value::Kind::kInt && key.kind != Value::Kind::kBool) {
      return Error(node, absl::StrCat("a key of a map is a string, an int or a bool, not ", KindName(key)));
    }
    // Each key is compared with all before it.
    if (!Charge(static_cast<int64_t>(i) + 1)) return TooDear(node);
    if (Find(Value::Items(Value::Kind::kMap, &seen), key).has_value()) {
      return Error(node, "the map has a key twice");
    }
    seen.push_back(key);
    seen.push_back(Value::Null());
  }
  return absl::OkStatus();
}

absl::StatusOr<bool> Evaluator::EvalBool(const Node& parent, uint32_t index) {
  ASSIGN_OR_RETURN(const Value value, Eval(index));
  if (value.kind != Value::Kind::kBool) {
    return Error(syntax_.nodes[index], absl::StrCat("is ", KindName(value), ", where ",
                                                    parent.op == Op::kOr            ? "||"
                                                    : parent.op == Op::kAnd         ? "&&"
                                                    : parent.op == Op::kConditional ? "?:"
                                                                                    : "!",
                                                    " takes true or false"));
  }
  return value.boolean;
}

// As CEL has it, an operand that settles the result wins over the errors of others, before or after it. Only
// that the evaluation is too dear cannot be absorbed.
absl::StatusOr<Value> Evaluator::EvalJoined(const Node& node) {
  const bool deciding = node.op == Op::kOr;  // the operand that settles it, whatever the others are
  absl::Status error;
  for (uint32_t i = 0; i < node.child_count; ++i) {
    const absl::StatusOr<bool> part = EvalBool(node, syntax_.Child(node, i));
    if (part.ok() && *part == deciding) return Value::Bool(deciding);
    error.Update(part.status());  // keeps the first
    if (cost_ > limits::kExpressionCost) return error;
  }
  if (!error.ok()) return error;
  return Value::Bool(!deciding);
}

absl::StatusOr<Value> Evaluator::EvalConditional(const Node& node) {
  ASSIGN_OR_RETURN(const bool condition, EvalBool(node, syntax_.Child(node, 0)));
  return Eval(syntax_.Child(node, condition ? 1 : 2));
}

absl::StatusOr<Value> Evaluator::EvalSelect(const Node& node) {
  ASSIGN_OR_RETURN(const Value whole, Eval(syntax_.Child(node, 0)));
  // `inputs` itself is no value: it cannot be compared or put out, and has these parts only.
  if (whole.kind == Value::Kind::kInputs) {
    const bool artifacts = node.literal.text == "artifacts";
    const bool known =
        artifacts || node.literal.text == "parameter_values" || node.literal.text == "parameters";
    if (node.op == Op::kHas) return Value::Bool(known);
    if (!known) {
      return Error(node, "a condition sees inputs.parameter_values['name'] and inputs.artifacts['name']");
    }
    if (artifacts) return Value::Data(*variables_.artifacts);
    Value parameters = whole;
    parameters.kind = Value::Kind::kParameters;
    return parameters;
  }
  const bool is_map = whole.kind == Value::Kind::kMap || whole.kind == Value::Kind::kParameters;
  if (node.op == Op::kHas) {
    ASSIGN_OR_RETURN(const bool has, is_map ? IsIn(node, node.literal, whole) : false);
    return Value::Bool(has);
  }
  if (!is_map) return Error(node, absl::StrCat("a part is taken of a map, not of ", KindName(whole)));
  return PartAt(node, whole, node.literal);
}

absl::StatusOr<Value> Evaluator::PartAt(const Node& node, const Value& whole, const Value& key) {
  if (whole.kind == Value::Kind::kList) return ElementAt(node, whole, key);
  if (whole.kind != Value::Kind::kMap && whole.kind != Value::Kind::kParameters) {
    return Error(node, absl::StrCat("[] is for lists and maps, not for ", KindName(whole)));
  }
  const bool is_key = key.kind == Value::Kind::kString || key.kind == Value::Kind::kBool || key.IsNumber();
  if (!is_key || (whole.items == nullptr && key.kind != Value::Kind::kString)) {
    return Error(node, absl::StrCat("the key of a map is a string, not ", KindName(key)));
  }
  if (!Charge(static_cast<int64_t>(key.text.size()))) return TooDear(node);
  if (whole.kind == Value::Kind::kParameters) {
    const auto found = whole.parameters->find(std::string(key.text));
    return found == whole.parameters->end() ? NoSuchKey(node, whole, key)
                                            : absl::StatusOr<Value>(Value::Data(found->second));
  }
  const std::optional<Value> found = Find(whole, key);
  return found.has_value() ? absl::StatusOr<Value>(*found) : NoSuchKey(node, whole, key);
}

absl::Status Evaluator::NoSuchKey(const Node& node, const Value& map, const Value& key) {
  if (map.items != nullptr) return Error(node, "the map has no such key");
  const bool is_parameter = map.kind == Value::Kind::kParameters;
  std::string message = absl::StrCat(is_parameter ? "there is no parameter " : "the map has no key ",
                                     QuoteForMessage(key.text));
  if (errors_ < kErrorsWithSuggestion) {
    absl::StrAppend(&message,
                    SuggestName(key.text, is_parameter ? KeysOf(*map.parameters)
                                                       : KeysOf(map.json->get_ref<const Json::object_t&>())));
  }
  return Error(node, message);
}

absl::StatusOr<Value> Evaluator::ElementAt(const Node& node, const Value& list, const Value& index) {
  std::optional<int64_t> at = index.IsNumber() ? index.ExactInteger() : std::nullopt;
  // Numbers of run data are doubles, so a whole one is an index too. The bound is below where doubles skip
  // integers.
  if (!at.has_value() && index.kind == Value::Kind::kDouble && std::trunc(index.number) == index.number &&
      std::fabs(index.number) < 1e15) {
    at = static_cast<int64_t>(index.number);
  }
  if (!at.has_value()) {
    return Error(node, absl::StrCat("the index of a list is an int, not ",
                                    index.IsNumber() ? NumberText(index.AsDouble()) : KindName(index)));
  }
  const size_t size = SizeOf(list);
  if (*at < 0 || static_cast<uint64_t>(*at) >= size) {
    return Error(node, absl::StrCat("the list has no element ", *at, "; it has ", size, ", counted from 0"));
  }
  return ElementOf(list, static_cast<size_t>(*at));
}

absl::StatusOr<bool> Evaluator::IsIn(const Node& node, const Value& key, const Value& whole) {
  if (!Charge(static_cast<int64_t>(key.text.size()))) return TooDear(node);
  if (whole.kind == Value::Kind::kParameters) {
    return key.kind == Value::Kind::kString && whole.parameters->count(std::string(key.text)) > 0;
  }
  if (whole.kind == Value::Kind::kMap) return Find(whole, key).has_value();
  if (whole.kind != Value::Kind::kList) {
    return Error(node,
                 absl::StrCat("what is in a list or map can be asked, not what is in ", KindName(whole)));
  }
  for (size_t i = 0; i < SizeOf(whole); ++i) {
    ASSIGN_OR_RETURN(const bool equal, AreEqual(node, ElementOf(whole, i), key));
    if (equal) return true;
  }
  return false;
}

absl::StatusOr<bool> Evaluator::AreEqual(const Node& node, const Value& a, const Value& b) {
  for (const Value& value : {a, b}) {
    if (value.kind == Value::Kind::kInputs || value.kind == Value::Kind::kParameters) {
      return NotFor(node, "two values are wanted", a, b);
    }
  }
  const std::optional<bool> equal = Equal(a, b, [this](int64_t cost) { return Charge(cost); });
  return equal.has_value() ? absl::StatusOr<bool>(*equal) : TooDear(node);
}

absl::StatusOr<Value> Evaluator::EvalUnary(const Node& node) {
  const uint32_t child = syntax_.Child(node, 0);
  if (node.op == Op::kNot) {
    ASSIGN_OR_RETURN(const bool value, EvalBool(node, child));
    return Value::Bool(!value);
  }
  // A list or struct as text and back again is itself.
  const Node& operand = syntax_.nodes[child];
  if (node.op == Op::kParseJson && operand.op == Op::kVariable && operand.literal.text == "string_value" &&
      variables_.selected != nullptr && variables_.selected->is_structured()) {
    return Value::Data(*variables_.selected);
  }
  ASSIGN_OR_RETURN(const Value value, Eval(child));
  switch (node.op) {
    case Op::kNegate:
      return Negate(node, value);
    case Op::kToInt:
      return ToInt(node, value);
    case Op::kToDouble:
      return ToDouble(node, value);
    case Op::kToString:
      return ToText(node, value);
    case Op::kToBool:
      return ToBool(node, value);
    case Op::kSize:
      return Size(node, value);
    case Op::kParseJson:
      return ParseJsonText(node, value);
    default:  // kDyn
      return value;
  }
}

absl::StatusOr<Value> Evaluator::EvalBinary(const Node& node) {
  ASSIGN_OR_RETURN(const Value a, Eval(syntax_.Child(node, 0)));
  ASSIGN_OR_RETURN(const Value b, Eval(syntax_.Child(node, 1)));
  switch (node.op) {
    case Op::kIndex:
      return PartAt(node, a, b);
    case Op::kEqual:
    case Op::kNotEqual: {
      ASSIGN_OR_RETURN(const bool equal, AreEqual(node, a, b));
      return Value::Bool(equal == (node.op == Op::kEqual));
    }
    case Op::kIn: {
      ASSIGN_OR_RETURN(const bool in, IsIn(node, a, b));
      return Value::Bool(in);
    }
    case Op::kAdd:
      return Add(node, a, b);
    case Op::kSubtract:
    case Op::kMultiply:
    case Op::kDivide:
    case Op::kModulo:
      return Calculate(node, a, b);
    case Op::kContains:
    case Op::kStartsWith:
    case Op::kEndsWith:
      return Search(node, a, b);
    default:
      return Compare(node, a, b);
  }
}

}  // namespace penstock::expression
