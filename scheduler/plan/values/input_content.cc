#include "scheduler/plan/values/input_content.h"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <optional>
#include <set>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "scheduler/plan/values/placeholder_syntax.h"
#include "scheduler/plan/values/placeholders.h"

namespace penstock {
namespace {

using ContainerSpec = ml_pipelines::PipelineDeploymentConfig::PipelineContainerSpec;

// What the placeholders of a command line ask for.
class ContentUse {
 public:
  explicit ContentUse(const ContainerSpec& container) {
    const std::vector<absl::string_view> command(container.command().begin(), container.command().end());
    const int python_source = PythonSourceIndex(command);
    for (int i = 0; i < container.command_size(); ++i) {
      if (i != python_source) Scan(container.command(i));
    }
    for (const std::string& text : container.args()) Scan(text);
  }

  bool Whole(const std::string& input) const { return all_ || whole_.count(input) > 0; }
  bool Path(const std::string& input) const { return path_.count(input) > 0; }

 private:
  void Scan(const std::string& text) {
    const auto note = [this](const Placeholder& p) -> absl::StatusOr<std::optional<std::string>> {
      const std::optional<std::string> input = p.NameIn("inputs", "artifacts");
      if (p.steps.empty()) all_ = true;
      if (input.has_value() && p.steps.size() == 3) whole_.insert(*input);
      if (input.has_value() && p.IsField(3, "path")) path_.insert(*input);
      return std::nullopt;
    };
    (void)ReplacePlaceholders(text, std::numeric_limits<int64_t>::max() / 4, note);
  }

  bool all_ = false;
  std::set<std::string> whole_;
  std::set<std::string> path_;
};

// Whether its content is an object that can be had; a task may also name one that is none of ours.
bool IsBrought(absl::string_view uri, const std::vector<std::string>& brought) {
  return IsObjectUri(uri) && std::any_of(brought.begin(), brought.end(),
                                         [&](const std::string& prefix) { return IsBelowUri(uri, prefix); });
}

bool IsHttp(absl::string_view uri) {
  return absl::StartsWithIgnoreCase(uri, "http://") || absl::StartsWithIgnoreCase(uri, "https://");
}

}  // namespace

std::string ContentFileName(absl::string_view uri) {
  uri = uri.substr(0, uri.find_first_of("?#"));
  if (const size_t scheme = uri.find("://"); scheme != absl::string_view::npos) uri.remove_prefix(scheme + 3);
  while (absl::ConsumeSuffix(&uri, "/")) {
  }
  const size_t slash = uri.rfind('/');
  const absl::string_view name = slash == absl::string_view::npos ? "" : uri.substr(slash + 1);
  return name.empty() ? "content" : PathComponent(name);
}

std::vector<TaskInputContent> PlanInputContent(const ContainerSpec& container, const TaskPaths& paths,
                                               const UriMount& map, const std::vector<std::string>& brought,
                                               TaskInputs* inputs) {
  std::vector<TaskInputContent> contents;
  std::optional<ContentUse> use;  // most tasks read nothing that was imported
  for (auto& [name, artifacts] : inputs->artifacts) {
    for (size_t i = 0; i < artifacts.size(); ++i) {
      ArtifactRecord& artifact = artifacts[i];
      const bool is_brought = IsBrought(artifact.uri, brought);
      if (!artifact.imported && !is_brought) continue;
      if (artifact.custom_path.has_value()) {
        // Its importer has brought it there; what a task left there is at that path of the machine.
        if (!artifact.imported) continue;
        artifact.content_path = *artifact.custom_path;
        continue;
      }
      if (!use.has_value()) use.emplace(container);
      const bool path = use->Path(name) && i == 0;  // the placeholder stands for the first
      if (!path && !use->Whole(name) && inputs->launch_placeholders.empty()) continue;
      if (is_brought || IsHttp(artifact.uri)) {
        artifact.content_path = absl::StrCat(paths.work_dir, "/inputs/", PathComponent(name), "/", i, "/",
                                             ContentFileName(artifact.uri));
        const bool may_be_none = !artifact.imported && artifact.content_sha256.empty();
        contents.push_back({name, artifact.uri, artifact.content_path,
                            may_be_none ? TaskInputContent::Need::kWanted : TaskInputContent::Need::kFetched,
                            artifact.content_sha256});
      } else {
        contents.push_back({name, artifact.uri, TaskPath(map, artifact),
                            path ? TaskInputContent::Need::kPresent : TaskInputContent::Need::kPresumed,
                            /*sha256=*/""});
      }
    }
  }
  return contents;
}

}  // namespace penstock
