#include "storage/postgres/url.h"

#include <algorithm>
#include <iterator>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"

namespace penstock::postgres {
namespace {

constexpr absl::string_view kSchemes[] = {"postgresql://", "postgres://"};
// A peer that vanished is noticed within about 30 s, also while it is waited for.
constexpr std::pair<absl::string_view, absl::string_view> kDefaults[] = {
    {"connect_timeout", "5"},  {"keepalives_idle", "15"},     {"keepalives_interval", "5"},
    {"keepalives_count", "3"}, {"tcp_user_timeout", "30000"}, {"fallback_application_name", "penstock"},
};

bool IsDefault(absl::string_view parameter) {
  const std::pair<absl::string_view, absl::string_view> parts =
      absl::StrSplit(parameter, absl::MaxSplits('=', 1));
  return std::find(std::begin(kDefaults), std::end(kDefaults), parts) != std::end(kDefaults);
}

// Where the parameters of `url` begin, as libpq finds it: a ? before the @ is of the password.
size_t ParametersAt(absl::string_view url) {
  const size_t scheme = url.find("://");
  const size_t begin = scheme == absl::string_view::npos ? 0 : scheme + 3;
  const size_t end_of_user = url.find_first_of("@/", begin);
  const bool has_user = end_of_user != absl::string_view::npos && url[end_of_user] == '@';
  return url.find('?', has_user ? end_of_user : begin);
}

}  // namespace

bool IsPostgresUrl(absl::string_view url) {
  return absl::StartsWith(url, kSchemes[0]) || absl::StartsWith(url, kSchemes[1]);
}

std::string WithDefaults(absl::string_view url) {
  const size_t question = ParametersAt(url);
  std::string whole(url);
  char separator = question == absl::string_view::npos ? '?' : '&';
  if (question + 1 == url.size()) separator = '\0';
  const absl::string_view given = question == absl::string_view::npos ? "" : url.substr(question);
  for (const auto& [name, value] : kDefaults) {
    if (absl::StrContains(given, absl::StrCat("?", name, "=")) ||
        absl::StrContains(given, absl::StrCat("&", name, "="))) {
      continue;
    }
    if (separator != '\0') whole.push_back(separator);
    absl::StrAppend(&whole, name, "=", value);
    separator = '&';
  }
  return whole;
}

bool IsMisread(absl::string_view url) {
  url = url.substr(0, ParametersAt(url));
  const size_t first = url.find('@');
  return first != url.rfind('@') ||
         (first != absl::string_view::npos && url.find('/', url.find("://") + 3) < first);
}

std::string WithoutPassword(absl::string_view url) {
  std::string shown;
  const size_t scheme = url.find("://");
  if (scheme == absl::string_view::npos) return std::string(url);
  shown = std::string(url.substr(0, scheme + 3));
  url.remove_prefix(scheme + 3);
  // Up to the last @ of all: a password in which somebody forgot to write / or ? as %XX must not show either.
  if (const size_t at = url.rfind('@'); at != absl::string_view::npos) {
    const absl::string_view user = url.substr(0, at);
    const size_t colon = user.find(':');
    absl::StrAppend(&shown, user.substr(0, colon), colon == absl::string_view::npos ? "@" : ":***@");
    url.remove_prefix(at + 1);
  }
  const std::pair<absl::string_view, absl::string_view> parts = absl::StrSplit(url, absl::MaxSplits('?', 1));
  absl::StrAppend(&shown, parts.first);
  if (parts.second.empty()) return shown;
  std::vector<std::string> parameters;
  for (const absl::string_view parameter : absl::StrSplit(parts.second, '&')) {
    if (IsDefault(parameter)) continue;
    const absl::string_view name = parameter.substr(0, parameter.find('='));
    const bool secret = absl::StrContains(name, "password");
    parameters.push_back(secret ? absl::StrCat(name, "=***") : std::string(parameter));
  }
  if (parameters.empty()) return shown;
  return absl::StrCat(shown, "?", absl::StrJoin(parameters, "&"));
}

}  // namespace penstock::postgres
