#include "content/local/local_content_store.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <utility>
#include <vector>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/files.h"
#include "common/status_macros.h"
#include "content/content.h"
#include "content/local/file_content.h"
#include "content/local/local_removal.h"
#include "content/local/open_below.h"

namespace penstock {
namespace {

absl::Status Unavailable(absl::string_view what, absl::string_view path, int error) {
  return absl::UnavailableError(absl::StrCat(path, " cannot be ", what, ": ", std::strerror(error)));
}

absl::Status NotFound(absl::string_view path) {
  return absl::NotFoundError(absl::StrCat("nothing is at ", path));
}

ContentKind KindOf(mode_t mode) {
  if (S_ISREG(mode)) return ContentKind::kFile;
  return S_ISDIR(mode) ? ContentKind::kFolder : ContentKind::kOther;
}

class FileReader final : public ContentReader {
 public:
  FileReader(std::string path, int fd) : path_(std::move(path)), fd_(fd) {}
  ~FileReader() override { close(fd_); }
  FileReader(const FileReader&) = delete;
  FileReader& operator=(const FileReader&) = delete;

  absl::StatusOr<absl::string_view> Read(int64_t offset_bytes, absl::Span<char> buffer) override {
    while (true) {
      const ssize_t size = pread(fd_, buffer.data(), buffer.size(), offset_bytes);
      if (size >= 0) return absl::string_view(buffer.data(), size);
      if (errno != EINTR) return Unavailable("read", path_, errno);
    }
  }

 private:
  const std::string path_;
  const int fd_;
};

// Writes all of it. 0 or an errno.
int WriteAll(int fd, absl::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t size = write(fd, bytes.data(), bytes.size());
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return errno;
    bytes.remove_prefix(size);
  }
  return 0;
}

// A file without a name, so that whoever lists the folder does not see it, and the system removes it if nobody gives it one.
// Where the file system has no such files it has one that begins with kDraftPrefix.
class FileWriter final : public ContentWriter {
 public:
  static absl::StatusOr<std::unique_ptr<ContentWriter>> Open(std::string path) {
    const std::string folder(ParentOf(path));
    int fd = open(folder.c_str(), O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600);
    std::string draft;
    if (fd < 0) {
      draft = absl::StrCat(folder, "/", kDraftPrefix, "XXXXXX");
      fd = mkostemp(draft.data(), O_CLOEXEC);
    }
    if (fd < 0) return Unavailable("written", path, errno);
    return std::unique_ptr<ContentWriter>(new FileWriter(std::move(path), std::move(draft), fd));
  }
  ~FileWriter() override {
    close(fd_);
    if (!draft_.empty()) unlink(draft_.c_str());
  }
  FileWriter(const FileWriter&) = delete;
  FileWriter& operator=(const FileWriter&) = delete;

  absl::Status Append(absl::string_view bytes) override {
    const int error = WriteAll(fd_, bytes);
    return error == 0 ? absl::OkStatus() : Unavailable("written", path_, error);
  }

  absl::Status Commit() override {
    if (fsync(fd_) != 0) return Unavailable("written", path_, errno);
    RETURN_IF_ERROR(NameDraft());
    if (std::rename(draft_.c_str(), path_.c_str()) != 0) return Unavailable("written", path_, errno);
    draft_.clear();
    // The name is kept when its folder is.
    const int folder = open(std::string(ParentOf(path_)).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const bool synced = folder >= 0 && fsync(folder) == 0;
    const int error = errno;
    if (folder >= 0) close(folder);
    return synced ? absl::OkStatus() : Unavailable("written", path_, error);
  }

 private:
  FileWriter(std::string path, std::string draft, int fd)
      : path_(std::move(path)), draft_(std::move(draft)), fd_(fd) {}

  // A link cannot take the place of a file, so there is a name in between. No two files have the same number.
  absl::Status NameDraft() {
    if (!draft_.empty()) return absl::OkStatus();
    struct stat info = {};
    if (fstat(fd_, &info) != 0) return Unavailable("written", path_, errno);
    std::string draft = absl::StrCat(ParentOf(path_), "/", kDraftPrefix, info.st_ino);
    unlink(draft.c_str());  // one that a crash left
    const std::string own = absl::StrCat("/proc/self/fd/", fd_);
    if (linkat(AT_FDCWD, own.c_str(), AT_FDCWD, draft.c_str(), AT_SYMLINK_FOLLOW) != 0) {
      return Unavailable("written", path_, errno);
    }
    draft_ = std::move(draft);
    return absl::OkStatus();
  }

  const std::string path_;
  std::string draft_;  // its name until it is committed; empty: it has none
  const int fd_;
};

}  // namespace

LocalMounts LocalMounts::Of(absl::string_view data_dir, const std::vector<std::string>& file_roots) {
  LocalMounts mounts{{std::string(kArtifactsUri), absl::StrCat(data_dir, "/artifacts")},
                     {std::string(kLogsUri), absl::StrCat(data_dir, "/logs")},
                     {std::string(kWorkspacesUri), absl::StrCat(data_dir, "/workspaces")},
                     {}};
  for (const std::string& root : file_roots) mounts.roots.push_back({absl::StrCat("file://", root), root});
  return mounts;
}

std::optional<std::string> LocalMounts::PathOf(absl::string_view uri) const {
  for (const UriMount* mount : {&artifacts, &logs, &workspaces}) {
    if (auto path = penstock::PathOf(*mount, uri)) return path;
  }
  for (const UriMount& root : roots) {
    if (auto path = penstock::PathOf(root, uri)) return path;
  }
  return std::nullopt;
}

std::string LocalMounts::DirectoryOf(absl::string_view path) const {
  for (const UriMount* mount : {&artifacts, &logs, &workspaces}) {
    if (absl::StartsWith(path, absl::StrCat(mount->directory, "/"))) return mount->directory;
  }
  for (const UriMount& root : roots) {
    if (absl::StartsWith(path, absl::StrCat(root.directory, "/"))) return root.directory;
  }
  return std::string(path);
}

absl::StatusOr<std::string> LocalContentStore::ServedPath(absl::string_view uri) const {
  if (auto path = mounts_.PathOf(uri)) return *std::move(path);
  return absl::InvalidArgumentError(absl::StrCat(uri, " is not content of the data directory"));
}

absl::StatusOr<ContentInfo> LocalContentStore::Stat(absl::string_view uri) const {
  std::string path;
  if (absl::StartsWith(uri, "/")) {
    path = std::string(uri);
  } else if (auto of_file_uri = PathOfFileUri(uri)) {
    path = *std::move(of_file_uri);
  } else {
    ASSIGN_OR_RETURN(path, ServedPath(uri));
  }
  ContentInfo info;
  struct stat found = {};
  if (lstat(path.c_str(), &found) == 0) {
    info.kind = KindOf(found.st_mode);
    if (info.kind == ContentKind::kFile) info.size_bytes = found.st_size;
  }
  info.version = ContentStat(path);
  if (info.version == kNoContent) return NotFound(path);
  return info;
}

absl::StatusOr<std::unique_ptr<ContentReader>> LocalContentStore::Open(absl::string_view uri) const {
  ASSIGN_OR_RETURN(std::string path, ServedPath(uri));
  // Without O_NONBLOCK a named pipe would wait for its writer.
  const int fd = OpenBelow(mounts_.DirectoryOf(path), path, O_RDONLY | O_NONBLOCK);
  if (fd < 0 && errno == ENOENT) return NotFound(path);
  auto close_fd = absl::MakeCleanup([fd] {
    if (fd >= 0) close(fd);
  });
  struct stat info = {};
  if (fd < 0 || fstat(fd, &info) != 0 || !S_ISREG(info.st_mode)) {
    return absl::FailedPreconditionError(absl::StrCat(uri, " is no single file"));
  }
  std::move(close_fd).Cancel();
  return std::make_unique<FileReader>(std::move(path), fd);
}

absl::Status LocalContentStore::Write(absl::string_view uri, absl::string_view bytes) {
  ASSIGN_OR_RETURN(const std::string path, ServedPath(uri));
  RETURN_IF_ERROR(MakeDirectories(std::string(ParentOf(path))));
  // Written beside, synced, and moved into place: readers, and whoever looks after a crash, find the old file
  // or the new one.
  std::string draft = absl::StrCat(ParentOf(path), "/", kDraftPrefix, "XXXXXX");
  const int fd = mkostemp(draft.data(), O_CLOEXEC);
  if (fd < 0) return Unavailable("written", path, errno);
  int error = WriteAll(fd, bytes);
  if (error == 0 && fsync(fd) != 0) error = errno;
  if (close(fd) != 0 && error == 0) error = errno;
  if (error == 0 && std::rename(draft.c_str(), path.c_str()) != 0) error = errno;
  if (error == 0) return absl::OkStatus();
  unlink(draft.c_str());
  return Unavailable("written", path, error);
}

absl::StatusOr<std::unique_ptr<ContentWriter>> LocalContentStore::Create(absl::string_view uri) {
  ASSIGN_OR_RETURN(std::string path, ServedPath(uri));
  RETURN_IF_ERROR(MakeDirectories(std::string(ParentOf(path))));
  return FileWriter::Open(std::move(path));
}

absl::Status LocalContentStore::Remove(absl::string_view uri) {
  ASSIGN_OR_RETURN(const std::string path, ServedPath(uri));
  return RemoveTree(path);
}

absl::StatusOr<ContentRemoved> LocalContentStore::RemoveSome(absl::string_view uri,
                                                             absl::Span<const std::string> kept,
                                                             int64_t entries_max) {
  ASSIGN_OR_RETURN(const std::string path, ServedPath(uri));
  const std::string directory = mounts_.DirectoryOf(path);
  if (path == directory) {
    return absl::InvalidArgumentError(absl::StrCat(uri, " holds the content of all runs"));
  }
  std::vector<std::string> kept_paths;
  for (const std::string& one : kept) {
    ASSIGN_OR_RETURN(kept_paths.emplace_back(), ServedPath(one));
  }
  return RemoveInSteps(directory, path, kept_paths, entries_max);
}

absl::StatusOr<std::vector<ContentEntry>> LocalContentStore::List(absl::string_view uri) const {
  ASSIGN_OR_RETURN(const std::string path, ServedPath(uri));
  std::vector<ContentEntry> entries;
  DIR* const folder = opendir(path.c_str());
  if (folder == nullptr && (errno == ENOENT || errno == ENOTDIR)) return entries;
  if (folder == nullptr) return Unavailable("listed", path, errno);
  const auto close_folder = absl::MakeCleanup([folder] { closedir(folder); });
  while (const dirent* found = readdir(folder)) {
    if (std::strcmp(found->d_name, ".") == 0 || std::strcmp(found->d_name, "..") == 0) continue;
    if (absl::StartsWith(found->d_name, kDraftPrefix) || std::strcmp(found->d_name, kTrashName) == 0) {
      continue;
    }
    struct stat info = {};
    if (fstatat(dirfd(folder), found->d_name, &info, AT_SYMLINK_NOFOLLOW) != 0) continue;  // gone meanwhile
    entries.push_back({found->d_name, KindOf(info.st_mode)});
  }
  std::sort(entries.begin(), entries.end(),
            [](const ContentEntry& a, const ContentEntry& b) { return a.name < b.name; });
  return entries;
}

}  // namespace penstock
