// The packages that a run pins (pipeline/spec/package_pins.h): from what a client gives for the plugin, and from what was
// recorded of a run that is done again.
#pragma once

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "common/json.h"
#include "pipeline/spec/pipeline_spec.h"
#include "server/convert/plugins.h"
#include "server/convert/run_account.h"

namespace penstock {

// Checks the plugin, if it is there: INVALID_ARGUMENT with a sentence. `field` names what holds the plugins,
// "run.plugins_input"; `document` is the pipeline, whose tasks it must name, or null if that is not known yet.
absl::Status CheckPackagePins(absl::string_view field, const PluginInputs& plugins,
                              const PipelineDocument* document);

// What pins the packages that each task of the run had in its latest attempt, over those of its interpreter; of the
// iterations of one task the last counts. "*" has what most tasks had. pip, setuptools and wheel are left out, and what
// is no exact version. Null if nothing was recorded. Pure.
Json PluginOfRecords(const RunAccount& facts, const AttemptDocuments& documents);

}  // namespace penstock
