#include "pipeline/expression/token.h"

#include <optional>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "common/status_macros.h"
#include "common/text.h"
#include "pipeline/expression/syntax.h"

namespace penstock::expression {
namespace {

bool IsNameStart(char c) { return absl::ascii_isalpha(static_cast<unsigned char>(c)) || c == '_'; }
bool IsDigit(char c) { return absl::ascii_isdigit(static_cast<unsigned char>(c)); }
bool IsNamePart(char c) { return IsNameStart(c) || IsDigit(c); }

size_t EndOfDigits(absl::string_view text, size_t at) {
  while (at < text.size() && IsDigit(text[at])) ++at;
  return at;
}

// Where the exponent that begins at `at` ends; `at` if there is none.
size_t EndOfExponent(absl::string_view text, size_t at) {
  if (at >= text.size() || (text[at] != 'e' && text[at] != 'E')) return at;
  const size_t sign = at + 1;
  const size_t digits = sign + (sign < text.size() && (text[sign] == '+' || text[sign] == '-') ? 1 : 0);
  const size_t end = EndOfDigits(text, digits);
  return end == digits ? at : end;
}

// A quote, or one behind r or b, in either case and order.
bool StartsText(absl::string_view rest) {
  size_t at = 0;
  for (; at < 2 && at < rest.size(); ++at) {
    const char c = absl::ascii_tolower(static_cast<unsigned char>(rest[at]));
    if (c != 'r' && c != 'b') break;
  }
  return at < rest.size() && (rest[at] == '\'' || rest[at] == '"');
}

class Tokenizer {
 public:
  explicit Tokenizer(absl::string_view text) : text_(text) {}

  absl::StatusOr<std::vector<Token>> Run() {
    std::vector<Token> tokens;
    while (true) {
      SkipSpace();
      Token token;
      token.begin = at_;
      token.end = at_;
      if (at_ < text_.size()) RETURN_IF_ERROR(Read(&token));
      at_ = token.end;
      tokens.push_back(std::move(token));
      if (tokens.back().kind == Token::Kind::kEnd) return tokens;
    }
  }

 private:
  void SkipSpace() {
    while (at_ < text_.size()) {
      if (absl::ascii_isspace(static_cast<unsigned char>(text_[at_]))) {
        ++at_;
      } else if (absl::StartsWith(text_.substr(at_), "//")) {
        at_ = std::min(text_.find('\n', at_), text_.size());
      } else {
        return;
      }
    }
  }

  absl::Status Read(Token* token) {
    const char c = text_[at_];
    // Before texts, since it begins with a quote like them.
    if (ReadQuotedParameter(token)) return absl::OkStatus();
    if (StartsText(text_.substr(at_))) return ReadText(text_, at_, token);
    if (IsNameStart(c)) {
      token->kind = Token::Kind::kName;
      while (token->end < text_.size() && IsNamePart(text_[token->end])) ++token->end;
      token->text = std::string(text_.substr(at_, token->end - at_));
      return absl::OkStatus();
    }
    if (IsDigit(c) || (c == '.' && at_ + 1 < text_.size() && IsDigit(text_[at_ + 1]))) {
      return ReadNumber(token);
    }
    return ReadSymbol(token);
  }

  // Never CEL: there a text and a name cannot stand side by side.
  bool ReadQuotedParameter(Token* token) {
    absl::string_view rest = text_.substr(at_);
    if (!absl::ConsumePrefix(&rest, "'")) return false;
    token->is_int = absl::ConsumePrefix(&rest, "int(");
    if (!absl::ConsumePrefix(&rest, "inputs.parameter_values['") ||
        !absl::StartsWith(rest, "pipelinechannel--")) {
      return false;
    }
    const size_t length = rest.find('\'');
    if (length == absl::string_view::npos) return false;
    const absl::string_view name = rest.substr(0, length);
    rest.remove_prefix(length);
    if (!absl::ConsumePrefix(&rest, token->is_int ? "'])'" : "']'")) return false;
    token->kind = Token::Kind::kQuotedParameter;
    token->text = std::string(name);
    token->end = text_.size() - rest.size();
    return true;
  }

  absl::Status ReadNumber(Token* token) {
    const absl::string_view rest = text_.substr(at_);
    if (absl::StartsWithIgnoreCase(rest, "0x")) {
      token->kind = Token::Kind::kInt;
      token->end = at_ + 2;
      while (token->end < text_.size() &&
             absl::ascii_isxdigit(static_cast<unsigned char>(text_[token->end]))) {
        ++token->end;
      }
    } else {
      const size_t whole = EndOfDigits(text_, at_);
      size_t end = whole;
      if (end + 1 < text_.size() && text_[end] == '.' && IsDigit(text_[end + 1])) {
        end = EndOfDigits(text_, end + 1);
      }
      end = EndOfExponent(text_, end);
      token->kind = end == whole ? Token::Kind::kInt : Token::Kind::kDouble;
      token->end = end;
    }
    token->text = std::string(text_.substr(at_, token->end - at_));
    if (token->end < text_.size() && IsNamePart(text_[token->end])) {
      const bool is_unsigned = text_[token->end] == 'u' || text_[token->end] == 'U';
      return SyntaxError(text_, at_,
                         is_unsigned ? absl::StrCat("unsigned numbers are not read; write ", token->text)
                                     : absl::StrCat("a letter follows the number ", token->text));
    }
    // Too large for a double gives infinity, as CEL has it.
    if (token->kind == Token::Kind::kDouble && !absl::SimpleAtod(token->text, &token->number)) {
      return SyntaxError(text_, at_, absl::StrCat(token->text, " is not a number"));
    }
    return absl::OkStatus();
  }

  absl::Status ReadSymbol(Token* token) {
    // Those of two characters come first: they begin like others.
    static constexpr absl::string_view kSymbols[] = {"==", "!=", "<=", ">=", "&&", "||", "<", ">",
                                                     "+",  "-",  "*",  "/",  "%",  "!",  "?", ":",
                                                     ".",  ",",  "(",  ")",  "[",  "]",  "{", "}"};
    const absl::string_view rest = text_.substr(at_);
    for (const absl::string_view symbol : kSymbols) {
      if (absl::StartsWith(rest, symbol)) {
        token->kind = Token::Kind::kSymbol;
        token->text = std::string(symbol);
        token->end = at_ + symbol.size();
        return absl::OkStatus();
      }
    }
    const size_t length = std::max<size_t>(Utf8CharacterLength(rest), 1);
    std::string message =
        absl::StrCat("the character ", QuoteForMessage(rest.substr(0, length)), " means nothing here");
    if (rest[0] == '=' || rest[0] == '&' || rest[0] == '|') {
      absl::StrAppend(&message, "; write ", std::string(2, rest[0]));
    }
    return SyntaxError(text_, at_, message);
  }

  const absl::string_view text_;
  size_t at_ = 0;
};

}  // namespace

absl::StatusOr<std::vector<Token>> Tokenize(absl::string_view text) { return Tokenizer(text).Run(); }

}  // namespace penstock::expression
