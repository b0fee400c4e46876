// The commands of the client. Each measures one thing and returns what it found.
#pragma once

#include <string>

#include "common/json.h"

namespace penstock::bench {

// Stores the pipeline in `file` under `name`: {"version_id": ...}.
Json Upload(const std::string& target, const std::string& name, const std::string& file);

// One run of the version, followed to its end: {"seconds": from CreateRun's answer to the run's finished_at}.
Json RunOnce(const std::string& target, const std::string& version_id);

// One run of the version, as a client sees it that asks every `poll_millis`: {"seconds": from the call of
// CreateRun to the answer that says that the run has ended}.
Json RunSeen(const std::string& target, const std::string& version_id, int poll_millis);

// `count` runs, one after the other, of a version whose only task is `program` appending its start to `file`,
// and after each run the same program spawned directly. Milliseconds from CreateRun's answer, and from the
// call of posix_spawn, to the start: {"task": ..., "spawn": ...}.
Json FirstTask(const std::string& target, const std::string& version_id, int count,
               const std::string& program, const std::string& file);

// `count` processes of `program`, one after the other, each waited for: {"seconds": of all together}.
Json Spawns(const std::string& program, int count);

// CreateRun with `callers` calls in flight over a few connections: {"per_second": ..., "latency_ms": ...}.
Json Create(const std::string& target, const std::string& version_id, int callers, double seconds);

// LogMetrics with `callers` callers, each with a run of its own of the version and batches of 1,000 points of ten
// metrics: {"per_second": points, "latency_ms": ...}.
Json LogPoints(const std::string& target, const std::string& version_id, int callers, double seconds);

// Reads of a large and a small database, each served by a server of its own, and empty calls of the first, in
// turn, `rounds` times each, by one caller. Milliseconds: {"large": {"empty": ..., "get_run": ..., ...},
// "small": {...}}.
Json Read(const std::string& large_target, const std::string& small_target, int rounds);

// One of those calls, or "create_run" of the version, by one caller, as AsTold says.
Json Calls(const std::string& target, const std::string& call, const std::string& version_id);

// The same over REST, with one connection that is kept: "get_run", "list_default_first" or "create_run".
Json RestCalls(const std::string& address, const std::string& call, const std::string& version_id);

// A server that runs are listed of.
struct ListedServer {
  std::string target;  // of gRPC
  std::string http_address;
  std::string version_id;     // that new runs are of
  std::string experiment_id;  // that runs are listed of
};

// Pages of ListRuns of two servers, `rounds` of each load in turn, by eight readers while runs are created:
// 200 a second over gRPC and over REST, and as many as they can over gRPC, with an empty call after each.
// Milliseconds: {"large": {"grpc": {"all_by_time": {"p50": ..., ...}, "all_by_time.first": ..., ...},
// "rest": {...}, "full": {"empty": ..., ...}, "substring": {...}}, "small": {...}}.
Json Lists(const ListedServer& large, const ListedServer& small, int rounds);

// CreateRun as Create measures it, while 200 first pages a second are read: {"per_second": ...}.
Json CreateWhileListed(const ListedServer& server, int callers, double seconds);

}  // namespace penstock::bench
