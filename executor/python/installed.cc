#include "executor/python/installed.h"

#include <dirent.h>

#include <map>
#include <memory>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "common/limits.h"
#include "common/python_packages.h"
#include "common/redacted.h"

namespace penstock {
namespace {

struct CloseFolder {
  void operator()(DIR* folder) const { closedir(folder); }
};
using Folder = std::unique_ptr<DIR, CloseFolder>;

// Of "Foo_bar-1.0.dist-info"; empty for any other name, also for what pip has put aside.
std::string PackageOf(absl::string_view name) {
  if (!absl::ConsumeSuffix(&name, ".dist-info") && !absl::ConsumeSuffix(&name, ".egg-info")) return "";
  const std::vector<absl::string_view> parts = absl::StrSplit(name, '-');
  if (parts.size() < 2) return "";
  std::string package = absl::StrCat(PackageKey({parts[0].data(), parts[0].size()}), "==", parts[1]);
  return IsExactPackage(package) ? package : "";
}

}  // namespace

std::optional<std::vector<std::string>> InstalledIn(const std::string& site_packages) {
  const Folder folder(opendir(site_packages.c_str()));
  if (folder == nullptr) return std::nullopt;
  std::vector<std::string> packages;
  for (int i = 0; i < limits::kEnvEntries; ++i) {
    const dirent* const entry = readdir(folder.get());
    if (entry == nullptr) break;
    std::string package = PackageOf(entry->d_name);
    if (!package.empty()) packages.push_back(std::move(package));
  }
  return packages;
}

std::string VersionOfVenv(const std::string& venv) {
  const Folder folder(opendir(absl::StrCat(venv, "/lib").c_str()));
  while (const dirent* const entry = folder == nullptr ? nullptr : readdir(folder.get())) {
    absl::string_view name = entry->d_name;
    if (absl::ConsumePrefix(&name, "python")) return std::string(name);
  }
  return "";
}

std::string PackagesText(const std::vector<std::string>& below, const std::vector<std::string>& own) {
  std::map<std::string, std::string> by_key;
  for (const std::vector<std::string>* packages : {&below, &own}) {
    for (const std::string& package : *packages) by_key[PackageKey(package)] = package;
  }
  std::string text;
  for (const auto& [key, package] : by_key) {
    const std::string line = WithoutPasswords(package);
    if (text.size() + line.size() >= static_cast<size_t>(limits::kEnvPackagesBytes)) return text + "...\n";
    absl::StrAppend(&text, line, "\n");
  }
  return text;
}

}  // namespace penstock
