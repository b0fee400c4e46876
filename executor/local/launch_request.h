// What penstock-launch is asked to do for an attempt, and what it leaves: files in JSON, as executor/launcher/attempt/
// request.go has them. Pure but for reading the files.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "content/content.h"
#include "executor/executor.h"

namespace penstock {

// What the launcher needs to know of stores, the same for all attempts.
struct LaunchStores {
  std::string settings_file;                                     // absolute; empty: none
  std::vector<std::pair<std::string, std::string>> environment;  // of the launcher alone: credentials
};

// Whether an attempt begins as penstock-launch.
bool NeedsLauncher(const LaunchSpec& spec);

// The content of the file that it is given; `log_path` is where the attempt's log is written.
std::string LaunchRequestText(const LaunchSpec& spec, const LaunchStores& stores, const std::string& log_path,
                              const std::vector<std::string>& command);

// What the launcher tells of the outputs of an attempt that ended well. INVALID_ARGUMENT, with a sentence, if it left
// nothing that can be read.
struct LaunchResult {
  std::map<std::string, Content> contents;  // by URI
  std::map<std::string, std::string>
      uploaded;  // URIs of what lay outside of the attempt's directory of artifacts, by path
};
absl::StatusOr<LaunchResult> ReadLaunchResult(absl::string_view text, absl::string_view directory);

// Names of the files in the attempt's work directory.
inline constexpr absl::string_view kLaunchRequestFile = ".penstock-launch.json";
inline constexpr absl::string_view kLaunchProgressFile = ".penstock-progress";
inline constexpr absl::string_view kLaunchResultFile = ".penstock-result";

}  // namespace penstock
