#include "content/content_store.h"

#include "content/content.h"

namespace penstock {

std::string ContentVersion(const ContentStore& store, absl::string_view uri) {
  const absl::StatusOr<ContentInfo> info = store.Stat(uri);
  if (absl::IsNotFound(info.status())) return kNoContent;
  return info.ok() ? info->version : "";
}

}  // namespace penstock
