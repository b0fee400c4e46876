#include "server/search/filter_parser.h"

#include <optional>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/errors.h"
#include "common/limits.h"
#include "common/status_macros.h"
#include "common/text.h"

namespace penstock {
namespace {

bool IsOfKey(char c) {
  return absl::ascii_isalnum(c) || (c & 0x80) != 0 || c == '_' || c == '.' || c == '-' || c == '/' ||
         c == ':';
}

bool IsOfWord(char c) { return absl::ascii_isalnum(c) || (c & 0x80) != 0 || c == '_'; }

class Parser {
 public:
  Parser(absl::string_view what, absl::string_view text) : what_(what), text_(text) {}

  absl::StatusOr<std::vector<SearchComparison>> Filter() {
    std::vector<SearchComparison> comparisons;
    if (AtEnd()) return comparisons;
    while (true) {
      if (comparisons.size() == limits::kSearchComparisons) {
        return Wrong(at_, absl::StrCat("a filter has at most ", limits::kSearchComparisons, " comparisons"));
      }
      ASSIGN_OR_RETURN(comparisons.emplace_back(), Comparison());
      if (AtEnd()) return comparisons;
      const size_t begin = at_;
      if (TakeWord("AND")) continue;
      if (TakeWord("OR")) return Wrong(begin, "OR is not supported; comparisons can only be joined with AND");
      return Wrong(begin, absl::StrCat("AND or the end is expected, not ", Rest(begin)));
    }
  }

  absl::StatusOr<SearchOrder> Order() {
    SearchOrder order;
    RETURN_IF_ERROR(Identifier(&order.entity, &order.key));
    if (AtEnd()) return order;
    const size_t begin = at_;
    order.descending = TakeWord("DESC");
    if (!order.descending && !TakeWord("ASC")) {
      return Wrong(begin, absl::StrCat("ASC, DESC or the end is expected, not ", Rest(begin)));
    }
    if (!AtEnd()) return Wrong(at_, absl::StrCat("the end is expected, not ", Rest(at_)));
    return order;
  }

 private:
  absl::Status Wrong(size_t place, absl::string_view reason) const {
    return absl::InvalidArgumentError(
        absl::StrCat("Invalid ", what_, " at character ", place + 1, ": ", reason));
  }
  std::string Rest(size_t begin) const {
    return begin >= text_.size() ? "the end" : QuoteForMessage(Shorten(text_.substr(begin), 30));
  }

  bool AtEnd() {
    while (at_ < text_.size() && absl::ascii_isspace(text_[at_])) ++at_;
    return at_ == text_.size();
  }
  bool TakeWord(absl::string_view word) {
    if (AtEnd() || !absl::StartsWithIgnoreCase(text_.substr(at_), word)) return false;
    const size_t end = at_ + word.size();
    if (end < text_.size() && IsOfWord(text_[end])) return false;
    at_ = end;
    return true;
  }
  bool Take(absl::string_view sign) {
    if (AtEnd() || !absl::StartsWith(text_.substr(at_), sign)) return false;
    at_ += sign.size();
    return true;
  }

  // What stands between two signs like the one at `at_`, which is doubled within.
  absl::StatusOr<std::string> Quoted() {
    const size_t begin = at_;
    const char quote = text_[at_++];
    std::string content;
    for (; at_ < text_.size(); ++at_) {
      if (text_[at_] == quote) {
        if (at_ + 1 >= text_.size() || text_[at_ + 1] != quote) {
          ++at_;
          return content;
        }
        ++at_;
      }
      content.push_back(text_[at_]);
    }
    return Wrong(begin, absl::StrCat("the quote ", std::string(1, quote), " is not closed"));
  }

  absl::Status Identifier(std::string* entity, std::string* key) {
    entity->clear();
    if (AtEnd()) return Wrong(at_, "a name such as metrics.loss is expected, not the end");
    const size_t begin = at_;
    if (text_[at_] == '`' || text_[at_] == '"') {
      ASSIGN_OR_RETURN(*key, Quoted());
    } else {
      while (at_ < text_.size() && IsOfWord(text_[at_])) ++at_;
      *key = std::string(text_.substr(begin, at_ - begin));
    }
    if (key->empty()) {
      return Wrong(begin, absl::StrCat("a name such as metrics.loss is expected, not ", Rest(begin)));
    }
    if (at_ == text_.size() || text_[at_] != '.') return absl::OkStatus();
    ++at_;
    *entity = std::move(*key);
    const size_t key_begin = at_;
    if (at_ < text_.size() && (text_[at_] == '`' || text_[at_] == '"')) {
      ASSIGN_OR_RETURN(*key, Quoted());
    } else {
      while (at_ < text_.size() && IsOfKey(text_[at_])) ++at_;
      *key = std::string(text_.substr(key_begin, at_ - key_begin));
    }
    return key->empty() ? Wrong(key_begin, absl::StrCat("a key is expected behind ", *entity, "."))
                        : absl::OkStatus();
  }

  absl::StatusOr<SearchOp> Operator() {
    static constexpr std::pair<absl::string_view, SearchOp> kSigns[] = {
        {"!=", SearchOp::kNotEqual},    {"<>", SearchOp::kNotEqual}, {">=", SearchOp::kGreaterOrEqual},
        {"<=", SearchOp::kLessOrEqual}, {"=", SearchOp::kEqual},     {">", SearchOp::kGreater},
        {"<", SearchOp::kLess}};
    AtEnd();
    const size_t begin = at_;
    for (const auto& [sign, op] : kSigns) {
      if (Take(sign)) return op;
    }
    if (TakeWord("LIKE")) return SearchOp::kLike;
    if (TakeWord("ILIKE")) return SearchOp::kILike;
    if (TakeWord("IN")) return SearchOp::kIn;
    if (TakeWord("NOT") && TakeWord("IN")) return SearchOp::kNotIn;
    at_ = begin;
    if (TakeWord("IS")) {
      const bool is_not = TakeWord("NOT");
      if (TakeWord("NULL")) return is_not ? SearchOp::kIsNotNull : SearchOp::kIsNull;
    }
    return Wrong(
        begin,
        absl::StrCat("an operator is expected (=, !=, <, <=, >, >=, LIKE, ILIKE, IN, NOT IN, IS NULL, IS "
                     "NOT NULL), not ",
                     Rest(begin)));
  }

  absl::StatusOr<SearchLiteral> Literal() {
    if (AtEnd()) return Wrong(at_, "a value is expected, not the end");
    SearchLiteral literal;
    const size_t begin = at_;
    if (text_[at_] == '\'' || text_[at_] == '"') {
      ASSIGN_OR_RETURN(literal.text, Quoted());
      return literal;
    }
    while (at_ < text_.size() && (IsOfWord(text_[at_]) || absl::StrContains("+-.", text_.substr(at_, 1)))) {
      ++at_;
    }
    literal.text = std::string(text_.substr(begin, at_ - begin));
    // Names of numbers, such as inf and nan, are none here.
    const bool has_digits = literal.text.find_first_of("0123456789") != std::string::npos &&
                            literal.text.find_first_not_of("0123456789+-.eE") == std::string::npos;
    if (!has_digits || !absl::SimpleAtod(literal.text, &literal.number)) {
      return Wrong(begin, absl::StrCat("a number or a text in quotes is expected, not ", Rest(begin)));
    }
    literal.is_number = true;
    return literal;
  }

  absl::StatusOr<SearchComparison> Comparison() {
    SearchComparison comparison;
    AtEnd();
    comparison.place = static_cast<int>(at_ + 1);
    RETURN_IF_ERROR(Identifier(&comparison.entity, &comparison.key));
    ASSIGN_OR_RETURN(comparison.op, Operator());
    if (comparison.op == SearchOp::kIsNull || comparison.op == SearchOp::kIsNotNull) return comparison;
    if (comparison.op != SearchOp::kIn && comparison.op != SearchOp::kNotIn) {
      ASSIGN_OR_RETURN(comparison.values.emplace_back(), Literal());
      return comparison;
    }
    AtEnd();
    if (!Take("(")) {
      return Wrong(at_, absl::StrCat("a list in brackets is expected behind IN, not ", Rest(at_)));
    }
    do {
      if (comparison.values.size() == limits::kFilterValues) {
        return Wrong(at_, absl::StrCat("a list has at most ", limits::kFilterValues, " values"));
      }
      ASSIGN_OR_RETURN(comparison.values.emplace_back(), Literal());
      // A comma may stand behind the last one, as Python writes a list of one.
      const bool more = Take(",");
      if (Take(")")) return comparison;
      if (!more) return Wrong(at_, absl::StrCat("',' or ')' is expected, not ", Rest(at_)));
    } while (true);
  }

  const absl::string_view what_;
  const absl::string_view text_;
  size_t at_ = 0;
};

absl::Status CheckSearchText(absl::string_view what, absl::string_view text) {
  if (static_cast<int64_t>(text.size()) > limits::kFilterBytes) {
    return error::FieldTooLong(what, text.size(), limits::kFilterBytes);
  }
  if (!IsUtf8(text) || text.find('\0') != absl::string_view::npos) return error::FieldNotUtf8(what);
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::vector<SearchComparison>> ParseSearchFilter(absl::string_view filter) {
  RETURN_IF_ERROR(CheckSearchText("filter", filter));
  return Parser("filter", filter).Filter();
}

absl::StatusOr<SearchOrder> ParseSearchOrder(absl::string_view order) {
  RETURN_IF_ERROR(CheckSearchText("order_by", order));
  return Parser("order_by", order).Order();
}

}  // namespace penstock
