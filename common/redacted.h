// URLs for people: logs, errors and lists show no passwords. Standard library only. Pure.
#pragma once

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

}  // namespace penstock
