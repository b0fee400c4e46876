// The engine's use of the cache: which ready tasks are looked up, what is taken from another task, and what
// is kept of those that ran.
#include <algorithm>
#include <map>
#include <optional>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/limits.h"
#include "common/status_macros.h"
#include "scheduler/engine.h"
#include "scheduler/plan/run_tree.h"
#include "storage/cache_store.h"
#include "storage/task_store.h"

namespace penstock {
namespace {

bool AsksForCache(const PlannedTask& task) {
  return task.executor != nullptr && task.executor->has_container() &&
         task.spec->caching_options().enable_cache();
}

bool AnyAsksForCache(const RunPlan& plan) {
  return std::any_of(plan.dags().begin(), plan.dags().end(), [](const PlannedDag& dag) {
    return std::any_of(dag.tasks.begin(), dag.tasks.end(), AsksForCache);
  });
}

// Whether the pipeline wants the task to be cached: it does, and nothing that it is part of says otherwise.
bool WantsCache(const RunSnapshot& run, int task) {
  if (!AsksForCache(PlannedOf(run, task))) return false;
  for (int outer = ParentOf(run, task); outer >= 0; outer = ParentOf(run, outer)) {
    const auto& spec = *PlannedOf(run, outer).spec;
    if (spec.has_caching_options() && !spec.caching_options().enable_cache()) return false;
  }
  return true;
}

bool ReadsFinalStatus(const PlannedTask& task) {
  const auto& parameters = task.spec->inputs().parameters();
  return std::any_of(parameters.begin(), parameters.end(),
                     [](const auto& input) { return input.second.has_task_final_status(); });
}

// Where the content of an artifact lies on this machine; nothing if it is elsewhere.
std::optional<std::string> LocalPath(const ArtifactPathMap& map, const ArtifactRecord& artifact) {
  const std::string uri = TaskUri(map, artifact);
  if (!absl::StartsWith(uri, "/")) return std::nullopt;
  return uri;
}

// Equal for equal content; nothing if it cannot be told.
std::optional<std::string> ContentText(const ArtifactPathMap& map, const ArtifactRecord& artifact) {
  const std::optional<std::string> path = LocalPath(map, artifact);
  if (!path.has_value()) {
    // What lies at an imported URI may change at any time.
    if (artifact.imported) return std::nullopt;
    return absl::StrCat("at ", artifact.uri, " ", artifact.custom_path.value_or(""));
  }
  const std::string stat = ContentStat(*path);
  if (stat.empty()) return std::nullopt;
  if (stat == kNoContent) return stat;
  // Not what was made, or nobody read it: then it is like nothing else.
  if (stat != artifact.content_stat || artifact.content_sha256.empty()) return absl::StrCat(*path, " ", stat);
  return artifact.content_sha256;
}

std::optional<ArtifactContents> ContentsOf(const ArtifactPathMap& map, const ArtifactMap& artifacts) {
  ArtifactContents contents;
  for (const auto& [name, list] : artifacts) {
    std::vector<std::string>& texts = contents[name];
    for (const ArtifactRecord& artifact : list) {
      std::optional<std::string> text = ContentText(map, artifact);
      if (!text.has_value()) return std::nullopt;
      texts.push_back(*std::move(text));
    }
  }
  return contents;
}

// Why an output of an entry cannot be used any more; an empty reason if it can.
CacheDecision CheckArtifacts(const ArtifactPathMap& map, const ArtifactMap& artifacts) {
  CacheDecision miss;
  for (const auto& [name, list] : artifacts) {
    for (const ArtifactRecord& artifact : list) {
      const std::optional<std::string> path = LocalPath(map, artifact);
      if (!path.has_value()) continue;
      const std::string stat = ContentStat(*path);
      if (stat == artifact.content_stat && !stat.empty()) continue;
      miss.field = name;
      miss.reason = stat == kNoContent ? "ARTIFACT_GONE" : "ARTIFACT_CHANGED";
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

}  // namespace

struct Engine::CacheLookup {
  ActiveRun* run;
  int task;
  TaskInputs inputs;
  CacheKey key;
  CacheDecision decision;
  std::shared_ptr<const TaskOutputs> outputs;  // if it hit
};

void Engine::SetUpCache(ActiveRun& run, const LoadedRun& loaded) {
  run.namespace_ = loaded.namespace_;
  run.asks_for_cache = AnyAsksForCache(*run.snapshot.plan);
  run.caches = run.asks_for_cache && options_.cache.enabled && loaded.cache_enabled;
  run.cache_max_age = options_.cache.max_age;
  if (loaded.cache_max_age > absl::ZeroDuration()) {
    run.cache_max_age = std::min(run.cache_max_age, loaded.cache_max_age);
  }
  if (!run.caches) return;
  run.keys = std::make_unique<CacheKeyMaker>(run.snapshot.plan->pipeline_name());
  for (const auto& [task, text] : loaded.cache_decisions) {
    const auto decision = CacheDecisionFromText(text);
    if (decision.ok() && decision->result == CacheResult::kMiss) run.missed[task] = *decision;
  }
}

// Where a task goes that became ready: to be looked up in the cache, or to be started.
void Engine::Enqueue(ActiveRun& run, int task) {
  const RunSnapshot& snapshot = run.snapshot;
  if (IsImport(snapshot, task)) {
    run.imports.push_back(task);
    return;
  }
  // What failed once and is tried again ran for a reason.
  if (!run.asks_for_cache || snapshot.tasks[task].attempts > 0 || !WantsCache(snapshot, task)) {
    run.ready.push_back(task);
    return;
  }
  CacheDecision decision;
  decision.result = CacheResult::kNotAsked;
  const PlannedTask& planned = PlannedOf(snapshot, task);
  if (!run.caches) {
    decision.reason = options_.cache.enabled ? "RUN_OFF" : "SERVER_OFF";
  } else if (ReadsFinalStatus(planned)) {
    decision.reason = "READS_FINAL_STATUS";
  } else if (planned.awaits_any_end) {
    decision.reason = "RUNS_WHATEVER_HAPPENS";
  } else {
    run.looking_up.push_back(task);
    return;
  }
  run.decisions[task] = CacheDecisionText(decision);
  run.ready.push_back(task);
}

// What the cache said of a ready task is written when it moves.
void Engine::StoreDecision(ActiveRun& run, int task) {
  if (auto decision = run.decisions.extract(task); !decision.empty()) {
    run.commit.cache_decisions[task] = std::move(decision.mapped());
  }
}

// The key of a task; nothing if its inputs do not resolve, which the start will say, or cannot be told apart.
std::optional<CacheKey> Engine::CacheKeyOf(ActiveRun& run, int task, TaskInputs& inputs) {
  absl::StatusOr<TaskInputs> resolved = InputsOf(run.snapshot, task);
  if (!resolved.ok()) return std::nullopt;
  inputs = *std::move(resolved);
  const auto contents = ContentsOf(places_.artifacts, inputs.artifacts);
  if (!contents.has_value()) return std::nullopt;
  return run.keys->Make(PlannedOf(run.snapshot, task), inputs, *contents, FactsOf(run.snapshot, task));
}

// Looks ready tasks up, until no more become ready by it or this pass has looked up enough.
absl::Status Engine::ServeFromCache(absl::Time now, PassResult& result) {
  int left = limits::kCacheLookups;
  while (true) {
    std::vector<CacheLookup> lookups;
    bool more = false;
    for (auto& [run_id, run] : runs_) {
      for (; !run.looking_up.empty() && left > 0; --left) {
        const int task = run.looking_up.front();
        run.looking_up.pop_front();
        CacheLookup lookup{&run, task, {}, {}, {}, nullptr};
        if (auto key = CacheKeyOf(run, task, lookup.inputs); key.has_value()) {
          lookup.key = *std::move(key);
          lookups.push_back(std::move(lookup));
        } else {
          lookup.decision = {CacheResult::kNotAsked, "INPUT_UNKNOWN", "", "", "", ""};
          run.decisions[task] = CacheDecisionText(lookup.decision);
          run.ready.push_back(task);
        }
      }
      more |= !run.looking_up.empty();
    }
    if (lookups.empty()) {
      result.more = more;
      return absl::OkStatus();
    }
    RETURN_IF_ERROR(LookUp(now, lookups));
    for (CacheLookup& lookup : lookups) Apply(lookup, now, result);
  }
}

// Fills in what the cache says of each.
absl::Status Engine::LookUp(absl::Time now, std::vector<CacheLookup>& lookups) {
  return store_.Read([&](db::Tx& tx) -> absl::Status {
    std::map<std::string, std::vector<std::string>> wanted;  // by namespace
    for (const CacheLookup& lookup : lookups) {
      wanted[lookup.run->namespace_].push_back(lookup.key.fingerprint);
    }
    std::map<std::string, std::map<std::string, CacheEntryRow>> found;
    for (const auto& [namespace_, fingerprints] : wanted) {
      ASSIGN_OR_RETURN(found[namespace_], CacheEntries(tx, namespace_, fingerprints));
    }
    for (CacheLookup& lookup : lookups) {
      const auto& entries = found[lookup.run->namespace_];
      const auto entry = entries.find(lookup.key.fingerprint);
      RETURN_IF_ERROR(LookUpOne(tx, now, entry == entries.end() ? nullptr : &entry->second, lookup));
    }
    return absl::OkStatus();
  });
}

absl::Status Engine::LookUpOne(db::Tx& tx, absl::Time now, const CacheEntryRow* entry, CacheLookup& lookup) {
  CacheDecision& decision = lookup.decision = {};
  lookup.outputs.reset();
  decision.fingerprint = lookup.key.fingerprint;
  if (entry == nullptr) return FindNearest(tx, lookup.run->namespace_, lookup.key, decision);
  decision.run_id = entry->run_id;
  decision.task_id = entry->task_id;
  if (entry->created_at < now - lookup.run->cache_max_age) {
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

// Acts on what the cache said.
void Engine::Apply(CacheLookup& lookup, absl::Time now, PassResult& result) {
  ActiveRun& run = *lookup.run;
  CacheDecision& decision = lookup.decision;
  if (decision.result == CacheResult::kHit) {
    const CacheDecision miss = CheckArtifacts(places_.artifacts, lookup.outputs->artifacts);
    if (!miss.reason.empty()) {
      decision.result = CacheResult::kMiss;
      decision.reason = miss.reason;
      decision.field = miss.field;
    }
  }
  std::string text = CacheDecisionText(decision);
  if (decision.result != CacheResult::kHit) {
    metrics_.cache_misses.Increment();
    run.decisions[lookup.task] = std::move(text);
    run.missed[lookup.task] = std::move(decision);
    run.ready.push_back(lookup.task);
    return;
  }
  metrics_.cache_hits.Increment();
  ++result.from_cache;
  run.commit.cache_decisions[lookup.task] = std::move(text);
  run.commit.inputs.emplace_back(lookup.task, std::move(lookup.inputs));
  run.commit.reused.emplace_back(lookup.task, lookup.outputs);
  Decide(run, TaskFoundInCache{lookup.task, lookup.outputs}, now);
}

// Adds to the outputs of a task that ran what the executor saw where they lie.
void Engine::NoteContents(const ActiveRun& run, const AttemptOutputs& left, TaskOutputs& outputs) const {
  if (!run.caches) return;
  for (auto& [name, list] : outputs.artifacts) {
    for (ArtifactRecord& artifact : list) {
      const std::optional<std::string> path = LocalPath(places_.artifacts, artifact);
      if (!path.has_value()) continue;
      const auto seen = left.artifacts.find(*path);
      if (seen == left.artifacts.end()) {  // the task put it elsewhere
        artifact.content_stat = ContentStat(*path);
      } else {
        artifact.content_stat = seen->second.stat;
        artifact.content_sha256 = seen->second.sha256;
      }
    }
  }
}

// Keeps what a task put out that missed before it ran, unless one of its inputs was changed meanwhile or one
// of its outputs cannot be told apart from another later.
void Engine::KeepInCache(ActiveRun& run, int task, const TaskOutputs& outputs, absl::Time now) {
  const auto missed = run.missed.find(task);
  if (missed == run.missed.end()) return;
  TaskInputs inputs;
  const std::optional<CacheKey> key = CacheKeyOf(run, task, inputs);
  const bool same = key.has_value() && key->fingerprint == missed->second.fingerprint;
  run.missed.erase(missed);
  if (!same) return;
  CacheEntryRow entry{run.namespace_,
                      key->fingerprint,
                      key->group,
                      run.snapshot.run_id,
                      run.snapshot.tasks[task].task_id,
                      DumpJson(FieldsOf(*key)),
                      static_cast<int>(outputs.parameters.size()),
                      0,
                      now};
  for (const auto& [name, list] : outputs.artifacts) {
    for (const ArtifactRecord& artifact : list) {
      if (artifact.content_stat.empty() && LocalPath(places_.artifacts, artifact).has_value()) return;
      ++entry.output_artifacts;
    }
  }
  run.commit.cache_entries.push_back(std::move(entry));
}

}  // namespace penstock
