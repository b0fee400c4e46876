// The logs of pods while these are there, behind the URIs where logs are kept (kLogsUri): what is not kept yet is read from
// the pod itself.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "common/side_program.h"
#include "content/content_store.h"

namespace penstock {

// Thread-safe. A store over another one, which keeps logs; all but reading of a log is that one's.
class PodLogStore final : public ContentStore {
 public:
  // `program` is penstock-kube; both outlive it.
  PodLogStore(ContentStore& kept, SideProgram& program) : kept_(kept), program_(program) {}

  bool Serves(absl::string_view uri) const override { return kept_.Serves(uri); }
  // Of the log of a pod: how much it has printed; it is read for that.
  absl::StatusOr<ContentInfo> Stat(absl::string_view uri) const override;
  // A reader of the log of a pod is best read from front to back: a jump begins anew. At the end it waits a moment for
  // more, while the pod runs.
  absl::StatusOr<std::unique_ptr<ContentReader>> Open(absl::string_view uri) const override;
  absl::Status Write(absl::string_view uri, absl::string_view bytes) override {
    return kept_.Write(uri, bytes);
  }
  absl::StatusOr<std::unique_ptr<ContentWriter>> Create(absl::string_view uri) override {
    return kept_.Create(uri);
  }
  absl::Status Remove(absl::string_view uri) override { return kept_.Remove(uri); }
  absl::StatusOr<ContentRemoved> RemoveSome(absl::string_view uri, absl::Span<const std::string> kept,
                                            int64_t entries_max) override {
    return kept_.RemoveSome(uri, kept, entries_max);
  }
  absl::StatusOr<std::vector<ContentEntry>> List(absl::string_view uri) const override {
    return kept_.List(uri);
  }
  std::vector<std::string> Versions(absl::Span<const std::string> uris) const override {
    return kept_.Versions(uris);
  }
  std::string Link(absl::string_view uri, int64_t seconds, absl::string_view file_name) const override {
    return kept_.Link(uri, seconds, file_name);
  }

 private:
  ContentStore& kept_;
  SideProgram& program_;
};

}  // namespace penstock
