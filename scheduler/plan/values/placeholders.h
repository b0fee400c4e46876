// Placeholders in what a container runs: its image, command, arguments and resource strings.
//
// What counts as a template:
// - a text placeholder by the grammar of placeholder_syntax.h, anywhere in a text. Every such placeholder has to
//   mean something: one that does not fails the task.
// - a whole argument that is a JSON object with the one key "Concat" (a list) or "IfPresent" (an object with
//   InputName and Then).
// Anything else is text and stays as it is. So does the source text of a lightweight Python component,
// whatever is in it: the element of the command that follows the script which writes
// "ephemeral_component.py".
//
// Values are put in as they are, in one pass, and never read again as templates.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "ml_pipelines/pipeline_spec.pb.h"
#include "scheduler/plan/values/artifact_paths.h"
#include "scheduler/plan/values/placeholder_syntax.h"
#include "scheduler/plan/values/values.h"

namespace penstock {

// What placeholders may refer to. References to data that outlives it.
//
//   {{$}}                                                  `executor_input`
//   {{$.inputs.parameters['x']}}                           JsonText of the value; "" for an optional one that
//   is absent
//   {{$.inputs.artifacts['x']}}                            JSON list of all artifacts of the input
//   {{$.inputs.artifacts['x'].uri}} .path .name .metadata  of the first; "" if the input is optional and
//   absent
//   {{$.inputs.artifacts['x'].metadata['k']}}              JsonText of that entry; .properties['k'] means the
//   same
//   {{$.outputs.artifacts['x']...}}                        the same for output artifacts
//   {{$.outputs.parameters['x'].output_file}}              file that the program writes the output to
//   {{$.outputs.output_file}}, {{$.outputMetadataUri}}     file that the program reports all outputs in
//   {{$.pipeline_...}}, {{$.workspace_path}}               see RunFacts
struct PlaceholderSources {
  const ml_pipelines::ComponentSpec& component;
  const TaskInputs& inputs;
  const TaskPaths& paths;
  const UriMount& map;
  const RunFacts& facts;
  absl::string_view executor_input;
};

// The value of one placeholder.
// Returns INVALID_ARGUMENT, naming the placeholder and what there is instead, if it refers to nothing.
absl::StatusOr<std::string> PlaceholderText(const Placeholder& placeholder,
                                            const PlaceholderSources& sources);

// A text (not an argument: no Concat or IfPresent) with its placeholders replaced.
// Returns INVALID_ARGUMENT as PlaceholderText does, or if the result exceeds limits::kArgumentBytes.
absl::StatusOr<std::string> ResolveText(absl::string_view text, const PlaceholderSources& sources);

// One argument resolved to none, one or several: an IfPresent may vanish or hold a list.
// Returns INVALID_ARGUMENT as ResolveText does, or for a Concat or IfPresent that is not well formed.
absl::StatusOr<std::vector<std::string>> ResolveArgument(absl::string_view text,
                                                         const PlaceholderSources& sources);

// The index in `command` of the source text of a lightweight Python component, -1 if it is no such command.
int PythonSourceIndex(const std::vector<absl::string_view>& command);

}  // namespace penstock
