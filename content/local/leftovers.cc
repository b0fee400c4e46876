#include "content/local/leftovers.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/files.h"
#include "common/status_macros.h"
#include "content/local/local_removal.h"

namespace penstock {
namespace {

constexpr size_t kDepth = 64;  // deeper folders are not looked through: nothing of ours is written there

bool IsOlder(const struct stat& info, absl::Time before) {
  return absl::TimeFromTimespec(info.st_mtim) < before;
}

}  // namespace

Leftovers::Leftovers(const std::string& data_dir, IsKnownRun is_known_run)
    : data_dir_(data_dir), mounts_(LocalMounts::Of(data_dir)), is_known_run_(std::move(is_known_run)) {}

Leftovers::~Leftovers() {
  for (const OpenFolder& open : walk_) closedir(open.folder);
}

absl::StatusOr<bool> Leftovers::Clean(absl::Time before, int64_t entries_max) {
  if (walk_.empty() && to_walk_.empty()) {
    for (const UriMount* mount : {&mounts_.artifacts, &mounts_.logs, &mounts_.workspaces}) {
      ASSIGN_OR_RETURN(const ContentRemoved some, EmptyTrash(mount->directory, before, entries_max));
      if (some.more) return true;
    }
    RETURN_IF_ERROR(CleanFoldersOfRuns(data_dir_ + "/work/runs", before));
    RETURN_IF_ERROR(CleanFoldersOfRuns(mounts_.workspaces.directory, before));
    to_walk_ = {mounts_.artifacts.directory, mounts_.logs.directory, mounts_.workspaces.directory};
  }
  for (int64_t entries = 0; entries < entries_max; ++entries) {
    while (walk_.empty() && !to_walk_.empty()) {
      const std::string next = std::move(to_walk_.back());
      to_walk_.pop_back();
      Open(next);
    }
    if (walk_.empty()) return false;
    Step(before);
  }
  return true;
}

bool Leftovers::Open(const std::string& path) {
  const int fd = open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC | (walk_.empty() ? 0 : O_NOFOLLOW));
  DIR* const folder = fd >= 0 ? fdopendir(fd) : nullptr;
  if (folder == nullptr && fd >= 0) close(fd);
  if (folder != nullptr) walk_.push_back({folder, path});
  return folder != nullptr;
}

// Looks at one entry.
void Leftovers::Step(absl::Time before) {
  const OpenFolder& open = walk_.back();
  const dirent* const found = readdir(open.folder);
  if (found == nullptr) {
    closedir(open.folder);
    walk_.pop_back();
    return;
  }
  const absl::string_view name = found->d_name;
  if (name == "." || name == ".." || name == kTrashName) return;
  struct stat info = {};
  if (fstatat(dirfd(open.folder), found->d_name, &info, AT_SYMLINK_NOFOLLOW) != 0) return;
  if (S_ISDIR(info.st_mode)) {
    if (walk_.size() < kDepth) Open(absl::StrCat(open.path, "/", name));
    return;
  }
  // penstock-fetch writes beside where the content of an import is to be.
  const bool is_fetched = absl::EndsWith(name, ".part") &&
                          absl::StartsWith(open.path, mounts_.workspaces.directory) &&
                          absl::StrContains(open.path, "/.artifacts/");
  if ((is_fetched || absl::StartsWith(name, kDraftPrefix)) && S_ISREG(info.st_mode) &&
      IsOlder(info, before)) {
    unlinkat(dirfd(open.folder), found->d_name, 0);
  }
}

// `parent` has a folder for each run.
absl::Status Leftovers::CleanFoldersOfRuns(const std::string& parent, absl::Time before) {
  for (const std::string& run_id : DirectoriesIn(parent)) {
    const std::string path = absl::StrCat(parent, "/", run_id);
    struct stat info = {};
    if (run_id == kTrashName || lstat(path.c_str(), &info) != 0 || !IsOlder(info, before)) continue;
    ASSIGN_OR_RETURN(const bool is_known, is_known_run_(run_id));
    if (!is_known) RETURN_IF_ERROR(RemoveTree(path));
  }
  return absl::OkStatus();
}

}  // namespace penstock
