// What parameters of a pipeline are unless a run says otherwise. Pure.
#pragma once

#include <string>

#include "pipeline/spec/pipeline_spec.h"

namespace penstock {

// A JSON object of the root's parameters that have a default; it is empty if there are none.
std::string ParameterDefaults(const PipelineDocument& document);

}  // namespace penstock
