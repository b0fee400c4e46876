#include "content/local/file_content.h"

#include <fcntl.h>
#include <fts.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <cstring>
#include <memory>
#include <optional>
#include <vector>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "common/limits.h"
#include "common/sha256.h"

namespace penstock {
namespace {

constexpr size_t kReadBytes = 256 << 10;

int64_t Nanoseconds(const timespec& time) { return int64_t{1'000'000'000} * time.tv_sec + time.tv_nsec; }

std::string StatText(const struct stat& info) {
  return absl::StrCat(info.st_size, ":", Nanoseconds(info.st_mtim), ":", Nanoseconds(info.st_ctim), ":",
                      info.st_ino);
}

// One file, folder or link within a folder.
struct Entry {
  std::string name;  // from the folder on
  std::string path;
  char kind;  // 'f', 'd' or 'l'
  int64_t size = 0;
  std::string stat;
};

int ByName(const FTSENT** a, const FTSENT** b) { return std::strcmp((*a)->fts_name, (*b)->fts_name); }

// All that is in a folder, in the order of names; nothing if that cannot be said.
std::optional<std::vector<Entry>> EntriesOf(const std::string& folder) {
  std::string root = folder;
  char* roots[] = {root.data(), nullptr};
  const std::unique_ptr<FTS, int (*)(FTS*)> walk(fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, ByName),
                                                 fts_close);
  if (walk == nullptr) return std::nullopt;
  std::vector<Entry> entries;
  while (const FTSENT* found = fts_read(walk.get())) {
    if (found->fts_info == FTS_DP) continue;  // a folder again, after what is in it
    const char kind = found->fts_info == FTS_F    ? 'f'
                      : found->fts_info == FTS_D  ? 'd'
                      : found->fts_info == FTS_SL ? 'l'
                                                  : '?';
    if (kind == '?' || entries.size() > static_cast<size_t>(limits::kContentEntries)) return std::nullopt;
    entries.push_back({std::string(found->fts_path).substr(folder.size()), found->fts_path, kind,
                       found->fts_statp->st_size, StatText(*found->fts_statp)});
  }
  if (errno != 0) return std::nullopt;
  return entries;
}

std::string FolderStat(const std::vector<Entry>& entries) {
  Sha256 hash;
  for (const Entry& entry : entries) {
    hash.AddField(entry.name);
    hash.Add(absl::string_view(&entry.kind, 1));
    hash.AddField(entry.stat);
  }
  return absl::StrCat("folder:", hash.HexDigest());
}

// Adds what the file holds. False if it cannot be read, or holds more or less than `size`: it is being
// written.
bool AddFile(const std::string& path, int64_t size, Sha256& hash) {
  // What was a file when it was listed may be a pipe by this time, for whose writer open would wait.
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
  if (fd < 0) return false;
  const auto close_fd = absl::MakeCleanup([fd] { close(fd); });
  std::string buffer(kReadBytes, '\0');
  int64_t total = 0;
  while (total <= size) {
    const ssize_t n = read(fd, buffer.data(), buffer.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return false;
    if (n == 0) break;
    hash.Add(absl::string_view(buffer.data(), n));
    total += n;
  }
  return total == size;
}

// Names, kinds and what is in them, and neither times nor rights: a copy is the same content.
std::string FolderSha256(const std::vector<Entry>& entries) {
  Sha256 hash;
  for (const Entry& entry : entries) {
    hash.AddField(entry.name);
    hash.Add(absl::string_view(&entry.kind, 1));
    if (entry.kind == 'l') {
      char target[PATH_MAX];
      const ssize_t size = readlink(entry.path.c_str(), target, sizeof(target));
      if (size < 0) return "";
      hash.AddField(absl::string_view(target, size));
    } else if (entry.kind == 'f') {
      hash.AddField(absl::StrCat(entry.size));
      if (!AddFile(entry.path, entry.size, hash)) return "";
    }
  }
  return hash.HexDigest();
}

// Takes `bytes` off if they are there.
bool Take(int64_t bytes, int64_t* left) {
  if (bytes > *left) return false;
  *left -= bytes;
  return true;
}

}  // namespace

std::string ContentStat(const std::string& path) {
  // Less than nothing, so that not even an empty file is opened.
  int64_t nothing = -1;
  return ReadContent(path, &nothing).stat;
}

// The stat comes first: what is written while the content is read shows as a change later on.
Content ReadContent(const std::string& path, int64_t* bytes_left) {
  Content content;
  struct stat info = {};
  if (lstat(path.c_str(), &info) != 0) {
    if (errno == ENOENT || errno == ENOTDIR) content.stat = kNoContent;
    return content;
  }
  if (S_ISREG(info.st_mode)) {
    content.stat = absl::StrCat("file:", StatText(info));
    content.size_bytes = info.st_size;
    Sha256 hash;
    if (Take(info.st_size, bytes_left) && AddFile(path, info.st_size, hash)) {
      content.sha256 = hash.HexDigest();
    }
  } else if (S_ISDIR(info.st_mode)) {
    // Only by errno does fts tell an error from the end.
    errno = 0;
    const auto entries = EntriesOf(path);
    if (!entries.has_value()) return content;
    content.stat = FolderStat(*entries);
    int64_t size = 0;
    for (const Entry& entry : *entries) size += entry.kind == 'f' ? entry.size : 0;
    content.size_bytes = size;
    if (Take(size, bytes_left)) content.sha256 = FolderSha256(*entries);
  }
  return content;
}

}  // namespace penstock
