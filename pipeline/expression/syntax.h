// What parsing makes of an expression: a tree in one array, each node after its children. Internal to
// pipeline/expression.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "pipeline/expression/value.h"

namespace penstock::expression {

enum class Op : uint8_t {
  kLiteral,
  kVariable,
  kSelect,  // child.name
  kHas,     // has(child.name)
  kIndex,   // child[child]
  kList,
  kMap,          // keys and values take turns
  kConditional,  // child ? child : child
  kOr,           // two or more children
  kAnd,          // two or more children
  kNot,
  kNegate,
  kEqual,
  kNotEqual,
  kLess,
  kLessEqual,
  kGreater,
  kGreaterEqual,
  kIn,
  kAdd,
  kSubtract,
  kMultiply,
  kDivide,
  kModulo,
  kToInt,
  kToDouble,
  kToString,
  kToBool,
  kDyn,
  kSize,
  kParseJson,
  kContains,
  kStartsWith,
  kEndsWith,
};

struct Node {
  Op op = Op::kLiteral;
  Value literal;       // kLiteral; the text of kVariable, kSelect and kHas is the name
  uint32_t begin = 0;  // where it stands in the text, end exclusive
  uint32_t end = 0;
  uint32_t height = 1;    // levels of nodes, its own included
  uint32_t children = 0;  // the first in Syntax::children
  uint32_t child_count = 0;
};

struct Syntax {
  std::string text;
  std::vector<Node> nodes;
  std::vector<uint32_t> children;
  std::deque<std::string> strings;  // what literals and names refer to
  uint32_t root = 0;

  uint32_t Child(const Node& node, uint32_t index) const { return children[node.children + index]; }
  absl::string_view Source(const Node& node) const;
};

// "column 5", or "line 2, column 5" if the text has several; both count from 1, columns in characters.
std::string PositionOf(absl::string_view text, size_t offset);

inline constexpr size_t kQuotedBytes = 160;  // holds a comparison of a parameter with a long name

// A piece of an expression for a message: in double quotes, shortened, on one line.
std::string QuoteSource(absl::string_view source, size_t bytes_max = kQuotedBytes);

// INVALID_ARGUMENT: `message` about the place in the text.
absl::Status SyntaxError(absl::string_view text, size_t offset, absl::string_view message);

}  // namespace penstock::expression
