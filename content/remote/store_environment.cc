#include "content/remote/store_environment.h"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace penstock {
namespace {

constexpr absl::string_view kPrefixes[] = {"AWS_", "AZURE_", "GOOGLE_", "CLOUDSDK_"};
constexpr absl::string_view kNames[] = {
    "STORAGE_EMULATOR_HOST", "HTTP_PROXY", "HTTPS_PROXY",   "NO_PROXY",    "http_proxy",
    "https_proxy",           "no_proxy",   "SSL_CERT_FILE", "SSL_CERT_DIR"};

bool IsOfStores(absl::string_view name) {
  return std::any_of(std::begin(kPrefixes), std::end(kPrefixes),
                     [&](absl::string_view prefix) { return absl::StartsWith(name, prefix); }) ||
         std::find(std::begin(kNames), std::end(kNames), name) != std::end(kNames);
}

bool IsSet(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr && *value != '\0';
}

bool IsInHome(absl::string_view path) {
  const char* home = std::getenv("HOME");
  return home != nullptr && access(absl::StrCat(home, "/", path).c_str(), R_OK) == 0;
}

}  // namespace

std::vector<std::pair<std::string, std::string>> StoreEnvironment() {
  std::vector<std::pair<std::string, std::string>> variables;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const absl::string_view text = *entry;
    const size_t equals = text.find('=');
    if (equals == absl::string_view::npos || !IsOfStores(text.substr(0, equals))) continue;
    variables.emplace_back(text.substr(0, equals), text.substr(equals + 1));
  }
  return variables;
}

std::vector<std::string> SchemesWithCredentials() {
  std::vector<std::string> schemes;
  if (IsSet("AWS_ACCESS_KEY_ID") || IsSet("AWS_PROFILE") || IsSet("AWS_WEB_IDENTITY_TOKEN_FILE") ||
      IsSet("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI") || IsSet("AWS_CONTAINER_CREDENTIALS_FULL_URI") ||
      IsInHome(".aws/credentials") || IsInHome(".aws/config")) {
    schemes.insert(schemes.end(), {"s3://", "minio://"});
  }
  if (IsSet("GOOGLE_APPLICATION_CREDENTIALS") || IsSet("STORAGE_EMULATOR_HOST") ||
      IsInHome(".config/gcloud/application_default_credentials.json")) {
    schemes.emplace_back("gs://");
  }
  if (IsSet("AZURE_STORAGE_ACCOUNT") || IsSet("AZURE_STORAGE_CONNECTION_STRING")) {
    schemes.emplace_back("azblob://");
  }
  return schemes;
}

}  // namespace penstock
