// The text of warm_python.py, embedded by the build.
#pragma once

namespace penstock {

extern const char kWarmPythonProgram[];

}  // namespace penstock
