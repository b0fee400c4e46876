#include "executor/local/short_names.h"

#include <dirent.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <climits>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"
#include "common/sha256.h"
#include "spdlog/spdlog.h"

namespace penstock {
namespace {

constexpr size_t kNameBytes = 12;

bool Leads(const std::string& link, const std::string& target) {
  char text[PATH_MAX];
  const ssize_t size = readlink(link.c_str(), text, sizeof(text));
  return size > 0 && absl::string_view(text, size) == target;
}

// What is there may have been put there by somebody else, also as a link: then false.
bool IsOurs(const std::string& folder) {
  struct stat info = {};
  return lstat(folder.c_str(), &info) == 0 && S_ISDIR(info.st_mode) && info.st_uid == geteuid() &&
         (info.st_mode & 0777) == 0700;
}

// Makes the folder, unless it is there.
bool MakeOurs(const std::string& folder) {
  return (mkdir(folder.c_str(), 0700) == 0 || errno == EEXIST) && IsOurs(folder) &&
         access(folder.c_str(), W_OK) == 0;
}

}  // namespace

ShortNames::ShortNames(const std::vector<std::string>& parents) {
  for (const std::string& parent : parents) {
    const std::string folder = absl::StrCat(parent, "/penstock-", geteuid());
    if (!MakeOurs(folder)) continue;
    folder_ = folder;
    RemoveDangling();
    return;
  }
  spdlog::warn("tasks get no short temporary folders: there is no folder of this user alone in {}",
               absl::StrJoin(parents, " or "));
}

std::string ShortNames::LinkOf(const std::string& work_dir) const {
  return absl::StrCat(folder_, "/", Sha256Hex(work_dir).substr(0, kNameBytes));
}

std::string ShortNames::Give(const std::string& work_dir) const {
  // Again: somebody may have cleaned up /tmp.
  if (folder_.empty() || (!IsOurs(folder_) && !MakeOurs(folder_))) return work_dir;
  const std::string link = LinkOf(work_dir);
  if (symlink(work_dir.c_str(), link.c_str()) != 0 && !Leads(link, work_dir)) return work_dir;
  // With the slash, programs that do not follow a link that they are given see a folder.
  return link + "/";
}

void ShortNames::Remove(const std::string& work_dir) const {
  if (!folder_.empty() && IsOurs(folder_)) unlink(LinkOf(work_dir).c_str());
}

void ShortNames::RemoveDangling() const {
  DIR* const names = opendir(folder_.c_str());
  while (const dirent* entry = names != nullptr ? readdir(names) : nullptr) {
    struct stat info = {};
    if (fstatat(dirfd(names), entry->d_name, &info, 0) != 0 && errno == ENOENT) {
      unlinkat(dirfd(names), entry->d_name, 0);
    }
  }
  if (names != nullptr) closedir(names);
}

}  // namespace penstock
