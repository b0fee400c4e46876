#include "executor/python/env_store.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string_view>
#include <system_error>
#include <utility>

namespace penstock {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kRemoving = ".removing-";
constexpr std::string_view kLockSuffix = ".lock";
constexpr size_t kRecordLines = 100'000;

// Not a name of ours is no key.
bool IsKey(const std::string& name) {
  return name.size() == 64 && name.find_first_not_of("0123456789abcdef") == std::string::npos;
}

int64_t Micros(const timespec& time) { return int64_t{time.tv_sec} * 1'000'000 + time.tv_nsec / 1000; }

bool SyncFile(const std::string& path) {
  const UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  return fd.valid() && fsync(fd.get()) == 0;
}

// Takes the right to write from all that is below, and returns what it has on disk.
int64_t Seal(const std::string& directory) {
  int64_t blocks = 0;
  std::error_code failure;
  for (auto it = fs::recursive_directory_iterator(directory, failure); it != fs::end(it);
       it.increment(failure)) {
    struct stat info = {};
    if (lstat(it->path().c_str(), &info) != 0) continue;
    blocks += info.st_blocks;
    // chmod follows links, perhaps out of the environment.
    if (!S_ISLNK(info.st_mode)) chmod(it->path().c_str(), info.st_mode & ~mode_t{0222} & 07777);
  }
  return blocks * 512;
}

std::vector<std::string> ReadLines(const std::string& path) {
  std::vector<std::string> lines;
  std::ifstream file(path);
  for (std::string line; lines.size() < kRecordLines && std::getline(file, line);) {
    lines.push_back(std::move(line));
  }
  return lines;
}

std::string OneLine(std::string text) {
  std::replace_if(
      text.begin(), text.end(), [](unsigned char c) { return c < ' '; }, ' ');
  return text;
}

}  // namespace

UniqueFd EnvStore::OpenLock(const std::string& key) const {
  // Without O_CLOEXEC, unlike all others: the lock goes along into pip and into the task's command.
  return UniqueFd(open(LockPathOf(key).c_str(), O_RDWR | O_CREAT, 0600));
}

bool EnvStore::IsCurrent(const UniqueFd& lock, const std::string& key) const {
  struct stat held = {};
  struct stat named = {};
  return fstat(lock.get(), &held) == 0 && stat(LockPathOf(key).c_str(), &named) == 0 &&
         held.st_ino == named.st_ino && held.st_dev == named.st_dev;
}

bool EnvStore::IsComplete(const std::string& key) const {
  return access(RecordPathOf(key).c_str(), F_OK) == 0;
}

bool EnvStore::ReadRecord(const std::string& key, EnvRecord* record) const {
  const std::vector<std::string> lines = ReadLines(RecordPathOf(key));
  for (const std::string& line : lines) {
    const size_t space = std::min(line.find(' '), line.size());
    const std::string name = line.substr(0, space);
    const std::string value = line.substr(std::min(space + 1, line.size()));
    if (name == "bytes") {
      record->bytes = std::strtoll(value.c_str(), nullptr, 10);
    } else if (name == "built_at_us") {
      record->built_at_us = std::strtoll(value.c_str(), nullptr, 10);
    } else if (name == "build_ms") {
      record->build_ms = std::strtoll(value.c_str(), nullptr, 10);
    } else if (name == "requires") {
      record->requirements.push_back(value);
    } else if (name == "package") {
      record->packages.push_back(value);
    }
  }
  return !lines.empty();
}

bool EnvStore::Complete(const std::string& key, EnvRecord record, std::string* error) const {
  const std::string path = PathOf(key);
  record.packages = ReadLines(PackagesPathOf(key));
  record.bytes = Seal(path);
  const UniqueFd root(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  const std::string draft = RecordPathOf(key) + ".new";
  std::ofstream file(draft);
  file << "bytes " << record.bytes << "\nbuilt_at_us " << record.built_at_us << "\nbuild_ms "
       << record.build_ms << "\n";
  for (const std::string& requirement : record.requirements) {
    file << "requires " << OneLine(requirement) << "\n";
  }
  for (const std::string& package : record.packages) file << "package " << OneLine(package) << "\n";
  file.close();
  // A loss of power must not leave a record of what did not reach the disk.
  if (!root.valid() || !file || syncfs(root.get()) != 0 || !SyncFile(draft) ||
      chmod(draft.c_str(), 0400) != 0 || rename(draft.c_str(), RecordPathOf(key).c_str()) != 0 ||
      fsync(root.get()) != 0) {
    *error = "cannot write " + RecordPathOf(key) + ": " + std::strerror(errno);
    return false;
  }
  chmod(path.c_str(), 0500);
  return true;
}

bool EnvStore::IsInUse(const std::string& key) const {
  const UniqueFd lock(open(LockPathOf(key).c_str(), O_RDWR | O_CLOEXEC));
  // Held for a moment if nobody has it, and given back with the descriptor.
  return lock.valid() && !LockFile(lock, LOCK_EX | LOCK_NB);
}

std::vector<EnvEntry> EnvStore::List() const {
  std::vector<EnvEntry> entries;
  std::error_code failure;
  for (const fs::directory_entry& found : fs::directory_iterator(directory_, failure)) {
    EnvEntry entry;
    entry.key = found.path().filename();
    if (!IsKey(entry.key)) continue;
    entry.complete = IsComplete(entry.key) && ReadRecord(entry.key, &entry.record);
    entry.in_use = IsInUse(entry.key);
    struct stat lock = {};
    if (stat(LockPathOf(entry.key).c_str(), &lock) == 0) entry.last_used_us = Micros(lock.st_mtim);
    entries.push_back(std::move(entry));
  }
  std::sort(entries.begin(), entries.end(), [](const EnvEntry& a, const EnvEntry& b) {
    return std::pair(a.last_used_us, a.key) < std::pair(b.last_used_us, b.key);
  });
  return entries;
}

bool EnvStore::Remove(const std::string& key) const {
  const UniqueFd lock(open(LockPathOf(key).c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!lock.valid() || !LockFile(lock, LOCK_EX | LOCK_NB) || !IsCurrent(lock, key)) return false;
  // Out of sight at once; then the lock's file, and those who wait for it see that it is another's.
  const std::string grave =
      directory_ + "/" + std::string(kRemoving) + key.substr(0, 12) + "-" + std::to_string(getpid());
  const bool gone = rename(PathOf(key).c_str(), grave.c_str()) == 0 || errno == ENOENT;
  unlink(FailurePathOf(key).c_str());
  if (gone) {
    unlink(LockPathOf(key).c_str());
    RemoveAll(grave);
  }
  return gone;
}

std::vector<std::string> EnvStore::PruneTo(int64_t limit_bytes) const {
  std::error_code failure;
  std::vector<std::string> leftovers;
  for (const fs::directory_entry& found : fs::directory_iterator(directory_, failure)) {
    const std::string name = found.path().filename();
    if (name.rfind(kRemoving, 0) == 0) {
      RemoveAll(found.path());
    } else if (name.size() > kLockSuffix.size() && found.path().extension() == kLockSuffix) {
      leftovers.push_back(name.substr(0, name.size() - kLockSuffix.size()));  // perhaps a lock of nothing
    }
  }
  std::vector<EnvEntry> entries = List();
  int64_t total = 0;
  for (const EnvEntry& entry : entries) total += entry.record.bytes;
  std::vector<std::string> removed;
  for (const EnvEntry& entry : entries) {
    if ((total > limit_bytes || !entry.complete) && Remove(entry.key)) {
      total -= entry.record.bytes;
      removed.push_back(entry.key);
    }
  }
  for (const std::string& key : leftovers) {
    if (IsKey(key) && access(PathOf(key).c_str(), F_OK) != 0) Remove(key);
  }
  return removed;
}

bool RemoveAll(const std::string& path) {
  struct stat info = {};
  if (lstat(path.c_str(), &info) != 0) return errno == ENOENT;
  std::error_code failure;
  if (S_ISDIR(info.st_mode)) {
    // Complete has taken the right to write, without which nothing in a directory can be removed.
    chmod(path.c_str(), 0700);
    for (auto it = fs::recursive_directory_iterator(path, failure); it != fs::end(it);
         it.increment(failure)) {
      if (it->is_directory(failure) && !it->is_symlink(failure)) {
        chmod(it->path().c_str(), 0700);  // before the iterator goes into it
      }
    }
  }
  fs::remove_all(path, failure);
  return !failure;
}

bool LockFile(const UniqueFd& fd, int operation) {
  int result = 0;
  do {
    result = flock(fd.get(), operation);
  } while (result != 0 && errno == EINTR);
  return result == 0;
}

std::string Summary(const std::vector<std::string>& words, size_t bytes) {
  std::string text;
  for (size_t i = 0; i < words.size(); ++i) {
    if (i > 0 && text.size() + words[i].size() > bytes) {
      return text + " and " + std::to_string(words.size() - i) + " more";
    }
    text += (i > 0 ? ", " : "") + words[i].substr(0, bytes);
  }
  return text;
}

}  // namespace penstock
