// penstock-env: what an attempt begins as whose Python component asks for packages. Makes sure that the
// shared environment is there (env_build.h), lays one of the attempt's own over it, and becomes the task's
// command, which keeps the lock of the shared one. The arguments are those of env_request.h; the server
// writes them, in a file (argument_file.h).

#include <cstdio>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include "executor/posix/argument_file.h"
#include "executor/posix/become_command.h"
#include "executor/posix/start_files.h"
#include "executor/python/env_build.h"
#include "executor/python/env_request.h"
#include "executor/python/env_store.h"
#include "executor/python/venv.h"

namespace penstock {
namespace {

constexpr int kUsageExit = 2;
constexpr size_t kNamedBytes = 300;

int Fail(const EnvRequest& request, const std::string& why) {
  const std::string pins = request.constraints.empty() ? "" : ", in the versions that the run pins,";
  const std::string sentence = "The Python environment for " + Summary(request.requirements, kNamedBytes) +
                               pins + " could not be made: " + why;
  std::fprintf(stderr, "penstock: %s\n", sentence.c_str());
  std::ofstream(std::string(kStartErrorFile)) << sentence;
  return kStartFailedExit;
}

int Main(const std::vector<std::string>& arguments) {
  EnvRequest request;
  if (!ParseArguments(arguments, &request)) {
    std::fprintf(stderr, "penstock-env is started by penstock; it has no use by itself\n");
    return kUsageExit;
  }
  std::string error;
  if (request.key == kOwnKey) {
    return InstallForThisAttempt(request, &error) ? BecomeCommand(request.command) : Fail(request, error);
  }
  // Made by the server for an attempt that was to begin in another way.
  RemoveAll(request.overlay);
  // Stays open across the command's start: the environment is in use as long as one of its processes is
  // there.
  const UniqueFd lock = EnterEnv(request, &error);
  if (!lock.valid() ||
      !MakeVenv(request.base, EnvStore(request.envs_dir).PathOf(request.key), request.overlay, &error)) {
    return Fail(request, error);
  }
  std::ofstream(std::string(kEnvironmentFile)) << request.key;
  return BecomeCommand(request.command);
}

}  // namespace
}  // namespace penstock

int main(int argc, char** argv) { return penstock::Main(penstock::TakeArguments({argv + 1, argv + argc})); }
