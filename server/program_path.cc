#include "server/program_path.h"

#include <unistd.h>

#include <climits>

#include "absl/strings/str_cat.h"

namespace penstock {

std::string BesideThisProgram(absl::string_view name) {
  char self[PATH_MAX];
  const ssize_t size = readlink("/proc/self/exe", self, sizeof(self));
  const absl::string_view path(self, size > 0 ? size : 0);
  return absl::StrCat(path.substr(0, path.rfind('/') + 1), name);
}

}  // namespace penstock
