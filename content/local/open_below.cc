#include "content/local/open_below.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <vector>

#include "absl/strings/str_split.h"

namespace penstock {

int OpenBelow(const std::string& directory, absl::string_view path, int flags) {
  int at = open(directory.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC);
  const std::vector<std::string> steps =
      absl::StrSplit(path.substr(directory.size()), '/', absl::SkipEmpty());
  for (size_t i = 0; i < steps.size() && at >= 0; ++i) {
    const int step = i + 1 == steps.size() ? flags : O_PATH | O_DIRECTORY;
    const int next = openat(at, steps[i].c_str(), step | O_CLOEXEC | O_NOFOLLOW);
    const int error = errno;
    close(at);
    errno = error;
    at = next;
  }
  return at;
}

}  // namespace penstock
