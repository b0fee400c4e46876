// `penstock runs`: what one may want of runs at a terminal, asked of a server that runs.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "penstock/v1/run_comparison.pb.h"
#include "server/config.h"

namespace penstock {

// Does what the first of `words` says, with the others: compare ID ID ..., rerun ID with or without --pin_packages, report ID, export ID FILE,
// import FILE. The server is the one that config.grpc_listen names. INVALID_ARGUMENT for another form, else the server's
// answer.
absl::Status RunRunsCommand(const std::vector<std::string>& words, const Config& config);

// A comparison as a table, with a line for each row and a column for each run. Pure.
std::string ComparisonText(const penstock::v1::RunComparison& comparison);

}  // namespace penstock
