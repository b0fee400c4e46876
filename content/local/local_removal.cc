#include "content/local/local_removal.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "common/files.h"
#include "common/sha256.h"
#include "common/status_macros.h"
#include "content/local/open_below.h"

namespace penstock {
namespace {

constexpr int kTreeDepth = 100;  // what lies deeper is moved up, rather than the stack used up
constexpr size_t kTrashNameBytes = 32;

bool IsDots(const char* name) { return std::strcmp(name, ".") == 0 || std::strcmp(name, "..") == 0; }

absl::Status Refused(absl::string_view path, int error) {
  const std::string message = absl::StrCat(path, " cannot be removed: ", std::strerror(error));
  switch (error) {
    case EACCES:
    case EPERM:
      return absl::PermissionDeniedError(message);
    case EROFS:
    case EBUSY:
    case EXDEV:
    case ENOTDIR:
    case ENAMETOOLONG:
      return absl::FailedPreconditionError(message);
    default:
      return absl::UnavailableError(message);
  }
}

int OpenFolder(int at, const char* name) {
  constexpr int kFlags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
  int fd = openat(at, name, kFlags);
  // A task may have taken the rights away without which nothing in it can be removed.
  if (fd < 0 && errno == EACCES && fchmodat(at, name, 0700, 0) == 0) fd = openat(at, name, kFlags);
  return fd;
}

// One call. Not thread-safe.
class Removal {
 public:
  Removal(std::string directory, const std::string& path, int64_t entries_max)
      : trash_(absl::StrCat(directory, "/", kTrashName)),
        bin_(absl::StrCat(trash_, "/", Sha256Hex(path).substr(0, kTrashNameBytes))),
        entries_left_(entries_max) {}
  // Goes on with what lies at `bin`, in the trash.
  Removal(std::string bin, int64_t entries_max) : bin_(std::move(bin)), entries_left_(entries_max) {}

  // `name` is in `at` and called `path` elsewhere.
  absl::StatusOr<ContentRemoved> Remove(int at, const char* name, const std::string& path,
                                        const std::vector<std::string>& kept) {
    Note(kept.empty() ? Take(at, name) : Thin(at, name, path, kept));
    return Empty(path);
  }

  // What is in the bin.
  absl::StatusOr<ContentRemoved> Empty(absl::string_view path) {
    EmptyBin();
    // What is refused holds nothing else up.
    if (out_of_entries_ && (removed_ > 0 || first_error_ == 0)) {
      done_.more = true;
      return done_;
    }
    if (first_error_ != 0) return Refused(path, first_error_);
    return done_;
  }

 private:
  void Note(int error) {
    if (first_error_ == 0) first_error_ = error;
  }
  bool Spend() {
    if (entries_left_ <= 0) out_of_entries_ = true;
    return entries_left_-- > 0;
  }

  // A file is removed, a folder moved to the bin. 0 or an errno, as of those below.
  int Take(int at, const char* name) {
    struct stat info = {};
    if (fstatat(at, name, &info, AT_SYMLINK_NOFOLLOW) != 0) return errno == ENOENT ? 0 : errno;
    return S_ISDIR(info.st_mode) ? MoveToBin(at, name, info) : Unlink(at, name, info);
  }

  int Unlink(int at, const char* name, const struct stat& info) {
    int gone = unlinkat(at, name, 0);
    // A task may have taken the rights away without which nothing in the folder can be removed.
    if (gone != 0 && errno == EACCES && fchmod(at, 0700) == 0) gone = unlinkat(at, name, 0);
    if (gone != 0) return errno == ENOENT ? 0 : errno;
    ++removed_;
    ++done_.files;
    if (S_ISREG(info.st_mode)) done_.size_bytes += info.st_size;
    return 0;
  }

  int RemoveEmpty(int at, const char* name) {
    int gone = unlinkat(at, name, AT_REMOVEDIR);
    if (gone != 0 && errno == EACCES && fchmod(at, 0700) == 0) gone = unlinkat(at, name, AT_REMOVEDIR);
    if (gone == 0) ++removed_;
    return gone == 0 || errno == ENOENT ? 0 : errno;
  }

  int MakeBin() {
    if (bin_made_) return 0;
    bool made = mkdir(bin_.c_str(), 0700) == 0 || errno == EEXIST;
    if (!made && errno == ENOENT && (mkdir(trash_.c_str(), 0700) == 0 || errno == EEXIST)) {
      made = mkdir(bin_.c_str(), 0700) == 0 || errno == EEXIST;
    }
    bin_made_ = made;
    return made ? 0 : errno;
  }

  int MoveToBin(int at, const char* name, const struct stat& info) {
    const int empty = RemoveEmpty(at, name);
    if (empty != ENOTEMPTY && empty != EEXIST) return empty;
    if (const int error = MakeBin(); error != 0) return error;
    // No two folders that are there at the same time have one number.
    const std::string to = absl::StrCat(bin_, "/", info.st_ino);
    int moved = renameat(at, name, AT_FDCWD, to.c_str());
    // To move a folder one has to be allowed to write in it, and in its own.
    if (moved != 0 && errno == EACCES && fchmod(at, 0700) == 0 && fchmodat(at, name, 0700, 0) == 0) {
      moved = renameat(at, name, AT_FDCWD, to.c_str());
    }
    if (moved == 0) ++removed_;
    return moved == 0 || errno == ENOENT ? 0 : errno;
  }

  // Takes what is in the folder but for what is kept, which is sorted.
  int Thin(int at, const char* name, const std::string& path, const std::vector<std::string>& kept) {
    if (std::binary_search(kept.begin(), kept.end(), path)) return 0;
    const std::string prefix = path + "/";
    const auto below = std::lower_bound(kept.begin(), kept.end(), prefix);
    if (below == kept.end() || !absl::StartsWith(*below, prefix)) return Spend() ? Take(at, name) : 0;
    const int fd = OpenFolder(at, name);
    if (fd < 0) return errno == ENOTDIR || errno == ELOOP ? Take(at, name) : errno == ENOENT ? 0 : errno;
    DIR* const folder = fdopendir(fd);
    if (folder == nullptr) return close(fd), ENOMEM;
    const auto close_folder = absl::MakeCleanup([folder] { closedir(folder); });
    while (const dirent* found = out_of_entries_ ? nullptr : readdir(folder)) {
      if (!IsDots(found->d_name)) Note(Thin(fd, found->d_name, prefix + found->d_name, kept));
    }
    return 0;
  }

  void EmptyBin() {
    const int fd = OpenFolder(AT_FDCWD, bin_.c_str());
    if (fd < 0) return Note(errno == ENOENT ? 0 : errno);
    Note(EmptyFolder(fd, 0));
    if (out_of_entries_) return;
    if (rmdir(bin_.c_str()) == 0 || errno == ENOENT) return;
    // What was too deep was moved up, and is new to this folder.
    if (errno == ENOTEMPTY && first_error_ == 0) {
      out_of_entries_ = true;
    } else {
      Note(errno);
    }
  }

  // Closes `fd`.
  int EmptyFolder(int fd, int depth) {
    DIR* const folder = fdopendir(fd);
    if (folder == nullptr) return close(fd), ENOMEM;
    const auto close_folder = absl::MakeCleanup([folder] { closedir(folder); });
    while (const dirent* found = readdir(folder)) {
      if (IsDots(found->d_name)) continue;
      if (!Spend()) return 0;
      Note(RemoveEntry(fd, found->d_name, depth));
      if (out_of_entries_) return 0;
    }
    return 0;
  }

  int RemoveEntry(int at, const char* name, int depth) {
    struct stat info = {};
    if (fstatat(at, name, &info, AT_SYMLINK_NOFOLLOW) != 0) return errno == ENOENT ? 0 : errno;
    if (!S_ISDIR(info.st_mode)) return Unlink(at, name, info);
    if (const int empty = RemoveEmpty(at, name); empty != ENOTEMPTY && empty != EEXIST) return empty;
    if (depth >= kTreeDepth) return MoveToBin(at, name, info);
    const int fd = OpenFolder(at, name);
    if (fd < 0) return errno;
    const int error = EmptyFolder(fd, depth + 1);
    if (error != 0 || out_of_entries_) return error;
    const int left = RemoveEmpty(at, name);
    return left == ENOTEMPTY && first_error_ != 0 ? first_error_ : left;
  }

  const std::string trash_;
  const std::string bin_;  // where folders of this path go
  bool bin_made_ = false;
  int64_t entries_left_;
  bool out_of_entries_ = false;
  int64_t removed_ = 0;  // entries that went or were moved to the bin
  int first_error_ = 0;
  ContentRemoved done_;
};

}  // namespace

absl::StatusOr<ContentRemoved> RemoveInSteps(const std::string& directory, const std::string& path,
                                             const std::vector<std::string>& kept, int64_t entries_max) {
  std::vector<std::string> sorted = kept;
  std::sort(sorted.begin(), sorted.end());
  for (const std::string& one : sorted) {
    if (one == path || absl::StartsWith(path, absl::StrCat(one, "/"))) return ContentRemoved();
  }
  const std::string parent(ParentOf(path));
  const std::string name = path.substr(parent.size() + 1);
  const int at = OpenBelow(directory, parent, O_RDONLY | O_DIRECTORY);
  const auto close_parent = absl::MakeCleanup([at] {
    if (at >= 0) close(at);
  });
  Removal removal(directory, path, entries_max);
  // What is not there may still lie in the trash.
  if (at < 0) return errno == ENOENT ? removal.Empty(path) : Refused(path, errno);
  ASSIGN_OR_RETURN(const ContentRemoved removed, removal.Remove(at, name.c_str(), path, sorted));
  // Those above it that it leaves empty would stay for ever.
  if (sorted.empty()) {
    std::string above = parent;
    while (above.size() > directory.size() && rmdir(above.c_str()) == 0) above = std::string(ParentOf(above));
  }
  return removed;
}

absl::StatusOr<ContentRemoved> EmptyTrash(const std::string& directory, absl::Time before,
                                          int64_t entries_max) {
  const std::string trash = absl::StrCat(directory, "/", kTrashName);
  ContentRemoved all;
  for (const std::string& name : DirectoriesIn(trash)) {
    const std::string bin = absl::StrCat(trash, "/", name);
    struct stat info = {};
    // Moving a folder in, or out of it, changes the time of the bin.
    if (lstat(bin.c_str(), &info) != 0 || absl::TimeFromTimespec(info.st_mtim) >= before) continue;
    ASSIGN_OR_RETURN(const ContentRemoved some, Removal(bin, entries_max).Empty(bin));
    all.files += some.files;
    all.size_bytes += some.size_bytes;
    all.more = all.more || some.more;
    if (all.more) break;
  }
  return all;
}

}  // namespace penstock
