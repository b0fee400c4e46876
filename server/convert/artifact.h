// Artifacts and their links between storage and KFP 3.0's wire. There each number of a Metrics artifact is an artifact of
// its own, whose id is that of the artifact and its key; here they are one row.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "content/uri.h"
#include "kubeflow/pipelines/v2beta1/artifact.pb.h"
#include "server/convert/api.h"
#include "storage/model.h"

namespace penstock {

using api::ArtifactTypes;

// The version of a Metrics artifact that is one Metric of KFP 3.0: its number stands in its metadata under its name, and
// the rest of the metadata is its own.
inline constexpr char kOneMetricVersion[] = "one-metric";
inline constexpr char kMetricsTitle[] = "system.Metrics";
// What an artifact of metrics of any kind holds is its metadata, and a file is rarely there.
bool IsMetrics(const ArtifactRow& artifact);

// An id on the wire: of an artifact, or of one number of it.
struct ArtifactId {
  std::string uuid;
  std::string key;  // empty: the whole artifact
};
ArtifactId ReadArtifactId(absl::string_view id);

// Gives what the artifact is on the wire to `add`: itself, or each of its numbers, in the order of their keys.
void ArtifactToApi(const ArtifactRow& row, const PublicUris& uris,
                   const std::function<api::Artifact*()>& add);

// The schema title of a type; INVALID_ARGUMENT if there is none.
absl::StatusOr<std::string> SchemaTitleOf(ArtifactTypes::ArtifactType type);

// The row of an artifact that a client registers, without ids. INVALID_ARGUMENT if its fields do not fit.
absl::StatusOr<ArtifactRow> ArtifactFromApi(const api::Artifact& given, const PublicUris& uris);

// UNSPECIFIED for a name that is not known.
api::IOType IoTypeFrom(const std::string& name);
bool IsInput(api::IOType type);

// Gives the link to `add`, once for each artifact that `artifact` is on the wire.
void ArtifactTaskToApi(const ArtifactTaskRow& link, const ArtifactRow& artifact,
                       const std::function<api::ArtifactTask*()>& add);

}  // namespace penstock
