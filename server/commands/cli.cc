#include "server/commands/cli.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/string_view.h"
#include "server/program_path.h"

namespace penstock {
namespace {

constexpr int kExitUsage = 2;

constexpr CliWord kWords[] = {
    {"up", "[--detach] [--port=N]",
     "starts a server for this user, with a Python for components, and its dashboard"},
    {"down", "", "ends it"},
    {"run", "FILE|PIPELINE [--param=NAME=VALUE ...] [--wait|--follow]",
     "runs a .py file, a compiled package or an uploaded pipeline"},
    {"list", "[--experiment=NAME] [--state=STATE]", "shows the newest runs, and why those failed that did"},
    {"status", "[RUN]", "says how the server is, or how a run and each of its tasks are, and why"},
    {"logs", "RUN [TASK] [--follow]", "shows what tasks print"},
    {"diff", "RUN RUN [RUN ...]", "says in what runs differ"},
    {"open", "[RUN]", "opens the dashboard in a browser"},
    {"runs", "[compare|rerun|report|export|import|terminate|archive|delete ...]",
     "lists runs, or does one of these to some"},
    {"completion", "bash|zsh|fish", "prints the script by which a shell completes all this"},
};

// What the scripts of shells ask, and the help of the words above.
constexpr absl::string_view kHiddenWords[] = {"__complete", "__completeNoDesc", "help"};

// Flags of all these words, which may stand before them. The server has no settings of these names.
bool IsCliFlag(absl::string_view word) {
  return word == "--json" || word == "--server" || absl::StartsWith(word, "--server=");
}

bool IsCliWord(absl::string_view word) {
  const auto is_word = [word](const CliWord& one) { return word == one.name; };
  return std::any_of(std::begin(kWords), std::end(kWords), is_word) ||
         std::find(std::begin(kHiddenWords), std::end(kHiddenWords), word) != std::end(kHiddenWords);
}

}  // namespace

absl::Span<const CliWord> CliWords() { return kWords; }

void BecomeCli(int argc, char** argv) {
  if (argc < 2 || !(IsCliWord(argv[1]) || IsCliFlag(argv[1]))) return;
  const std::string path = BesideThisProgram("penstock-cli");
  execv(path.c_str(), argv);
  std::fprintf(stderr,
               "penstock: `penstock %s` needs the program %s, which cannot be run: %s. The build puts it "
               "there (target "
               "penstock_programs), and an installation has it beside penstock\n",
               argv[1], path.c_str(), std::strerror(errno));
  std::exit(kExitUsage);
}

}  // namespace penstock
