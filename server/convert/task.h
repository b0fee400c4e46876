// Tasks between storage and KFP 3.0's wire. There iterations are no tasks: what is in them is part of the loop, and the
// root is one, with the id of its run.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "content/uri.h"
#include "kubeflow/pipelines/v2beta1/run.pb.h"
#include "server/convert/api.h"
#include "server/convert/task_source.h"
#include "storage/tag_store.h"

namespace penstock {

using api::PipelineTask;

inline constexpr char kRootName[] = "root";

// PENDING has no value of its own on the wire.
PipelineTask::TaskState TaskStateToApi(const TaskRow& row);
PipelineTask::TaskType TaskTypeToApi(TaskKind kind);

PipelineTask::TaskState RunStateToApi(RunState state);
// Type and its attributes.
void SetTaskType(const TaskSource& source, TaskPlaces& places, const TaskRow& row, PipelineTask* out);

// The task or root of `key`, which has been read with all its parts.
void TaskToApi(const TaskSource& source, TaskPlaces& places, const PublicUris& uris, const TaskKey& key,
               PipelineTask* out);

// A user's property of a task.
void TagToApi(const TypedTag& tag, google::protobuf::Value* out);
absl::StatusOr<TypedTag> TagFromApi(absl::string_view field, const google::protobuf::Value& value);

}  // namespace penstock
