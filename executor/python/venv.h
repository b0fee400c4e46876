// Python virtual environments made of a few files and links, without running Python. Standard library only.
// Thread-safe.
#pragma once

#include <string>
#include <vector>

namespace penstock {

// A Python interpreter that tasks use, as it described itself.
struct BasePython {
  std::string version;     // "3.11"
  std::string executable;  // absolute; what stands behind virtual environments and shims
  std::string bin_dir;     // of the interpreter itself
  std::vector<std::string> site_dirs;
  std::string kfp_version;  // empty: not installed
  std::string fingerprint;  // changes with the interpreter and with what is installed in it
  bool has_pip = false;
};

// Where pip puts packages in the virtual environment `venv` over `base`.
std::string SitePackagesOf(const BasePython& base, const std::string& venv);

// Makes a virtual environment at `venv` over `base`: what is installed in the base is seen in it, and what
// pip installs there lands in it and goes before. With `below`, another such environment over the same base,
// the packages in that one and their data are seen too; for their programs PATH must name its bin/. False,
// with a sentence in `error`, if a file cannot be made.
bool MakeVenv(const BasePython& base, const std::string& below, const std::string& venv, std::string* error);

// Whether `venv` is as MakeVenv makes one over `base`, with nothing below and no data: nobody has changed it.
bool IsUntouchedVenv(const BasePython& base, const std::string& venv);

}  // namespace penstock
