// What the engine does not execute yet. A feature that it learns loses its line in one of the tables.
#include <string>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/text.h"
#include "pipeline/spec/pipeline_spec.h"
#include "pipeline/spec/validate_parts.h"

namespace penstock {
namespace {

using ml_pipelines::ComponentSpec;
using ml_pipelines::PipelineDeploymentConfig;
using ml_pipelines::PipelineTaskSpec;
using spec_internal::FindOrNull;
using spec_internal::SortedKeys;

// What a task runs; `executor` is empty for a graph.
struct ComponentView {
  const ComponentSpec& component;
  const PipelineDeploymentConfig::ExecutorSpec& executor;
};

bool IsResolver(const ComponentView& view) { return view.executor.has_resolver(); }

bool IsCustomJob(const ComponentView& view) { return view.executor.has_custom_job(); }

struct ComponentFeature {
  absl::string_view name;
  bool (*is_used)(const ComponentView&);
};

constexpr ComponentFeature kUnsupportedInComponents[] = {
    {"resolvers", IsResolver},
    {"custom jobs", IsCustomJob},
};

// Looks at every component that the root reaches, once, however often it is used.
class SupportChecker {
 public:
  explicit SupportChecker(const PipelineDocument& document) : document_(document) {}

  absl::Status Check() {
    CheckGraph(document_.spec.root(), "root");
    for (size_t next = 0; next < pending_.size(); ++next) {
      const std::string name = pending_[next];
      CheckGraph(document_.spec.components().at(name), absl::StrCat("components.", name));
    }
    if (found_.empty()) return absl::OkStatus();
    return absl::UnimplementedError(
        absl::StrCat("the pipeline uses what is not supported yet: ", absl::StrJoin(found_, "; ")));
  }

 private:
  void CheckGraph(const ComponentSpec& component, const std::string& path) {
    for (const std::string& name : SortedKeys(component.dag().tasks())) {
      CheckTask(component.dag().tasks().at(name), absl::StrCat(path, ".dag.tasks.", name));
    }
  }

  void CheckTask(const PipelineTaskSpec& task, const std::string& path) {
    const std::string& reference = task.component_ref().name();
    const ComponentSpec* component = FindOrNull(document_.spec.components(), reference);
    if (component == nullptr || !seen_.insert(reference).second) {
      return;  // of a document that was not validated, or seen before
    }
    const auto* executor = FindOrNull(document_.deployment.executors(), component->executor_label());
    const ComponentView view{*component, executor == nullptr
                                             ? PipelineDeploymentConfig::ExecutorSpec::default_instance()
                                             : *executor};
    for (const ComponentFeature& feature : kUnsupportedInComponents) {
      if (feature.is_used(view)) Report(feature.name, path);
    }
    if (component->has_dag()) pending_.push_back(reference);
  }

  // The first place of each feature.
  void Report(absl::string_view feature, const std::string& path) {
    if (reported_.insert(feature).second) found_.push_back(absl::StrCat(feature, " at ", Shorten(path, 200)));
  }

  const PipelineDocument& document_;
  std::vector<std::string> pending_;
  absl::flat_hash_set<std::string> seen_;
  absl::flat_hash_set<absl::string_view> reported_;
  std::vector<std::string> found_;
};

}  // namespace

absl::Status CheckSupported(const PipelineDocument& document) { return SupportChecker(document).Check(); }

}  // namespace penstock
