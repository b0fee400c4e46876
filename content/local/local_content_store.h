// Content on this machine: artifacts/, logs/ and workspaces/ of a data directory, each behind the URI of its name, and
// directories in which pipeline roots may lie, behind their file:// URIs.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "content/content_store.h"
#include "content/uri.h"

namespace penstock {

// Where the content of a data directory lies. Constant.
struct LocalMounts {
  UriMount artifacts;
  UriMount logs;
  UriMount workspaces;
  std::vector<UriMount> roots;

  // `data_dir` and `file_roots` are absolute and free of symbolic links.
  static LocalMounts Of(absl::string_view data_dir, const std::vector<std::string>& file_roots = {});

  // The path of what a URI behind one of them names.
  std::optional<std::string> PathOf(absl::string_view uri) const;
  // The directory that such a path is in.
  std::string DirectoryOf(absl::string_view path) const;
};

// Thread-safe. Stat also tells of absolute paths and file: URIs, because tasks may name files of their machine
// as artifacts; nothing else of these is served.
class LocalContentStore final : public ContentStore {
 public:
  explicit LocalContentStore(absl::string_view data_dir, const std::vector<std::string>& file_roots = {})
      : mounts_(LocalMounts::Of(data_dir, file_roots)) {}

  bool Serves(absl::string_view uri) const override { return mounts_.PathOf(uri).has_value(); }
  absl::StatusOr<ContentInfo> Stat(absl::string_view uri) const override;
  // Symbolic links are not followed, also not on the way to the file: FAILED_PRECONDITION.
  absl::StatusOr<std::unique_ptr<ContentReader>> Open(absl::string_view uri) const override;
  absl::Status Write(absl::string_view uri, absl::string_view bytes) override;
  absl::StatusOr<std::unique_ptr<ContentWriter>> Create(absl::string_view uri) override;
  absl::Status Remove(absl::string_view uri) override;
  absl::StatusOr<ContentRemoved> RemoveSome(absl::string_view uri, absl::Span<const std::string> kept,
                                            int64_t entries_max) override;
  absl::StatusOr<std::vector<ContentEntry>> List(absl::string_view uri) const override;

 private:
  absl::StatusOr<std::string> ServedPath(absl::string_view uri) const;

  const LocalMounts mounts_;
};

}  // namespace penstock
