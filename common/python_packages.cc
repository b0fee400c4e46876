#include "common/python_packages.h"

#include <algorithm>
#include <cctype>
#include <initializer_list>

namespace penstock {
namespace {

bool IsDigit(char c) { return std::isdigit(static_cast<unsigned char>(c)) != 0; }
bool IsAlnum(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0; }
bool IsSeparator(char c) { return c == '-' || c == '_' || c == '.'; }

std::string Lower(std::string_view text) {
  std::string lower(text);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return lower;
}

bool IsName(std::string_view name) {
  return !name.empty() && IsAlnum(name.front()) && IsAlnum(name.back()) &&
         std::all_of(name.begin(), name.end(), [](char c) { return IsAlnum(c) || IsSeparator(c); });
}

// Reads a version, in lower case, from left to right.
class VersionReader {
 public:
  explicit VersionReader(std::string_view rest) : rest_(rest) {}

  bool Read() {
    Take('v');
    if (!TakeDigits()) return false;
    if (Take('!') && !TakeDigits()) return false;  // an epoch
    while (rest_.size() > 1 && rest_[0] == '.' && IsDigit(rest_[1])) {
      rest_.remove_prefix(1);
      TakeDigits();
    }
    TakeSuffix({"alpha", "beta", "preview", "pre", "rc", "a", "b", "c"});
    if (rest_.size() > 1 && rest_[0] == '-' && IsDigit(rest_[1])) {
      rest_.remove_prefix(1);
      TakeDigits();
    } else {
      TakeSuffix({"post", "rev", "r"});
    }
    TakeSuffix({"dev"});
    return rest_.empty() || (Take('+') && IsLocal(rest_));
  }

 private:
  bool Take(char c) {
    if (rest_.empty() || rest_[0] != c) return false;
    rest_.remove_prefix(1);
    return true;
  }

  bool TakeDigits() {
    const size_t digits =
        static_cast<size_t>(std::find_if_not(rest_.begin(), rest_.end(), IsDigit) - rest_.begin());
    rest_.remove_prefix(digits);
    return digits > 0;
  }

  // One of the words, with a separator before and behind it, and a number.
  void TakeSuffix(std::initializer_list<std::string_view> words) {
    std::string_view rest = rest_;
    if (!rest.empty() && IsSeparator(rest[0])) rest.remove_prefix(1);
    for (const std::string_view word : words) {
      if (rest.substr(0, word.size()) != word) continue;
      rest_ = rest.substr(word.size());
      if (rest_.size() > 1 && IsSeparator(rest_[0]) && IsDigit(rest_[1])) rest_.remove_prefix(1);
      TakeDigits();
      return;
    }
  }

  static bool IsLocal(std::string_view local) { return IsName(local) && !HasTwoSeparators(local); }
  static bool HasTwoSeparators(std::string_view text) {
    return std::adjacent_find(text.begin(), text.end(),
                              [](char a, char b) { return IsSeparator(a) && IsSeparator(b); }) != text.end();
  }

  std::string_view rest_;
};

}  // namespace

std::string PackageKey(std::string_view package) {
  std::string key;
  for (const char c : Lower(package.substr(0, package.find_first_of("=@ ")))) {
    const char letter = IsSeparator(c) ? '-' : c;
    if (letter != '-' || key.empty() || key.back() != '-') key.push_back(letter);
  }
  return key;
}

bool IsExactPackage(std::string_view line) {
  const size_t equals = line.find("==");
  return equals != std::string_view::npos && IsName(line.substr(0, equals)) &&
         VersionReader(Lower(line.substr(equals + 2))).Read();
}

}  // namespace penstock
