#include "server/convert/artifact.h"

#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/errors.h"
#include "common/json.h"
#include "common/limits.h"
#include "common/status_macros.h"
#include "server/convert/plugins.h"
#include "server/convert/timestamp.h"
#include "server/errors.h"
#include "server/validate.h"

namespace penstock {
namespace {

constexpr std::pair<absl::string_view, ArtifactTypes::ArtifactType> kTypes[] = {
    {"system.Artifact", ArtifactTypes::Artifact},
    {"system.Model", ArtifactTypes::Model},
    {"system.Dataset", ArtifactTypes::Dataset},
    {"system.HTML", ArtifactTypes::HTML},
    {"system.Markdown", ArtifactTypes::Markdown},
    {kMetricsTitle, ArtifactTypes::Metric},
    {"system.ClassificationMetrics", ArtifactTypes::ClassificationMetric},
    {"system.SlicedClassificationMetrics", ArtifactTypes::SlicedClassificationMetric}};
constexpr size_t kUuidBytes = 36;

// What a pipeline defines itself is an artifact like any other.
ArtifactTypes::ArtifactType TypeOf(absl::string_view title) {
  for (const auto& [name, type] : kTypes) {
    if (name == title) return type;
  }
  return ArtifactTypes::Artifact;
}

// What all that the row is on the wire has in common.
void SetCommon(const ArtifactRow& row, const Json& metadata, const PublicUris& uris, api::Artifact* out) {
  out->set_artifact_id(row.uuid);
  out->set_name(row.name);
  out->set_description(row.description);
  out->set_type(TypeOf(row.schema_title));
  if (!row.uri.empty()) out->set_uri(uris.Of(row.uri));
  SetTimestamp(row.created_at, out->mutable_created_at());
  out->set_namespace_(row.namespace_);
  for (const auto& [name, value] : metadata.items()) JsonToValue(value, &(*out->mutable_metadata())[name]);
}

Json MetadataOf(const ArtifactRow& row) {
  auto metadata = ParseJson(row.metadata);
  return metadata.ok() && metadata->is_object() ? *std::move(metadata) : Json::object();
}

// The numbers that are artifacts of their own; the others are taken out of `metadata` as well.
Json TakeNumbers(const ArtifactRow& row, Json* metadata) {
  Json numbers = Json::object();
  if (row.schema_title != kMetricsTitle) return numbers;
  if (row.schema_version == kOneMetricVersion) {
    const auto number = metadata->find(row.name);
    if (number != metadata->end() && number->is_number()) numbers[row.name] = *number;
  } else {
    for (const auto& [name, value] : metadata->items()) {
      if (value.is_number()) numbers[name] = value;
    }
  }
  for (const auto& [name, value] : numbers.items()) metadata->erase(name);
  return numbers;
}

}  // namespace

bool IsMetrics(const ArtifactRow& artifact) {
  return artifact.schema_title == kMetricsTitle || artifact.schema_title == "system.ClassificationMetrics" ||
         artifact.schema_title == "system.SlicedClassificationMetrics";
}

ArtifactId ReadArtifactId(absl::string_view id) {
  if (id.size() <= kUuidBytes || id[kUuidBytes] != ':') return {std::string(id), ""};
  return {std::string(id.substr(0, kUuidBytes)), std::string(id.substr(kUuidBytes + 1))};
}

void ArtifactToApi(const ArtifactRow& row, const PublicUris& uris,
                   const std::function<api::Artifact*()>& add) {
  Json metadata = MetadataOf(row);
  const Json numbers = TakeNumbers(row, &metadata);
  if (numbers.empty()) return SetCommon(row, metadata, uris, add());
  for (const auto& [key, number] : numbers.items()) {
    api::Artifact* out = add();
    SetCommon(row, metadata, uris, out);
    out->set_number_value(number.get<double>());
    if (row.schema_version == kOneMetricVersion) continue;
    out->set_artifact_id(absl::StrCat(row.uuid, ":", key));
    out->set_name(key);
  }
}

absl::StatusOr<std::string> SchemaTitleOf(ArtifactTypes::ArtifactType type) {
  for (const auto& [name, known] : kTypes) {
    if (known == type) return std::string(name);
  }
  return error::ArtifactTypeMissing();
}

absl::StatusOr<ArtifactRow> ArtifactFromApi(const api::Artifact& given, const PublicUris& uris) {
  ArtifactRow row;
  RETURN_IF_ERROR(CheckEnum("artifact.type", given.type()));
  ASSIGN_OR_RETURN(row.schema_title, SchemaTitleOf(given.type()));
  RETURN_IF_ERROR(CheckText("artifact.name", given.name(), limits::kSpecNameBytes));
  RETURN_IF_ERROR(CheckText("artifact.description", given.description(), limits::kDescriptionBytes, true));
  RETURN_IF_ERROR(CheckText("artifact.uri", given.uri(), limits::kUrlBytes));
  RETURN_IF_ERROR(CheckText("artifact.namespace", given.namespace_(), limits::kNamespaceBytes));
  row.name = given.name();
  row.description = given.description();
  row.uri = uris.Stored(given.uri());
  row.namespace_ = given.namespace_();
  Json metadata = Json::object();
  for (const auto& [name, value] : given.metadata()) {
    RETURN_IF_ERROR(CheckText("artifact.metadata", name, limits::kSpecNameBytes));
    ASSIGN_OR_RETURN(metadata[name], JsonFromValue(value));
  }
  if (NestsDeeperThan(metadata, limits::kMetadataDepth)) {
    return error::MetadataTooDeep("artifact.metadata", limits::kMetadataDepth);
  }
  if (given.type() == ArtifactTypes::Metric) {
    if (given.name().empty() || !given.has_number_value() || !std::isfinite(given.number_value())) {
      return error::MetricIncomplete();
    }
    metadata[given.name()] = JsonNumber(given.number_value());
    row.schema_version = kOneMetricVersion;
  } else if (given.has_number_value()) {
    return error::NumberOfNoMetric();
  }
  row.metadata = DumpJson(metadata);
  if (static_cast<int64_t>(row.metadata.size()) > limits::kMetadataBytes) {
    return error::FieldTooLong("artifact.metadata", row.metadata.size(), limits::kMetadataBytes);
  }
  return row;
}

api::IOType IoTypeFrom(const std::string& name) {
  api::IOType type = api::UNSPECIFIED;
  return api::IOType_Parse(name, &type) ? type : api::UNSPECIFIED;
}

bool IsInput(api::IOType type) {
  return type != api::OUTPUT && type != api::ONE_OF_OUTPUT && type != api::ITERATOR_OUTPUT;
}

void ArtifactTaskToApi(const ArtifactTaskRow& link, const ArtifactRow& artifact,
                       const std::function<api::ArtifactTask*()>& add) {
  std::vector<api::Artifact> artifacts;
  ArtifactToApi(artifact, PublicUris(), [&] { return &artifacts.emplace_back(); });
  for (const api::Artifact& one : artifacts) {
    api::ArtifactTask* out = add();
    const std::string key = ReadArtifactId(one.artifact_id()).key;
    out->set_id(key.empty() ? absl::StrCat(link.link_id) : absl::StrCat(link.link_id, ":", key));
    out->set_artifact_id(one.artifact_id());
    out->set_run_id(link.run_id);
    out->set_task_id(link.task_id.empty() ? link.run_id : link.task_id);
    out->set_type(IoTypeFrom(link.io_type));
    out->set_key(link.name);
    if (link.producer_task.empty()) continue;
    out->mutable_producer()->set_task_name(link.producer_task);
    if (link.producer_iteration.has_value()) out->mutable_producer()->set_iteration(*link.producer_iteration);
  }
}

}  // namespace penstock
