// Expressions as tokens. Internal to pipeline/expression.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace penstock::expression {

struct Token {
  enum class Kind : uint8_t {
    kEnd,
    kName,    // a variable, function, field or word of the language
    kInt,     // text: its digits, "0x" included
    kDouble,  // number
    kString,  // text: what it stands for
    kSymbol,  // text: "==" and so on
    // 'inputs.parameter_values['x']' or 'int(inputs.parameter_values['x'])', the whole in quotes, as the
    // SDK's compiler writes it; text: the parameter's name.
    kQuotedParameter,
  };

  Kind kind = Kind::kEnd;
  size_t begin = 0;
  size_t end = 0;
  std::string text;
  double number = 0;
  bool is_int = false;  // of kQuotedParameter

  bool IsSymbol(absl::string_view symbol) const { return kind == Kind::kSymbol && text == symbol; }
  bool IsWord(absl::string_view word) const { return kind == Kind::kName && text == word; }
};

// The tokens of `text`, which is valid UTF-8, with one of kEnd last. White space and // comments are left
// out. Returns INVALID_ARGUMENT with the place of what is no token.
absl::StatusOr<std::vector<Token>> Tokenize(absl::string_view text);

// The text that begins at `begin`, with its quote or the r before it. Fills in kind, end and text. Returns
// INVALID_ARGUMENT if it has no end or an escape of it is none.
absl::Status ReadText(absl::string_view text, size_t begin, Token* token);

}  // namespace penstock::expression
