// Reading what an attempt left behind: nothing larger than the bounds of common/limits.h, nothing but regular
// files, and nothing outside the directories that were made for the attempt. Thread-safe.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/string_view.h"
#include "common/limits.h"
#include "executor/executor.h"

namespace penstock {

// Where an attempt may leave outputs. Made before the attempt starts, so that it cannot move the fences.
struct OutputPlan {
  std::string executor_output_path;
  std::vector<OutputFile> parameter_files;
  std::vector<OutputArtifact> artifacts;
  std::vector<std::string> roots;  // without symbolic links
  // Of what the launcher uploads: the directory of the artifacts, and the file in which it tells what became of them.
  std::string uploaded_directory;
  std::string launch_result_path;

  bool empty() const {
    return executor_output_path.empty() && parameter_files.empty() && artifacts.empty() &&
           launch_result_path.empty();
  }
};

// The directories of `spec` exist. Costs nothing if it declares no output.
OutputPlan PlanOutputs(const LaunchSpec& spec);

// Absent files are left out. AttemptOutputs::status is INVALID_ARGUMENT for the first output that cannot be
// taken: it names the output, the file and the bound.
AttemptOutputs ReadOutputs(const OutputPlan& plan);

// The last whole lines of a log, at most `bytes`, as valid UTF-8 without NUL. Empty if unreadable.
std::string ReadLogTail(const std::string& path, int64_t bytes = limits::kLogTailBytes);

// What the programs that an attempt begins as left in the file `name` of `work_dir` (start_files.h), as valid
// UTF-8 in one line. Empty if there is nothing.
std::string ReadStartFile(const std::string& work_dir, std::string_view name);

}  // namespace penstock
