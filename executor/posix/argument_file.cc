#include "executor/posix/argument_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <fstream>
#include <iterator>

#include "executor/posix/unique_fd.h"

namespace penstock {

namespace {

bool WriteAll(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t n = write(fd, text.data(), text.size());
    if (n < 0) return false;
    text.remove_prefix(static_cast<size_t>(n));
  }
  return true;
}

int NewFile(const std::string& path) {
  unlink(path.c_str());  // of a start that failed
  return open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
}

}  // namespace

bool WriteTexts(int fd, const std::vector<std::string>& texts) {
  std::string all;
  for (const std::string& text : texts) all.append(text).push_back('\0');
  return WriteAll(fd, all);
}

bool WriteArguments(const std::string& path, const std::vector<std::string>& arguments) {
  const UniqueFd file(NewFile(path));
  return file.valid() && WriteTexts(file.get(), arguments);
}

bool WritePrivateFile(const std::string& path, std::string_view text) {
  const UniqueFd file(NewFile(path));
  return file.valid() && WriteAll(file.get(), text);
}

std::vector<std::string> TakeArguments(const std::vector<std::string>& given) {
  if (given.size() != 1 || given[0].rfind(kArgumentsFlag, 0) != 0) return given;
  const std::string path = given[0].substr(kArgumentsFlag.size());
  std::ifstream file(path, std::ios::binary);
  const std::string text(std::istreambuf_iterator<char>(file), {});
  unlink(path.c_str());
  std::vector<std::string> arguments;
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = text.find('\0', begin);
    arguments.push_back(text.substr(begin, end - begin));
    begin = end == std::string::npos ? text.size() : end + 1;
  }
  return arguments;
}

}  // namespace penstock
