#include "executor/python/bootstrap.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "absl/algorithm/container.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "executor/python/shell_words.h"

namespace penstock {
namespace {

// The parts of the SDK's script that are always the same.
constexpr char kFindPip[] =
    "if ! [ -x \"$(command -v pip)\" ]; then\n"
    "  python3 -m ensurepip || python3 -m ensurepip --user || apt-get install python3-pip\n"
    "fi\n";
constexpr char kQuietPip[] = "PIP_DISABLE_PIP_VERSION_CHECK=1";
constexpr char kMakeVenv[] =
    "export PIP_DISABLE_PIP_VERSION_CHECK=1\n"
    "tmp=$(mktemp -d)\n"
    "python3 -m venv \"$tmp/venv\" --system-site-packages\n"
    ". \"$tmp/venv/bin/activate\"\n";
constexpr char kRunCommand[] = "\"$0\" \"$@\"";

// Options of pip whose value is the next word.
constexpr absl::string_view kOptionsWithValue[] = {
    "-i",           "--index-url",   "--extra-index-url", "--trusted-host", "-f",
    "--find-links", "--only-binary", "--proxy",           "--no-binary",    "--client-cert",
    "--timeout",    "--cert",        "--retries"};
constexpr absl::string_view kShareableFlags[] = {"--no-index",      "--no-deps",      "--pre",
                                                 "--prefer-binary", "--no-cache-dir", "--no-build-isolation",
                                                 "--use-pep517",    "--no-compile"};
// These change what pip says only.
constexpr absl::string_view kSilentFlags[] = {"-q", "--quiet", "--no-warn-script-location",
                                              "--disable-pip-version-check", "--no-input"};
constexpr absl::string_view kRepositories[] = {"git+", "hg+", "svn+", "bzr+"};
constexpr absl::string_view kArchives[] = {".whl", ".zip", ".tar.gz", ".tgz", ".tar.bz2", ".tar"};

absl::string_view BaseName(absl::string_view path) { return path.substr(path.rfind('/') + 1); }

bool IsShell(absl::string_view program) {
  const absl::string_view name = BaseName(program);
  return name == "sh" || name == "bash" || name == "dash" || name == "ash" || name == "zsh";
}

// --- Any use of pip ---

void ReadCommand(absl::Span<const std::string> words, PipUse* use) {
  for (size_t i = 0; i + 1 < words.size(); ++i) {
    const absl::string_view program = BaseName(words[i]);
    if (absl::StartsWith(program, "pip") && words[i + 1] == "install") {
      use->installs = true;
      return;
    }
    if (words[i] == "-m" && words[i + 1] == "venv") {
      const auto rest = words.subspan(i + 2);
      use->makes_venv = std::find(rest.begin(), rest.end(), "--system-site-packages") != rest.end();
    }
  }
}

// --- The bootstrap ---

// Whether a part after an @ is the whole hash of a commit: branches and tags may move.
bool NamesCommit(absl::string_view url) {
  for (absl::string_view part : absl::StrSplit(url, '@')) {
    part = part.substr(0, part.find('#'));
    if (part.size() == 40 && std::all_of(part.begin(), part.end(), absl::ascii_isxdigit)) return true;
  }
  return false;
}

// Whether it means the same to every task and at any time: no file of this machine, no branch.
bool IsShareableRequirement(absl::string_view word) {
  const bool has_url = absl::StrContains(word, "://");
  if (std::any_of(std::begin(kRepositories), std::end(kRepositories),
                  [&](absl::string_view prefix) { return absl::StrContains(word, prefix); })) {
    return NamesCommit(word);
  }
  if (absl::StrContains(word, "file:") || absl::StartsWith(word, ".") ||
      (!has_url && absl::StrContains(word, '/'))) {
    return false;
  }
  return has_url || std::none_of(std::begin(kArchives), std::end(kArchives),
                                 [&](absl::string_view end) { return absl::EndsWith(word, end); });
}

PipInstall ReadInstall(absl::Span<const std::string> words) {
  PipInstall install;
  for (size_t i = 0; i < words.size(); ++i) {
    const std::string& word = words[i];
    if (absl::c_linear_search(kSilentFlags, word)) continue;
    if (!absl::StartsWith(word, "-")) {
      install.requirements.push_back(word);
      install.is_shareable = install.is_shareable && IsShareableRequirement(word);
      continue;
    }
    install.options.push_back(word);
    const size_t equals = word.find('=');
    if (equals != std::string::npos) {
      const absl::string_view name = absl::string_view(word).substr(0, equals);
      install.is_shareable = install.is_shareable && absl::StartsWith(name, "--") &&
                             absl::c_linear_search(kOptionsWithValue, name);
    } else if (absl::c_linear_search(kOptionsWithValue, word) && i + 1 < words.size()) {
      install.options.push_back(words[++i]);
    } else {
      install.is_shareable = install.is_shareable && absl::c_linear_search(kShareableFlags, word);
    }
  }
  return install;
}

// Reads the script's tokens from left to right.
class BootstrapReader {
 public:
  explicit BootstrapReader(std::vector<ShellToken> tokens) : tokens_(std::move(tokens)) {}

  // False if it is no bootstrap.
  bool Read(Bootstrap* bootstrap) {
    if (!Skip(kFindPip)) return false;
    SkipOperator(";");
    Skip(kQuietPip);
    SkipOperator(";");
    while (!AtEnd()) {
      if (Skip(kRunCommand)) return AtEnd() && !bootstrap->installs.empty();
      if (!bootstrap->makes_venv && Skip(kMakeVenv)) {
        bootstrap->makes_venv = SkipOperator(";");
      } else if (!ReadOneInstall(bootstrap)) {
        return false;
      }
    }
    return false;
  }

 private:
  bool AtEnd() const { return at_ == tokens_.size(); }

  bool SkipOperator(absl::string_view text) {
    const bool found = !AtEnd() && tokens_[at_].is_operator && tokens_[at_].text == text;
    at_ += found ? 1 : 0;
    return found;
  }

  // Whether exactly this script comes next.
  bool Skip(absl::string_view script) {
    const std::vector<ShellToken> wanted = ShellTokens(script);
    if (tokens_.size() - at_ < wanted.size() ||
        !std::equal(wanted.begin(), wanted.end(), tokens_.begin() + static_cast<std::ptrdiff_t>(at_))) {
      return false;
    }
    at_ += wanted.size();
    return true;
  }

  // `python3 -m pip install WORDS &&`
  bool ReadOneInstall(Bootstrap* bootstrap) {
    if (!Skip("python3 -m pip install")) return false;
    std::vector<std::string> words;
    for (; !AtEnd() && !tokens_[at_].is_operator; ++at_) {
      if (!tokens_[at_].is_plain) return false;
      words.push_back(tokens_[at_].text);
    }
    bootstrap->installs.push_back(ReadInstall(words));
    return SkipOperator("&&");
  }

  const std::vector<ShellToken> tokens_;
  size_t at_ = 0;
};

}  // namespace

PipUse FindPipUse(absl::Span<const std::string> argv) {
  PipUse use;
  if (argv.size() >= 3 && IsShell(argv[0]) && absl::StartsWith(argv[1], "-") &&
      absl::EndsWith(argv[1], "c")) {
    if (absl::StrContains(argv[2], "install")) {
      for (const std::vector<std::string>& words : ShellCommands(argv[2])) ReadCommand(words, &use);
    }
  } else {
    ReadCommand(argv, &use);
  }
  return use;
}

std::optional<Bootstrap> ReadBootstrap(absl::Span<const std::string> argv) {
  if (argv.size() < 4 || argv[0] != "sh" || argv[1] != "-c" || argv[3].empty()) return std::nullopt;
  Bootstrap bootstrap;
  if (!BootstrapReader(ShellTokens(argv[2])).Read(&bootstrap)) return std::nullopt;
  bootstrap.command.assign(argv.begin() + 3, argv.end());
  return bootstrap;
}

}  // namespace penstock
