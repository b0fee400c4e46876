#include "executor/local/runner/unix_socket.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <cerrno>
#include <cstdio>

namespace penstock {
namespace {

constexpr int kBacklog = 16;

// By way of a descriptor: an address holds 108 bytes, and the path of a data directory may have more.
sockaddr_un AddressIn(int directory_fd) {
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  std::snprintf(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d/%s", directory_fd,
                kRunnerSocketName);
  return address;
}

UniqueFd OpenDirectory(const std::string& directory) {
  return UniqueFd(open(directory.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
}

}  // namespace

UniqueFd ListenIn(const std::string& directory) {
  const UniqueFd dir = OpenDirectory(directory);
  if (!dir.valid()) return UniqueFd();
  if (unlinkat(dir.get(), kRunnerSocketName, 0) != 0 && errno != ENOENT) return UniqueFd();
  UniqueFd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const sockaddr_un address = AddressIn(dir.get());
  // The socket file takes the mode of the descriptor, so that it is never open to others, not even for a
  // moment.
  if (!fd.valid() || fchmod(fd.get(), 0600) != 0 ||
      bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0 ||
      fchmodat(dir.get(), kRunnerSocketName, 0600, 0) != 0 || listen(fd.get(), kBacklog) != 0) {
    return UniqueFd();
  }
  return fd;
}

UniqueFd ConnectIn(const std::string& directory) {
  const UniqueFd dir = OpenDirectory(directory);
  if (!dir.valid()) return UniqueFd();
  UniqueFd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const sockaddr_un address = AddressIn(dir.get());
  if (!fd.valid() || connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    return UniqueFd();
  }
  return fd;
}

bool PeerIsSameUser(int fd) {
  ucred peer = {};
  socklen_t size = sizeof(peer);
  return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 && peer.uid == geteuid();
}

}  // namespace penstock
