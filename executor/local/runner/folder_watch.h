// Tells that something in one of some folders was changed, made or removed, by inotify. Changes are known at once: who
// asks after a change hears of it. What happens to folders in them is not told, but for that they are made, moved or
// removed; of a __pycache__ nothing is told. Not thread-safe. Standard library only.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "executor/posix/unique_fd.h"

namespace penstock {

class FolderWatch {
 public:
  FolderWatch();

  // Readable when there is something to Read; invalid if the system gives no inotify.
  int fd() const { return fd_.get(); }

  // Watches for `name`, beside what it watches already. False, with errno, if one of the folders cannot be watched.
  bool Add(const std::string& name, const std::vector<std::string>& folders);
  void Remove(const std::string& name);

  // The names for which something has changed, each with the folder and the file.
  std::map<std::string, std::string> Read();

 private:
  struct Folder {
    std::string path;
    std::set<std::string> names;
  };

  UniqueFd fd_;
  std::map<int, Folder> folders_;  // by watch descriptor
};

}  // namespace penstock
