// The data directory: everything a stand-alone server keeps.
#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"

namespace penstock {

// Holds the directory's lock as long as it lives, so that two servers never share one.
class DataDir {
 public:
  // Makes the directory and its parts (artifacts, logs, work, envs) where they are missing, and takes the
  // lock. FAILED_PRECONDITION if another server holds it, naming its process; UNAVAILABLE if it cannot be
  // made or written.
  static absl::StatusOr<std::unique_ptr<DataDir>> Open(const std::string& path);
  ~DataDir();

  // Absolute, without symbolic links.
  const std::string& path() const { return path_; }
  // A UUID that was made with the directory and goes where it goes.
  const std::string& id() const { return id_; }
  // For a unix socket of that name, the server's own; empty if the path is too long for one.
  std::string SocketPath(absl::string_view name = "penstock.sock") const;

 private:
  DataDir(std::string path, std::string id, int lock_fd)
      : path_(std::move(path)), id_(std::move(id)), lock_fd_(lock_fd) {}

  const std::string path_;
  const std::string id_;
  const int lock_fd_;
};

}  // namespace penstock
