// Python packages by name and version, as pip writes them: "name==version". Standard library only. Pure.
#pragma once

#include <string>
#include <string_view>

namespace penstock {

// The name by which pip knows the package of a line "name==version" or "name @ URL", or of a bare name: "Foo_bar",
// "foo.bar" and "foo-bar" are one.
std::string PackageKey(std::string_view package);

// Whether it is a name, "==" and one whole version (PEP 440), and nothing else: pip refuses a whole file of constraints
// for one line that it cannot read.
bool IsExactPackage(std::string_view line);

}  // namespace penstock
