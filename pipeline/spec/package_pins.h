// The versions to which a run pins the packages that its tasks install: what it is given for the plugin
// "penstock_packages".
//
//   {"constraints": {"train": ["numpy==1.26.4"], "for-loop-1/score": "@science", "*": ["@science", "six==1.17.0"]},
//    "sets": {"science": ["numpy==1.26.4", "scipy==1.13.1"]}}
//
// By task, whose path has the names of the tasks that it is in and its own, without numbers of iterations; "*" stands
// for every task that is not named. An item is an exact version, or the name of a set behind "@". Where a package comes
// twice the later item counts. Immutable and thread-safe.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/json.h"
#include "pipeline/spec/pipeline_spec.h"

namespace penstock {

// The name of the plugin, and that of the entry for all other tasks.
inline constexpr char kPackagesPlugin[] = "penstock_packages";
inline constexpr char kOtherTasks[] = "*";

class PackagePins {
 public:
  // INVALID_ARGUMENT with a sentence for the user: another form, no exact version, a set that is not there, or more than
  // limits::kPackagePinBytes or kPackagePinSets. `field` names the plugin's place.
  static absl::StatusOr<PackagePins> Read(absl::string_view field, const Json& plugin);

  // Those among the plugins of a run, as they are stored; null if it pins none. An error if they cannot be read.
  static absl::StatusOr<std::shared_ptr<const PackagePins>> OfPlugins(const std::string& plugins_input);

  // INVALID_ARGUMENT, likewise, if the pipeline has no task of a path that is named.
  absl::Status CheckTasks(absl::string_view field, const PipelineDocument& document) const;

  // What the task keeps to, "name==version", by name and each package once.
  std::vector<std::string> Of(absl::string_view task) const;

 private:
  using Lists = std::map<std::string, std::vector<std::string>, std::less<>>;

  Lists tasks_;
  Lists sets_;
};

}  // namespace penstock
