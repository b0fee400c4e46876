// The commands that work on a database directly, without a server.
#pragma once

#include <string>

#include "common/json.h"

namespace penstock::bench {

// Inserts `count` finished runs of the version, each with one finished task, in ten experiments, into the
// database at `path`, which a server made: {"runs": count}.
Json Fill(const std::string& path, const std::string& version_id, int count);

// SQLite's own rate at CreateRun's rows, in a new file at `path`: its C interface, prepared statements, one
// thread, `batch` runs a commit: {"per_second": ...}.
Json RawInserts(const std::string& path, int batch, double seconds);

// The store's rate at the same rows, in a new file: its own Write from `callers` threads, without gRPC.
Json StoreInserts(const std::string& path, int callers, double seconds);

}  // namespace penstock::bench
