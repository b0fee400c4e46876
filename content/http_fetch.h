// Fetches one document over HTTP or HTTPS with libcurl, within bounds.
//
// Thread-safe: every fetch stands alone. It blocks until it is done, so it is not for threads that others
// wait for.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "common/limits.h"

namespace penstock {

struct HttpFetchOptions {
  int64_t max_bytes = limits::kFetchBytes;                        // of the content
  absl::Duration timeout = absl::Seconds(limits::kFetchSeconds);  // of all of it, redirects too
  absl::Duration connect_timeout = absl::Seconds(limits::kFetchConnectSeconds);  // of each connection
  // In which not one byte comes; whole seconds.
  absl::Duration stall_timeout = absl::Seconds(limits::kFetchStallSeconds);
  int max_redirects = limits::kFetchRedirects;
  std::vector<std::string> schemes = {"https", "http"};  // of the URL and of each redirect
  // If set, says of the host of the URL and of each redirect (lower case, without port) whether it may be
  // asked.
  std::function<bool(absl::string_view host)> allow_host;
  // Refuses addresses that are not of the public internet, when the connection is made: whatever the name
  // resolves to, and wherever a redirect leads. No proxy is used then, since it would choose the address.
  bool block_private_addresses = false;
};

struct HttpFetchResult {
  std::string url;           // the last one, after redirects, as UrlForMessage gives it
  std::string content_type;  // as the server says; may be empty
  int64_t bytes = 0;
};

// Takes the content piece by piece. An error ends the fetch and is its result.
using HttpContentSink = absl::FunctionRef<absl::Status(absl::string_view piece)>;

// Gets `url`. Redirects are followed; only an answer with status 200 has content. Proxies are those of the
// environment (https_proxy, no_proxy and so on), and so are certificate authorities besides the system's
// (SSL_CERT_FILE, SSL_CERT_DIR). The errors name the URL as UrlForMessage does:
// INVALID_ARGUMENT       not a URL that can be fetched, or a scheme that is not allowed
// PERMISSION_DENIED      a host or an address that is not allowed, or status 401 or 403
// NOT_FOUND              status 404 or 410
// FAILED_PRECONDITION    another status, too many redirects, a certificate that is not trusted
// RESOURCE_EXHAUSTED     more bytes than the bound, which the error names
// DEADLINE_EXCEEDED      a time-out
// UNAVAILABLE            no connection, or it broke off, or a status of 500 or above, or 429
absl::StatusOr<HttpFetchResult> HttpFetch(absl::string_view url, const HttpFetchOptions& options,
                                          HttpContentSink sink);

// The same, with the content as text.
absl::StatusOr<std::string> HttpFetchText(absl::string_view url, const HttpFetchOptions& options);

// `url` for messages: without user, password and fragment, and with "?..." for a query, which may hold a
// signature; shortened. Pure.
std::string UrlForMessage(absl::string_view url);

// Whether an address, as text, is of the public internet: not loopback, private, link-local, multicast,
// unspecified or otherwise reserved, and no IPv4 address of these kinds inside an IPv6 one. False for what is
// no address. Pure.
bool IsPublicAddress(absl::string_view address);

}  // namespace penstock
