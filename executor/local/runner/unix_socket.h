// The supervisor's socket: `runner.sock` in its directory. The directory may lie deeper than a socket address
// can name (108 bytes): it is opened first and the address goes through /proc/self/fd. Standard library only.
// Thread-safe.
#pragma once

#include <string>

#include "executor/posix/unique_fd.h"

namespace penstock {

inline constexpr char kRunnerSocketName[] = "runner.sock";

// A listening socket, mode 0600, in place of whatever stood there: call only with the directory's lock held.
// Invalid on failure, errno says why.
UniqueFd ListenIn(const std::string& directory);

// A connected, blocking socket. Invalid on failure, errno says why (ENOENT, ECONNREFUSED: nobody serves).
UniqueFd ConnectIn(const std::string& directory);

// Whether the other end runs under our own user id.
bool PeerIsSameUser(int fd);

}  // namespace penstock
