#include "scheduler/task_cache.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/limits.h"
#include "common/status_macros.h"
#include "content/content.h"
#include "scheduler/plan/run_tree.h"
#include "scheduler/plan/values/artifact_paths.h"
#include "storage/cache_store.h"
#include "storage/task_store.h"

namespace penstock {
namespace {

// Whether a store tells of what is there: of its own, and of files of its machine.
bool IsTold(const ContentStore& store, absl::string_view uri) {
  return store.Serves(uri) || absl::StartsWith(uri, "/") || PathOfFileUri(uri).has_value();
}

// Calls `visit(uri)` for the content of each artifact of which a store tells.
template <typename Visit>
void ForEachContent(const ContentStore& store, const ArtifactMap& artifacts, Visit visit) {
  for (const auto& [name, list] : artifacts) {
    for (const ArtifactRecord& artifact : list) {
      const std::string uri = ContentUriOf(store, artifact);
      if (!uri.empty()) visit(uri);
    }
  }
}

std::string VersionOf(const ContentVersions& versions, const std::string& uri) {
  const auto found = versions.find(uri);
  return found == versions.end() ? "" : found->second;
}

// Equal for equal content; nothing if it cannot be told.
std::optional<std::string> ContentText(const ContentStore& store, const ContentVersions& versions,
                                       const ArtifactRecord& artifact) {
  const std::string uri = ContentUriOf(store, artifact);
  if (uri.empty()) {
    // What lies at an imported URI may change at any time.
    if (artifact.imported) return std::nullopt;
    return absl::StrCat("at ", artifact.uri, " ", artifact.custom_path.value_or(""));
  }
  const std::string version = VersionOf(versions, uri);
  if (version.empty()) return std::nullopt;
  if (version == kNoContent) return version;
  // Not what was made, or nobody read it: then it is like nothing else.
  if (version != artifact.content_stat || artifact.content_sha256.empty()) {
    return absl::StrCat(uri, " ", version);
  }
  return artifact.content_sha256;
}

// Why an output of an entry cannot be used any more; an empty reason if it can.
CacheDecision CheckArtifacts(const ContentStore& store, const ContentVersions& versions,
                             const ArtifactMap& artifacts) {
  CacheDecision miss;
  for (const auto& [name, list] : artifacts) {
    for (const ArtifactRecord& artifact : list) {
      const std::string uri = ContentUriOf(store, artifact);
      if (uri.empty()) continue;
      const std::string version = VersionOf(versions, uri);
      if (version == artifact.content_stat && !version.empty()) continue;
      miss.field = name;
      miss.reason = version == kNoContent ? "ARTIFACT_GONE" : "ARTIFACT_CHANGED";
      return miss;
    }
  }
  return miss;
}

// Reads what the entry's task put out; nothing if that is not all there.
absl::StatusOr<std::shared_ptr<const TaskOutputs>> OutputsOfEntry(db::Tx& tx, const CacheEntryRow& entry) {
  auto outputs = std::make_shared<TaskOutputs>();
  if (entry.output_parameters == 0 && entry.output_artifacts == 0) return outputs;
  ASSIGN_OR_RETURN(const StoredOutputs stored,
                   TaskOutputList(tx, entry.run_id, entry.task_id, entry.output_parameters > 0,
                                  entry.output_artifacts > 0));
  if (static_cast<int>(stored.parameters.size()) != entry.output_parameters ||
      static_cast<int>(stored.artifacts.size()) != entry.output_artifacts) {
    return nullptr;
  }
  for (const auto& [name, value] : stored.parameters) {
    ASSIGN_OR_RETURN(outputs->parameters[name], ParseJson(value));
  }
  for (const auto& [name, row] : stored.artifacts) {
    ASSIGN_OR_RETURN(ArtifactRecord artifact, RecordOf(row));
    outputs->artifacts[name].push_back(std::move(artifact));
  }
  return outputs;
}

// The entry of the task's group that has most in common with it, and what differs.
absl::Status FindNearest(db::Tx& tx, absl::string_view namespace_, const CacheKey& key, CacheDecision& miss) {
  miss.reason = "NO_ENTRY";
  ASSIGN_OR_RETURN(const auto entries, CacheEntriesOfGroup(tx, namespace_, key.group, limits::kCacheNearest));
  int fewest = 0;
  for (const CacheEntryRow& entry : entries) {
    const absl::StatusOr<Json> fields = ParseJson(entry.fields);
    // This is only to explain a miss: what cannot be read explains nothing.
    if (!fields.ok()) continue;
    int differing = 0;
    const std::string first = FirstDifference(key, *fields, &differing);
    if (first.empty() || (fewest > 0 && differing >= fewest)) continue;
    fewest = differing;
    miss.reason = "FIELD_DIFFERS";
    miss.field = first;
    miss.run_id = entry.run_id;
    miss.task_id = entry.task_id;
  }
  return absl::OkStatus();
}

CacheDecision InputUnknown() { return {CacheResult::kNotAsked, "INPUT_UNKNOWN", "", "", "", ""}; }

}  // namespace

std::string ContentUriOf(const ContentStore& store, const ArtifactRecord& artifact) {
  if (!IsTold(store, artifact.uri)) return "";
  const std::string& custom = artifact.custom_path.value_or(artifact.uri);
  const std::string& uri = custom.empty() ? artifact.uri : custom;
  return IsTold(store, uri) ? uri : "";
}

std::shared_ptr<CacheLookup> TaskCache::Begin(ActiveRun& run, int task) const {
  absl::StatusOr<std::shared_ptr<const TaskInputs>> inputs = run.InputsOf(task);
  if (!inputs.ok()) {
    run.cache().SetDecision(task, CacheDecisionText(InputUnknown()));
    return nullptr;
  }
  auto lookup = std::make_shared<CacheLookup>();
  lookup->run_id = run.run_id();
  lookup->task = task;
  lookup->inputs = *std::move(inputs);
  return lookup;
}

std::vector<std::string> TaskCache::Unknown(const CacheLookup& lookup) const {
  std::vector<std::string> uris;
  const auto visit = [&](const std::string& uri) {
    if (!lookup.versions.contains(uri)) uris.push_back(uri);
  };
  ForEachContent(content_, lookup.inputs->artifacts, visit);
  if (lookup.outputs != nullptr) ForEachContent(content_, lookup.outputs->artifacts, visit);
  return uris;
}

std::optional<CacheKey> TaskCache::KeyOf(ActiveRun& run, int task, const TaskInputs& inputs,
                                         const ContentVersions& versions) const {
  ArtifactContents contents;
  for (const auto& [name, list] : inputs.artifacts) {
    std::vector<std::string>& texts = contents[name];
    for (const ArtifactRecord& artifact : list) {
      std::optional<std::string> text = ContentText(content_, versions, artifact);
      if (!text.has_value()) return std::nullopt;
      texts.push_back(*std::move(text));
    }
  }
  const RunSnapshot& snapshot = run.snapshot();
  return run.cache().keys().Make(PlannedOf(snapshot, task), inputs, contents, FactsOf(snapshot, task),
                                 PinsOf(snapshot, task));
}

absl::Status TaskCache::Ask(const std::vector<std::pair<ActiveRun*, CacheLookup*>>& lookups,
                            absl::Time now) const {
  std::map<std::string, std::vector<std::string>> wanted;  // by namespace
  for (const auto& [run, lookup] : lookups) {
    auto key = KeyOf(*run, lookup->task, *lookup->inputs, lookup->versions);
    lookup->decision = InputUnknown();
    if (!key.has_value()) continue;
    lookup->key = *std::move(key);
    wanted[run->namespace_id()].push_back(lookup->key.fingerprint);
  }
  if (wanted.empty()) return absl::OkStatus();
  return store_.Read([&](db::Tx& tx) -> absl::Status {
    std::map<std::string, std::map<std::string, CacheEntryRow>> found;
    for (const auto& [namespace_, fingerprints] : wanted) {
      ASSIGN_OR_RETURN(found[namespace_], CacheEntries(tx, namespace_, fingerprints));
    }
    for (const auto& [run, lookup] : lookups) {
      if (lookup->key.fingerprint.empty()) continue;
      const auto& entries = found[run->namespace_id()];
      const auto entry = entries.find(lookup->key.fingerprint);
      RETURN_IF_ERROR(AskOne(tx, *run, entry == entries.end() ? nullptr : &entry->second, now, *lookup));
    }
    return absl::OkStatus();
  });
}

absl::Status TaskCache::AskOne(db::Tx& tx, const ActiveRun& run, const CacheEntryRow* entry, absl::Time now,
                               CacheLookup& lookup) const {
  CacheDecision& decision = lookup.decision = {};
  lookup.outputs.reset();
  decision.fingerprint = lookup.key.fingerprint;
  if (entry == nullptr) return FindNearest(tx, run.namespace_id(), lookup.key, decision);
  decision.run_id = entry->run_id;
  decision.task_id = entry->task_id;
  if (entry->created_at < now - run.cache().max_age()) {
    decision.reason = "TOO_OLD";
    return absl::OkStatus();
  }
  ASSIGN_OR_RETURN(lookup.outputs, OutputsOfEntry(tx, *entry));
  if (lookup.outputs == nullptr) {
    decision.reason = "OUTPUTS_GONE";
  } else {
    decision.result = CacheResult::kHit;
  }
  return absl::OkStatus();
}

void TaskCache::Settle(CacheLookup& lookup) const {
  CacheDecision& decision = lookup.decision;
  if (decision.result == CacheResult::kHit) {
    const CacheDecision miss = CheckArtifacts(content_, lookup.versions, lookup.outputs->artifacts);
    if (!miss.reason.empty()) {
      decision.result = CacheResult::kMiss;
      decision.reason = miss.reason;
      decision.field = miss.field;
    }
  }
  if (decision.result == CacheResult::kHit) metrics_.cache_hits.Increment();
  if (decision.result == CacheResult::kMiss) metrics_.cache_misses.Increment();
}

std::vector<std::string> TaskCache::UnknownAtEnd(ActiveRun& run, int task, const TaskWorld& world,
                                                 const AttemptOutputs& left,
                                                 const TaskOutputs& outputs) const {
  std::vector<std::string> uris;
  if (!run.cache().in_use()) return uris;
  for (const auto& [name, list] : outputs.artifacts) {
    for (const ArtifactRecord& artifact : list) {
      std::string uri = ContentUriOf(content_, artifact);
      if (!uri.empty() && !left.artifacts.contains(TaskUri(world.artifacts, artifact))) {
        uris.push_back(std::move(uri));
      }
    }
  }
  if (run.cache().Missed(task) == nullptr) return uris;
  const auto inputs = run.InputsOf(task);
  if (inputs.ok()) {
    ForEachContent(content_, (*inputs)->artifacts, [&](const std::string& uri) { uris.push_back(uri); });
  }
  return uris;
}

void TaskCache::NoteContents(const ActiveRun& run, const TaskWorld& world, const AttemptOutputs& left,
                             const ContentVersions& versions, TaskOutputs& outputs) const {
  for (auto& [name, list] : outputs.artifacts) {
    for (ArtifactRecord& artifact : list) {
      const std::string uri = ContentUriOf(content_, artifact);
      if (uri.empty()) continue;
      const auto seen = left.artifacts.find(TaskUri(world.artifacts, artifact));
      if (seen == left.artifacts.end()) {  // the task put it elsewhere
        artifact.content_stat = VersionOf(versions, uri);
      } else {
        artifact.content_stat = seen->second.stat;
        artifact.content_sha256 = seen->second.sha256;
        artifact.size_bytes = seen->second.size_bytes;
      }
    }
  }
}

void TaskCache::Keep(ActiveRun& run, int task, const ContentVersions& versions, const TaskOutputs& outputs,
                     absl::Time now) const {
  const CacheDecision* const missed = run.cache().Missed(task);
  if (missed == nullptr) return;
  const std::string fingerprint = missed->fingerprint;
  run.cache().DropMissed(task);
  const auto inputs = run.InputsOf(task);
  if (!inputs.ok()) return;
  const std::optional<CacheKey> key = KeyOf(run, task, **inputs, versions);
  // An input that changed while the task ran: nobody knows which content it has read.
  if (!key.has_value() || key->fingerprint != fingerprint) return;
  CacheEntryRow entry{run.namespace_id(),
                      key->fingerprint,
                      key->group,
                      run.run_id(),
                      run.snapshot().tasks[task].task_id,
                      DumpJson(FieldsOf(*key)),
                      static_cast<int>(outputs.parameters.size()),
                      0,
                      now};
  for (const auto& [name, list] : outputs.artifacts) {
    for (const ArtifactRecord& artifact : list) {
      // Content that could not be looked at could never be shown to be the same.
      if (artifact.content_stat.empty() && !ContentUriOf(content_, artifact).empty()) return;
      ++entry.output_artifacts;
    }
  }
  run.commit().cache_entries.push_back(std::move(entry));
}

}  // namespace penstock
