#include "executor/local/runner/folder_watch.h"

#include <sys/inotify.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>

namespace penstock {
namespace {

constexpr uint32_t kChanges =
    IN_MODIFY | IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_DELETE_SELF | IN_MOVE_SELF;
constexpr size_t kEventsBytes = size_t{64} << 10;

}  // namespace

FolderWatch::FolderWatch() : fd_(inotify_init1(IN_CLOEXEC | IN_NONBLOCK)) {}

bool FolderWatch::Add(const std::string& name, const std::vector<std::string>& folders) {
  for (const std::string& path : folders) {
    const int watch = fd_.valid() ? inotify_add_watch(fd_.get(), path.c_str(), kChanges | IN_ONLYDIR) : -1;
    if (watch < 0) return false;
    Folder& folder = folders_[watch];
    folder.path = path;
    folder.names.insert(name);
  }
  return true;
}

void FolderWatch::Remove(const std::string& name) {
  for (auto it = folders_.begin(); it != folders_.end();) {
    it->second.names.erase(name);
    if (it->second.names.empty()) {
      inotify_rm_watch(fd_.get(), it->first);
      it = folders_.erase(it);
    } else {
      ++it;
    }
  }
}

std::map<std::string, std::string> FolderWatch::Read() {
  alignas(inotify_event) static char buffer[kEventsBytes];
  std::map<std::string, std::string> changed;
  ssize_t size = 0;
  while (fd_.valid() && (size = read(fd_.get(), buffer, sizeof(buffer))) > 0) {
    for (ssize_t at = 0; at < size;) {
      const auto* event = reinterpret_cast<const inotify_event*>(buffer + at);
      at += static_cast<ssize_t>(sizeof(inotify_event) + event->len);
      const std::string file = event->len > 0 ? event->name : "";
      if ((event->mask & IN_Q_OVERFLOW) != 0) {
        // What was not told may have been of any.
        for (const auto& [watch, folder] : folders_) {
          for (const std::string& name : folder.names) changed.emplace(name, folder.path);
        }
      }
      const auto it = folders_.find(event->wd);
      if (it == folders_.end() || (event->mask & IN_IGNORED) != 0 || file == "__pycache__") continue;
      for (const std::string& name : it->second.names) changed.emplace(name, it->second.path + "/" + file);
    }
  }
  return changed;
}

}  // namespace penstock
