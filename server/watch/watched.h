// Something that is watched, read once for all who watch it.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "server/context.h"

namespace penstock {

// A message in its wire format, shared by all to whom it is sent. Never changes.
using WatchMessage = std::shared_ptr<const std::string>;

// Used by one thread at a time.
class Watched {
 public:
  virtual ~Watched() = default;

  struct News {
    WatchMessage change;  // for who has had all before; none if nothing changed
    bool ended = false;   // nothing will change any more
  };
  // Reads it anew. An error of the database or of a server that is busy (UNAVAILABLE, RESOURCE_EXHAUSTED, ABORTED,
  // DEADLINE_EXCEEDED) may pass; with any other there is nothing left to watch.
  virtual absl::StatusOr<News> Read(RequestContext& context) = 0;

  // All of it as it was read last, for who has had nothing yet: messages to be sent one after the other.
  virtual const std::vector<WatchMessage>& Whole() = 0;

  // What is kept of it in memory, about.
  virtual int64_t bytes() const = 0;

  // The run whose changes are its own; empty if those of any run may be.
  virtual const std::string& run_id() const = 0;
};

}  // namespace penstock
