// What handlers work with: what main built for all of them, which outlives the server, and what belongs to one
// request.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "common/clock.h"
#include "common/ids.h"
#include "common/limits.h"
#include "common/lru_cache.h"
#include "common/memory_budget.h"
#include "common/metrics.h"
#include "content/content_store.h"
#include "content/pipeline_roots.h"
#include "content/uri.h"
#include "pipeline/spec/document_cache.h"
#include "server/package_fetch.h"
#include "storage/model.h"
#include "storage/store.h"

namespace penstock {

inline constexpr size_t kCachedVersions = 1024;
inline constexpr size_t kCachedRunTasks = 4096;

struct Deps {
  Store& store;
  DocumentCache& documents;
  const Clock& clock;
  IdGenerator& ids;
  Metrics& metrics;
  ContentStore& content;              // logs and artifacts
  std::string default_experiment_id;  // takes the runs that name none
  PackageUrlOptions package_urls;     // from where packages are fetched
  PublicUris public_uris;             // of artifacts, at the doors that speak KFP
  PipelineRoots pipeline_roots;       // where runs may keep them
  int64_t store_links_s = 0;          // how long links to objects are good for; 0: none are given
  std::vector<std::string> executors = {"local"};  // kinds that runs may ask for; the first is for the others
  MemoryBudget memory{limits::kMemoryBytes};
  // Versions that runs were made of lately, by id, without tags. What they are made of never changes; they
  // may have been deleted meanwhile, which RunInsert finds out.
  LruCache<PipelineVersionRow> versions{kCachedVersions};
  LruCache<int> run_tasks{kCachedRunTasks};  // how many tasks runs had when they were read last, by run id
};

// One request, as every handler gets it. Lives as long as the call.
struct RequestContext {
  Deps& deps;
  std::string principal;  // who asks; empty: nobody is told apart, since the server has no users yet
  absl::Time deadline;    // after which nobody waits for the answer; far away if the caller gave none
  // Whether the caller has gone. Dear: see rpc.h.
  std::function<bool()> is_cancelled;
  MemoryDraw memory;  // what the call holds of the budget; see memory.h
};

}  // namespace penstock
