#include "executor/parts/command_bounds.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/limits.h"

namespace penstock {

// So that it does not fail in execve, which would say less. Texts count with the NUL at their end.
absl::Status CheckCommand(const std::vector<std::string>& argv, const std::vector<std::string>& env) {
  if (argv.empty() || argv[0].empty()) return absl::InvalidArgumentError("The command is empty.");
  int64_t total = 0;
  for (size_t i = 0; i < argv.size(); ++i) {
    if (argv[i].size() >= static_cast<size_t>(limits::kArgumentBytes)) {
      return absl::InvalidArgumentError(absl::StrCat(
          "Argument ", i, " of the command '", argv[0], "' has ", argv[i].size(),
          " bytes; one must have less than ", limits::kArgumentBytes, ". Pass large data as an artifact."));
    }
    if (absl::StrContains(argv[i], '\0')) {
      return absl::InvalidArgumentError(
          absl::StrCat("Argument ", i, " of the command '", argv[0].c_str(), "' contains a NUL byte."));
    }
    total += static_cast<int64_t>(argv[i].size()) + 1;
  }
  for (const std::string& variable : env) {
    if (absl::StartsWith(variable, "=") || absl::StrContains(variable, '\0')) {
      return absl::InvalidArgumentError(absl::StrCat("The environment variable '", variable.c_str(),
                                                     "' has no name or contains a NUL byte."));
    }
    if (variable.size() >= static_cast<size_t>(limits::kArgumentBytes)) {
      return absl::InvalidArgumentError(absl::StrCat("The environment variable '",
                                                     variable.substr(0, variable.find('=')),
                                                     "' has more than ", limits::kArgumentBytes, " bytes."));
    }
    total += static_cast<int64_t>(variable.size()) + 1;
  }
  if (total > limits::kArgumentsBytes) {
    return absl::InvalidArgumentError(absl::StrCat("The arguments and environment of the command '", argv[0],
                                                   "' have ", total, " bytes; the limit is ",
                                                   limits::kArgumentsBytes, "."));
  }
  return absl::OkStatus();
}

bool FitsIntoCommand(const LaunchSpec& spec) {
  constexpr int64_t kOwnVariablesBytes = 64 << 10;
  int64_t total = kOwnVariablesBytes;
  bool fits = true;
  for (const std::string& argument : spec.argv) {
    fits = fits && argument.size() < static_cast<size_t>(limits::kArgumentBytes);
    total += static_cast<int64_t>(argument.size()) + 1;
  }
  for (const auto& [name, value] : spec.env) total += static_cast<int64_t>(name.size() + value.size()) + 2;
  return fits && total <= limits::kArgumentsBytes;
}

}  // namespace penstock
