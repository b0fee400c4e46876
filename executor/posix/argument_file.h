// Arguments of the programs that an attempt begins as, in a file of its work directory rather than on their
// command line, which every user of the machine may read: URLs may hold passwords. Standard library only.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace penstock {

inline constexpr std::string_view kArgumentsFlag = "--arguments=";

// Writes them to the new file `path`, for this user alone. False with errno.
bool WriteArguments(const std::string& path, const std::vector<std::string>& arguments);

// Writes a text to the new file `path`, for this user alone. False with errno.
bool WritePrivateFile(const std::string& path, std::string_view text);

// Writes each of them with a NUL at its end. False with errno.
bool WriteTexts(int fd, const std::vector<std::string>& texts);

// The arguments that `given` stand for: those of the file that a single --arguments=FILE names, which is
// removed, else they themselves. Empty if the file cannot be read.
std::vector<std::string> TakeArguments(const std::vector<std::string>& given);

}  // namespace penstock
