#include "server/data_dir.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <system_error>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "common/ids.h"

namespace penstock {
namespace {

absl::Status Unusable(absl::string_view path, absl::string_view why) {
  return absl::UnavailableError(absl::StrCat("the data directory ", path, " cannot be used: ", why,
                                             ". Choose another with --data_dir=DIR"));
}

// The id in the file, which is made if it is missing or was not written to its end.
absl::StatusOr<std::string> EnsureId(const std::string& path) {
  std::string id;
  std::ifstream(path) >> id;
  if (LooksLikeUuid(id)) return id;
  id = Uuid7Generator(RealClock::Instance()).NewId();
  std::ofstream file(path);
  file << id << "\n" << std::flush;
  if (!file) return absl::UnavailableError(absl::StrCat(path, " cannot be written"));
  return id;
}

}  // namespace

absl::StatusOr<std::unique_ptr<DataDir>> DataDir::Open(const std::string& path) {
  std::error_code error;
  for (const char* part : {"", "artifacts", "logs", "work", "envs"}) {
    std::filesystem::create_directories(std::filesystem::path(path) / part, error);
    if (error) return Unusable(path, error.message());
  }
  const std::filesystem::path real = std::filesystem::canonical(path, error);
  if (error) return Unusable(path, error.message());
  std::filesystem::permissions(real, std::filesystem::perms::owner_all, error);

  const std::string lock_path = (real / "lock").string();
  const int fd = open(lock_path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) return Unusable(path, std::strerror(errno));
  // The kernel lets go of it however this process ends, so no lock is ever left behind.
  if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
    char holder[32] = {};
    const ssize_t size = pread(fd, holder, sizeof(holder) - 1, 0);
    close(fd);
    const absl::string_view pid = absl::StripAsciiWhitespace(absl::string_view(holder, size > 0 ? size : 0));
    return absl::FailedPreconditionError(
        absl::StrCat("the data directory ", real.string(), " is in use by another Penstock server (process ",
                     pid, "). Stop that one, or choose another directory with --data_dir=DIR"));
  }
  const std::string pid = absl::StrCat(getpid(), "\n");
  if (ftruncate(fd, 0) != 0 || pwrite(fd, pid.data(), pid.size(), 0) < 0) {
    const std::string why = std::strerror(errno);
    close(fd);
    return Unusable(path, why);
  }
  // Under the lock: two servers at once would make two ids.
  const auto id = EnsureId((real / "id").string());
  if (!id.ok()) {
    close(fd);
    return Unusable(path, id.status().message());
  }
  return std::unique_ptr<DataDir>(new DataDir(real.string(), *id, fd));
}

DataDir::~DataDir() { close(lock_fd_); }

std::string DataDir::SocketPath(absl::string_view name) const {
  std::string socket_path = absl::StrCat(path_, "/", name);
  return socket_path.size() < sizeof(sockaddr_un::sun_path) ? socket_path : "";
}

}  // namespace penstock
