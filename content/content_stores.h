// Several content stores as one: each URI belongs to the first that serves it.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "content/content_store.h"

namespace penstock {

// Thread-safe. What none of them serves is asked of the first, which says so, or tells of files of its machine.
class ContentStores final : public ContentStore {
 public:
  // At least one; all outlive it.
  explicit ContentStores(std::vector<ContentStore*> stores) : stores_(std::move(stores)) {}

  bool Serves(absl::string_view uri) const override;
  absl::StatusOr<ContentInfo> Stat(absl::string_view uri) const override { return Of(uri).Stat(uri); }
  absl::StatusOr<std::unique_ptr<ContentReader>> Open(absl::string_view uri) const override {
    return Of(uri).Open(uri);
  }
  absl::Status Write(absl::string_view uri, absl::string_view bytes) override {
    return Of(uri).Write(uri, bytes);
  }
  absl::StatusOr<std::unique_ptr<ContentWriter>> Create(absl::string_view uri) override {
    return Of(uri).Create(uri);
  }
  absl::Status Remove(absl::string_view uri) override { return Of(uri).Remove(uri); }
  absl::StatusOr<ContentRemoved> RemoveSome(absl::string_view uri, absl::Span<const std::string> kept,
                                            int64_t entries_max) override {
    return Of(uri).RemoveSome(uri, kept, entries_max);
  }
  absl::StatusOr<std::vector<ContentEntry>> List(absl::string_view uri) const override {
    return Of(uri).List(uri);
  }
  std::vector<std::string> Versions(absl::Span<const std::string> uris) const override;
  std::string Link(absl::string_view uri, int64_t seconds, absl::string_view file_name) const override {
    return Of(uri).Link(uri, seconds, file_name);
  }

 private:
  size_t IndexOf(absl::string_view uri) const;
  ContentStore& Of(absl::string_view uri) const { return *stores_[IndexOf(uri)]; }

  const std::vector<ContentStore*> stores_;
};

}  // namespace penstock
