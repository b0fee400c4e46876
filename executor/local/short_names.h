// Short names for the work directories of attempts, to be their temporary folders. The path of a Unix socket
// has at most 107 bytes, of which Python's multiprocessing takes 32 itself, and a work directory's path alone
// may have more. A short name is a symbolic link in a folder of the user's own, below one that all may write to, so
// what is written lies in the data directory all the same, where there is room.
//
// A program that resolves the link gets the long path. The folder is the user's alone, mode 0700: nobody else
// can put names in it. Several servers of a user share it; names follow from the work directory's path, so no
// two servers have the same. Thread-safe.
#pragma once

#include <string>
#include <vector>

namespace penstock {

class ShortNames {
 public:
  // `parents` are folders that all may write to, such as /tmp; the first in which there can be a folder of ours
  // is used. Removes names whose directories are gone, which a crash may leave.
  explicit ShortNames(const std::vector<std::string>& parents);

  // The short name of `work_dir`, a directory that is there, with a slash at its end. `work_dir` itself if
  // there can be none: the folder is somebody else's, or cannot be made.
  std::string Give(const std::string& work_dir) const;
  // Nothing happens if there is none.
  void Remove(const std::string& work_dir) const;

 private:
  std::string LinkOf(const std::string& work_dir) const;
  void RemoveDangling() const;

  std::string folder_;  // constant after construction; empty: none can be had
};

}  // namespace penstock
