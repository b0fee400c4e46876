// What a task's settings for a platform name of inputs and of other tasks' outputs, in their place. Pure.
#pragma once

#include "absl/status/statusor.h"
#include "common/json.h"
#include "google/protobuf/struct.pb.h"
#include "scheduler/plan/types.h"

namespace penstock {

// The settings as JSON. Where they have an InputParameterSpec (kfp-kubernetes' *_parameter and *_json fields), which is
// taken as a task of the same graph would take it, there is {"runtimeValue": {"constant": VALUE}} instead, of null if there
// is no such input or output. INVALID_ARGUMENT, with a sentence for the user, if a value cannot be had.
absl::StatusOr<Json> ResolvedSettings(const RunSnapshot& run, int task,
                                      const google::protobuf::Struct& settings);

}  // namespace penstock
