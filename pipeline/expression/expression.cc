#include "pipeline/expression/expression.h"

#include <cmath>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/limits.h"
#include "common/status_macros.h"
#include "pipeline/expression/evaluate.h"
#include "pipeline/expression/parse.h"
#include "pipeline/expression/syntax.h"

namespace penstock {
namespace expression {

// The result as data is made in two passes, so that nothing is copied that would be too much.
int64_t Evaluator::JsonBytes(const Value& value, int64_t bound) {
  int64_t bytes = 0;
  std::vector<Value> open = {value};
  while (!open.empty() && bytes <= bound) {
    const Value next = open.back();
    open.pop_back();
    bytes += 1 + static_cast<int64_t>(next.text.size());
    if (next.items != nullptr) {
      open.insert(open.end(), next.items->begin(), next.items->end());
    } else if (next.kind == Value::Kind::kList) {
      for (const Json& element : *next.json) open.push_back(Value::Data(element));
    } else if (next.kind == Value::Kind::kMap) {
      for (const auto& [key, element] : next.json->get_ref<const Json::object_t&>()) {
        bytes += static_cast<int64_t>(key.size());
        open.push_back(Value::Data(element));
      }
    }
  }
  return bytes;
}

// Recurses into what was written out only, which is bounded as the expression is.
Json Evaluator::Copy(const Value& value) const {
  if (value.json != nullptr) return *value.json;
  switch (value.kind) {
    case Value::Kind::kBool:
      return value.boolean;
    case Value::Kind::kInt:
      return value.integer;
    case Value::Kind::kDouble:
      return JsonNumber(value.number);
    case Value::Kind::kString:
      return std::string(value.text);
    case Value::Kind::kList: {
      Json list = Json::array();
      for (const Value& item : *value.items) list.push_back(Copy(item));
      return list;
    }
    case Value::Kind::kMap: {
      Json map = Json::object();
      for (size_t i = 0; i < value.items->size(); i += 2) {
        map[std::string((*value.items)[i].text)] = Copy((*value.items)[i + 1]);
      }
      return map;
    }
    default:
      return nullptr;
  }
}

absl::StatusOr<Json> Evaluator::ToJson(const Value& value) {
  std::vector<Value> open = {value};
  while (!open.empty()) {
    const Value next = open.back();
    open.pop_back();
    // Only what was computed or written out can be what JSON has not; data came from JSON.
    if (next.kind == Value::Kind::kDouble && !std::isfinite(next.number)) {
      return ErrorOfWhole("the result is not a finite number");
    }
    for (size_t i = 0; next.items != nullptr && i < next.items->size(); ++i) {
      const Value& item = (*next.items)[i];
      if (next.kind == Value::Kind::kMap && i % 2 == 0 && item.kind != Value::Kind::kString) {
        return ErrorOfWhole(absl::StrCat("the keys of a result are strings, not ", KindName(item)));
      }
      open.push_back(item);
    }
  }
  RETURN_IF_ERROR(
      CheckResultBytes(Root(), static_cast<size_t>(JsonBytes(value, limits::kExpressionResultBytes))));
  return Copy(value);
}

}  // namespace expression

absl::StatusOr<Expression> Expression::Parse(absl::string_view text) {
  ASSIGN_OR_RETURN(std::shared_ptr<const expression::Syntax> syntax, expression::ParseSyntax(text));
  return Expression(std::move(syntax));
}

absl::string_view Expression::text() const { return syntax_->text; }

std::string Expression::Quoted() const {
  constexpr size_t kBytes = 400;  // holds the condition of a dsl.Elif
  return expression::QuoteSource(syntax_->text, kBytes);
}

absl::StatusOr<bool> EvaluateCondition(const Expression& condition,
                                       const std::map<std::string, Json>& parameters, const Json& artifacts) {
  expression::Evaluator evaluator(condition.syntax(), {&parameters, &artifacts, nullptr});
  ASSIGN_OR_RETURN(const expression::Value value, evaluator.Run());
  if (value.kind != expression::Value::Kind::kBool) {
    return evaluator.ErrorOfWhole(
        absl::StrCat("a condition is true or false, and this is ", expression::KindName(value)));
  }
  return value.boolean;
}

absl::StatusOr<Json> EvaluateSelector(const Expression& selector, const Json& value) {
  expression::Evaluator evaluator(selector.syntax(), {nullptr, nullptr, &value});
  ASSIGN_OR_RETURN(const expression::Value result, evaluator.Run());
  return evaluator.ToJson(result);
}

}  // namespace penstock
