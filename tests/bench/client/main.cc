// The client that tests/bench/run.py drives: one command, its result as one line of JSON on standard output.
#include <cstdio>
#include <functional>
#include <map>

#include "tests/bench/client/commands.h"
#include "tests/bench/client/connection.h"

namespace penstock::bench {
namespace {

using Arguments = std::vector<std::string>;

struct Command {
  const char* arguments;
  size_t count;
  std::function<Json(const Arguments&)> run;
};

ListedServer ServerOf(const Arguments& a, size_t first) {
  return {a[first], a[first + 1], a[first + 2], a[first + 3]};
}

const std::map<std::string, Command>& Commands() {
  static const auto* const commands = new std::map<std::string, Command>{
      {"upload", {"TARGET NAME FILE", 3, [](const Arguments& a) { return Upload(a[0], a[1], a[2]); }}},
      {"run", {"TARGET VERSION", 2, [](const Arguments& a) { return RunOnce(a[0], a[1]); }}},
      {"run_seen",
       {"TARGET VERSION POLL_MILLIS", 3,
        [](const Arguments& a) { return RunSeen(a[0], a[1], std::stoi(a[2])); }}},
      {"first_task",
       {"TARGET VERSION COUNT PROGRAM FILE", 5,
        [](const Arguments& a) { return FirstTask(a[0], a[1], std::stoi(a[2]), a[3], a[4]); }}},
      {"spawns", {"PROGRAM COUNT", 2, [](const Arguments& a) { return Spawns(a[0], std::stoi(a[1])); }}},
      {"create",
       {"TARGET VERSION CALLERS SECONDS", 4,
        [](const Arguments& a) { return Create(a[0], a[1], std::stoi(a[2]), std::stod(a[3])); }}},
      {"log_points",
       {"TARGET VERSION CALLERS SECONDS", 4,
        [](const Arguments& a) { return LogPoints(a[0], a[1], std::stoi(a[2]), std::stod(a[3])); }}},
      {"calls", {"TARGET CALL VERSION", 3, [](const Arguments& a) { return Calls(a[0], a[1], a[2]); }}},
      {"rest_calls",
       {"HOST:PORT CALL VERSION", 3, [](const Arguments& a) { return RestCalls(a[0], a[1], a[2]); }}},
      {"read",
       {"LARGE_TARGET SMALL_TARGET ROUNDS", 3,
        [](const Arguments& a) { return Read(a[0], a[1], std::stoi(a[2])); }}},
      {"lists",
       {"LARGE_TARGET HTTP_ADDRESS VERSION EXPERIMENT SMALL_TARGET HTTP_ADDRESS VERSION EXPERIMENT ROUNDS", 9,
        [](const Arguments& a) { return Lists(ServerOf(a, 0), ServerOf(a, 4), std::stoi(a[8])); }}},
      {"create_while_listed",
       {"TARGET HTTP_ADDRESS VERSION EXPERIMENT CALLERS SECONDS", 6,
        [](const Arguments& a) {
          return CreateWhileListed(ServerOf(a, 0), std::stoi(a[4]), std::stod(a[5]));
        }}},
  };
  return *commands;
}

int Main(int argc, char** argv) {
  const Arguments arguments(argv + std::min(argc, 2), argv + argc);
  const auto found = Commands().find(argc > 1 ? argv[1] : "");
  if (found == Commands().end() || arguments.size() != found->second.count) {
    for (const auto& [name, command] : Commands()) {
      std::fprintf(stderr, "penstock_bench_client %s %s\n", name.c_str(), command.arguments);
    }
    return 2;
  }
  std::puts(found->second.run(arguments).dump().c_str());
  return 0;
}

}  // namespace
}  // namespace penstock::bench

int main(int argc, char** argv) { return penstock::bench::Main(argc, argv); }
