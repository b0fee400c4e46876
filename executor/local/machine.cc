#include "executor/local/machine.h"

#include <dirent.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace penstock {
namespace {

constexpr size_t kFileBytes = 1 << 20;
constexpr size_t kWordsBytes = 256;
constexpr size_t kGpus = 64;

// The beginning of a file; nothing if it cannot be read.
std::string FileText(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::string text(kFileBytes, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<size_t>(std::max<std::streamsize>(file.gcount(), 0)));
  return text;
}

// Files of a system hold what somebody has written there: no more than a line, and nothing but ASCII.
std::string Words(absl::string_view text) {
  std::string words(absl::StripAsciiWhitespace(text.substr(0, kWordsBytes)));
  std::replace_if(
      words.begin(), words.end(), [](unsigned char c) { return c < ' ' || c > '~'; }, '?');
  return words;
}

// What stands behind `key` and `separator` in the first line that begins with the key.
std::string ValueOf(absl::string_view text, absl::string_view key, char separator) {
  for (absl::string_view line : absl::StrSplit(text, '\n')) {
    if (!absl::ConsumePrefix(&line, key)) continue;
    line = absl::StripLeadingAsciiWhitespace(line);
    if (line.empty() || line.front() != separator) continue;
    return Words(line.substr(1));
  }
  return "";
}

std::string OsName(absl::string_view os_release) {
  std::string name = ValueOf(os_release, "PRETTY_NAME", '=');
  if (name.size() >= 2 && name.front() == '"' && name.back() == '"') name = name.substr(1, name.size() - 2);
  return name;
}

// Of NVIDIA's driver, which has a folder for each device.
std::vector<std::string> NvidiaGpus(const std::string& folder) {
  std::vector<std::string> gpus;
  DIR* const opened = opendir(folder.c_str());
  if (opened == nullptr) return gpus;
  const auto close_folder = absl::MakeCleanup([opened] { closedir(opened); });
  std::vector<std::string> names;
  while (const dirent* entry = readdir(opened)) {
    if (entry->d_name[0] != '.' && names.size() < kGpus) names.emplace_back(entry->d_name);
  }
  std::sort(names.begin(), names.end());
  for (const std::string& name : names) {
    std::string model = ValueOf(FileText(absl::StrCat(folder, "/", name, "/information")), "Model", ':');
    if (!model.empty()) gpus.push_back(std::move(model));
  }
  return gpus;
}

// "MemTotal:  16384000 kB".
int64_t MemoryBytes(absl::string_view meminfo) {
  const std::string total = ValueOf(meminfo, "MemTotal", ':');
  int64_t kilobytes = 0;
  if (!absl::SimpleAtoi(absl::StripSuffix(total, " kB"), &kilobytes) || kilobytes < 0) return 0;
  return kilobytes << 10;
}

}  // namespace

Machine ReadMachine(absl::string_view root) {
  const auto text = [root](absl::string_view path) { return FileText(absl::StrCat(root, path)); };
  Machine machine;
  machine.hostname = Words(text("/proc/sys/kernel/hostname"));
  machine.kernel =
      absl::StrCat(Words(text("/proc/sys/kernel/ostype")), " ", Words(text("/proc/sys/kernel/osrelease")));
  machine.kernel = Words(machine.kernel);
  machine.os = OsName(text("/etc/os-release"));
  if (machine.os.empty()) machine.os = OsName(text("/usr/lib/os-release"));
  struct utsname names = {};
  if (uname(&names) == 0) machine.architecture = Words(names.machine);
  machine.cpu_model = ValueOf(text("/proc/cpuinfo"), "model name", ':');
  machine.cpus = static_cast<int>(std::max(1L, sysconf(_SC_NPROCESSORS_ONLN)));
  machine.memory_bytes = MemoryBytes(text("/proc/meminfo"));
  machine.gpus = NvidiaGpus(absl::StrCat(root, "/proc/driver/nvidia/gpus"));
  return machine;
}

}  // namespace penstock
