// An HTTP connection to a gateway.
#pragma once

#include <curl/curl.h>

#include <string>

namespace penstock::bench {

// Kept alive between calls. For one thread. What is not answered with 200 ends the program.
class RestConnection {
 public:
  explicit RestConnection(const std::string& address);
  ~RestConnection();
  RestConnection(const RestConnection&) = delete;
  RestConnection& operator=(const RestConnection&) = delete;

  // Of /apis/v2beta1/runs. Without a body: GET, else POST. The answer is good until the next call.
  const std::string& Call(const std::string& path, const std::string& body = "");

  // As a part of a URL.
  std::string Escaped(const std::string& text) const;

 private:
  const std::string base_;
  CURL* const curl_;
  curl_slist* headers_ = nullptr;
  std::string answer_;
};

}  // namespace penstock::bench
