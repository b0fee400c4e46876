#include "server/secrets.h"

#include <stdlib.h>
#include <sys/prctl.h>

#include <algorithm>
#include <cstring>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/string_view.h"

extern char** environ;

namespace penstock {
namespace {

constexpr absl::string_view kSecretVariables[] = {"PENSTOCK_DATABASE_URL", "PGPASSWORD"};

// `text` is NUL-terminated and stays as long as it was.
void Overwrite(char* text, absl::string_view from, absl::string_view until) {
  for (char* at = text; (at = std::strstr(at, std::string(from).c_str())) != nullptr;) {
    at += from.size();
    while (*at != '\0' && !absl::StrContains(until, *at)) *at++ = 'x';
  }
}

// postgresql://USER:PASSWORD@HOST, and password=PASSWORD in a URL or a list of settings.
void OverwritePasswords(char* text) {
  Overwrite(text, "password=", "& ");
  char* const authority = std::strstr(text, "://");
  char* const host = authority != nullptr ? std::strrchr(authority, '@') : nullptr;
  char* const password = host != nullptr ? std::strchr(authority + 3, ':') : nullptr;
  if (password != nullptr && password < host) std::fill(password + 1, host, 'x');
}

bool Names(const char* variable, absl::string_view name) {
  return absl::StartsWith(variable, name) && variable[name.size()] == '=';
}

}  // namespace

void HideSecrets(int argc, char** argv) {
  for (int i = 1; i < argc; ++i) OverwritePasswords(argv[i]);
  for (const absl::string_view name : kSecretVariables) {
    for (char** at = environ; *at != nullptr; ++at) {
      if (!Names(*at, name)) continue;
      char* const original = *at + name.size() + 1;
      const std::string value = original;
      // A copy elsewhere takes its place.
      setenv(std::string(name).c_str(), value.c_str(), /*overwrite=*/1);
      std::fill_n(original, value.size(), 'x');
      break;
    }
  }
  prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
}

std::vector<char*> EnvironmentForChildren() {
  std::vector<char*> kept;
  for (char** at = environ; *at != nullptr; ++at) {
    if (!Names(*at, "PENSTOCK_DATABASE_URL") && !absl::StartsWith(*at, "PG")) kept.push_back(*at);
  }
  kept.push_back(nullptr);
  return kept;
}

}  // namespace penstock
