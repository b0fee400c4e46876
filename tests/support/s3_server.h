// A real S3 server for tests, on loopback, of a test's own: the program that PENSTOCK_TEST_S3_SERVER names.
#pragma once

#include <sys/types.h>

#include <string>

namespace penstock {

// Ends with the object. Buckets are folders.
class S3Server {
 public:
  // Why there can be none; empty if there can.
  static std::string Missing();

  // Waits until it listens; aborts the program if it does not.
  S3Server();
  ~S3Server();
  S3Server(const S3Server&) = delete;
  S3Server& operator=(const S3Server&) = delete;

  void MakeBucket(const std::string& name);
  // A file of settings for what lies below the prefix.
  std::string SettingsFile(const std::string& prefix) const;
  // Of its own files; short enough for a socket.
  const std::string& folder() const { return folder_; }

 private:
  std::string folder_;
  int port_ = 0;
  pid_t pid_ = -1;
};

}  // namespace penstock
