// Addresses to listen on: host:port, and socket files, by which a server on a machine that is shared is reached by its
// owner alone.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace penstock {

// The path of an address such as "unix:/run/penstock.sock"; empty for any other address.
absl::string_view UnixPath(absl::string_view address);

// The host of a "host:port" that one listens on, as one that can be connected to: what stands for all addresses of the
// machine is the loopback's.
std::string HostToConnectTo(absl::string_view address);

// Makes the path free to listen on: removes the socket of a dead server. UNAVAILABLE, with a sentence that
// names `setting`, if somebody listens there, something else than a socket lies there, or the path is too
// long for one.
absl::Status FreeSocketPath(const std::string& path, absl::string_view setting);

// Listens on the path, which is free, with a queue of `backlog`. The file is its owner's alone from the start. Returns
// -1 with errno if it cannot.
int ListenOnSocketPath(const std::string& path, int backlog);

}  // namespace penstock
