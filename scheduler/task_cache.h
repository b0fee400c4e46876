// The cache of tasks: which ready tasks are looked up, what is taken from another task, and what is kept of those
// that ran.
//
// Whether content is what it was is asked of the ContentStore on a worker's thread, since that may take a disk
// or a network. So a lookup goes in steps, each of which may be the last:
//
//   Begin   the inputs are resolved; versions of input artifacts are asked for
//   Ask     the key is made and looked for in the database; versions of the outputs found are asked for
//   Settle  it is a hit, or a miss with its reason
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "common/metrics.h"
#include "common/worker.h"
#include "content/content_store.h"
#include "scheduler/active_run.h"
#include "storage/store.h"

namespace penstock {

// Versions of content, by URI; see ContentVersion.
using ContentVersions = std::map<std::string, std::string>;

struct CacheLookup {
  std::string run_id;
  int task = 0;
  std::shared_ptr<const TaskInputs> inputs;
  CacheKey key;
  CacheDecision decision;
  std::shared_ptr<const TaskOutputs> outputs;  // if it hit
  ContentVersions versions;                    // known so far
};
using CacheLookups = std::vector<std::shared_ptr<CacheLookup>>;

// Where the content of an artifact is to be looked for; empty if no store of ours tells of it.
std::string ContentUriOf(const ContentStore& store, const ArtifactRecord& artifact);

// Used by its engine's thread only.
class TaskCache {
 public:
  // All outlive it.
  TaskCache(Store& store, const ContentStore& content, Metrics& metrics)
      : store_(store), content_(content), metrics_(metrics) {}

  // Begins to look a task up. Nothing if it cannot be: its inputs do not resolve, which its start will say. It
  // is to be started then, and the reason is kept for it.
  std::shared_ptr<CacheLookup> Begin(ActiveRun& run, int task) const;

  // URIs of content whose versions the lookup has yet to know.
  std::vector<std::string> Unknown(const CacheLookup& lookup) const;

  // Fills in what the cache says of each whose inputs are all known; `runs` are theirs. A run's artifact that
  // cannot be told apart makes its lookup no question: `decision` says so.
  absl::Status Ask(const std::vector<std::pair<ActiveRun*, CacheLookup*>>& lookups, absl::Time now) const;

  // Says whether it is a hit, once the outputs are known too.
  void Settle(CacheLookup& lookup) const;

  // Content whose versions have to be known before the end of an attempt is dealt with: outputs that the
  // executor has not seen where they lie, and the inputs of a task that missed.
  std::vector<std::string> UnknownAtEnd(ActiveRun& run, int task, const TaskWorld& world,
                                        const AttemptOutputs& left, const TaskOutputs& outputs) const;

  // Adds to the outputs of a task that ran what the executor, or else the store, saw where they lie.
  void NoteContents(const ActiveRun& run, const TaskWorld& world, const AttemptOutputs& left,
                    const ContentVersions& versions, TaskOutputs& outputs) const;

  // Keeps what a task put out that missed before it ran, unless one of its inputs was changed meanwhile or one
  // of its outputs cannot be told apart from another later.
  void Keep(ActiveRun& run, int task, const ContentVersions& versions, const TaskOutputs& outputs,
            absl::Time now) const;

 private:
  absl::Status AskOne(db::Tx& tx, const ActiveRun& run, const CacheEntryRow* entry, absl::Time now,
                      CacheLookup& lookup) const;
  std::optional<CacheKey> KeyOf(ActiveRun& run, int task, const TaskInputs& inputs,
                                const ContentVersions& versions) const;

  Store& store_;
  const ContentStore& content_;
  Metrics& metrics_;
};

}  // namespace penstock
