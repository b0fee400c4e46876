// What the server asks of penstock-env, the program that an attempt with a shared Python environment begins
// as: to make the environment if it is not there yet, and then to become the task's command. Travels as the
// program's arguments. Standard library only. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "executor/python/venv.h"

namespace penstock {

// In place of the key of a shared environment: the packages are installed for this attempt alone.
inline constexpr char kOwnKey[] = "own";

struct EnvRequest {
  std::string envs_dir;     // absolute
  std::string key;          // 64 hexadecimal digits, or kOwnKey
  int64_t limit_bytes = 0;  // of all environments together, enforced after a build
  BasePython base;          // all but kfp_version and fingerprint
  std::string overlay;      // the attempt's own environment over the shared one, made before the command
  std::vector<std::vector<std::string>> installs;  // arguments of each `pip install`
  std::vector<std::string> requirements;           // for people
  std::vector<std::string> constraints;            // that each `pip install` keeps to, "name==version"
  std::vector<std::string> variables;              // NAME=value, of the build; the later ones win
  std::vector<std::string> command;                // not empty
};

// Without the program's own name.
std::vector<std::string> ToArguments(const EnvRequest& request);

// False if they are not those of a request.
bool ParseArguments(const std::vector<std::string>& arguments, EnvRequest* request);

}  // namespace penstock
