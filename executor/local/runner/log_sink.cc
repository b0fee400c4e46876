#include "executor/local/runner/log_sink.h"

#include <fcntl.h>
#include <string.h>

#include <algorithm>
#include <cerrno>

namespace penstock {

void LogSink::Append(std::string_view data) {
  const size_t room = static_cast<size_t>(std::clamp<int64_t>(limit_ - written_, 0, data.size()));
  const size_t taken = Write(data.substr(0, room));
  written_ += static_cast<int64_t>(taken);
  dropped_ += static_cast<int64_t>(data.size() - taken);
  if (taken < room) {
    error_ = errno;
    limit_ = written_;  // no holes in the text
  }
}

size_t LogSink::Write(std::string_view data) {
  if (!fd_.valid() && !data.empty()) {
    // Whatever lies there: a link is not followed, a pipe not waited for, a terminal not taken.
    fd_.Reset(open(path_.c_str(),
                   O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, 0600));
    if (!fd_.valid()) return 0;
  }
  size_t done = 0;
  while (done < data.size()) {
    const ssize_t n = write(fd_.get(), data.data() + done, data.size() - done);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) break;
    done += static_cast<size_t>(n);
  }
  if (done > 0) at_line_start_ = data[done - 1] == '\n';
  return done;
}

void LogSink::Close() {
  if (dropped_ > 0 && fd_.valid()) {
    const std::string why = error_ != 0 ? std::string("the disk did not take more (") + strerror(error_) + ")"
                                        : "its limit is " + std::to_string(limit_) + " bytes";
    Write(std::string(at_line_start_ ? "" : "\n") + "[penstock] The log ends here: " + why + ", " +
          std::to_string(dropped_) + " more " + (error_ != 0 ? "bytes " : "") + "were dropped.\n");
  }
  fd_.Reset();
}

}  // namespace penstock
