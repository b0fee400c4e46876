// The log file of one attempt, with a bound: what is written beyond it is dropped and counted.
// Not thread-safe. Standard library only.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "executor/posix/unique_fd.h"

namespace penstock {

class LogSink {
 public:
  // The file is made, or appended to, with the first byte: one that nobody writes to costs a small task a
  // tenth of its time.
  LogSink(std::string path, int64_t limit_bytes) : path_(std::move(path)), limit_(limit_bytes) {}

  // Never fails: what the disk does not take is dropped too.
  void Append(std::string_view data);

  // Ends the file. If anything was dropped its last line says so and how much.
  void Close();

  int64_t dropped_bytes() const { return dropped_; }
  // Why bytes were lost below the limit, 0 if none were.
  int error() const { return error_; }

 private:
  // How much of `data` was written.
  size_t Write(std::string_view data);

  std::string path_;
  UniqueFd fd_;
  int64_t limit_ = 0;
  int64_t written_ = 0;
  int64_t dropped_ = 0;
  int error_ = 0;
  bool at_line_start_ = true;
};

}  // namespace penstock
