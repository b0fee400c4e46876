#include "pipeline/spec/package_pins.h"

#include <optional>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "common/limits.h"
#include "common/python_packages.h"
#include "common/status_macros.h"
#include "common/text.h"
#include "pipeline/spec/task_tree.h"

namespace penstock {
namespace {

constexpr char kForm[] =
    " must be an object with \"constraints\", which has a list for each task, and with \"sets\" if lists "
    "name any";

std::string PlaceIn(absl::string_view field, absl::string_view name) {
  return absl::StrCat(field, "[", QuoteForMessage(name), "]");
}

// A text is a list of one item.
absl::StatusOr<std::vector<std::string>> ReadItems(const std::string& place, const Json& value) {
  std::vector<std::string> items;
  const Json list = value.is_string() ? Json::array({value}) : value;
  if (!list.is_array()) {
    return absl::InvalidArgumentError(
        absl::StrCat(place, " must be a list, or a text that names a set, not ", JsonKindName(value)));
  }
  for (const Json& item : list) {
    if (!item.is_string()) {
      return absl::InvalidArgumentError(
          absl::StrCat(place, " holds ", JsonKindName(item), "; each item must be a text"));
    }
    items.push_back(item.get<std::string>());
    if (items.back().size() > static_cast<size_t>(limits::kPackagePinBytes)) {
      return absl::InvalidArgumentError(absl::StrCat(place, " has an item of ", items.back().size(),
                                                     " bytes; the bound is ", limits::kPackagePinBytes,
                                                     " (kPackagePinBytes)"));
    }
  }
  return items;
}

absl::Status NoExactVersion(const std::string& place, const std::string& item) {
  return absl::InvalidArgumentError(absl::StrCat(
      place, ": ", QuoteForMessage(item), " must be a package in one version, such as 'numpy==1.26.4'"));
}

// What is not there is as an empty object.
absl::StatusOr<Json> ObjectAt(absl::string_view field, const Json& plugin, const char* name) {
  const auto found = plugin.find(name);
  if (found == plugin.end()) return Json::object();
  if (!found->is_object()) {
    return absl::InvalidArgumentError(
        absl::StrCat(field, ".", name, " must be an object, not ", JsonKindName(*found)));
  }
  return *found;
}

bool HasTask(const PipelineDocument& document, absl::string_view path) {
  TaskPlace place = RootPlace(document);
  for (const absl::string_view name : absl::StrSplit(path, '/')) {
    std::optional<TaskPlace> within = PlaceWithin(document, place, std::string(name));
    if (!within.has_value()) return false;
    place = *within;
  }
  return true;
}

}  // namespace

absl::StatusOr<PackagePins> PackagePins::Read(absl::string_view field, const Json& plugin) {
  const bool has_sets = plugin.is_object() && plugin.contains("sets");
  if (!plugin.is_object() || !plugin.contains("constraints") || plugin.size() != (has_sets ? 2 : 1)) {
    return absl::InvalidArgumentError(absl::StrCat(field, kForm));
  }
  PackagePins pins;
  std::vector<std::string> names;
  ASSIGN_OR_RETURN(const Json sets, ObjectAt(field, plugin, "sets"));
  for (const auto& [name, value] : sets.items()) {
    const std::string place = PlaceIn(absl::StrCat(field, ".sets"), name);
    ASSIGN_OR_RETURN(pins.sets_[name], ReadItems(place, value));
    for (const std::string& item : pins.sets_[name]) {
      if (!IsExactPackage(item)) return NoExactVersion(place, item);
    }
    names.push_back(name);
  }
  ASSIGN_OR_RETURN(const Json constraints, ObjectAt(field, plugin, "constraints"));
  for (const auto& [task, value] : constraints.items()) {
    const std::string place = PlaceIn(absl::StrCat(field, ".constraints"), task);
    ASSIGN_OR_RETURN(pins.tasks_[task], ReadItems(place, value));
    int named = 0;
    for (absl::string_view item : pins.tasks_[task]) {
      if (!absl::ConsumePrefix(&item, "@")) {
        if (!IsExactPackage(std::string(item))) return NoExactVersion(place, std::string(item));
      } else if (pins.sets_.find(item) == pins.sets_.end()) {
        return absl::InvalidArgumentError(absl::StrCat(place, " names the set ", QuoteForMessage(item),
                                                       ", which is not in \"sets\"",
                                                       SuggestName(item, names)));
      } else if (++named > limits::kPackagePinSets) {
        return absl::InvalidArgumentError(
            absl::StrCat(place, " names more than ", limits::kPackagePinSets, " sets (kPackagePinSets)"));
      }
    }
  }
  return pins;
}

absl::StatusOr<std::shared_ptr<const PackagePins>> PackagePins::OfPlugins(const std::string& plugins_input) {
  // Nearly no run has any: its plugins are not parsed for it.
  if (!absl::StrContains(plugins_input, kPackagesPlugin)) return nullptr;
  ASSIGN_OR_RETURN(const Json plugins, ParseJson(plugins_input));
  const auto plugin = plugins.find(kPackagesPlugin);
  if (plugin == plugins.end()) return nullptr;
  ASSIGN_OR_RETURN(PackagePins pins, Read(absl::StrCat("run.plugins_input.", kPackagesPlugin), *plugin));
  return std::make_shared<const PackagePins>(std::move(pins));
}

absl::Status PackagePins::CheckTasks(absl::string_view field, const PipelineDocument& document) const {
  for (const auto& [path, items] : tasks_) {
    if (path == kOtherTasks || HasTask(document, path)) continue;
    std::vector<std::string> names;
    for (const auto& [name, task] : document.spec.root().dag().tasks()) names.push_back(name);
    return absl::InvalidArgumentError(
        absl::StrCat(PlaceIn(absl::StrCat(field, ".constraints"), path),
                     ": the pipeline has no such task; a task within another is named as 'for-loop-1/train'",
                     SuggestName(path, names)));
  }
  return absl::OkStatus();
}

std::vector<std::string> PackagePins::Of(absl::string_view task) const {
  auto entry = tasks_.find(task);
  if (entry == tasks_.end()) entry = tasks_.find(kOtherTasks);
  if (entry == tasks_.end()) return {};
  std::map<std::string, std::string> by_key;
  for (absl::string_view item : entry->second) {
    if (absl::ConsumePrefix(&item, "@")) {
      for (const std::string& line : sets_.find(item)->second) by_key[PackageKey(line)] = line;
    } else {
      by_key[PackageKey(std::string(item))] = std::string(item);
    }
  }
  std::vector<std::string> lines;
  for (auto& [key, line] : by_key) lines.push_back(std::move(line));
  return lines;
}

}  // namespace penstock
