// What is secret, for people: logs, errors, lists and records show no passwords. Standard library only. Pure.
#pragma once

#include <cctype>
#include <string>
#include <string_view>

namespace penstock {

// Where the user and password of the first URL in `text` are, with neither the "://" before nor the "@" behind
// them; npos if it has none.
struct UserInfo {
  size_t begin = std::string_view::npos;
  size_t end = std::string_view::npos;
};

inline UserInfo FindUserInfo(std::string_view text, size_t from = 0) {
  const size_t scheme = text.find("://", from);
  if (scheme == std::string_view::npos) return {};
  const size_t begin = scheme + 3;
  const size_t host_end = text.find_first_of("/?# \t\n'\"", begin);
  const size_t at = text.substr(0, host_end).rfind('@');
  if (at == std::string_view::npos || at < begin) return FindUserInfo(text, begin);
  return {begin, at};
}

inline bool HasPassword(std::string_view text) { return FindUserInfo(text).begin != std::string_view::npos; }

// `text` with *** in place of users and passwords in URLs.
inline std::string WithoutPasswords(std::string text) {
  for (UserInfo found = FindUserInfo(text); found.begin != std::string_view::npos;
       found = FindUserInfo(text, found.begin + 3)) {
    text.replace(found.begin, found.end - found.begin, "***");
  }
  return text;
}

// What stands for a value that is not shown.
inline constexpr std::string_view kRedacted = "***";

// Whether a variable's name says that its value is secret: one of its words, as letters and digits make them, ends in
// such a word. TOKENIZERS_PARALLELISM is none.
inline bool IsSecretName(std::string_view name) {
  constexpr std::string_view kSecret[] = {"key",      "keys",       "token",      "tokens",
                                          "password", "passwords",  "passwd",     "secret",
                                          "secrets",  "credential", "credentials"};
  std::string word;
  for (size_t i = 0; i <= name.size(); ++i) {
    const unsigned char c = i < name.size() ? static_cast<unsigned char>(name[i]) : '_';
    if (std::isalnum(c) != 0) {
      word.push_back(static_cast<char>(std::tolower(c)));
      continue;
    }
    for (const std::string_view end : kSecret) {
      if (word.size() >= end.size() && std::string_view(word).substr(word.size() - end.size()) == end) {
        return true;
      }
    }
    word.clear();
  }
  return false;
}

}  // namespace penstock
