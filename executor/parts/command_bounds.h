// What a system starts a program with. Pure.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "executor/executor.h"

namespace penstock {

// INVALID_ARGUMENT, as a sentence for the user that names the bound, for a command or environment ("NAME=value") that no
// system would start.
absl::Status CheckCommand(const std::vector<std::string>& argv, const std::vector<std::string>& env);

// Whether command and environment of the attempt are small enough, with room for the variables that every attempt has.
bool FitsIntoCommand(const LaunchSpec& spec);

}  // namespace penstock
