// The pipelines in use, parsed, by their digest.
#pragma once

#include "common/lru_cache.h"
#include "pipeline/spec/pipeline_spec.h"

namespace penstock {

using DocumentCache = LruCache<PipelineDocument>;

}  // namespace penstock
