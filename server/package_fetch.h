// Fetches the pipeline package that a package_url names, within the bounds that are set for that.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace penstock {

struct PackageUrlOptions {
  // Names of hosts, in lower case; "*.example.com" stands for any name below it, "*" for any host.
  std::vector<std::string> hosts;
  bool allow_http = false;     // else only https
  bool allow_private = false;  // also addresses that are not of the public internet
  absl::Duration timeout = absl::Seconds(30);
};

struct FetchedPackage {
  std::string file_name;  // the last part of the URL's path
  std::string content;
};

// Gets what `url` names. Thread-safe; blocks for at most the time-out. Errors name `url` without its secrets:
// INVALID_ARGUMENT    no URL, one that is not allowed, one behind which there is no package (any status but
//                     200), or more than limits::kPackageBytes
// RESOURCE_EXHAUSTED  limits::kPackageFetches are at work
// DEADLINE_EXCEEDED, UNAVAILABLE  the host does not answer, or not in time
absl::StatusOr<FetchedPackage> FetchPackage(const PackageUrlOptions& options, absl::string_view url);

// Whether `host` is one of `hosts`. Pure.
bool HostIsAllowed(const std::vector<std::string>& hosts, absl::string_view host);

}  // namespace penstock
