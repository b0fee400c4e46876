#include "server/listen_address.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace penstock {
namespace {

sockaddr_un AddressOf(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof(address.sun_path) - 1);
  return address;
}

// The errno of a connection to the socket, or 0.
int Connect(const std::string& path) {
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return errno;
  const sockaddr_un address = AddressOf(path);
  const int error =
      connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0 ? 0 : errno;
  close(fd);
  return error;
}

}  // namespace

absl::string_view UnixPath(absl::string_view address) {
  return absl::ConsumePrefix(&address, "unix:") ? address : absl::string_view();
}

std::string HostToConnectTo(absl::string_view address) {
  const absl::string_view host = address.substr(0, address.rfind(':'));
  if (host.empty() || host == "0.0.0.0") return "127.0.0.1";
  if (host == "[::]") return "[::1]";
  return std::string(host);
}

absl::Status FreeSocketPath(const std::string& path, absl::string_view setting) {
  const auto refused = [&](absl::string_view why) {
    return absl::UnavailableError(absl::StrCat("the server cannot listen on unix:", path, ": ", why,
                                               ". Choose another with --", setting));
  };
  if (path.size() >= sizeof(sockaddr_un::sun_path)) {
    return refused(absl::StrCat("the path is longer than ", sizeof(sockaddr_un::sun_path) - 1, " bytes"));
  }
  struct stat found;
  if (lstat(path.c_str(), &found) != 0) {
    return errno == ENOENT ? absl::OkStatus() : refused(std::strerror(errno));
  }
  if (!S_ISSOCK(found.st_mode)) return refused("a file that is no socket lies there");
  // EAGAIN is a full queue, which somebody has.
  if (const int error = Connect(path); error == 0 || error == EAGAIN) {
    return refused("another program listens on it");
  }
  if (unlink(path.c_str()) != 0) return refused(std::strerror(errno));
  return absl::OkStatus();
}

int ListenOnSocketPath(const std::string& path, int backlog) {
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return -1;
  const sockaddr_un address = AddressOf(path);
  // Nobody can connect before listen, and by then the file is the owner's.
  if (bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0 ||
      chmod(path.c_str(), 0600) != 0 || listen(fd, backlog) != 0) {
    const int error = errno;
    close(fd);
    errno = error;
    return -1;
  }
  return fd;
}

}  // namespace penstock
