#include "content/http_fetch.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <memory>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/status_macros.h"
#include "common/text.h"

namespace penstock {
namespace {

constexpr size_t kMessageUrlBytes = 300;
constexpr int64_t kDroppedBytes = 64 << 10;  // read of what comes with another status than 200

// --- URLs ---

struct FreeUrl {
  void operator()(CURLU* url) const { curl_url_cleanup(url); }
};
using ParsedUrl = std::unique_ptr<CURLU, FreeUrl>;

// nullptr if it is none.
ParsedUrl ParseUrl(const std::string& text) {
  ParsedUrl url(curl_url());
  // Of any scheme, so that the message about those that are not fetched can name it.
  constexpr unsigned kFlags = CURLU_NON_SUPPORT_SCHEME;
  if (url != nullptr && curl_url_set(url.get(), CURLUPART_URL, text.c_str(), kFlags) != CURLUE_OK) {
    url.reset();
  }
  return url;
}

std::string PartOf(const ParsedUrl& url, CURLUPart part) {
  char* text = nullptr;
  if (curl_url_get(url.get(), part, &text, 0) != CURLUE_OK) return "";
  std::string out(text);
  curl_free(text);
  return out;
}

// --- Addresses ---

using AddressBytes = std::array<unsigned char, 16>;

struct Prefix {
  AddressBytes bytes;
  int bits;
};

bool IsIn(const AddressBytes& address, const Prefix& prefix) {
  for (int bit = 0; bit < prefix.bits; ++bit) {
    const int mask = 0x80 >> (bit % 8);
    if ((address[bit / 8] & mask) != (prefix.bytes[bit / 8] & mask)) return false;
  }
  return true;
}

template <typename Prefixes>
bool IsInAny(const AddressBytes& address, const Prefixes& prefixes) {
  return std::any_of(std::begin(prefixes), std::end(prefixes),
                     [&](const Prefix& prefix) { return IsIn(address, prefix); });
}

// Registered by IANA as not globally reachable, or not for one host.
constexpr Prefix kReservedV4[] = {
    {{0}, 8},
    {{10}, 8},
    {{100, 64}, 10},
    {{127}, 8},
    {{169, 254}, 16},
    {{172, 16}, 12},
    {{192, 0, 0}, 24},
    {{192, 0, 2}, 24},
    {{192, 88, 99}, 24},
    {{192, 168}, 16},
    {{198, 18}, 15},
    {{198, 51, 100}, 24},
    {{203, 0, 113}, 24},
    {{224}, 4},
    {{240}, 4},
};
constexpr Prefix kGlobalV6 = {{0x20}, 3};
constexpr Prefix kReservedV6[] = {
    {{0x20, 0x01}, 23},              // protocol assignments, Teredo among them
    {{0x20, 0x01, 0x0d, 0xb8}, 32},  // for documents
    {{0x20, 0x02}, 16},              // 6to4, which holds an IPv4 address
    {{0x3f, 0xff}, 20},              // for documents
};
// The last 4 bytes are an IPv4 address.
constexpr Prefix kHoldsV4[] = {
    {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff}, 96},
    {{0, 0x64, 0xff, 0x9b}, 96},
};

bool IsPublicV4(const AddressBytes& address) { return !IsInAny(address, kReservedV4); }

bool IsPublicV6(const AddressBytes& address) {
  if (IsInAny(address, kHoldsV4)) return IsPublicV4({address[12], address[13], address[14], address[15]});
  return IsIn(address, kGlobalV6) && !IsInAny(address, kReservedV6);
}

std::string AddressText(const sockaddr* address) {
  char text[INET6_ADDRSTRLEN] = "";
  if (address->sa_family == AF_INET) {
    inet_ntop(AF_INET, &reinterpret_cast<const sockaddr_in*>(address)->sin_addr, text, sizeof(text));
  } else if (address->sa_family == AF_INET6) {
    inet_ntop(AF_INET6, &reinterpret_cast<const sockaddr_in6*>(address)->sin6_addr, text, sizeof(text));
  }
  return text;
}

// --- One fetch ---

struct FreeHandle {
  void operator()(CURL* handle) const { curl_easy_cleanup(handle); }
};

class Fetch {
 public:
  Fetch(const HttpFetchOptions& options, HttpContentSink sink) : options_(options), sink_(sink) {}

  absl::StatusOr<HttpFetchResult> Run(absl::string_view first_url) {
    // Must not run in two threads at once; a static is made by one.
    static const CURLcode ready = curl_global_init(CURL_GLOBAL_DEFAULT);
    handle_.reset(curl_easy_init());
    if (ready != CURLE_OK || handle_ == nullptr) return absl::InternalError("libcurl cannot be set up");
    url_ = std::string(first_url);
    SetOptions();
    for (int redirects = 0;; ++redirects) {
      RETURN_IF_ERROR(CheckUrl());
      RETURN_IF_ERROR(Transfer());
      char* next = nullptr;
      curl_easy_getinfo(handle_.get(), CURLINFO_REDIRECT_URL, &next);
      if (Status() / 100 != 3 || next == nullptr) break;
      if (redirects >= options_.max_redirects) {
        return absl::FailedPreconditionError(
            absl::StrCat(UrlForMessage(first_url), " was redirected more than ", options_.max_redirects,
                         " times (the bound kFetchRedirects)"));
      }
      url_ = next;
    }
    RETURN_IF_ERROR(CheckStatus());
    char* content_type = nullptr;
    curl_easy_getinfo(handle_.get(), CURLINFO_CONTENT_TYPE, &content_type);
    return HttpFetchResult{UrlForMessage(url_), content_type == nullptr ? "" : content_type, bytes_};
  }

 private:
  template <typename Value>
  void Set(CURLoption option, Value value) {
    curl_easy_setopt(handle_.get(), option, value);
  }

  void SetOptions() {
    // Signals do not go with threads.
    Set(CURLOPT_NOSIGNAL, 1L);
    Set(CURLOPT_PROTOCOLS_STR, "http,https");
    Set(CURLOPT_FOLLOWLOCATION, 0L);  // each place is checked before it is asked
    Set(CURLOPT_USERAGENT, "penstock");
    Set(CURLOPT_ERRORBUFFER, curl_error_);
    Set(CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(absl::ToInt64Milliseconds(options_.connect_timeout)));
    // Less than a byte a second for so long is a stall.
    Set(CURLOPT_LOW_SPEED_LIMIT, 1L);
    Set(CURLOPT_LOW_SPEED_TIME, static_cast<long>(absl::ToInt64Seconds(options_.stall_timeout)));
    Set(CURLOPT_WRITEFUNCTION, &Fetch::OnContent);
    Set(CURLOPT_WRITEDATA, this);
    // As OpenSSL's own programs and Python's clients do; libcurl knows only the system's.
    if (const char* file = std::getenv("SSL_CERT_FILE"); file != nullptr && *file != '\0') {
      Set(CURLOPT_CAINFO, file);
    }
    if (const char* folder = std::getenv("SSL_CERT_DIR"); folder != nullptr && *folder != '\0') {
      Set(CURLOPT_CAPATH, folder);
    }
    if (options_.block_private_addresses) {
      // A proxy would look the host up itself, and no address could be checked here.
      Set(CURLOPT_NOPROXY, "*");
      Set(CURLOPT_OPENSOCKETFUNCTION, &Fetch::OpenSocket);
      Set(CURLOPT_OPENSOCKETDATA, this);
    }
  }

  absl::Status CheckUrl() const {
    if (url_.size() > static_cast<size_t>(limits::kUrlBytes)) {
      return absl::InvalidArgumentError(absl::StrCat("the URL ", UrlForMessage(url_), " has ", url_.size(),
                                                     " bytes; the bound is ", limits::kUrlBytes,
                                                     " (kUrlBytes)"));
    }
    const ParsedUrl url = url_.find('\0') == std::string::npos ? ParseUrl(url_) : nullptr;
    if (url == nullptr) {
      return absl::InvalidArgumentError(absl::StrCat(QuoteForMessage(url_), " is not a URL"));
    }
    const std::string scheme = absl::AsciiStrToLower(PartOf(url, CURLUPART_SCHEME));
    const auto& schemes = options_.schemes;
    if (std::find(schemes.begin(), schemes.end(), scheme) == schemes.end()) {
      return absl::InvalidArgumentError(absl::StrCat(UrlForMessage(url_), " cannot be fetched: only ",
                                                     absl::StrJoin(schemes, " and "), " can"));
    }
    const std::string host = absl::AsciiStrToLower(PartOf(url, CURLUPART_HOST));
    if (options_.allow_host && !options_.allow_host(host)) {
      return absl::PermissionDeniedError(
          absl::StrCat(UrlForMessage(url_), " may not be fetched: the host ", host, " is not allowed"));
    }
    return absl::OkStatus();
  }

  absl::Status Transfer() {
    // One bound on all redirects together.
    const absl::Duration left = options_.timeout - spent_;
    Set(CURLOPT_URL, url_.c_str());
    Set(CURLOPT_TIMEOUT_MS, static_cast<long>(std::max<int64_t>(absl::ToInt64Milliseconds(left), 1)));
    curl_error_[0] = '\0';
    const CURLcode code = curl_easy_perform(handle_.get());
    curl_off_t micros = 0;
    curl_easy_getinfo(handle_.get(), CURLINFO_TOTAL_TIME_T, &micros);
    spent_ += absl::Microseconds(micros);
    RETURN_IF_ERROR(sink_status_);
    if (code == CURLE_OK || (code == CURLE_WRITE_ERROR && Status() != 200)) {
      return absl::OkStatus();  // the status says enough
    }
    return TransferError(code);
  }

  absl::Status TransferError(CURLcode code) const {
    const std::string url = UrlForMessage(url_);
    if (!refused_address_.empty()) {
      return absl::PermissionDeniedError(absl::StrCat(url, " may not be fetched: its address ",
                                                      refused_address_, " is not of the public internet"));
    }
    const std::string why = curl_error_[0] != '\0' ? curl_error_ : curl_easy_strerror(code);
    if (code == CURLE_OPERATION_TIMEDOUT) {
      return absl::DeadlineExceededError(absl::StrCat(
          url, " could not be fetched: ", why, "; it may take ", absl::FormatDuration(options_.timeout),
          ", a connection ", absl::FormatDuration(options_.connect_timeout), ", a pause ",
          absl::FormatDuration(options_.stall_timeout)));
    }
    if (code == CURLE_URL_MALFORMAT || code == CURLE_UNSUPPORTED_PROTOCOL) {
      return absl::InvalidArgumentError(absl::StrCat(url, " could not be fetched: ", why));
    }
    if (code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_SSL_CACERT_BADFILE) {
      return absl::FailedPreconditionError(
          absl::StrCat(url, " could not be fetched: ", why,
                       "; trusted are the certificate authorities of the system, or of ",
                       "the file that the environment variable SSL_CERT_FILE of the server names"));
    }
    return absl::UnavailableError(absl::StrCat(url, " could not be fetched: ", why));
  }

  absl::Status CheckStatus() const {
    const long status = Status();
    if (status == 200) return absl::OkStatus();
    const std::string message =
        absl::StrCat(UrlForMessage(url_), " could not be fetched: the server answers with status ", status);
    if (status == 401 || status == 403) return absl::PermissionDeniedError(message);
    if (status == 404 || status == 410) return absl::NotFoundError(message);
    return status >= 500 || status == 429 ? absl::UnavailableError(message)
                                          : absl::FailedPreconditionError(message);
  }

  long Status() const {
    long status = 0;
    curl_easy_getinfo(handle_.get(), CURLINFO_RESPONSE_CODE, &status);
    return status;
  }

  absl::Status TakeContent(absl::string_view piece) {
    if (bytes_ + static_cast<int64_t>(piece.size()) > options_.max_bytes) {
      return absl::ResourceExhaustedError(
          absl::StrCat(UrlForMessage(url_), " has more than ", options_.max_bytes, " bytes",
                       options_.max_bytes == limits::kFetchBytes ? " (the bound kFetchBytes)" : ""));
    }
    bytes_ += static_cast<int64_t>(piece.size());
    return sink_(piece);
  }

  static size_t OnContent(char* data, size_t size, size_t count, void* fetch) {
    auto* self = static_cast<Fetch*>(fetch);
    // A page about a redirect or an error is no content: it is dropped, and if it is long the transfer ends.
    if (self->Status() != 200) {
      self->dropped_bytes_ += static_cast<int64_t>(size * count);
      return self->dropped_bytes_ <= kDroppedBytes ? size * count : 0;
    }
    self->sink_status_ = self->TakeContent({data, size * count});
    return self->sink_status_.ok() ? size * count : 0;
  }

  // Looks at the very address that will be connected to: a host that resolves to another one the next time
  // does not get past it.
  static curl_socket_t OpenSocket(void* fetch, curlsocktype, curl_sockaddr* address) {
    const std::string text = AddressText(&address->addr);
    if (!IsPublicAddress(text)) {
      static_cast<Fetch*>(fetch)->refused_address_ = text;
      return CURL_SOCKET_BAD;
    }
    return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
  }

  const HttpFetchOptions& options_;
  HttpContentSink sink_;
  std::unique_ptr<CURL, FreeHandle> handle_;
  std::string url_;  // where the fetch has come to
  absl::Duration spent_;
  int64_t bytes_ = 0;
  int64_t dropped_bytes_ = 0;
  absl::Status sink_status_;
  std::string refused_address_;
  char curl_error_[CURL_ERROR_SIZE] = "";
};

}  // namespace

absl::StatusOr<HttpFetchResult> HttpFetch(absl::string_view url, const HttpFetchOptions& options,
                                          HttpContentSink sink) {
  return Fetch(options, sink).Run(url);
}

absl::StatusOr<std::string> HttpFetchText(absl::string_view url, const HttpFetchOptions& options) {
  std::string text;
  RETURN_IF_ERROR(HttpFetch(url, options, [&](absl::string_view piece) {
                    text.append(piece.data(), piece.size());
                    return absl::OkStatus();
                  }).status());
  return text;
}

std::string UrlForMessage(absl::string_view url) {
  const std::string text(url);
  const ParsedUrl parsed = text.find('\0') == std::string::npos ? ParseUrl(text) : nullptr;
  if (parsed == nullptr) return QuoteForMessage(url);
  const bool has_query = !PartOf(parsed, CURLUPART_QUERY).empty();
  // All that may be secret.
  for (const CURLUPart part :
       {CURLUPART_USER, CURLUPART_PASSWORD, CURLUPART_OPTIONS, CURLUPART_QUERY, CURLUPART_FRAGMENT}) {
    curl_url_set(parsed.get(), part, nullptr, 0);
  }
  return absl::StrCat(Shorten(PartOf(parsed, CURLUPART_URL), kMessageUrlBytes), has_query ? "?..." : "");
}

bool IsPublicAddress(absl::string_view address) {
  const std::string text(address);
  AddressBytes bytes = {};
  if (inet_pton(AF_INET, text.c_str(), bytes.data()) == 1) return IsPublicV4(bytes);
  return inet_pton(AF_INET6, text.c_str(), bytes.data()) == 1 && IsPublicV6(bytes);
}

}  // namespace penstock
