// When a failed task is tried again.
#pragma once

#include "absl/time/time.h"
#include "ml_pipelines/pipeline_spec.pb.h"

namespace penstock {

using RetryPolicy = ml_pipelines::PipelineTaskSpec::RetryPolicy;

// How long to wait after attempt number `failed` (from 1): the policy's duration, multiplied by its factor
// once for each attempt before that one, and never more than its maximum. What a policy leaves out: no wait,
// factor 2, at most an hour. Pure.
absl::Duration RetryDelay(const RetryPolicy& policy, int failed);

}  // namespace penstock
