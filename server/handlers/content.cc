#include "server/handlers/content.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/errors.h"
#include "common/limits.h"
#include "common/status_macros.h"
#include "content/uri.h"
#include "server/convert/artifact.h"
#include "server/errors.h"
#include "server/handlers/byte_stream.h"
#include "server/handlers/pipeline_source.h"
#include "server/validate.h"
#include "storage/artifact_store.h"
#include "storage/run_store.h"
#include "storage/task_attempt_store.h"
#include "storage/task_store.h"

namespace penstock {
namespace {

// Logs and workspaces are content too, and no artifacts.
bool IsServedArtifact(const ContentStore& content, absl::string_view uri) {
  return content.Serves(uri) &&
         (!absl::StartsWith(uri, kUriScheme) || absl::StartsWith(uri, absl::StrCat(kArtifactsUri, "/")));
}

// What storage says of an output.
struct Output {
  std::optional<ArtifactRow> artifact;
  // If there is none: what tells where the task was to leave it.
  TaskRow task;
  std::optional<TaskAttemptRow> attempt;  // the last one
  std::string spec_sha256;
  std::string pipeline_root;
};

absl::StatusOr<Output> FindOutput(RequestContext& context, const penstock::v1::ReadArtifactRequest& request) {
  Output output;
  RETURN_IF_ERROR(context.deps.store.Read([&](db::Tx& tx) -> absl::Status {
    output = {};
    RETURN_IF_ERROR(RunGet(tx, request.run_id()).status());
    ASSIGN_OR_RETURN(const std::string task_id, TaskIdFind(tx, request.run_id(), request.task_id()));
    ASSIGN_OR_RETURN(output.artifact,
                     ArtifactOutputFind(tx, request.run_id(), task_id, request.artifact_name()));
    if (output.artifact.has_value()) return absl::OkStatus();
    ASSIGN_OR_RETURN(output.task, TaskGet(tx, request.run_id(), task_id));
    ASSIGN_OR_RETURN(const RunConfigRow config, RunConfigGet(tx, request.run_id()));
    output.spec_sha256 = config.spec_sha256;
    output.pipeline_root = config.pipeline_root;
    auto attempt = TaskAttemptFind(tx, request.run_id(), task_id, 0);
    if (attempt.ok()) output.attempt = *std::move(attempt);
    return absl::IsNotFound(attempt.status()) ? absl::OkStatus() : attempt.status();
  }));
  return output;
}

// Of a task that ended badly nothing is recorded, so that no other takes its outputs. But they can be looked at.
absl::StatusOr<ArtifactRow> FindArtifact(RequestContext& context,
                                         const penstock::v1::ReadArtifactRequest& request) {
  ASSIGN_OR_RETURN(Output output, FindOutput(context, request));
  if (output.artifact.has_value()) return *std::move(output.artifact);
  const std::string outcome = output.attempt.has_value() ? output.attempt->outcome : "";
  if (outcome.empty() || outcome == "SUCCEEDED") {
    return error::ArtifactNotFound(request.run_id(), request.task_id(), request.artifact_name());
  }
  ASSIGN_OR_RETURN(const auto document, StoredDocument(context, output.spec_sha256));
  ArtifactRow left;
  left.name = request.artifact_name();
  left.uri = absl::StrCat(output.pipeline_root.empty() ? std::string(kArtifactsUri) : output.pipeline_root,
                          ArtifactPlace(document->spec.pipeline_info().name(), request.run_id(),
                                        output.task.name, output.attempt->attempt_id),
                          "/", PathComponent(request.artifact_name()));
  return left;
}

absl::StatusOr<ArtifactRow> FindById(RequestContext& context, const std::string& artifact_id) {
  ArtifactRow artifact;
  RETURN_IF_ERROR(context.deps.store.Read([&](db::Tx& tx) -> absl::Status {
    ASSIGN_OR_RETURN(artifact, ArtifactGetByText(tx, artifact_id));
    return absl::OkStatus();
  }));
  return artifact;
}

// Whatever lies there, and what is recorded of it.
absl::StatusOr<ArtifactRow> FindByUri(RequestContext& context, const std::string& uri) {
  ArtifactRow artifact;
  artifact.uri = uri;
  artifact.name = uri.substr(uri.rfind('/') + 1);
  if (!IsServedArtifact(context.deps.content, uri)) return error::ArtifactElsewhere(artifact.name, uri);
  std::vector<ArtifactRow> rows;
  RETURN_IF_ERROR(context.deps.store.Read([&](db::Tx& tx) -> absl::Status {
    ASSIGN_OR_RETURN(rows, ArtifactsByUri(tx, uri, 1));
    return absl::OkStatus();
  }));
  // Of stores of others only what somebody has recorded here is looked at.
  if (rows.empty() && !absl::StartsWith(uri, kUriScheme)) return error::ArtifactElsewhere(artifact.name, uri);
  return rows.empty() ? artifact : std::move(rows.front());
}

// What a request names.
struct Place {
  std::string uri;
  std::string name;
  bool is_recorded = false;
  bool is_metrics = false;
  std::string metadata;
};

absl::Status CheckPath(absl::string_view path) {
  if (path.size() > limits::kArtifactPathBytes) {
    return error::FieldTooLong("path", static_cast<int64_t>(path.size()), limits::kArtifactPathBytes);
  }
  RETURN_IF_ERROR(CheckText("path", path, limits::kArtifactPathBytes));
  return IsShortestPath(path) ? absl::OkStatus() : error::ArtifactPathWrong(path);
}

absl::StatusOr<Place> FindPlace(RequestContext& context, const penstock::v1::ReadArtifactRequest& request) {
  ArtifactRow artifact;
  if (!request.uri().empty()) {
    ASSIGN_OR_RETURN(artifact, FindByUri(context, request.uri()));
  } else if (request.artifact_id().empty()) {
    ASSIGN_OR_RETURN(artifact, FindArtifact(context, request));
  } else {
    ASSIGN_OR_RETURN(artifact, FindById(context, request.artifact_id()));
  }
  Place place{artifact.custom_path.empty() ? artifact.uri : artifact.custom_path, artifact.name,
              !artifact.uuid.empty(), IsMetrics(artifact), artifact.metadata};
  if (!IsServedArtifact(context.deps.content, place.uri)) {
    return error::ArtifactElsewhere(artifact.name, place.uri);
  }
  if (request.path().empty()) return place;
  RETURN_IF_ERROR(CheckPath(request.path()));
  absl::StrAppend(&place.uri, "/", request.path());
  place.name = request.path().substr(request.path().rfind('/') + 1);
  place.is_recorded = false;
  place.is_metrics = false;
  return place;
}

}  // namespace

absl::Status ArtifactRead(RequestContext& context, const penstock::v1::ReadArtifactRequest& request,
                          const ArtifactSink& sink) {
  if (request.limit_bytes() < 0) return error::FieldNegative("limit_bytes");
  ASSIGN_OR_RETURN(const Place place, FindPlace(context, request));
  penstock::v1::ArtifactChunk chunk;
  if (request.link_suffices() && context.deps.store_links_s > 0) {
    chunk.set_link(context.deps.content.Link(place.uri, context.deps.store_links_s, place.name));
    if (!chunk.link().empty()) {
      (void)sink(chunk);
      return absl::OkStatus();
    }
  }
  auto reader = context.deps.content.Open(place.uri);
  chunk.set_name(place.name);
  if (absl::IsNotFound(reader.status())) {
    if (request.recorded_suffices() && place.is_recorded) {
      chunk.set_size_bytes(0);
      (void)sink(chunk);
      return absl::OkStatus();
    }
    if (!place.is_metrics) return error::ArtifactGone(place.name, place.uri);
    chunk.set_size_bytes(static_cast<int64_t>(place.metadata.size()));
    chunk.set_data(place.metadata);
    (void)sink(chunk);
    return absl::OkStatus();
  }
  if (absl::IsFailedPrecondition(reader.status())) return error::ArtifactNoFile(place.name, place.uri);
  RETURN_IF_ERROR(reader.status());
  ASSIGN_OR_RETURN(const ContentInfo info, context.deps.content.Stat(place.uri));
  int64_t offset = request.offset_bytes();
  if (offset < 0) offset = std::max<int64_t>(0, info.size_bytes + offset);
  if (offset > info.size_bytes) return error::ArtifactOffsetBehindEnd(offset, info.size_bytes);
  chunk.set_size_bytes(info.size_bytes);
  chunk.set_offset_bytes(offset);
  const int64_t limit = request.limit_bytes() > 0 ? request.limit_bytes() : info.size_bytes;
  const int64_t end = std::min(info.size_bytes - offset, limit) + offset;
  return SendBytes(**reader, sink, end, &offset, std::move(chunk)).status();
}

absl::Status ArtifactContentsList(RequestContext& context,
                                  const penstock::v1::ListArtifactContentsRequest& request,
                                  penstock::v1::ListArtifactContentsResponse* reply) {
  penstock::v1::ReadArtifactRequest read;
  read.set_artifact_id(request.artifact_id());
  read.set_uri(request.uri());
  read.set_path(request.path());
  ASSIGN_OR_RETURN(const Place place, FindPlace(context, read));
  const ContentStore& content = context.deps.content;
  const auto info = content.Stat(place.uri);
  if (absl::IsNotFound(info.status())) return error::ArtifactGone(place.name, place.uri);
  RETURN_IF_ERROR(info.status());
  reply->set_is_folder(info->kind == ContentKind::kFolder);
  if (!reply->is_folder()) {
    auto* entry = reply->add_entries();
    entry->set_name(place.name);
    entry->set_size_bytes(info->size_bytes);
    return absl::OkStatus();
  }
  ASSIGN_OR_RETURN(const auto entries, content.List(place.uri));
  if (entries.size() > limits::kArtifactEntries) {
    return error::ListTooLong("entries", static_cast<int64_t>(entries.size()), limits::kArtifactEntries);
  }
  for (const ContentEntry& one : entries) {
    if (one.kind == ContentKind::kOther) continue;
    auto* entry = reply->add_entries();
    entry->set_name(one.name);
    entry->set_is_folder(one.kind == ContentKind::kFolder);
    if (one.kind != ContentKind::kFile) continue;
    const auto of_file = content.Stat(absl::StrCat(place.uri, "/", one.name));
    if (of_file.ok()) entry->set_size_bytes(of_file->size_bytes);
  }
  return absl::OkStatus();
}

}  // namespace penstock
