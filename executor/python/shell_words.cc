#include "executor/python/shell_words.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/string_view.h"

namespace penstock {
namespace {

// Outside quotes these begin an expansion, a pattern or a redirection.
constexpr absl::string_view kSpecial = "$`*?[]{}~<>!";

class Tokenizer {
 public:
  explicit Tokenizer(absl::string_view script) : rest_(script) {}

  std::vector<ShellToken> Tokens() {
    while (!rest_.empty()) Step();
    EndWord();
    if (!tokens_.empty() && tokens_.back().is_operator && tokens_.back().text == ";") tokens_.pop_back();
    return std::move(tokens_);
  }

 private:
  void Step() {
    const absl::string_view before = rest_;
    const char c = Take();
    if (c == '\'') {
      TakeSingleQuoted();
    } else if (c == '"') {
      TakeDoubleQuoted();
    } else if (c == '\\') {
      TakeEscaped();
    } else if (c == '\n' || c == ';' || c == '&' || c == '|' || c == '(' || c == ')') {
      TakeOperator(c);
    } else if (absl::ascii_isspace(c)) {
      EndWord();
    } else if (c == '#' && !in_word_) {
      rest_.remove_prefix(std::min(rest_.find('\n'), rest_.size()));
    } else {
      word_.is_plain = word_.is_plain && !absl::StrContains(kSpecial, c);
      Add(c);
    }
    if (in_word_) {
      const absl::string_view taken = before.substr(0, before.size() - rest_.size());
      word_.source.append(taken.data(), taken.size());
    }
  }

  char Take() {
    const char c = rest_.front();
    rest_.remove_prefix(1);
    return c;
  }

  void TakeEscaped() {
    if (rest_.empty()) {
      word_.is_plain = false;
      return Add('\\');
    }
    const char c = Take();
    if (c != '\n') Add(c);
  }

  void TakeSingleQuoted() {
    in_word_ = true;
    const size_t end = rest_.find('\'');
    word_.is_plain = word_.is_plain && end != absl::string_view::npos;
    const absl::string_view quoted = rest_.substr(0, end);
    word_.text.append(quoted.data(), quoted.size());
    rest_.remove_prefix(std::min(quoted.size() + 1, rest_.size()));
  }

  void TakeDoubleQuoted() {
    in_word_ = true;
    while (!rest_.empty()) {
      char c = Take();
      if (c == '"') return;
      if (c == '\\' && !rest_.empty() && absl::StrContains("$`\"\\\n", rest_.front())) {
        c = Take();
        if (c == '\n') continue;
      } else if (c == '$' || c == '`') {
        word_.is_plain = false;
      }
      word_.text.push_back(c);
    }
    word_.is_plain = false;  // the quote is not closed
  }

  void TakeOperator(char c) {
    EndWord();
    std::string text(1, c == '\n' ? ';' : c);
    if ((c == '&' || c == '|') && !rest_.empty() && rest_.front() == c) text.push_back(Take());
    // Behind another operator, or as the first, a new line or ; separates nothing.
    const bool means_nothing = text == ";" && (tokens_.empty() || tokens_.back().is_operator);
    if (!means_nothing) tokens_.push_back({.text = text, .is_operator = true, .source = text});
  }

  void Add(char c) {
    in_word_ = true;
    word_.text.push_back(c);
  }

  void EndWord() {
    if (in_word_) tokens_.push_back(std::move(word_));
    word_ = {};
    in_word_ = false;
  }

  absl::string_view rest_;
  bool in_word_ = false;
  ShellToken word_;
  std::vector<ShellToken> tokens_;
};

}  // namespace

std::vector<ShellToken> ShellTokens(absl::string_view script) { return Tokenizer(script).Tokens(); }

std::vector<std::vector<std::string>> ShellCommands(absl::string_view script) {
  std::vector<std::vector<std::string>> commands(1);
  for (ShellToken& token : ShellTokens(script)) {
    if (!token.is_operator) {
      commands.back().push_back(std::move(token.text));
    } else if (!commands.back().empty()) {
      commands.emplace_back();
    }
  }
  return commands;
}

}  // namespace penstock
