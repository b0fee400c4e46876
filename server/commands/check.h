// `penstock check`: compares what is stored with what lies in the data directory and the server's pipeline root.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "content/content_store.h"
#include "server/config.h"

namespace penstock {

struct CheckOptions {
  bool repair = false;  // mends what is derived, and notes what is to be removed; removes no content itself
  bool json = false;    // one JSON object in place of lines
  std::string root;     // where artifacts lie besides the data directory; empty: nowhere
};

// Prints what it finds in the database of `config` and in `content`; whether it found nothing. Without `repair` it changes
// nothing and may run beside a server; with it no server may use the data directory, which the caller sees to. Errors: see
// Store::Open; UNAVAILABLE if something cannot be read.
absl::StatusOr<bool> RunCheckCommand(const CheckOptions& options, const Config& config,
                                     const ContentStore& content);

}  // namespace penstock
