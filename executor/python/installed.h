// Which packages a Python environment has, by the names of files and without running Python. Thread-safe.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace penstock {

// What lies in the folder itself, "name==version" in any order, by its *.dist-info and *.egg-info; nothing below links to
// other environments. At most limits::kEnvEntries names are looked at. Nothing if there is no such folder.
std::optional<std::vector<std::string>> InstalledIn(const std::string& site_packages);

// The version of the interpreter of a virtual environment, such as "3.11", by its folders; empty if there is none.
std::string VersionOfVenv(const std::string& venv);

// The packages of an environment as a text, a line each: those of the shared one, `below`, and over them `own`, which
// goes before for packages of one name. Without passwords; at most limits::kEnvPackagesBytes, then "...".
std::string PackagesText(const std::vector<std::string>& below, const std::vector<std::string>& own);

}  // namespace penstock
