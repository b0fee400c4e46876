// What handlers work with. Everything is built by main and outlives the server.
#pragma once

#include <grpcpp/server_context.h>

#include <string>

#include "common/clock.h"
#include "common/ids.h"
#include "common/lru_cache.h"
#include "common/metrics.h"
#include "content/content_store.h"
#include "pipeline/spec/document_cache.h"
#include "server/package_fetch.h"
#include "storage/model.h"
#include "storage/store.h"

namespace penstock {

inline constexpr size_t kCachedVersions = 1024;

struct Deps {
  Store& store;
  DocumentCache& documents;
  const Clock& clock;
  IdGenerator& ids;
  Metrics& metrics;
  const ContentStore& content;        // logs and artifacts
  std::string default_experiment_id;  // takes the runs that name none
  PackageUrlOptions package_urls;     // from where packages are fetched
  // Versions that runs were made of lately, by id, without tags. What they are made of never changes; they
  // may have been deleted meanwhile, which RunInsert finds out.
  LruCache<PipelineVersionRow> versions{kCachedVersions};
};

}  // namespace penstock
