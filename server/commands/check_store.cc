#include "server/commands/check_store.h"

#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <vector>

#include "absl/strings/str_cat.h"

namespace penstock {

absl::Status RunCheckStoreCommand(const std::string& uri, const Config& config) {
  const std::string& place = uri.empty() ? config.pipeline_root : uri;
  if (place.empty()) {
    return absl::InvalidArgumentError(
        "there is no pipeline root to check: name a URI, penstock check-store s3://bucket/prefix, or set "
        "--pipeline_root");
  }
  std::vector<std::string> words = {config.launch_path, "check", place};
  if (!config.stores_path.empty()) words.push_back(absl::StrCat("--stores=", config.stores_path));
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  execv(config.launch_path.c_str(), argv.data());
  return absl::UnavailableError(
      absl::StrCat("the program ", config.launch_path, " cannot be run: ", std::strerror(errno)));
}

}  // namespace penstock
