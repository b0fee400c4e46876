#include "scheduler/plan/values/artifact_paths.h"

#include <cstdint>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace penstock {
namespace {

constexpr size_t kComponentBytes = 200;  // file systems allow 255
constexpr size_t kComponentKeptBytes = 180;

// FNV-1a: the same on every machine and in every version, unlike std::hash.
uint64_t StableHash(absl::string_view text) {
  uint64_t hash = 14695981039346656037u;
  for (const char c : text) {
    hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211u;
  }
  return hash;
}

bool HasDotComponent(absl::string_view path) {
  for (const absl::string_view part : absl::StrSplit(path, '/')) {
    if (part == "." || part == "..") {
      return true;
    }
  }
  return false;
}

// An absolute path without empty, "." and ".." components, by its letters only.
std::string NormalPath(absl::string_view path) {
  std::vector<absl::string_view> parts;
  for (const absl::string_view part : absl::StrSplit(path, '/', absl::SkipEmpty())) {
    if (part == "..") {
      if (!parts.empty()) {
        parts.pop_back();
      }
    } else if (part != ".") {
      parts.push_back(part);
    }
  }
  return absl::StrCat("/", absl::StrJoin(parts, "/"));
}

// Whether `text` is `prefix` or lies under it; if so, `rest` is what follows, "" or "/...".
bool IsUnder(absl::string_view text, absl::string_view prefix, absl::string_view* rest) {
  if (prefix.empty() || !absl::ConsumePrefix(&text, prefix)) {
    return false;
  }
  *rest = text;
  return text.empty() || text.front() == '/';
}

int HexValue(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  c = absl::ascii_tolower(c);
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

// %XX as the byte that it stands for.
std::string PercentDecoded(absl::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    const int high = text[i] == '%' && i + 2 < text.size() ? HexValue(text[i + 1]) : -1;
    const int low = high >= 0 ? HexValue(text[i + 2]) : -1;
    if (low >= 0 && high * 16 + low != 0) {
      out.push_back(static_cast<char>(high * 16 + low));
      i += 2;
    } else {
      out.push_back(text[i]);
    }
  }
  return out;
}

// The URI for a task, before custom paths.
std::string PlainUri(const ArtifactPathMap& map, absl::string_view uri) {
  std::optional<std::string> path = PathOfFileUri(uri);
  return path.has_value() ? *std::move(path) : LocalUri(map, uri);
}

}  // namespace

std::string PathComponent(absl::string_view name) {
  if (name.empty()) {
    return "%";  // no other name gives it
  }
  std::string out;
  for (size_t i = 0; i < name.size(); ++i) {
    const unsigned char c = static_cast<unsigned char>(name[i]);
    if (absl::ascii_isalnum(c) || c == '_' || c == '-' || (c == '.' && i > 0)) {
      out.push_back(name[i]);
    } else {
      absl::StrAppend(&out, "%", absl::Hex(c, absl::kZeroPad2));
    }
  }
  if (out.size() > kComponentBytes) {
    // The '%' at the end of the kept part is followed by no hex pair: shorter names cannot look like it.
    out =
        absl::StrCat(out.substr(0, kComponentKeptBytes), "%-", absl::Hex(StableHash(name), absl::kZeroPad16));
  }
  return out;
}

TaskPaths MakeTaskPaths(const ArtifactPathMap& map, absl::string_view pipeline_name, absl::string_view run_id,
                        absl::string_view task_name, absl::string_view attempt_id,
                        absl::string_view work_dir) {
  const std::string place = absl::StrCat("/", PathComponent(pipeline_name), "/", PathComponent(run_id), "/",
                                         PathComponent(task_name), "/", PathComponent(attempt_id));
  TaskPaths paths;
  paths.artifact_dir = absl::StrCat(map.local_root, place);
  paths.artifact_uri_prefix = absl::StrCat(map.uri_prefix, place);
  paths.work_dir = std::string(work_dir);
  paths.parameter_dir = absl::StrCat(work_dir, "/outputs");
  return paths;
}

std::string ParameterFilePath(const TaskPaths& paths, absl::string_view output_name) {
  return absl::StrCat(paths.parameter_dir, "/", PathComponent(output_name));
}

std::string LocalUri(const ArtifactPathMap& map, absl::string_view uri) {
  absl::string_view rest;
  if (!IsUnder(uri, map.uri_prefix, &rest) || HasDotComponent(rest)) {
    return std::string(uri);
  }
  return absl::StrCat(map.local_root, rest);
}

std::string LogicalUri(const ArtifactPathMap& map, absl::string_view uri) {
  if (!absl::StartsWith(uri, "/")) {
    return std::string(uri);
  }
  const std::string path = NormalPath(uri);
  absl::string_view rest;
  if (!IsUnder(path, map.local_root, &rest)) {
    return std::string(uri);
  }
  return absl::StrCat(map.uri_prefix, rest);
}

std::optional<std::string> PathOfFileUri(absl::string_view uri) {
  if (!absl::StartsWithIgnoreCase(uri, "file:/")) {
    return std::nullopt;
  }
  uri.remove_prefix(5);
  if (absl::StartsWith(uri, "//")) {
    uri.remove_prefix(2);
    const size_t path = uri.find('/');
    const absl::string_view host = uri.substr(0, path);
    if (path == absl::string_view::npos || !(host.empty() || absl::EqualsIgnoreCase(host, "localhost"))) {
      return std::nullopt;
    }
    uri.remove_prefix(path);
  }
  return PercentDecoded(uri);
}

std::string TaskUri(const ArtifactPathMap& map, const ArtifactRecord& artifact) {
  const std::string uri = PlainUri(map, artifact.uri);
  if (artifact.custom_path.has_value() && !artifact.custom_path->empty() && absl::StartsWith(uri, "/")) {
    return LocalUri(map, *artifact.custom_path);
  }
  return uri;
}

std::string TaskPath(const ArtifactPathMap& map, const ArtifactRecord& artifact) {
  if (!artifact.content_path.empty()) {
    return artifact.content_path;
  }
  if (artifact.custom_path.has_value() && !artifact.custom_path->empty()) {
    return LocalUri(map, *artifact.custom_path);
  }
  const std::string uri = PlainUri(map, artifact.uri);
  absl::string_view rest = uri;
  if (absl::ConsumePrefix(&rest, "gs://")) {
    return absl::StrCat("/gcs/", rest);
  }
  if (absl::ConsumePrefix(&rest, "minio://")) {
    return absl::StrCat("/minio/", rest);
  }
  if (absl::ConsumePrefix(&rest, "s3://")) {
    return absl::StrCat("/s3/", rest);
  }
  if (absl::ConsumePrefix(&rest, "oci://")) {
    return absl::StrCat("/oci/", absl::StrReplaceAll(rest, {{"/", "_"}}), "/models");
  }
  return uri;
}

}  // namespace penstock
