// What a pipeline asks for that only a cluster could give. Pure.
#pragma once

#include <string>

#include "pipeline/spec/pipeline_spec.h"

namespace penstock {

// One sentence that names the settings for Kubernetes and the accelerators that have no effect where tasks
// are processes of one machine, with the executors that have them; empty if there are none.
std::string PlatformNote(const PipelineDocument& document);

}  // namespace penstock
