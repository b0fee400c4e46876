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

// SQLite's own rate at points of metrics, in a new file at `path`: ten series, `batch` points a commit, in the order in
// which they are stored: {"per_second": ...}.
Json RawPoints(const std::string& path, int batch, double seconds);

// The store's rate at the same rows, in a new database: its own Write from `callers` threads, without gRPC.
Json StoreInserts(const std::string& url, int callers, double seconds);

// libpqxx's own rate at the same rows, in a new PostgreSQL database: prepared statements, `callers`
// connections, a transaction each: {"per_second": ...}.
Json RawPostgresInserts(const std::string& url, int callers, double seconds);

// A point read and the newest page of 20 of `runs` stored runs of the filling, by the store and by
// libpqxx with the same SQL, in turn: {"get_store": {"p50": ms, "p99": ms}, "get_raw": ..., "get_raw_bare":
// without a transaction, "page_store": ..., "page_raw": ...}.
Json PostgresReads(const std::string& url, int64_t runs, int rounds);

}  // namespace penstock::bench
