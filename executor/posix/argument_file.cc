#include "executor/posix/argument_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <fstream>
#include <iterator>

#include "executor/posix/unique_fd.h"

namespace penstock {

bool WriteTexts(int fd, const std::vector<std::string>& texts) {
  std::string all;
  for (const std::string& text : texts) all.append(text).push_back('\0');
  for (std::string_view rest = all; !rest.empty();) {
    const ssize_t n = write(fd, rest.data(), rest.size());
    if (n < 0) return false;
    rest.remove_prefix(static_cast<size_t>(n));
  }
  return true;
}

bool WriteArguments(const std::string& path, const std::vector<std::string>& arguments) {
  unlink(path.c_str());  // of a start that failed
  const UniqueFd file(open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  return file.valid() && WriteTexts(file.get(), arguments);
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
