// How a program that prepares an attempt becomes the attempt's own command. Standard library only.
#pragma once

#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <string>
#include <vector>

namespace penstock {

// Returns only if the command cannot be run, and has said so on standard error: the exit status for that, as
// a shell gives it.
inline int BecomeCommand(const std::vector<std::string>& command) {
  constexpr int kNotFoundExit = 127;
  constexpr int kNotRunExit = 126;
  std::vector<char*> pointers;
  for (const std::string& word : command) pointers.push_back(const_cast<char*>(word.c_str()));
  pointers.push_back(nullptr);
  execvp(pointers[0], pointers.data());
  const int error = errno;
  std::fprintf(stderr, "penstock: the program '%s' cannot be run: %s\n", pointers[0], std::strerror(error));
  return error == ENOENT ? kNotFoundExit : kNotRunExit;
}

}  // namespace penstock
