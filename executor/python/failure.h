// What the end of a failed program's log says of the cause. Pure.
#pragma once

#include <string>

#include "absl/strings/string_view.h"

namespace penstock {

// The exception that ended a Python program, as `log`, the end of what it wrote, tells: its last traceback.
struct PythonFailure {
  std::string exception;       // first line, "ValueError: not this"; empty: the log ends with no traceback
  std::string place;           // a sentence: where in the user's code it was raised; may be empty
  std::string missing_module;  // if it is that a module is not there, the module's name
};

PythonFailure ReadPythonFailure(absl::string_view log);

// The last line of `log` that is not Penstock's own, shortened; empty if there is none.
std::string LastLine(absl::string_view log);

}  // namespace penstock
