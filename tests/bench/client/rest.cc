// Calls over REST by a client that is as quick as that over gRPC: a server costs more CPU a call when it is
// asked less often.
#include "tests/bench/client/rest.h"

#include <vector>

#include "common/json.h"
#include "tests/bench/client/commands.h"
#include "tests/bench/client/connection.h"

namespace penstock::bench {
namespace {

constexpr int kRunsRead = 100;
constexpr long kOk = 200;

size_t Append(char* data, size_t size, size_t count, void* text) {
  static_cast<std::string*>(text)->append(data, size * count);
  return size * count;
}

}  // namespace

RestConnection::RestConnection(const std::string& address)
    : base_("http://" + address + "/apis/v2beta1/runs"), curl_(curl_easy_init()) {
  headers_ = curl_slist_append(nullptr, "Content-Type: application/json");
  curl_easy_setopt(curl_, CURLOPT_HTTPHEADER, headers_);
  curl_easy_setopt(curl_, CURLOPT_PROXY, "");
  curl_easy_setopt(curl_, CURLOPT_WRITEFUNCTION, &Append);
  curl_easy_setopt(curl_, CURLOPT_WRITEDATA, &answer_);
}

RestConnection::~RestConnection() {
  curl_easy_cleanup(curl_);
  curl_slist_free_all(headers_);
}

const std::string& RestConnection::Call(const std::string& path, const std::string& body) {
  answer_.clear();
  curl_easy_setopt(curl_, CURLOPT_URL, (base_ + path).c_str());
  if (body.empty()) {
    curl_easy_setopt(curl_, CURLOPT_HTTPGET, 1L);
  } else {
    curl_easy_setopt(curl_, CURLOPT_POSTFIELDS, body.c_str());
  }
  long status = 0;
  const CURLcode code = curl_easy_perform(curl_);
  curl_easy_getinfo(curl_, CURLINFO_RESPONSE_CODE, &status);
  if (code != CURLE_OK) Fail(curl_easy_strerror(code));
  if (status != kOk) Fail(base_ + path + " answers " + std::to_string(status) + ": " + answer_);
  return answer_;
}

std::string RestConnection::Escaped(const std::string& text) const {
  char* const escaped = curl_easy_escape(curl_, text.data(), static_cast<int>(text.size()));
  std::string result = escaped;
  curl_free(escaped);
  return result;
}

Json RestCalls(const std::string& address, const std::string& call, const std::string& version_id) {
  RestConnection connection(address);
  if (call == "create_run") {
    const Json run = {{"display_name", "run"},
                      {"pipeline_version_reference", {{"pipeline_version_id", version_id}}}};
    return AsTold([&, body = run.dump()] { connection.Call("", body); });
  }
  if (call == "list_default_first") return AsTold([&] { connection.Call("?page_size=20"); });
  if (call != "get_run") Fail("there is no call " + call);
  const Json page = Json::parse(connection.Call("?page_size=" + std::to_string(kRunsRead)));
  std::vector<std::string> paths;
  for (const Json& run : page.at("runs")) paths.push_back("/" + run.at("run_id").get<std::string>());
  return AsTold([&, next = size_t{0}]() mutable { connection.Call(paths[next++ % paths.size()]); });
}

}  // namespace penstock::bench
