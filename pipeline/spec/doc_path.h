// Where a value stands in a document, such as root.dag.tasks.train.inputs.parameters["my key"], made into
// text only when an error needs it. A path made from another one refers to it: keep paths on the stack,
// parents outside.
#pragma once

#include <cstddef>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace penstock {

class DocPath {
 public:
  // The document itself, or the place in a larger document where it begins; `prefix` must outlive the path.
  explicit DocPath(absl::string_view prefix = "") : key_(prefix) {}

  // `key` must outlive the path. Not to be called on a temporary, which would be gone too soon.
  DocPath Key(absl::string_view key) const& { return DocPath(this, key, kNoIndex); }
  DocPath Key(absl::string_view key) const&& = delete;
  DocPath Index(size_t index) const& { return DocPath(this, "", index); }
  DocPath Index(size_t index) const&& = delete;

  // "the document" for an empty path.
  std::string ToString() const;

  // INVALID_ARGUMENT with the message "<path>: <pieces>".
  template <typename... Pieces>
  absl::Status Error(const Pieces&... pieces) const {
    return absl::InvalidArgumentError(absl::StrCat(ToString(), ": ", pieces...));
  }

 private:
  static constexpr size_t kNoIndex = static_cast<size_t>(-1);

  DocPath(const DocPath* parent, absl::string_view key, size_t index)
      : parent_(parent), key_(key), index_(index) {}

  const DocPath* parent_ = nullptr;
  absl::string_view key_;
  size_t index_ = kNoIndex;
};

}  // namespace penstock
