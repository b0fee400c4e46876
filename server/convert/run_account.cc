#include "server/convert/run_account.h"

#include <set>
#include <tuple>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "server/convert/artifact.h"

namespace penstock {
namespace {

std::string NameOf(const TaskRow& task) {
  return task.iteration >= 0 ? absl::StrCat(task.iteration) : task.name;
}

using LinkKey = std::tuple<std::string, Direction, std::string>;

// Its place among those of its name; what clients have added is counted by itself.
int PositionOf(const ArtifactTaskRow& link) { return link.position % kRecordedPosition; }

// The name of a link, with its position if there are several.
std::string NameOf(const ArtifactTaskRow& link, const std::set<LinkKey>& lists) {
  const bool in_list = lists.count({link.task_id, link.direction, link.name}) > 0;
  return in_list ? absl::StrCat(link.name, "[", PositionOf(link), "]") : link.name;
}

std::set<LinkKey> ListsAmong(const std::vector<ArtifactTaskRow>& links) {
  std::set<LinkKey> lists;
  for (const ArtifactTaskRow& link : links) {
    if (PositionOf(link) > 0) lists.insert({link.task_id, link.direction, link.name});
  }
  return lists;
}

template <typename Wanted>
void AddLinks(const RunAccount& facts, Wanted wanted, OutputFacts* out) {
  const std::map<std::string, std::string> paths = TaskPathsOf(facts.tasks);
  const std::set<LinkKey> lists = ListsAmong(facts.links);
  for (const ArtifactTaskRow& link : facts.links) {
    const auto artifact = facts.artifacts.find(link.artifact_id);
    if (artifact == facts.artifacts.end() || !wanted(link, artifact->second)) continue;
    const auto path = paths.find(link.task_id);
    if (path == paths.end() && !link.task_id.empty()) continue;  // of a task that was not read
    (*out)[{path == paths.end() ? "" : path->second, NameOf(link, lists)}] = FactOf(artifact->second);
  }
}

std::string NameOf(const DatasetUse& use) {
  const std::string name = absl::StrCat("data set ", use.dataset.name);
  return use.context.empty() ? name : absl::StrCat(name, " (", use.context, ")");
}

// One data set may be taken in several versions.
void AddDatasets(const RunAccount& facts, OutputFacts* out) {
  const std::map<std::string, std::string> paths = TaskPathsOf(facts.tasks);
  std::map<OutputFacts::key_type, std::set<std::string>> digests;
  for (const TaskDatasetUse& taken : facts.datasets) {
    const auto path = paths.find(taken.task_id);
    if (path == paths.end() && !taken.task_id.empty()) continue;  // of a task that was not read
    digests[{path == paths.end() ? "" : path->second, NameOf(taken.use)}].insert(taken.use.dataset.digest);
  }
  for (const auto& [key, all] : digests) (*out)[key] = {absl::StrJoin(all, ", "), true};
}

}  // namespace

std::map<std::string, std::string> TaskPathsOf(const std::vector<TaskRow>& tasks, bool with_iterations) {
  // Tasks come after those that they are in.
  std::map<std::string, std::string> paths;
  for (const TaskRow& task : tasks) {
    const auto parent = paths.find(task.parent_task_id);
    if (!with_iterations && task.iteration >= 0 && parent != paths.end()) {
      paths[task.task_id] = parent->second;
      continue;
    }
    paths[task.task_id] =
        parent == paths.end() ? NameOf(task) : absl::StrCat(parent->second, "/", NameOf(task));
  }
  return paths;
}

OutputFact FactOf(const ArtifactRow& artifact) {
  if (IsMetrics(artifact)) return {artifact.metadata.empty() ? "{}" : artifact.metadata, true};
  if (artifact.content_sha256.empty()) return {"content unknown", false};
  std::string text = absl::StrCat("sha256:", artifact.content_sha256);
  if (artifact.size_bytes.has_value()) absl::StrAppend(&text, ", ", *artifact.size_bytes, " bytes");
  return {std::move(text), true};
}

OutputFacts OutputsOf(const RunAccount& facts) {
  OutputFacts out;
  const std::map<std::string, std::string> paths = TaskPathsOf(facts.tasks);
  std::set<std::string> scopes;  // hand on what tasks in them put out
  for (const TaskRow& task : facts.tasks) scopes.insert(task.parent_task_id);
  for (const TaskParameterRow& parameter : facts.output_parameters) {
    const auto path = paths.find(parameter.task_id);
    if (path == paths.end() || scopes.count(parameter.task_id) > 0) continue;
    out[{path->second, parameter.name}] = {parameter.value, true};
  }
  AddLinks(
      facts,
      [](const ArtifactTaskRow& link, const ArtifactRow& artifact) {
        return link.direction == Direction::kOutput && link.role != LinkRole::kScope &&
               artifact.import_key.empty();
      },
      &out);
  return out;
}

OutputFacts InputsOf(const RunAccount& facts) {
  OutputFacts out;
  std::set<int64_t> datasets;  // their digests tell more than that nothing is known of their content
  for (const TaskDatasetUse& taken : facts.datasets) datasets.insert(taken.use.dataset.artifact_id);
  AddLinks(
      facts,
      [&datasets](const ArtifactTaskRow& link, const ArtifactRow& artifact) {
        const bool is_given = link.task_id.empty() && link.direction == Direction::kInput &&
                              datasets.count(link.artifact_id) == 0;
        const bool is_imported = link.direction == Direction::kOutput && link.role != LinkRole::kScope &&
                                 !artifact.import_key.empty();
        return is_given || is_imported;
      },
      &out);
  AddDatasets(facts, &out);
  return out;
}

}  // namespace penstock
