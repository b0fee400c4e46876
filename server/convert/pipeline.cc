#include "server/convert/pipeline.h"

#include "absl/strings/str_cat.h"
#include "common/json.h"
#include "server/convert/timestamp.h"

namespace penstock {

void ToApi(const PipelineRow& row, api::Pipeline* out) {
  out->set_pipeline_id(row.pipeline_id);
  out->set_name(row.name);
  out->set_display_name(row.display_name);
  out->set_description(row.description);
  SetTimestamp(row.created_at, out->mutable_created_at());
  for (const auto& [name, value] : row.tags) (*out->mutable_tags())[name] = value;
}

void ToApi(const PipelineVersionRow& row, api::PipelineVersion* out) {
  out->set_pipeline_id(row.pipeline_id);
  out->set_pipeline_version_id(row.pipeline_version_id);
  out->set_name(row.name);
  out->set_display_name(row.display_name);
  out->set_description(row.description);
  out->set_code_source_url(row.code_source_url);
  if (!row.package_url.empty()) out->mutable_package_url()->set_pipeline_url(row.package_url);
  SetTimestamp(row.created_at, out->mutable_created_at());
  for (const auto& [name, value] : row.tags) (*out->mutable_tags())[name] = value;
}

absl::Status SpecToApi(absl::string_view canonical_json, google::protobuf::Struct* out) {
  const auto json = ParseJson(canonical_json);
  if (!json.ok()) {
    return absl::DataLossError(absl::StrCat("a stored pipeline is no JSON: ", json.status().message()));
  }
  JsonToStruct(*json, out);
  return absl::OkStatus();
}

}  // namespace penstock
