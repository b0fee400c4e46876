// What the environment of this process says of object stores, by the conventions of each cloud. Reads the environment and
// looks for files, and asks no network.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace penstock {

// The variables that those who reach object stores go by: credentials, endpoints, proxies and certificates.
std::vector<std::pair<std::string, std::string>> StoreEnvironment();

// The schemes of stores for which there are credentials, "s3://", or an emulator in their place. What only a cloud's own
// machines are given (instance roles) is not looked for: who relies on it names a pipeline root, or a settings file.
std::vector<std::string> SchemesWithCredentials();

}  // namespace penstock
