// Where an attempt ran: the machine, and the interpreter that its programs find first. Plain data.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace penstock {

// As the machine describes itself; what it does not say is empty or 0.
struct Machine {
  std::string hostname;
  std::string kernel;  // "Linux 6.1.0-18-amd64"
  std::string os;      // "Debian GNU/Linux 12 (bookworm)"
  std::string architecture;
  std::string cpu_model;
  int cpus = 0;
  int64_t memory_bytes = 0;
  std::vector<std::string> gpus;  // a model each
};

struct Interpreter {
  std::string path;
  std::string version;
  std::vector<std::string> packages;  // that are installed there, "name==version", by name
};

struct AttemptPlace {
  Machine machine;
  std::optional<Interpreter> interpreter;  // nothing: the executor knows of none
  std::string image_digest;                // of the image that it ran in; empty: in none, or nobody knows
};

}  // namespace penstock
