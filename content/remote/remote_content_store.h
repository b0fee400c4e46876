// Content in object stores: s3://, minio://, gs:// and azblob://, through the program that knows them.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "common/side_program.h"
#include "content/content_store.h"

namespace penstock {

// What the settings of stores say.
struct StoreSettings {
  std::string default_pipeline_root;  // empty: none
  std::vector<std::string> prefixes;  // URIs for which there are settings
};

// One call that a check has tried.
struct StoreCheck {
  std::string call;             // in the store's own terms
  std::string error;            // a sentence; empty: it was done
  bool is_unavailable = false;  // the error may pass by itself
  int64_t micros = 0;
};

// Thread-safe. Folders are what has objects below it: nothing makes them, and they go with the last of these. Errors
// besides those of ContentStore: PERMISSION_DENIED where the store refuses the credentials, FAILED_PRECONDITION where
// there is no such bucket or its settings make no sense.
class RemoteContentStore final : public ContentStore {
 public:
  // `program` outlives it. Serves what lies below one of `reachable`.
  RemoteContentStore(SideProgram& program, std::vector<std::string> reachable)
      : program_(program), reachable_(std::move(reachable)) {}

  bool Serves(absl::string_view uri) const override;
  absl::StatusOr<ContentInfo> Stat(absl::string_view uri) const override;
  // FAILED_PRECONDITION of a later Read if the object is another one by then.
  absl::StatusOr<std::unique_ptr<ContentReader>> Open(absl::string_view uri) const override;
  absl::Status Write(absl::string_view uri, absl::string_view bytes) override;
  absl::StatusOr<std::unique_ptr<ContentWriter>> Create(absl::string_view uri) override;
  absl::Status Remove(absl::string_view uri) override;
  absl::StatusOr<ContentRemoved> RemoveSome(absl::string_view uri, absl::Span<const std::string> kept,
                                            int64_t entries_max) override;
  absl::StatusOr<std::vector<ContentEntry>> List(absl::string_view uri) const override;
  std::vector<std::string> Versions(absl::Span<const std::string> uris) const override;
  std::string Link(absl::string_view uri, int64_t seconds, absl::string_view file_name) const override;

  // Tries every kind of call below `uri`. The errors are those of reaching the program.
  absl::StatusOr<std::vector<StoreCheck>> Check(absl::string_view uri) const;
  // INVALID_ARGUMENT, with the place, if the settings cannot be read.
  absl::StatusOr<StoreSettings> Settings() const;

 private:
  absl::Status CheckServed(absl::string_view uri) const;

  SideProgram& program_;
  const std::vector<std::string> reachable_;
};

}  // namespace penstock
