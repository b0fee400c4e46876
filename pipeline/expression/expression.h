// The expressions of the pipeline format: conditions of tasks (trigger_policy.condition) and selectors of
// inputs (parameter_expression_selector). They are written in CEL, the Common Expression Language. This is a
// subset of it, evaluated without a type check before.
//
//   literals   5  -5  0x1F  0.9  1e-07  'text'  "text"  '''text'''  r'raw'  true  false  null
//   brackets   (1 + 2)  [1, 2]  {'a': 1}
//   operators  == != < <= > >= in  && || ! ?:  + - * / % and unary -, with CEL's precedence
//   parts      map.key  map['key']  list[0]  has(map.key)
//   functions  int() double() string() bool() dyn() size() parseJson()
//   of a text  .contains() .startsWith() .endsWith() .size()
//
// Not there: unsigned numbers, bytes, times, messages, matches(), and the macros all(), exists(), map(),
// filter().
//
// Values are null, bool, int (64 bits), double, string, list and map, with CEL's rules. An int and a double
// compare by value (1 == 1.0) and do not mix in arithmetic. == of two kinds is false, < of two kinds is an
// error. What leaves the 64 bits of an int is an error. `error && false` is false and `error || true` is
// true, in either order; ?: evaluates one branch. A number that comes in, as a parameter or within a JSON
// text, is a double, as in KFP; but an integer keeps its digits in comparisons, in int() and string(), and on
// its way out.
//
// Where what the SDK's compiler writes is not CEL, it means what the author of the pipeline wrote in Python:
//   - 'int(inputs.parameter_values['pipelinechannel--x'])', and the same without int(), the whole in quotes:
//     the number or truth value as a text. The compiler writes it to compare one with a text.
//   - inf and nan are numbers. With nan, every comparison but != is false.
//   - In '...', a new line stands for itself. So does a backslash that begins no escape of CEL, and a quote
//     before a character that cannot follow a text ('it's'). What is CEL is read as CEL: 'a\tb' has a tab.
// Unlike CEL: string() of a double is the text that it has in a program's arguments (1000000, not 1e+06), and
// has() of a part of what is no map is false.
// An input that was not given is null, and a condition about it is decided: null equals only null, is neither less nor
// more than anything, and stays null through int(), double(), string() and bool().
// Not mended, because nothing shows it: the compiler turns `flag == 1` into `flag == false`.
//
// All functions are safe to call from any thread.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/json.h"

namespace penstock {

namespace expression {
struct Syntax;
}

// A parsed expression. Immutable; copies share what was parsed.
class Expression {
 public:
  // Returns INVALID_ARGUMENT, with the column and a sentence, for text that is no such expression, that names
  // a variable or function that there is none of, or that passes limits::kExpressionBytes, kExpressionDepth
  // or kExpressionNodes. What parses may still be of no use where it stands: a condition that uses
  // string_value parses, and its evaluation fails.
  static absl::StatusOr<Expression> Parse(absl::string_view text);

  absl::string_view text() const;
  // In quotes, shortened and on one line, for messages.
  std::string Quoted() const;
  const expression::Syntax& syntax() const { return *syntax_; }

 private:
  explicit Expression(std::shared_ptr<const expression::Syntax> syntax) : syntax_(std::move(syntax)) {}

  std::shared_ptr<const expression::Syntax> syntax_;
};

// Whether the task is to run. `inputs.parameter_values` (and `inputs.parameters`, its older name) is
// `parameters`, the task's resolved inputs; a parameter that is null there is null, one that is not there is
// an error. `inputs.artifacts` is `artifacts`, a map. Nothing else of a task's inputs can be named.
//
// Returns FAILED_PRECONDITION, with a sentence that names the part of the expression, its column and the
// kinds of the values, if it has no value, if that is not true or false, or if the evaluation passes
// limits::kExpressionCost or kExpressionResultBytes.
absl::StatusOr<bool> EvaluateCondition(const Expression& condition,
                                       const std::map<std::string, Json>& parameters,
                                       const Json& artifacts = Json::object());

// A part of `value`, the source of an input before it is converted. `string_value` is the value's JsonText,
// whatever its kind; of number_value, bool_value, struct_value, list_value and null_value there is the one of
// its kind. What is taken out of data is as it was there; other doubles are as JsonNumber has them.
//
// Returns FAILED_PRECONDITION as above; a number that JSON has not (infinity) is no value either.
absl::StatusOr<Json> EvaluateSelector(const Expression& selector, const Json& value);

}  // namespace penstock
