// What penstock-launch is asked to do for an attempt, and what it leaves: JSON, as executor/launcher/attempt/request.go
// has it. Pure.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "content/content.h"
#include "executor/attempt_place.h"
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

// What a launcher needs to know that is the first process of a container; see Pod in request.go.
struct PodRequest {
  std::string state_dir;  // for its own files; absolute
  int64_t log_bytes = 0;
  absl::Duration grace;    // between SIGTERM and SIGKILL
  std::string result_uri;  // of an object in which it may leave a large result; empty: none
};

// The same for an attempt in a pod. Inputs of a Python component that are too long for a command are handed over in a
// file. INVALID_ARGUMENT, as a sentence for the user, for a command that no system would start.
absl::StatusOr<std::string> PodRequestText(const LaunchSpec& spec, const PodRequest& pod);

// Where LaunchSpec::constraints lie for it; who installs something is told by variables.
std::string PodConstraintsPath(const LaunchSpec& spec);

// How an attempt in a pod ended, as its launcher tells; see Ended in request.go.
struct PodEnd {
  int exit_code = 0;
  int signal = 0;  // by which the program died; 0: none
  std::string
      error;  // why the program could not begin, or its outputs not be kept; empty: nothing of the kind
  std::string notes;
  bool timed_out = false;
  absl::Time started_at = absl::InfinitePast();
  absl::Time finished_at = absl::InfinitePast();
  absl::Duration cpu_time;
  int64_t max_rss_bytes = 0;
  std::string log_tail;  // the last bytes as they are
  Machine machine;
  AttemptOutputs outputs;
};

// `directory` is that of LaunchSpec::upload, if there is one. INVALID_ARGUMENT if the text makes no sense.
absl::StatusOr<PodEnd> ReadPodEnd(absl::string_view text, absl::string_view directory);

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
