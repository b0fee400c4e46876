// Streams of bytes of an RPC, cut into chunks.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "common/status_macros.h"
#include "content/content_store.h"

namespace penstock {

inline constexpr int64_t kChunkBytes = 64 << 10;

// Sends what the file holds from `offset` on, no further than `end`, and moves `offset`. `chunk` is the first one, which may
// say more than its bytes, and is sent in any case if it does. False when the reader has gone: `sink` says so.
template <typename Chunk, typename Sink>
absl::StatusOr<bool> SendBytes(ContentReader& reader, const Sink& sink, int64_t end, int64_t* offset,
                               Chunk chunk = {}) {
  std::string buffer(kChunkBytes, '\0');
  for (bool first = chunk.ByteSizeLong() > 0;; first = false) {
    const int64_t wanted = std::min<int64_t>(kChunkBytes, end - *offset);
    absl::string_view bytes;
    if (wanted > 0) {
      ASSIGN_OR_RETURN(bytes, reader.Read(*offset, absl::MakeSpan(buffer.data(), wanted)));
    }
    if (bytes.empty() && !first) return true;
    chunk.set_data(bytes.data(), bytes.size());
    if (!sink(chunk)) return false;
    *offset += static_cast<int64_t>(bytes.size());
    chunk = {};
  }
}

}  // namespace penstock
