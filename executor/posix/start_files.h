// What the programs that an attempt begins as (penstock-launch, penstock-env) leave in its work directory for
// the server, and what the server leaves for them. A task may leave such files too, and gains nothing by it.
// Standard library only.
#pragma once

#include <string_view>

namespace penstock {

// How they end when the task's command cannot be begun, with one sentence in kStartErrorFile. A task may end
// with this code too, without the file.
inline constexpr int kStartFailedExit = 125;
inline constexpr std::string_view kStartErrorFile = ".penstock-start-error";

// What the user should know about inputs if the attempt fails: a sentence a line.
inline constexpr std::string_view kInputNotesFile = ".penstock-input-notes";

// The inputs of a Python component that do not fit into its command. From the server, for the component.
inline constexpr std::string_view kExecutorInputFile = ".penstock-executor-input";

// The key of the shared Python environment that the attempt runs in.
inline constexpr std::string_view kEnvironmentFile = ".penstock-environment";

// What pip keeps to in the attempt (LaunchSpec::constraints). From the server, for pip.
inline constexpr std::string_view kConstraintsFile = ".penstock-constraints.txt";

}  // namespace penstock
