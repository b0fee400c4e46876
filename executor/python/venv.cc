#include "executor/python/venv.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string_view>
#include <system_error>
#include <vector>

namespace penstock {
namespace {

namespace fs = std::filesystem;

// What a virtual environment has of its own, whatever lies below it.
constexpr std::array<std::string_view, 3> kOwnEntries = {"bin", "lib", "lib64"};
// Of data that is shown by links.
constexpr size_t kLinkedEntries = 64;
constexpr int kLinkedDepth = 4;

bool Fail(const std::string& what, const std::string& path, std::string* error) {
  *error = "cannot " + what + " " + path + ": " + std::strerror(errno);
  return false;
}

bool WriteFile(const std::string& path, const std::string& content, std::string* error) {
  std::FILE* file = std::fopen(path.c_str(), "we");
  if (file == nullptr) return Fail("write", path, error);
  const bool written = std::fwrite(content.data(), 1, content.size(), file) == content.size();
  return (std::fclose(file) == 0 && written) || Fail("write", path, error);
}

bool Link(const std::string& target, const std::string& path, std::string* error) {
  return symlink(target.c_str(), path.c_str()) == 0 || Fail("make the link", path, error);
}

// The expression that is `path` in Python, whatever bytes it has.
std::string PythonPath(const std::string& path) {
  std::string text = "os.fsdecode(b\"";
  for (const char c : path) {
    const unsigned char byte = static_cast<unsigned char>(c);
    if (byte < 0x80 && (std::isalnum(byte) != 0 || std::strchr("/._-+", c) != nullptr)) {
      text.push_back(c);
    } else {
      char escaped[8];
      std::snprintf(escaped, sizeof(escaped), "\\x%02x", byte);
      text += escaped;
    }
  }
  return text + "\")";
}

std::string ParentOf(const std::string& path) { return path.substr(0, path.rfind('/')); }

// Makes `to` look like `from`: directories of its own, so that what is installed lands there, with links to
// what is in them. A directory with much in it, or deep down, is a link itself.
bool LinkTree(const fs::path& from, const fs::path& to, int depth, std::string* error) {
  std::vector<fs::directory_entry> entries;
  std::error_code failure;
  for (const fs::directory_entry& entry : fs::directory_iterator(from, failure)) entries.push_back(entry);
  const bool is_link = depth == 0 || entries.size() > kLinkedEntries;
  fs::create_directories(is_link ? to.parent_path() : to, failure);
  if (is_link) return Link(from, to, error);
  for (const fs::directory_entry& entry : entries) {
    const fs::path link = to / entry.path().filename();
    const bool is_directory = entry.is_directory(failure) && !entry.is_symlink(failure);
    const bool made =
        is_directory ? LinkTree(entry, link, depth - 1, error) : Link(entry.path(), link, error);
    if (!made) return false;
  }
  return true;
}

// Directories of data, such as share/, that programs look for in their own environment.
bool LinkData(const BasePython& base, const std::string& below, const std::string& venv, std::string* error) {
  std::error_code failure;
  if (!below.empty()) {
    for (const fs::directory_entry& entry : fs::directory_iterator(below, failure)) {
      const std::string name = entry.path().filename();
      const bool own = std::find(kOwnEntries.begin(), kOwnEntries.end(), name) != kOwnEntries.end();
      if (!own && entry.is_directory(failure) && !LinkTree(entry, venv + "/" + name, kLinkedDepth, error)) {
        return false;
      }
    }
    return true;
  }
  // What is not a virtual environment shares its folders with the whole system: of these, Jupyter's.
  const fs::path prefix = ParentOf(base.bin_dir);
  const bool is_venv = fs::exists(prefix / "pyvenv.cfg", failure);
  for (const char* name : {"share", "etc"}) {
    const fs::path data = is_venv ? fs::path(name) : fs::path(name) / "jupyter";
    if (base.bin_dir.empty() || !fs::is_directory(prefix / data, failure)) continue;
    if (!LinkTree(prefix / data, fs::path(venv) / data, kLinkedDepth, error)) return false;
  }
  return true;
}

// A folder, a link or a file of an environment.
struct Part {
  enum class Kind { kFolder, kLink, kFile, kProgram };
  Kind kind;
  std::string path;     // from the environment on
  std::string content;  // of a file; of a link, where it leads
};

bool Make(const Part& part, const std::string& venv, std::string* error) {
  const std::string path = venv + "/" + part.path;
  switch (part.kind) {
    case Part::Kind::kFolder:
      return mkdir(path.c_str(), 0777) == 0 || errno == EEXIST || Fail("make the directory", path, error);
    case Part::Kind::kLink:
      return Link(part.content, path, error);
    case Part::Kind::kFile:
      return WriteFile(path, part.content, error);
    case Part::Kind::kProgram:
      return WriteFile(path, part.content, error) &&
             (chmod(path.c_str(), 0755) == 0 || Fail("make executable", path, error));
  }
  return false;
}

// Whether it is as it was made.
bool IsThere(const Part& part, const std::string& venv) {
  const fs::path path = fs::path(venv) / part.path;
  std::error_code failure;
  const fs::file_status status = fs::symlink_status(path, failure);
  if (part.kind == Part::Kind::kFolder) {
    return fs::is_directory(status) && (status.permissions() & fs::perms::owner_all) == fs::perms::owner_all;
  }
  if (part.kind == Part::Kind::kLink) {
    return fs::is_symlink(status) && fs::read_symlink(path, failure) == part.content;
  }
  if (!fs::is_regular_file(status)) return false;
  std::ifstream file(path, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(file), {}) == part.content;
}

// What `python -m venv` makes, without a start of Python. It is pyvenv.cfg beside bin/ that makes the interpreter
// take the directory for its own.
std::vector<Part> PartsOf(const BasePython& base, const std::string& below) {
  using Kind = Part::Kind;
  // addsitedir rather than the bare path: the .pth files in there count too.
  std::string pth = "import os, site";
  const std::vector<std::string> under_below = {
      SitePackagesOf(base, below)};  // whose own file names the base
  for (const std::string& site : below.empty() ? base.site_dirs : under_below) {
    pth += "; site.addsitedir(" + PythonPath(site) + ")";
  }
  const std::string lib = "lib/python" + base.version;
  std::vector<Part> parts = {{Kind::kFolder, "bin", ""},
                             {Kind::kFolder, "lib", ""},
                             {Kind::kFolder, lib, ""},
                             {Kind::kFolder, lib + "/site-packages", ""},
                             {Kind::kLink, "lib64", "lib"},
                             {Kind::kLink, "bin/python3", base.executable},
                             {Kind::kLink, "bin/python", "python3"},
                             {Kind::kFile, "pyvenv.cfg",
                              "home = " + ParentOf(base.executable) +
                                  "\ninclude-system-site-packages = false\nversion = " + base.version + "\n"},
                             {Kind::kFile, lib + "/site-packages/_base.pth", pth + "\n"}};
  if (base.version != "3") parts.push_back({Kind::kLink, "bin/python" + base.version, "python3"});
  // The base's pip program would install into the base. Without pip in the base a command brings its own with
  // ensurepip.
  if (base.has_pip || !below.empty()) {
    parts.push_back({Kind::kProgram, "bin/pip", "#!/bin/sh\nexec \"${0%/*}/python3\" -m pip \"$@\"\n"});
    parts.push_back({Kind::kLink, "bin/pip3", "pip"});
    if (base.version != "3") parts.push_back({Kind::kLink, "bin/pip" + base.version, "pip"});
  }
  return parts;
}

}  // namespace

std::string SitePackagesOf(const BasePython& base, const std::string& venv) {
  return venv + "/lib/python" + base.version + "/site-packages";
}

bool MakeVenv(const BasePython& base, const std::string& below, const std::string& venv, std::string* error) {
  std::error_code failure;
  fs::create_directories(venv, failure);
  for (const Part& part : PartsOf(base, below)) {
    if (!Make(part, venv, error)) return false;
  }
  return LinkData(base, below, venv, error);
}

bool IsUntouchedVenv(const BasePython& base, const std::string& venv) {
  const std::vector<Part> parts = PartsOf(base, /*below=*/"");
  size_t found = 0;
  std::error_code failure;
  // A link may lead to another attempt's.
  if (!fs::is_directory(fs::symlink_status(venv, failure))) return false;
  for (auto it = fs::recursive_directory_iterator(venv, failure); !failure && it != fs::end(it);
       it.increment(failure)) {
    ++found;
  }
  return !failure && found == parts.size() &&
         std::all_of(parts.begin(), parts.end(), [&](const Part& part) { return IsThere(part, venv); });
}

}  // namespace penstock
