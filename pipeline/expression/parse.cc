#include "pipeline/expression/parse.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/limits.h"
#include "common/status_macros.h"
#include "common/text.h"
#include "pipeline/expression/token.h"

namespace penstock::expression {
namespace {

const std::vector<std::string>& Variables() {
  static const auto* const kNames = new std::vector<std::string>{
      "inputs", "string_value", "number_value", "bool_value", "list_value", "struct_value", "null_value"};
  return *kNames;
}

struct Function {
  absl::string_view name;
  Op op;
  uint32_t arguments;  // what it is called on included
  bool called_alone;   // name(x)
  bool called_on;      // x.name()
};

constexpr Function kFunctions[] = {
    {"int", Op::kToInt, 1, true, false},
    {"double", Op::kToDouble, 1, true, false},
    {"string", Op::kToString, 1, true, false},
    {"bool", Op::kToBool, 1, true, false},
    {"dyn", Op::kDyn, 1, true, false},
    {"size", Op::kSize, 1, true, true},
    {"parseJson", Op::kParseJson, 1, true, false},
    {"contains", Op::kContains, 2, false, true},
    {"startsWith", Op::kStartsWith, 2, false, true},
    {"endsWith", Op::kEndsWith, 2, false, true},
};

struct BinaryOperator {
  absl::string_view symbol;
  Op op;
  int level;  // a higher one binds closer
};

constexpr BinaryOperator kOperators[] = {
    {"==", Op::kEqual, 1},   {"!=", Op::kNotEqual, 1},     {"<", Op::kLess, 1},   {"<=", Op::kLessEqual, 1},
    {">", Op::kGreater, 1},  {">=", Op::kGreaterEqual, 1}, {"+", Op::kAdd, 2},    {"-", Op::kSubtract, 2},
    {"*", Op::kMultiply, 3}, {"/", Op::kDivide, 3},        {"%", Op::kModulo, 3},
};
constexpr int kTopLevel = 3;

// Recursive descent. The functions return the number of the node that they made.
class Parser {
 public:
  Parser(Syntax* syntax, std::vector<Token> tokens) : syntax_(*syntax), tokens_(std::move(tokens)) {}

  absl::Status Run() {
    if (Next().kind == Token::Kind::kEnd) return absl::InvalidArgumentError("the expression is empty");
    ASSIGN_OR_RETURN(syntax_.root, ParseExpression());
    return Next().kind == Token::Kind::kEnd ? absl::OkStatus() : Unexpected("an operator or the end");
  }

 private:
  const Token& Next() const { return tokens_[at_]; }
  void Advance() { at_ += at_ + 1 < tokens_.size() ? 1 : 0; }
  bool Take(absl::string_view symbol) {
    const bool taken = Next().IsSymbol(symbol);
    if (taken) Advance();
    return taken;
  }

  absl::Status ErrorAt(size_t offset, absl::string_view message) const {
    return SyntaxError(syntax_.text, offset, message);
  }

  absl::Status Unexpected(absl::string_view wanted) const {
    const Token& token = Next();
    std::string found = "its end";
    if (token.kind != Token::Kind::kEnd) {
      found = QuoteSource(absl::string_view(syntax_.text).substr(token.begin, token.end - token.begin));
    }
    std::string message = absl::StrCat(wanted, " is wanted here, not ", found);
    if (at_ > 0 && tokens_[at_ - 1].kind == Token::Kind::kString && token.kind == Token::Kind::kName) {
      absl::StrAppend(&message, "; a quote within a text is written \\'");
    }
    return ErrorAt(token.begin, message);
  }

  absl::Status Expect(absl::string_view symbol) {
    return Take(symbol) ? absl::OkStatus() : Unexpected(QuoteSource(symbol));
  }

  absl::Status TooDeep(size_t offset) const {
    return ErrorAt(offset,
                   absl::StrCat("brackets and operators are nested more than ", limits::kExpressionDepth,
                                " levels deep (the bound kExpressionDepth)"));
  }

  absl::StatusOr<uint32_t> Add(Op op, size_t begin, const std::vector<uint32_t>& children) {
    if (syntax_.nodes.size() >= static_cast<size_t>(limits::kExpressionNodes)) {
      return ErrorAt(begin,
                     absl::StrCat("more than ", limits::kExpressionNodes,
                                  " names, literals, operators and calls (the bound kExpressionNodes)"));
    }
    Node node;
    node.op = op;
    node.begin = static_cast<uint32_t>(begin);
    node.end = static_cast<uint32_t>(tokens_[at_ > 0 ? at_ - 1 : 0].end);
    node.children = static_cast<uint32_t>(syntax_.children.size());
    node.child_count = static_cast<uint32_t>(children.size());
    for (const uint32_t child : children) {
      node.height = std::max(node.height, syntax_.nodes[child].height + 1);
      syntax_.children.push_back(child);
    }
    // The parser's own recursion is bounded by nesting_. a + b + c + ... makes a tall tree without it, and
    // evaluation recurses along the tree.
    if (node.height > static_cast<uint32_t>(limits::kExpressionDepth)) return TooDeep(begin);
    syntax_.nodes.push_back(node);
    return static_cast<uint32_t>(syntax_.nodes.size() - 1);
  }

  absl::StatusOr<uint32_t> AddLiteral(size_t begin, const Value& value) {
    ASSIGN_OR_RETURN(const uint32_t node, Add(Op::kLiteral, begin, {}));
    syntax_.nodes[node].literal = value;
    return node;
  }

  // A node with a text: a name, or a text of the expression.
  absl::StatusOr<uint32_t> AddText(Op op, size_t begin, const std::vector<uint32_t>& children,
                                   std::string text) {
    ASSIGN_OR_RETURN(const uint32_t node, Add(op, begin, children));
    syntax_.strings.push_back(std::move(text));
    syntax_.nodes[node].literal = Value::Text(syntax_.strings.back());
    return node;
  }

  absl::StatusOr<uint32_t> ParseExpression() {
    if (nesting_ >= limits::kExpressionDepth) return TooDeep(Next().begin);
    ++nesting_;
    absl::StatusOr<uint32_t> node = ParseConditional();
    --nesting_;
    return node;
  }

  absl::StatusOr<uint32_t> ParseConditional() {
    const size_t begin = Next().begin;
    ASSIGN_OR_RETURN(const uint32_t condition, ParseJoined("||", Op::kOr));
    if (!Take("?")) return condition;
    // CEL's grammar: a conditional before the colon needs brackets.
    ASSIGN_OR_RETURN(const uint32_t then, ParseJoined("||", Op::kOr));
    RETURN_IF_ERROR(Expect(":"));
    ASSIGN_OR_RETURN(const uint32_t otherwise, ParseExpression());
    return Add(Op::kConditional, begin, {condition, then, otherwise});
  }

  // a || b || c, or a && b && c, as one node: the compiler joins one condition for every branch before.
  absl::StatusOr<uint32_t> ParseJoined(absl::string_view symbol, Op op) {
    const size_t begin = Next().begin;
    std::vector<uint32_t> parts;
    do {
      absl::StatusOr<uint32_t> part = op == Op::kOr ? ParseJoined("&&", Op::kAnd) : ParseBinary(1);
      if (!part.ok()) return part;
      parts.push_back(*part);
    } while (Take(symbol));
    return parts.size() == 1 ? parts[0] : Add(op, begin, parts);
  }

  const BinaryOperator* NextOperator(int level) const {
    static constexpr BinaryOperator kIn = {"in", Op::kIn, 1};
    if (Next().IsWord("in")) return level == 1 ? &kIn : nullptr;
    const auto* const found = std::find_if(
        std::begin(kOperators), std::end(kOperators),
        [&](const auto& candidate) { return candidate.level == level && Next().IsSymbol(candidate.symbol); });
    return found == std::end(kOperators) ? nullptr : found;
  }

  absl::StatusOr<uint32_t> ParseBinary(int level) {
    if (level > kTopLevel) return ParseUnary();
    const size_t begin = Next().begin;
    absl::StatusOr<uint32_t> left = ParseBinary(level + 1);
    while (left.ok()) {
      const BinaryOperator* const found = NextOperator(level);
      if (found == nullptr) break;
      Advance();
      ASSIGN_OR_RETURN(const uint32_t right, ParseBinary(level + 1));
      left = Add(found->op, begin, {*left, right});
    }
    return left;
  }

  absl::StatusOr<uint32_t> ParseUnary() {
    const size_t begin = Next().begin;
    const bool is_not = Next().IsSymbol("!");
    if (!is_not && !Next().IsSymbol("-")) return ParseParts();
    Advance();
    if (!is_not && Next().kind == Token::Kind::kInt) {  // so that the least int can be written
      ASSIGN_OR_RETURN(const uint32_t literal, ParseInt(begin, "-"));
      return ParsePartsOf(literal, begin);
    }
    if (nesting_ >= limits::kExpressionDepth) return TooDeep(begin);
    ++nesting_;
    absl::StatusOr<uint32_t> operand = ParseUnary();
    --nesting_;
    if (!operand.ok()) return operand;
    return Add(is_not ? Op::kNot : Op::kNegate, begin, {*operand});
  }

  absl::StatusOr<uint32_t> ParseParts() {
    const size_t begin = Next().begin;
    ASSIGN_OR_RETURN(const uint32_t whole, ParsePrimary());
    return ParsePartsOf(whole, begin);
  }

  // What follows a value: .name, .name(...), [index].
  absl::StatusOr<uint32_t> ParsePartsOf(uint32_t whole, size_t begin) {
    while (true) {
      if (Take("[")) {
        ASSIGN_OR_RETURN(const uint32_t index, ParseExpression());
        RETURN_IF_ERROR(Expect("]"));
        ASSIGN_OR_RETURN(whole, Add(Op::kIndex, begin, {whole, index}));
      } else if (Take(".")) {
        const Token name = Next();
        if (name.kind != Token::Kind::kName) return Unexpected("a name");
        Advance();
        if (Take("(")) {
          ASSIGN_OR_RETURN(whole, ParseCall(name, begin, {whole}));
        } else {
          ASSIGN_OR_RETURN(whole, AddText(Op::kSelect, begin, {whole}, name.text));
        }
      } else {
        return whole;
      }
    }
  }

  // Expressions between commas up to `end`, which is taken; of a map, keys and values in turns.
  absl::Status ParseList(absl::string_view end, bool is_map, std::vector<uint32_t>* parts) {
    while (!Take(end)) {
      ASSIGN_OR_RETURN(const uint32_t part, ParseExpression());
      parts->push_back(part);
      if (is_map) {
        RETURN_IF_ERROR(Expect(":"));
        ASSIGN_OR_RETURN(const uint32_t value, ParseExpression());
        parts->push_back(value);
      }
      if (!Take(",") && !Next().IsSymbol(end)) return Unexpected(absl::StrCat("\",\" or ", QuoteSource(end)));
    }
    return absl::OkStatus();
  }

  absl::StatusOr<uint32_t> ParseCall(const Token& name, size_t begin, std::vector<uint32_t> arguments) {
    const bool is_called_on = !arguments.empty();
    if (!is_called_on && name.text == "has") return ParseHas(begin);
    const auto* const found =
        std::find_if(std::begin(kFunctions), std::end(kFunctions),
                     [&](const Function& function) { return function.name == name.text; });
    if (found == std::end(kFunctions)) return UnknownFunction(name);
    if (is_called_on ? !found->called_on : !found->called_alone) {
      return ErrorAt(name.begin, is_called_on
                                     ? absl::StrCat("write ", name.text, "(x), not x.", name.text, "()")
                                     : absl::StrCat("write x.", name.text, "(y), not ", name.text, "(x, y)"));
    }
    RETURN_IF_ERROR(ParseList(")", false, &arguments));
    if (arguments.size() != found->arguments) {
      return ErrorAt(name.begin, absl::StrCat(name.text, "() takes one value, not ",
                                              arguments.size() - (found->arguments - 1)));
    }
    return Add(found->op, begin, arguments);
  }

  absl::Status UnknownFunction(const Token& name) const {
    static constexpr absl::string_view kMacros[] = {"all",    "exists", "exists_one",
                                                    "filter", "map",    "matches"};
    if (std::find(std::begin(kMacros), std::end(kMacros), name.text) != std::end(kMacros)) {
      return ErrorAt(name.begin,
                     absl::StrCat(name.text, "() is a function of CEL that is not evaluated here"));
    }
    std::vector<std::string> known = {"has"};
    for (const Function& function : kFunctions) known.emplace_back(function.name);
    return ErrorAt(name.begin, absl::StrCat("there is no function ", QuoteForMessage(name.text),
                                            SuggestName(name.text, known)));
  }

  // The argument is read like any expression, and its node then becomes the test.
  absl::StatusOr<uint32_t> ParseHas(size_t begin) {
    const size_t argument_begin = Next().begin;
    ASSIGN_OR_RETURN(const uint32_t argument, ParseExpression());
    RETURN_IF_ERROR(Expect(")"));
    Node& node = syntax_.nodes[argument];
    if (node.op != Op::kSelect) {
      return ErrorAt(argument_begin, "has() takes a part of a map, as in has(inputs.parameter_values.name)");
    }
    node.op = Op::kHas;
    node.begin = static_cast<uint32_t>(begin);
    node.end = static_cast<uint32_t>(tokens_[at_ - 1].end);
    return argument;
  }

  absl::StatusOr<uint32_t> ParsePrimary() {
    const Token token = Next();
    switch (token.kind) {
      case Token::Kind::kInt:
        return ParseInt(token.begin, "");
      case Token::Kind::kDouble:
        Advance();
        return AddLiteral(token.begin, Value::Double(token.number));
      case Token::Kind::kString:
        Advance();
        return AddText(Op::kLiteral, token.begin, {}, token.text);
      case Token::Kind::kQuotedParameter:
        Advance();
        return AddQuotedParameter(token);
      case Token::Kind::kName:
        Advance();
        return ParseName(token);
      default:
        return ParseBracket();
    }
  }

  absl::StatusOr<uint32_t> ParseBracket() {
    const size_t begin = Next().begin;
    std::vector<uint32_t> parts;
    if (Take("(")) {
      ASSIGN_OR_RETURN(const uint32_t node, ParseExpression());
      RETURN_IF_ERROR(Expect(")"));
      // Brackets make no node, and belong to what is quoted in messages.
      syntax_.nodes[node].begin = static_cast<uint32_t>(begin);
      syntax_.nodes[node].end = static_cast<uint32_t>(tokens_[at_ - 1].end);
      return node;
    }
    if (Take("[")) {
      RETURN_IF_ERROR(ParseList("]", false, &parts));
      return Add(Op::kList, begin, parts);
    }
    if (Take("{")) {
      RETURN_IF_ERROR(ParseList("}", true, &parts));
      return Add(Op::kMap, begin, parts);
    }
    return Unexpected("a value");
  }

  absl::StatusOr<uint32_t> ParseName(const Token& name) {
    if (name.text == "true" || name.text == "false") {
      return AddLiteral(name.begin, Value::Bool(name.text == "true"));
    }
    if (name.text == "null") return AddLiteral(name.begin, Value::Null());
    if (Take("(")) return ParseCall(name, name.begin, {});
    // No CEL: the SDK's compiler writes numbers of Python this way.
    if (name.text == "inf") {
      return AddLiteral(name.begin, Value::Double(std::numeric_limits<double>::infinity()));
    }
    if (name.text == "nan") return AddLiteral(name.begin, Value::Double(std::nan("")));
    if (std::find(Variables().begin(), Variables().end(), name.text) == Variables().end()) {
      return ErrorAt(name.begin, absl::StrCat("there is no variable ", QuoteForMessage(name.text),
                                              SuggestName(name.text, Variables())));
    }
    return AddText(Op::kVariable, name.begin, {}, name.text);
  }

  absl::StatusOr<uint32_t> ParseInt(size_t begin, absl::string_view sign) {
    const std::string digits = absl::StrCat(sign, Next().text);
    Advance();
    int64_t integer = 0;
    const bool is_hex = absl::StrContains(digits, 'x') || absl::StrContains(digits, 'X');
    if (is_hex ? !absl::SimpleHexAtoi(digits, &integer) : !absl::SimpleAtoi(digits, &integer)) {
      return ErrorAt(begin, absl::StrCat(digits,
                                         " is not an int of 64 bits, from -9223372036854775808 to "
                                         "9223372036854775807; for a double write 1e20"));
    }
    return AddLiteral(begin, Value::Int(integer));
  }

  // string(inputs.parameter_values['x']), or string(int(...)) of it.
  absl::StatusOr<uint32_t> AddQuotedParameter(const Token& token) {
    ASSIGN_OR_RETURN(const uint32_t inputs, AddText(Op::kVariable, token.begin, {}, "inputs"));
    ASSIGN_OR_RETURN(const uint32_t all, AddText(Op::kSelect, token.begin, {inputs}, "parameter_values"));
    ASSIGN_OR_RETURN(const uint32_t name, AddText(Op::kLiteral, token.begin, {}, token.text));
    ASSIGN_OR_RETURN(uint32_t value, Add(Op::kIndex, token.begin, {all, name}));
    if (token.is_int) {
      ASSIGN_OR_RETURN(value, Add(Op::kToInt, token.begin, {value}));
    }
    return Add(Op::kToString, token.begin, {value});
  }

  Syntax& syntax_;
  const std::vector<Token> tokens_;
  size_t at_ = 0;
  int nesting_ = 0;
};

}  // namespace

absl::StatusOr<std::shared_ptr<const Syntax>> ParseSyntax(absl::string_view text) {
  if (text.size() > static_cast<size_t>(limits::kExpressionBytes)) {
    return absl::InvalidArgumentError(absl::StrCat("the expression has ", text.size(), " bytes, more than ",
                                                   limits::kExpressionBytes,
                                                   " (the bound kExpressionBytes)"));
  }
  if (!IsUtf8(text)) return absl::InvalidArgumentError("the expression is not UTF-8");
  auto syntax = std::make_shared<Syntax>();
  syntax->text = std::string(text);
  ASSIGN_OR_RETURN(std::vector<Token> tokens, Tokenize(syntax->text));
  RETURN_IF_ERROR(Parser(syntax.get(), std::move(tokens)).Run());
  return std::shared_ptr<const Syntax>(std::move(syntax));
}

}  // namespace penstock::expression
