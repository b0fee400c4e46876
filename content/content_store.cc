#include "content/content_store.h"

#include "content/content.h"

namespace penstock {

std::vector<std::string> ContentStore::Versions(absl::Span<const std::string> uris) const {
  std::vector<std::string> versions;
  versions.reserve(uris.size());
  for (const std::string& uri : uris) {
    const absl::StatusOr<ContentInfo> info = Stat(uri);
    versions.push_back(info.ok() ? info->version : absl::IsNotFound(info.status()) ? kNoContent : "");
  }
  return versions;
}

std::string ContentStore::Link(absl::string_view, int64_t, absl::string_view) const { return ""; }

std::string ContentVersion(const ContentStore& store, absl::string_view uri) {
  return store.Versions({std::string(uri)}).front();
}

}  // namespace penstock
