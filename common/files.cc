#include "common/files.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "common/status_macros.h"

namespace penstock {
namespace {

constexpr int kMakeRounds = 3;
constexpr int kTreeDepth = 200;  // deeper trees are left, rather than the stack used up

bool IsDots(const char* name) { return std::strcmp(name, ".") == 0 || std::strcmp(name, "..") == 0; }

// 0 or the first errno. `directory_fd` names the directory that holds `name`.
int RemoveAt(int directory_fd, const char* name, int depth) {
  if (unlinkat(directory_fd, name, 0) == 0 || errno == ENOENT) return 0;
  // EISDIR is what Linux says of a directory, EPERM what POSIX has for it.
  if (errno != EISDIR && errno != EPERM && errno != EACCES) return errno;
  if (unlinkat(directory_fd, name, AT_REMOVEDIR) == 0) return 0;
  if (depth >= kTreeDepth) return ELOOP;
  int fd = openat(directory_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0 && errno == EACCES && fchmodat(directory_fd, name, 0700, 0) == 0) {
    fd = openat(directory_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  }
  if (fd < 0) return errno;
  // A task may have taken the rights away without which nothing in it can be removed.
  fchmod(fd, 0700);
  DIR* directory = fdopendir(fd);
  if (directory == nullptr) {
    const int error = errno;
    close(fd);
    return error;
  }
  int first_error = 0;
  while (const dirent* entry = readdir(directory)) {
    if (!IsDots(entry->d_name)) {
      const int error = RemoveAt(fd, entry->d_name, depth + 1);
      first_error = first_error != 0 ? first_error : error;
    }
  }
  closedir(directory);
  if (unlinkat(directory_fd, name, AT_REMOVEDIR) != 0 && errno != ENOENT && first_error == 0) {
    first_error = errno;
  }
  return first_error;
}

}  // namespace

std::vector<std::string> DirectoriesIn(const std::string& path) {
  std::vector<std::string> names;
  DIR* directory = opendir(path.c_str());
  while (const dirent* entry = directory != nullptr ? readdir(directory) : nullptr) {
    if (entry->d_type == DT_DIR && !IsDots(entry->d_name)) names.emplace_back(entry->d_name);
  }
  if (directory != nullptr) closedir(directory);
  return names;
}

absl::string_view ParentOf(absl::string_view path) {
  const size_t slash = path.rfind('/');
  return slash == 0 || slash == absl::string_view::npos ? "/" : path.substr(0, slash);
}

absl::Status MakeDirectories(const std::string& path) {
  // More than once: an empty parent may be removed under our hands.
  for (int round = 0; round < kMakeRounds; ++round) {
    if (mkdir(path.c_str(), 0700) == 0 || errno == EEXIST) return absl::OkStatus();
    if (errno != ENOENT || path.size() <= 1) break;
    RETURN_IF_ERROR(MakeDirectories(std::string(ParentOf(path))));
    errno = ENOENT;
  }
  return absl::ErrnoToStatus(errno, absl::StrCat("cannot make the directory ", path));
}

absl::Status RemoveTree(const std::string& path) {
  // Most attempts leave an empty directory.
  if (rmdir(path.c_str()) == 0 || errno == ENOENT) return absl::OkStatus();
  const int error = RemoveAt(AT_FDCWD, path.c_str(), 0);
  return error == 0 ? absl::OkStatus() : absl::ErrnoToStatus(error, absl::StrCat("cannot remove ", path));
}

}  // namespace penstock
