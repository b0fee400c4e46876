// The store in the terms of ML Metadata, as Kubeflow Pipelines writes it there: executions, contexts, artifacts, events
// and their types.
#pragma once

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "content/uri.h"
#include "ml_metadata/metadata_store.pb.h"
#include "server/convert/task_source.h"
#include "storage/model.h"
#include "storage/numbered_store.h"

namespace penstock {

// A type, whatever of. Ids are unique among all kinds of types, and stay what they are.
struct MetadataType {
  int64_t id = 0;
  absl::string_view name;
};

inline constexpr MetadataType kPipelineContext = {1, "system.Pipeline"};
inline constexpr MetadataType kRunContext = {2, "system.PipelineRun"};

absl::Span<const MetadataType> ExecutionTypes();
// Those that Kubeflow Pipelines defines. A pipeline may name others.
absl::Span<const MetadataType> ArtifactTypes();
// The id of any schema title: one of the above, or a number made of the title, above 2^20 and below 2^53.
int64_t ArtifactTypeId(absl::string_view schema_title);

void ContextToApi(const RunSource& run, ml_metadata::Context* out);

void ArtifactToApi(const ArtifactRow& row, const PublicUris& uris, ml_metadata::Artifact* out);

void EventToApi(const NumberedLink& link, ml_metadata::Event* out);

// The task or root of `key`, which has been read with attempts and parameters.
void ExecutionToApi(const TaskSource& source, TaskPlaces& places, const TaskKey& key,
                    ml_metadata::Execution* out);

}  // namespace penstock
