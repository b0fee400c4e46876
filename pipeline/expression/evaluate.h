// The value of an expression. Internal to pipeline/expression.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/json.h"
#include "pipeline/expression/syntax.h"
#include "pipeline/expression/value.h"

namespace penstock::expression {

// What variables stand for: those of a condition or that of a selector.
struct Variables {
  const std::map<std::string, Json>* parameters = nullptr;  // of a condition
  const Json* artifacts = nullptr;                          // the same
  const Json* selected = nullptr;                           // of a selector
};

// One evaluation. It owns what the evaluation makes, so the values it gives live as long as it does, and as
// the syntax and the data. All errors are FAILED_PRECONDITION.
class Evaluator {
 public:
  Evaluator(const Syntax& syntax, const Variables& variables) : syntax_(syntax), variables_(variables) {}
  Evaluator(const Evaluator&) = delete;
  Evaluator& operator=(const Evaluator&) = delete;

  absl::StatusOr<Value> Run();

  // The value as data.
  absl::StatusOr<Json> ToJson(const Value& value);

  // An error about the whole expression.
  absl::Status ErrorOfWhole(absl::string_view message) { return Error(Root(), message); }

 private:
  const Node& Root() const { return syntax_.nodes[syntax_.root]; }
  absl::Status Error(const Node& node, absl::string_view message);
  // An error about the kinds of the values; `wanted` says which ones would do.
  absl::Status NotFor(const Node& node, absl::string_view wanted, const Value& a);
  absl::Status NotFor(const Node& node, absl::string_view wanted, const Value& a, const Value& b);

  bool Charge(int64_t cost);
  absl::Status TooDear(const Node& node);
  absl::Status CheckResultBytes(const Node& node, size_t bytes);

  absl::StatusOr<Value> Eval(uint32_t index);
  absl::StatusOr<Value> EvalVariable(const Node& node);
  absl::StatusOr<Value> EvalItems(const Node& node);
  absl::StatusOr<Value> EvalJoined(const Node& node);
  absl::StatusOr<Value> EvalConditional(const Node& node);
  absl::StatusOr<Value> EvalSelect(const Node& node);
  absl::StatusOr<Value> EvalUnary(const Node& node);
  absl::StatusOr<Value> EvalBinary(const Node& node);
  absl::StatusOr<bool> EvalBool(const Node& parent, uint32_t index);

  absl::Status CheckKeysOnce(const Node& node, const std::vector<Value>& items);
  absl::StatusOr<Value> PartAt(const Node& node, const Value& whole, const Value& key);
  absl::StatusOr<Value> ElementAt(const Node& node, const Value& list, const Value& index);
  absl::Status NoSuchKey(const Node& node, const Value& map, const Value& key);
  absl::StatusOr<bool> IsIn(const Node& node, const Value& key, const Value& whole);
  absl::StatusOr<bool> AreEqual(const Node& node, const Value& a, const Value& b);

  // functions.cc
  absl::StatusOr<Value> Compare(const Node& node, const Value& a, const Value& b);
  absl::StatusOr<Value> Add(const Node& node, const Value& a, const Value& b);
  absl::StatusOr<Value> Calculate(const Node& node, const Value& a, const Value& b);
  absl::StatusOr<Value> CalculateInts(const Node& node, int64_t a, int64_t b);
  absl::StatusOr<Value> Search(const Node& node, const Value& text, const Value& part);
  absl::StatusOr<Value> Negate(const Node& node, const Value& value);
  absl::StatusOr<Value> ToInt(const Node& node, const Value& value);
  absl::StatusOr<Value> ToDouble(const Node& node, const Value& value);
  absl::StatusOr<Value> ToText(const Node& node, const Value& value);
  absl::StatusOr<Value> ToBool(const Node& node, const Value& value);
  absl::StatusOr<Value> Size(const Node& node, const Value& value);
  absl::StatusOr<Value> ParseJsonText(const Node& node, const Value& value);
  Value Keep(std::string text);

  // What `value`, as JSON, has at least in bytes; adds no more once that is over `bound`.
  static int64_t JsonBytes(const Value& value, int64_t bound);
  Json Copy(const Value& value) const;

  const Syntax& syntax_;
  const Variables variables_;
  int64_t cost_ = 0;
  int errors_ = 0;
  std::deque<std::string> texts_;
  std::deque<std::vector<Value>> items_;
  std::deque<Json> parsed_;
};

}  // namespace penstock::expression
