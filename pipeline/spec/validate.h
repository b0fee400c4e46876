// Whether a pipeline makes sense as a whole, before anything runs: what the types of the document cannot say.
#pragma once

#include "absl/status/status.h"
#include "ml_pipelines/pipeline_spec.pb.h"
#include "pipeline/spec/doc_path.h"

namespace penstock {

// Checks the whole language, whether or not it can be executed yet:
// - the header: schemaVersion is 2.1.0, pipelineInfo.name is given, root is a graph;
// - names: not empty, at most limits::kSpecNameBytes, no "/" (but in pipelineInfo.name), no control characters;
// - components: each has an implementation; executor labels resolve to an executor that can run; parameters
//   have types; defaults and literals fit them; no component contains itself; kSpecTasks and kSpecNesting;
// - tasks: their components, producers, inputs and dependencies exist; what feeds an input can become its
//   type; every required input is fed; iterators and policies make sense; no cycles;
// - outputs of graphs: each declared one comes from an output of a task in it.
// `spec` stands at `path` in its document. Returns INVALID_ARGUMENT for the first thing wrong, in the order
// of names. Pure; safe from any thread.
absl::Status ValidatePipeline(const ml_pipelines::PipelineSpec& spec,
                              const ml_pipelines::PipelineDeploymentConfig& deployment, const DocPath& path);

}  // namespace penstock
