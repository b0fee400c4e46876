// Texts within expressions: quotes, escapes, and what the SDK's compiler leaves unescaped.
#include <cstdint>
#include <optional>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/status_macros.h"
#include "pipeline/expression/syntax.h"
#include "pipeline/expression/token.h"

namespace penstock::expression {
namespace {

void AppendUtf8(uint32_t point, std::string* out) {
  if (point < 0x80) {
    out->push_back(static_cast<char>(point));
  } else if (point < 0x800) {
    out->push_back(static_cast<char>(0xC0 | point >> 6));
    out->push_back(static_cast<char>(0x80 | (point & 0x3F)));
  } else if (point < 0x10000) {
    out->push_back(static_cast<char>(0xE0 | point >> 12));
    out->push_back(static_cast<char>(0x80 | (point >> 6 & 0x3F)));
    out->push_back(static_cast<char>(0x80 | (point & 0x3F)));
  } else {
    out->push_back(static_cast<char>(0xF0 | point >> 18));
    out->push_back(static_cast<char>(0x80 | (point >> 12 & 0x3F)));
    out->push_back(static_cast<char>(0x80 | (point >> 6 & 0x3F)));
    out->push_back(static_cast<char>(0x80 | (point & 0x3F)));
  }
}

std::optional<uint32_t> Digits(absl::string_view text, size_t count, uint32_t base) {
  if (text.size() < count) return std::nullopt;
  uint32_t number = 0;
  for (const char c : text.substr(0, count)) {
    const auto byte = static_cast<unsigned char>(c);
    const uint32_t digit = absl::ascii_isdigit(byte) ? static_cast<uint32_t>(c - '0')
                           : absl::ascii_isxdigit(byte)
                               ? static_cast<uint32_t>(absl::ascii_tolower(byte) - 'a') + 10
                               : base;
    if (digit >= base) return std::nullopt;
    number = number * base + digit;
  }
  return number;
}

struct Escape {
  uint32_t point;
  size_t bytes;  // backslash included
};

// The escape that `text` begins with, from its backslash on, if it is one of CEL's.
std::optional<Escape> ReadEscape(absl::string_view text) {
  static constexpr absl::string_view kLetters = "abfnrtv\\?\"'`";
  static constexpr absl::string_view kMeanings = "\a\b\f\n\r\t\v\\?\"'`";
  if (text.size() < 2) return std::nullopt;
  const char c = text[1];
  if (const size_t letter = kLetters.find(c); letter != absl::string_view::npos) {
    return Escape{static_cast<uint32_t>(kMeanings[letter]), 2};
  }
  size_t count = 0;
  switch (c) {
    case 'x':
    case 'X':
      count = 2;
      break;
    case 'u':
      count = 4;
      break;
    case 'U':
      count = 8;
      break;
    default: {
      const std::optional<uint32_t> octal =
          c >= '0' && c <= '3' ? Digits(text.substr(1), 3, 8) : std::nullopt;
      return octal.has_value() ? std::optional<Escape>({*octal, 4}) : std::nullopt;
    }
  }
  const std::optional<uint32_t> point = Digits(text.substr(2), count, 16);
  if (!point.has_value() || *point > 0x10FFFF || (*point >= 0xD800 && *point < 0xE000)) return std::nullopt;
  return Escape{*point, 2 + count};
}

// Whether `rest`, what stands right behind a quote, shows that the quote is part of the text: with this CEL
// could not go on.
bool IsInsideText(absl::string_view rest) {
  if (rest.empty() || absl::ascii_isspace(static_cast<unsigned char>(rest[0])) ||
      absl::string_view(")]},:?.[<>+-*/%").find(rest[0]) != absl::string_view::npos) {
    return false;
  }
  for (const absl::string_view symbol : {"==", "!=", "&&", "||"}) {
    if (absl::StartsWith(rest, symbol)) return false;
  }
  const bool is_in =
      absl::StartsWith(rest, "in") &&
      (rest.size() == 2 || (!absl::ascii_isalnum(static_cast<unsigned char>(rest[2])) && rest[2] != '_'));
  return !is_in;
}

class TextReader {
 public:
  TextReader(absl::string_view text, size_t begin) : text_(text), begin_(begin), at_(begin) {}

  absl::Status Read(Token* token) {
    RETURN_IF_ERROR(ReadOpening());
    while (true) {
      const absl::string_view rest = text_.substr(at_);
      // A new line ends no text in single quotes: the compiler leaves it there as it is.
      if (rest.empty() || (rest[0] == '\n' && quote_ == "\"")) {
        return SyntaxError(text_, begin_,
                           absl::StrCat("the text that begins here has no end: ", quote_, " is missing"));
      }
      if (absl::StartsWith(rest, quote_) && !(FromCompiler() && IsInsideText(rest.substr(1)))) {
        at_ += quote_.size();
        break;
      }
      if (rest[0] == '\\' && !raw_) {
        RETURN_IF_ERROR(AppendEscape(rest));
        continue;
      }
      out_.push_back(rest[0]);
      ++at_;
    }
    token->kind = Token::Kind::kString;
    token->end = at_;
    token->text = std::move(out_);
    return absl::OkStatus();
  }

 private:
  // Compilers write '...' only, and leave what is in it as it is.
  bool FromCompiler() const { return quote_ == "'" && !raw_; }

  absl::Status ReadOpening() {
    for (; text_[at_] != '\'' && text_[at_] != '"'; ++at_) {
      if (absl::ascii_tolower(static_cast<unsigned char>(text_[at_])) == 'b') {
        return SyntaxError(text_, begin_, "bytes are not read; write a text without the b");
      }
      raw_ = true;
    }
    const absl::string_view rest = text_.substr(at_);
    quote_ = rest.substr(0, absl::StartsWith(rest, "'''") || absl::StartsWith(rest, "\"\"\"") ? 3 : 1);
    at_ += quote_.size();
    return absl::OkStatus();
  }

  absl::Status AppendEscape(absl::string_view rest) {
    if (const std::optional<Escape> escape = ReadEscape(rest); escape.has_value()) {
      AppendUtf8(escape->point, &out_);
      at_ += escape->bytes;
      return absl::OkStatus();
    }
    if (!FromCompiler()) {
      return SyntaxError(text_, at_,
                         "the backslash here begins no escape; write \\\\ for a backslash itself");
    }
    out_.push_back('\\');
    ++at_;
    return absl::OkStatus();
  }

  const absl::string_view text_;
  const size_t begin_;
  size_t at_;
  absl::string_view quote_;
  bool raw_ = false;
  std::string out_;
};

}  // namespace

absl::Status ReadText(absl::string_view text, size_t begin, Token* token) {
  return TextReader(text, begin).Read(token);
}

}  // namespace penstock::expression
