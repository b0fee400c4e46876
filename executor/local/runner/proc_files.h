// What /proc tells of processes, to the supervisor and to the server. Standard library only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace penstock {

// The beginning of a file, up to about `limit` bytes; empty if it cannot be read. `path` is below the directory that
// is open as `directory`, or absolute.
std::string ReadFileAt(int directory, const std::string& path, size_t limit);

// The attempt in whose environment a process was started; empty if in none or not readable. `path` is that of the
// process's folder, as above.
std::string AttemptOfProcess(int directory, const std::string& path);

// The number behind `name` in the text of a file such as /proc/meminfo; 0 if there is none.
int64_t NumberBehind(std::string_view name, const std::string& text);

// Memory that programs could take without swapping, in parts of a hundred of all; 100 if the kernel does not say.
int MemoryLeftPercent();

}  // namespace penstock
