// The cache in a run of the API: as the plugin "penstock_cache". Its input is what the run asks of the cache,
// its output what the cache said of each task.
#pragma once

#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "kubeflow/pipelines/v2beta1/run.pb.h"
#include "server/convert/api.h"
#include "server/convert/plugins.h"
#include "storage/model.h"

namespace penstock {

// Reads the input, if there is one: {"enabled": false} and {"max_age_s": 3600}. INVALID_ARGUMENT for another
// field or value; `field` names what holds the plugins, "run.plugins_input".
absl::Status CacheFromApi(absl::string_view field, const PluginInputs& plugins, bool* enabled,
                          absl::Duration* max_age);

// The output: an entry for each task that asks for the cache and has started or was taken from it, by task
// id, with "result" (HIT, MISS or NOT_ASKED), "reason", "field", "fingerprint", "run_id" and "task_id".
void CacheDecisionsToApi(const std::vector<TaskRow>& tasks, api::Run* out);

}  // namespace penstock
