// The pipeline of runs that clients record: KFP's API has none without.
#pragma once

#include "pipeline/spec/pipeline_spec.h"

namespace penstock {

// The same for all of them. Lives as long as the program.
const PipelineDocument& RecordedPipeline();

}  // namespace penstock
