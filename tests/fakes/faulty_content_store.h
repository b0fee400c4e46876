// A content store whose removals fail as a test says; all else is that of the store behind it.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "content/content_store.h"

namespace penstock {

// Not thread-safe. Borrows the store.
class FaultyContentStore final : public ContentStore {
 public:
  explicit FaultyContentStore(ContentStore& store) : store_(store) {}

  absl::Status fault;         // of calls that are not let through
  int let_through = 1 << 30;  // so many removals more go well
  int calls = 0;              // removals that were asked for

  bool Serves(absl::string_view uri) const override { return store_.Serves(uri); }
  absl::StatusOr<ContentInfo> Stat(absl::string_view uri) const override { return store_.Stat(uri); }
  absl::StatusOr<std::unique_ptr<ContentReader>> Open(absl::string_view uri) const override {
    return store_.Open(uri);
  }
  absl::Status Write(absl::string_view uri, absl::string_view bytes) override {
    return store_.Write(uri, bytes);
  }
  absl::StatusOr<std::unique_ptr<ContentWriter>> Create(absl::string_view uri) override {
    return store_.Create(uri);
  }
  absl::Status Remove(absl::string_view uri) override { return store_.Remove(uri); }
  absl::StatusOr<ContentRemoved> RemoveSome(absl::string_view uri, absl::Span<const std::string> kept,
                                            int64_t entries_max) override {
    ++calls;
    if (let_through-- <= 0) return fault;
    return store_.RemoveSome(uri, kept, entries_max);
  }
  absl::StatusOr<std::vector<ContentEntry>> List(absl::string_view uri) const override {
    return store_.List(uri);
  }

 private:
  ContentStore& store_;
};

}  // namespace penstock
