// What handlers work with. Everything is built by main and outlives the server.
#pragma once

#include <grpcpp/server_context.h>

#include <string>

#include "common/clock.h"
#include "common/ids.h"
#include "common/metrics.h"
#include "common/spec/document_cache.h"
#include "storage/store.h"

namespace penstock {

struct Deps {
  Store& store;
  DocumentCache& documents;
  const Clock& clock;
  IdGenerator& ids;
  Metrics& metrics;
  std::string data_dir;               // absolute
  std::string default_experiment_id;  // takes the runs that name none
};

}  // namespace penstock
