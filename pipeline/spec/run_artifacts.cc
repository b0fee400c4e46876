#include "pipeline/spec/run_artifacts.h"

#include <algorithm>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/limits.h"
#include "common/status_macros.h"

namespace penstock {
namespace {

absl::Status NoArtifact(const Json& value) {
  return absl::InvalidArgumentError(
      absl::StrCat("expected the id of an artifact, a URI or an absolute path, {\"artifact_id\": ...} or "
                   "{\"uri\": ...}, found ",
                   JsonExcerpt(value)));
}

absl::StatusOr<RunArtifact> ById(const Json& value) {
  RunArtifact artifact;
  const bool is_id =
      value.is_number_integer() ||
      (value.is_string() && absl::SimpleAtoi(value.get_ref<const std::string&>(), &artifact.artifact_id));
  if (!is_id) return NoArtifact(value);
  if (value.is_number_integer()) artifact.artifact_id = value.get<int64_t>();
  if (artifact.artifact_id <= 0) return NoArtifact(value);
  return artifact;
}

absl::StatusOr<RunArtifact> ByUri(const std::string& uri) {
  const bool has_scheme =
      absl::StrContains(uri, "://") && absl::ascii_isalpha(static_cast<unsigned char>(uri[0]));
  if (!has_scheme && !absl::StartsWith(uri, "/")) return NoArtifact(Json(uri));
  if (uri.size() > static_cast<size_t>(limits::kUrlBytes)) {
    return absl::InvalidArgumentError(
        absl::StrCat("its URI has ", uri.size(), " bytes; the bound is ", limits::kUrlBytes, " (kUrlBytes)"));
  }
  RunArtifact artifact;
  artifact.uri = uri;
  return artifact;
}

absl::StatusOr<RunArtifact> OneFrom(const Json& value) {
  if (value.is_number_integer()) return ById(value);
  if (value.is_string()) {
    const std::string& text = value.get_ref<const std::string&>();
    const bool digits = !text.empty() && std::all_of(text.begin(), text.end(), absl::ascii_isdigit);
    return digits ? ById(value) : ByUri(text);
  }
  if (!value.is_object()) return NoArtifact(value);
  const auto id = value.find("artifact_id");
  const auto uri = value.find("uri");
  const auto metadata = value.find("metadata");
  const size_t known = (id != value.end()) + (uri != value.end()) + (metadata != value.end());
  if (known != value.size() || (id == value.end()) == (uri == value.end())) return NoArtifact(value);
  if (id != value.end()) return metadata == value.end() ? ById(*id) : NoArtifact(value);
  if (!uri->is_string()) return NoArtifact(value);
  ASSIGN_OR_RETURN(RunArtifact artifact, ByUri(uri->get_ref<const std::string&>()));
  if (metadata != value.end()) {
    if (!metadata->is_object()) return NoArtifact(value);
    artifact.metadata = *metadata;
  }
  return artifact;
}

}  // namespace

absl::StatusOr<std::vector<RunArtifact>> ReadRunArtifacts(
    const ml_pipelines::ComponentInputsSpec::ArtifactSpec& declared, const Json& value) {
  std::vector<RunArtifact> artifacts;
  if (!value.is_array()) {
    ASSIGN_OR_RETURN(RunArtifact artifact, OneFrom(value));
    artifacts.push_back(std::move(artifact));
    return artifacts;
  }
  if (!declared.is_artifact_list()) {
    return absl::InvalidArgumentError(
        absl::StrCat("expected one artifact, found a list: ", JsonExcerpt(value)));
  }
  for (const Json& item : value) {
    ASSIGN_OR_RETURN(RunArtifact artifact, OneFrom(item));
    artifacts.push_back(std::move(artifact));
  }
  return artifacts;
}

}  // namespace penstock
