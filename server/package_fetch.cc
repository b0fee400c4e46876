#include "server/package_fetch.h"

#include <atomic>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/match.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "common/errors.h"
#include "common/limits.h"
#include "content/http_fetch.h"
#include "server/errors.h"
#include "server/validate.h"

namespace penstock {
namespace {

constexpr char kField[] = "package_url.pipeline_url";

std::string FileName(absl::string_view url) {
  url = url.substr(0, url.find_first_of("?#"));
  return std::string(url.substr(url.rfind('/') + 1));
}

// The error of a fetch as one of the request: what the caller can mend is INVALID_ARGUMENT.
absl::Status RequestError(const PackageUrlOptions& options, const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kPermissionDenied:
    case absl::StatusCode::kInvalidArgument:
      return error::PackageUrlRefused(status.message(), options.allow_http ? "http and https" : "https",
                                      options.hosts.empty() ? "of --package_url_hosts, which is empty"
                                                            : absl::StrJoin(options.hosts, ", "));
    case absl::StatusCode::kNotFound:
    case absl::StatusCode::kFailedPrecondition:
    case absl::StatusCode::kResourceExhausted:
      return error::PackageNotFetched(kField, status.message());
    default:
      return status;
  }
}

}  // namespace

bool HostIsAllowed(const std::vector<std::string>& hosts, absl::string_view host) {
  for (absl::string_view allowed : hosts) {
    if (allowed == "*" || allowed == host) return true;
    if (absl::ConsumePrefix(&allowed, "*") && !allowed.empty() && absl::EndsWith(host, allowed)) return true;
  }
  return false;
}

absl::StatusOr<FetchedPackage> FetchPackage(const PackageUrlOptions& options, absl::string_view url) {
  if (url.empty()) return error::FieldRequired(kField, "it names the pipeline package to fetch");
  if (const absl::Status status = CheckText(kField, url, limits::kUrlBytes); !status.ok()) return status;
  static std::atomic<int> fetches{0};
  const auto leave = absl::MakeCleanup([] { --fetches; });
  if (++fetches > limits::kPackageFetches) return error::PackageFetchesTooMany(limits::kPackageFetches);
  HttpFetchOptions fetch;
  fetch.max_bytes = limits::kPackageBytes;
  fetch.timeout = options.timeout;
  fetch.stall_timeout = options.timeout;
  fetch.schemes = {"https"};
  if (options.allow_http) fetch.schemes.push_back("http");
  fetch.allow_host = [&options](absl::string_view host) { return HostIsAllowed(options.hosts, host); };
  fetch.block_private_addresses = !options.allow_private;
  auto content = HttpFetchText(url, fetch);
  if (!content.ok()) return RequestError(options, content.status());
  return FetchedPackage{FileName(url), *std::move(content)};
}

}  // namespace penstock
