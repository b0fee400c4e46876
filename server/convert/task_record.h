// What a client records of a task: from the wire into rows, and merged into what was recorded before.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "common/state.h"
#include "kubeflow/pipelines/v2beta1/run.pb.h"
#include "server/convert/api.h"
#include "storage/model.h"
#include "storage/tag_store.h"

namespace penstock {

// INVALID_ARGUMENT, naming the field, for what is too long, too deep, too much or of no known value.
absl::Status CheckTask(const api::PipelineTask& given);

// The user's properties; INVALID_ARGUMENT as above.
absl::StatusOr<TypedTags> PropertiesFrom(const api::PipelineTask& given);

// The state in storage's terms; nothing if the client says none.
std::optional<TaskState> TaskStateFrom(const api::PipelineTask& given);

// Merges what may change into the record: what is set is set, parameters and pods are merged. INVALID_ARGUMENT if the
// record becomes too large.
absl::Status MergeTask(const api::PipelineTask& given, api::PipelineTask* record);

// The parameters of a record by their names, as other doors see them: a value that came from several producers is a list.
std::vector<TaskParameterRow> ParametersOf(const std::string& task_id, const api::PipelineTask& record);

// A decision of the cache as a recorded task has it: that it was CACHED, and its fingerprint; empty if there is neither.
std::string RecordedDecision(const api::PipelineTask& record, bool is_cached);

// The first field that `given` sets to something else than `current` has, properties of users aside; empty if there is none.
std::string ChangedField(const api::PipelineTask& given, const api::PipelineTask& current);

}  // namespace penstock
