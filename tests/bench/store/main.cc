// The programs on a database that tests/bench/run.py drives: one command, its result as one line of JSON.
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "tests/bench/store/commands.h"
#include "tests/bench/store/common.h"

namespace penstock::bench {

void Check(const absl::Status& status) {
  if (status.ok()) return;
  std::fprintf(stderr, "penstock_bench_store: %s\n", status.ToString().c_str());
  std::_Exit(1);
}

namespace {

constexpr char kUsage[] =
    "penstock_bench_store fill PATH VERSION RUNS\n"
    "penstock_bench_store raw PATH BATCH SECONDS\n"
    "penstock_bench_store store URL CALLERS SECONDS\n"
    "penstock_bench_store raw_postgres URL CALLERS SECONDS\n"
    "penstock_bench_store read_postgres URL RUNS ROUNDS\n"
    "penstock_bench_store raw_points PATH BATCH SECONDS\n";

int Main(const std::vector<std::string>& arguments) {
  const std::string command = arguments.size() == 4 ? arguments[0] : "";
  Json result;
  if (command == "fill") {
    result = Fill(arguments[1], arguments[2], std::stoi(arguments[3]));
  } else if (command == "raw") {
    result = RawInserts(arguments[1], std::stoi(arguments[2]), std::stod(arguments[3]));
  } else if (command == "store") {
    result = StoreInserts(arguments[1], std::stoi(arguments[2]), std::stod(arguments[3]));
  } else if (command == "raw_postgres") {
    result = RawPostgresInserts(arguments[1], std::stoi(arguments[2]), std::stod(arguments[3]));
  } else if (command == "read_postgres") {
    result = PostgresReads(arguments[1], std::stoll(arguments[2]), std::stoi(arguments[3]));
  } else if (command == "raw_points") {
    result = RawPoints(arguments[1], std::stoi(arguments[2]), std::stod(arguments[3]));
  } else {
    std::fputs(kUsage, stderr);
    return 2;
  }
  std::puts(result.dump().c_str());
  return 0;
}

}  // namespace
}  // namespace penstock::bench

int main(int argc, char** argv) { return penstock::bench::Main({argv + 1, argv + argc}); }
