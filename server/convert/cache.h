// The cache in a run of the API: as the plugin "penstock_cache". Its input is what the run asks of the cache,
// its output what the cache said of each task.
#pragma once

#include <vector>

#include "absl/status/status.h"
#include "kubeflow/pipelines/v2beta1/run.pb.h"
#include "server/convert/api.h"
#include "storage/model.h"

namespace penstock {

// Reads the input, if there is one: {"enabled": false} and {"max_age_s": 3600}. INVALID_ARGUMENT for another
// field or value.
absl::Status CacheFromApi(const api::Run& given, RunConfigRow& config);

// The output: an entry for each task that asks for the cache and has started or was taken from it, by task
// id, with "result" (HIT, MISS or NOT_ASKED), "reason", "field", "fingerprint", "run_id" and "task_id".
void CacheDecisionsToApi(const std::vector<TaskRow>& tasks, api::Run* out);

}  // namespace penstock
