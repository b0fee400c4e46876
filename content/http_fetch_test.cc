#include "content/http_fetch.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <map>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace penstock {
namespace {

using testing::HasSubstr;
using testing::Not;

std::string Answer(absl::string_view content) {
  return absl::StrCat("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: ", content.size(),
                      "\r\nConnection: close\r\n\r\n", content);
}

std::string Redirect(absl::string_view to) {
  return absl::StrCat("HTTP/1.1 302 Found\r\nLocation: ", to,
                      "\r\nContent-Length: 5\r\nConnection: close\r\n\r\nmoved");
}

// Answers each request for a path with the bytes that are given for it, and nothing for "": it keeps the
// connection open until it ends itself. Ends with the test.
class LoopbackServer {
 public:
  explicit LoopbackServer(std::map<std::string, std::string> answers) : answers_(std::move(answers)) {
    listening_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    EXPECT_EQ(bind(listening_, reinterpret_cast<sockaddr*>(&address), size), 0);
    EXPECT_EQ(listen(listening_, 16), 0);
    EXPECT_EQ(getsockname(listening_, reinterpret_cast<sockaddr*>(&address), &size), 0);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { Serve(); });
  }
  ~LoopbackServer() {
    shutdown(listening_, SHUT_RDWR);
    thread_.join();
    close(listening_);
    for (const int silent : silent_) close(silent);
  }

  std::string Url(absl::string_view path) const { return absl::StrCat("http://127.0.0.1:", port_, path); }
  int requests() const { return requests_; }

 private:
  void Serve() {
    while (true) {
      const int connection = accept4(listening_, nullptr, nullptr, SOCK_CLOEXEC);
      if (connection < 0) return;
      std::string request;
      char buffer[4096];
      ssize_t n = 0;
      while (!absl::StrContains(request, "\r\n\r\n") && (n = read(connection, buffer, sizeof(buffer))) > 0) {
        request.append(buffer, n);
      }
      ++requests_;
      const std::vector<std::string> words = absl::StrSplit(request, ' ');
      const std::string& answer = answers_[words.size() > 1 ? words[1] : ""];
      if (answer.empty()) {
        silent_.push_back(connection);
        continue;
      }
      (void)!write(connection, answer.data(), answer.size());
      close(connection);
    }
  }

  std::map<std::string, std::string> answers_;
  std::atomic<int> requests_ = 0;
  int listening_ = -1;
  int port_ = 0;
  std::vector<int> silent_;
  std::thread thread_;
};

TEST(HttpFetchTest, GetsTheContentAndItsType) {
  LoopbackServer server({{"/data.csv?signature=secret", Answer("a,b\n1,2\n")}});
  std::string text;
  const auto result = HttpFetch(server.Url("/data.csv?signature=secret"), {}, [&](absl::string_view piece) {
    text.append(piece.data(), piece.size());
    return absl::OkStatus();
  });
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(text, "a,b\n1,2\n");
  EXPECT_EQ(result->bytes, 8);
  EXPECT_EQ(result->content_type, "text/plain");
  EXPECT_EQ(result->url, server.Url("/data.csv?..."));
}

TEST(HttpFetchTest, FollowsRedirectsUpToTheBound) {
  LoopbackServer server({{"/a", Redirect("/b")}, {"/b", Redirect("/c")}, {"/c", Answer("there")}});
  HttpFetchOptions options;
  options.max_redirects = 2;
  const auto there = HttpFetchText(server.Url("/a"), options);
  ASSERT_TRUE(there.ok()) << there.status();
  EXPECT_EQ(*there, "there");
  options.max_redirects = 1;
  const auto refused = HttpFetchText(server.Url("/a"), options).status();
  EXPECT_TRUE(absl::IsFailedPrecondition(refused)) << refused;
  EXPECT_THAT(std::string(refused.message()), HasSubstr("kFetchRedirects"));
}

TEST(HttpFetchTest, StopsAtTheBoundWhateverTheServerAnnounces) {
  const std::string unannounced = "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n12345678";
  LoopbackServer server({{"/8", Answer("12345678")}, {"/u", unannounced}});
  HttpFetchOptions options;
  options.max_bytes = 8;
  for (const char* path : {"/8", "/u"}) {
    EXPECT_TRUE(HttpFetchText(server.Url(path), options).ok()) << path;
  }
  options.max_bytes = 7;
  for (const char* path : {"/8", "/u"}) {
    const auto status = HttpFetchText(server.Url(path), options).status();
    EXPECT_TRUE(absl::IsResourceExhausted(status)) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr("more than 7 bytes"));
  }
}

TEST(HttpFetchTest, AnErrorOfTheSinkIsTheResult) {
  LoopbackServer server({{"/a", Answer("text")}});
  const auto result = HttpFetch(server.Url("/a"), {},
                                [](absl::string_view) { return absl::DataLossError("the disk is full"); });
  EXPECT_EQ(result.status(), absl::DataLossError("the disk is full"));
}

TEST(HttpFetchTest, AStatusIsAnErrorOfItsKind) {
  const auto with = [](int status) {
    return absl::StrCat("HTTP/1.1 ", status,
                        " Because\r\nContent-Length: 4\r\nConnection: close\r\n\r\nbody");
  };
  LoopbackServer server({{"/404", with(404)}, {"/403", with(403)}, {"/500", with(500)}, {"/400", with(400)}});
  EXPECT_TRUE(absl::IsNotFound(HttpFetchText(server.Url("/404"), {}).status()));
  EXPECT_TRUE(absl::IsPermissionDenied(HttpFetchText(server.Url("/403"), {}).status()));
  EXPECT_TRUE(absl::IsUnavailable(HttpFetchText(server.Url("/500"), {}).status()));
  const auto status = HttpFetchText(server.Url("/400"), {}).status();
  EXPECT_TRUE(absl::IsFailedPrecondition(status));
  EXPECT_THAT(std::string(status.message()), HasSubstr("answers with status 400"));
}

TEST(HttpFetchTest, WhatBreaksOffIsNotTakenForTheWhole) {
  LoopbackServer server(
      {{"/half", absl::StrCat("HTTP/1.1 200 OK\r\nContent-Length: 100\r\nConnection: close\r\n\r\nhalf")}});
  const auto status = HttpFetchText(server.Url("/half"), {}).status();
  EXPECT_TRUE(absl::IsUnavailable(status)) << status;
}

TEST(HttpFetchTest, ASilentServerIsGivenUp) {
  LoopbackServer server({});
  HttpFetchOptions options;
  options.timeout = absl::Milliseconds(50);
  const auto status = HttpFetchText(server.Url("/"), options).status();
  EXPECT_TRUE(absl::IsDeadlineExceeded(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("50ms"));
}

TEST(HttpFetchTest, OnlyAllowedSchemesAndHostsAreAsked) {
  LoopbackServer server(
      {{"/file", Redirect("file:///etc/passwd")}, {"/other", Redirect("http://other.test/")}});
  HttpFetchOptions options;
  options.allow_host = [](absl::string_view host) { return host == "127.0.0.1"; };
  const auto to_file = HttpFetchText(server.Url("/file"), options).status();
  EXPECT_TRUE(absl::IsInvalidArgument(to_file)) << to_file;
  EXPECT_THAT(std::string(to_file.message()), HasSubstr("only https and http can"));
  const auto to_other = HttpFetchText(server.Url("/other"), options).status();
  EXPECT_TRUE(absl::IsPermissionDenied(to_other)) << to_other;
  EXPECT_THAT(std::string(to_other.message()), HasSubstr("other.test is not allowed"));
  options.schemes = {"https"};
  EXPECT_TRUE(absl::IsInvalidArgument(HttpFetchText(server.Url("/file"), options).status()));
  EXPECT_EQ(server.requests(), 2);
  for (const char* bad : {"", "no url", "gs://bucket/object", "http://", "ftp://host/x"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(HttpFetchText(bad, {}).status())) << bad;
  }
  EXPECT_TRUE(absl::IsInvalidArgument(
      HttpFetchText(absl::StrCat("http://127.0.0.1/", std::string(limits::kUrlBytes, 'x')), {}).status()));
}

TEST(HttpFetchTest, PrivateAddressesAreRefusedWhenTheConnectionIsMade) {
  LoopbackServer server({{"/a", Answer("secret")}});
  HttpFetchOptions options;
  options.block_private_addresses = true;
  std::string by_name = server.Url("/a");
  by_name.replace(by_name.find("127.0.0.1"), 9, "localhost");
  for (const std::string& url : {server.Url("/a"), by_name}) {
    const auto status = HttpFetchText(url, options).status();
    EXPECT_TRUE(absl::IsPermissionDenied(status)) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr("is not of the public internet"));
  }
  EXPECT_EQ(server.requests(), 0);
}

TEST(HttpFetchTest, NobodyListening) {
  std::string url;
  {
    LoopbackServer server({});
    url = server.Url("/");
  }
  EXPECT_TRUE(absl::IsUnavailable(HttpFetchText(url, {}).status()));
}

TEST(HttpFetchTest, MessagesHoldNoSecretsOfTheUrl) {
  EXPECT_EQ(UrlForMessage("https://user:password@host/path?signature=x#there"), "https://host/path?...");
  EXPECT_EQ(UrlForMessage("https://host/path"), "https://host/path");
  EXPECT_EQ(UrlForMessage("gs://bucket/object"), "gs://bucket/object");
  EXPECT_EQ(UrlForMessage("no url"), "'no url'");
  LoopbackServer server({{"/a", absl::StrCat("HTTP/1.1 404 No\r\nConnection: close\r\n\r\n")}});
  std::string url = server.Url("/a");
  url.insert(url.find("127"), "user:password@");
  EXPECT_THAT(std::string(HttpFetchText(url, {}).status().message()), Not(HasSubstr("password")));
}

TEST(HttpFetchTest, PublicAddresses) {
  for (const char* yes :
       {"8.8.8.8", "172.32.0.1", "100.128.0.1", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"}) {
    EXPECT_TRUE(IsPublicAddress(yes)) << yes;
  }
  for (const char* no : {"",
                         "host",
                         "0.0.0.0",
                         "10.1.2.3",
                         "100.64.0.1",
                         "127.0.0.1",
                         "127.9.9.9",
                         "169.254.169.254",
                         "172.16.0.1",
                         "172.31.255.255",
                         "192.168.0.1",
                         "198.18.0.1",
                         "224.0.0.1",
                         "255.255.255.255",
                         "::",
                         "::1",
                         "fe80::1",
                         "fd00::1",
                         "fc00::1",
                         "ff02::1",
                         "2001:db8::1",
                         "2001::1",
                         "2002:7f00:1::",
                         "::ffff:127.0.0.1",
                         "::ffff:10.0.0.1",
                         "::127.0.0.1",
                         "64:ff9b::7f00:1"}) {
    EXPECT_FALSE(IsPublicAddress(no)) << no;
  }
}

}  // namespace
}  // namespace penstock
