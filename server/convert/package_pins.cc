#include "server/convert/package_pins.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/python_packages.h"
#include "common/status_macros.h"
#include "pipeline/spec/package_pins.h"

namespace penstock {
namespace {

// Whether it is to be the same again: pip and its helpers install, and are part of no result.
bool IsPinned(const std::string& line) {
  const std::string key = PackageKey(line);
  return IsExactPackage(line) && key != "pip" && key != "setuptools" && key != "wheel";
}

// Lists of packages, each known by a number from 1, which is the same for the same list; 0 is the empty one.
class PackageSets {
 public:
  explicit PackageSets(const char* prefix) : prefix_(prefix) {}

  template <typename Lines>
  int Add(const Lines& lines) {
    std::vector<std::string> pinned;
    std::copy_if(lines.begin(), lines.end(), std::back_inserter(pinned), IsPinned);
    if (pinned.empty()) return 0;
    const auto [found, fresh] =
        numbers_.try_emplace(std::move(pinned), static_cast<int>(numbers_.size()) + 1);
    return found->second;
  }

  // Adds what names the list, unless it is the empty one.
  void AddName(int number, Json* items) {
    if (number == 0) return;
    items->push_back(absl::StrCat("@", prefix_, number));
    used_.insert(number);
  }

  // The lists that were named.
  void Write(Json* sets) const {
    for (const auto& [lines, number] : numbers_) {
      if (used_.count(number) > 0) (*sets)[absl::StrCat(prefix_, number)] = lines;
    }
  }

 private:
  const char* const prefix_;
  std::map<std::vector<std::string>, int> numbers_;
  std::set<int> used_;
};

// Of one task: the set of its interpreter, and over it its own.
using Pinned = std::pair<int, int>;

}  // namespace

absl::Status CheckPackagePins(absl::string_view field, const PluginInputs& plugins,
                              const PipelineDocument* document) {
  const auto input = plugins.find(kPackagesPlugin);
  if (input == plugins.end()) return absl::OkStatus();
  const std::string place = absl::StrCat(field, ".", kPackagesPlugin);
  ASSIGN_OR_RETURN(const Json plugin, JsonFromStruct(input->second));
  ASSIGN_OR_RETURN(const PackagePins pins, PackagePins::Read(place, plugin));
  return document == nullptr ? absl::OkStatus() : pins.CheckTasks(place, *document);
}

Json PluginOfRecords(const RunAccount& facts, const AttemptDocuments& documents) {
  PackageSets interpreters("interpreter-");
  PackageSets installed("installed-");
  std::map<std::string, int> interpreter_of;  // by place
  for (const auto& [sha256, place] : documents.places) {
    interpreter_of[sha256] = interpreters.Add(place.interpreter().packages());
  }
  std::map<std::string, Pinned> by_task;
  const std::map<std::string, std::string> paths = TaskPathsOf(facts.tasks, /*with_iterations=*/false);
  for (const TaskRow& task : facts.tasks) {
    const auto attempt = facts.attempts.find(task.task_id);
    if (attempt == facts.attempts.end()) continue;
    const std::vector<std::string> own = absl::StrSplit(attempt->second.packages, '\n', absl::SkipEmpty());
    const auto interpreter = interpreter_of.find(attempt->second.place_sha256);
    const Pinned pinned = {interpreter == interpreter_of.end() ? 0 : interpreter->second, installed.Add(own)};
    if (pinned != Pinned()) by_task[paths.at(task.task_id)] = pinned;
  }
  if (by_task.empty()) return nullptr;
  std::map<Pinned, int> counts;
  for (const auto& [path, pinned] : by_task) ++counts[pinned];
  const Pinned most = std::max_element(counts.begin(), counts.end(), [](const auto& a, const auto& b) {
                        return a.second < b.second;
                      })->first;
  Json constraints = Json::object();
  const auto add = [&](const std::string& path, const Pinned& pinned) {
    Json& items = constraints[path] = Json::array();
    interpreters.AddName(pinned.first, &items);
    installed.AddName(pinned.second, &items);
  };
  add(kOtherTasks, most);
  for (const auto& [path, pinned] : by_task) {
    if (pinned != most) add(path, pinned);
  }
  Json sets = Json::object();
  interpreters.Write(&sets);
  installed.Write(&sets);
  return {{"constraints", std::move(constraints)}, {"sets", std::move(sets)}};
}

}  // namespace penstock
