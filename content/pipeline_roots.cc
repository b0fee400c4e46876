#include "content/pipeline_roots.h"

#include <algorithm>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "common/limits.h"
#include "content/uri.h"

namespace penstock {
namespace {

absl::Status Wrong(absl::string_view root, absl::string_view why) {
  return absl::InvalidArgumentError(absl::StrCat("The pipeline root '", root, "' ", why));
}

absl::string_view SchemeOf(absl::string_view uri) { return uri.substr(0, uri.find("://") + 3); }

// An empty component would be a key that file systems have no path for, and ".." one that leads elsewhere.
bool HasOddComponent(absl::string_view path) {
  for (const absl::string_view part : absl::StrSplit(path, '/')) {
    if (part.empty() || part == "." || part == "..") return true;
  }
  return false;
}

}  // namespace

absl::StatusOr<std::string> PipelineRoots::Check(absl::string_view root) const {
  if (root.size() > limits::kPipelineRootBytes) {
    return Wrong(root.substr(0, 100),
                 absl::StrCat("has more than ", limits::kPipelineRootBytes, " bytes (kPipelineRootBytes)."));
  }
  const absl::string_view given = root;
  while (absl::EndsWith(root, "/") && !absl::EndsWith(root, "://")) root.remove_suffix(1);
  if (const auto path = PathOfFileUri(root)) {
    if (HasOddComponent(absl::StripPrefix(*path, "/"))) {
      return Wrong(given, "has an empty, '.' or '..' component; --file_roots names where roots may lie.");
    }
    const bool known = std::any_of(options_.file_roots.begin(), options_.file_roots.end(),
                                   [&](const std::string& allowed) { return IsBelowUri(*path, allowed); });
    if (known) return absl::StrCat("file://", *path);
    return Wrong(given,
                 options_.file_roots.empty()
                     ? "is a directory of the server's machine, and none may be used as a root: the server's "
                       "setting --file_roots names those that may."
                     : absl::StrCat("lies in none of the directories that roots may lie in (--file_roots): ",
                                    absl::StrJoin(options_.file_roots, ", "), "."));
  }
  if (!IsObjectUri(root)) {
    return Wrong(given,
                 "is no place for artifacts: it begins with s3://, minio://, gs://, azblob:// or file:///.");
  }
  if (absl::StrContains(root, '?')) {
    return Wrong(
        given.substr(0, given.find('?')),
        "has settings behind a '?': endpoint, region and the like belong in the server's --stores file.");
  }
  if (HasOddComponent(root.substr(SchemeOf(root).size()))) {
    return Wrong(given, "names no bucket, or has an empty, '.' or '..' component.");
  }
  const std::vector<std::string> reachable = Reachable();
  const bool known = std::any_of(reachable.begin(), reachable.end(),
                                 [&](const std::string& prefix) { return IsBelowUri(root, prefix); });
  if (!known) {
    return Wrong(
        given, absl::StrCat("lies in a store that this server does not know: its --stores file has no prefix "
                            "for it, and there are no credentials for ",
                            SchemeOf(root), " in its environment."));
  }
  return std::string(root);
}

bool PipelineRoots::IsOperators(absl::string_view root) const {
  if (!options_.default_root.empty() && IsBelowUri(root, options_.default_root)) return true;
  const auto above = [&](const std::string& prefix) { return IsBelowUri(root, prefix); };
  return std::any_of(options_.store_prefixes.begin(), options_.store_prefixes.end(), above);
}

absl::StatusOr<std::string> PipelineRoots::Named(absl::string_view given,
                                                 absl::string_view of_pipeline) const {
  if (!given.empty()) return Check(given);
  if (!of_pipeline.empty() && (PathOfFileUri(of_pipeline).has_value() || IsOperators(of_pipeline))) {
    absl::StatusOr<std::string> root = Check(of_pipeline);
    if (root.ok()) return root;
  }
  return std::string();
}

absl::StatusOr<std::string> PipelineRoots::Choose(absl::string_view given,
                                                  absl::string_view of_pipeline) const {
  absl::StatusOr<std::string> named = Named(given, of_pipeline);
  return named.ok() && named->empty() ? options_.default_root : named;
}

std::vector<std::string> PipelineRoots::Reachable() const {
  std::vector<std::string> all = options_.store_prefixes;
  all.insert(all.end(), options_.schemes.begin(), options_.schemes.end());
  if (IsObjectUri(options_.default_root)) all.push_back(options_.default_root);
  return all;
}

}  // namespace penstock
