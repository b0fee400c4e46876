// The workspace of a pipeline: a directory that the tasks of a run share. Pure.
#pragma once

#include <algorithm>

#include "pipeline/spec/pipeline_spec.h"

namespace penstock {

// Whether the pipeline asks for one (PipelineConfig.workspace).
inline bool DeclaresWorkspace(const PipelineDocument& document) {
  if (!document.platform.has_value()) return false;
  const auto& platforms = document.platform->platforms();
  return std::any_of(platforms.begin(), platforms.end(),
                     [](const auto& platform) { return platform.second.pipelineconfig().has_workspace(); });
}

}  // namespace penstock
