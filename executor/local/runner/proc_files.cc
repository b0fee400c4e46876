#include "executor/local/runner/proc_files.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "executor/local/runner/wire.h"
#include "executor/posix/unique_fd.h"

namespace penstock {
namespace {

constexpr size_t kEnvironBytes = size_t{4} << 20;

}  // namespace

std::string ReadFileAt(int directory, const std::string& path, size_t limit) {
  // A pipe that a task has put where a file is looked for must not hold anybody up.
  const UniqueFd file(openat(directory, path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  std::string text;
  char chunk[4096];
  ssize_t n = 0;
  while (file.valid() && text.size() < limit && (n = read(file.get(), chunk, sizeof(chunk))) > 0) {
    text.append(chunk, n);
  }
  return text;
}

std::string AttemptOfProcess(int directory, const std::string& path) {
  const std::string environ = ReadFileAt(directory, path + "/environ", kEnvironBytes);
  const std::string key = std::string(wire::kAttemptVariable) + "=";
  for (size_t begin = 0; begin < environ.size();) {
    const size_t end = std::min(environ.find('\0', begin), environ.size());
    const std::string_view entry = std::string_view(environ).substr(begin, end - begin);
    if (entry.substr(0, key.size()) == key) return std::string(entry.substr(key.size()));
    begin = end + 1;
  }
  return "";
}

int64_t NumberBehind(std::string_view name, const std::string& text) {
  const size_t at = text.find(name);
  return at == std::string::npos ? 0 : std::strtoll(text.c_str() + at + name.size(), nullptr, 10);
}

int MemoryLeftPercent() {
  const std::string text = ReadFileAt(AT_FDCWD, "/proc/meminfo", 4096);
  const int64_t all = NumberBehind("MemTotal:", text);
  return all <= 0 ? 100 : static_cast<int>(100 * NumberBehind("MemAvailable:", text) / all);
}

}  // namespace penstock
