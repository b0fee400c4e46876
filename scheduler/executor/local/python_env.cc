#include "scheduler/executor/local/python_env.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <optional>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "absl/time/time.h"
#include "common/status_macros.h"
#include "nlohmann/json.hpp"
#include "scheduler/executor/local/capture.h"
#include "scheduler/executor/local/files.h"

namespace penstock {
namespace {

constexpr absl::Duration kProbePatience = absl::Seconds(30);

constexpr char kProbe[] = R"(
import importlib.util, json, os, site, sys, sysconfig
try:
    from importlib.metadata import version
    kfp = version('kfp')
except Exception:
    kfp = ''
base = getattr(sys, '_base_executable', '') or sys.executable
marker = os.path.join(sysconfig.get_path('stdlib'), 'EXTERNALLY-MANAGED')
print(json.dumps({
    'version': '%d.%d' % sys.version_info[:2],
    'executable': base,
    'bin_dir': os.path.dirname(sys.executable),
    'site_dirs': [p for p in site.getsitepackages() if os.path.isdir(p)],
    'kfp_version': kfp,
    'has_pip': importlib.util.find_spec('pip') is not None,
    'externally_managed': sys.prefix == sys.base_prefix and os.path.exists(marker),
}))
)";

// Options of pip whose value is the next word.
constexpr absl::string_view kOptionsWithValue[] = {
    "-i",     "--index-url", "--extra-index-url", "--trusted-host",
    "--cert", "--timeout",   "--retries",         "--proxy"};

absl::string_view BaseName(absl::string_view path) { return path.substr(path.rfind('/') + 1); }

// The simple commands of a shell script as words, quotes removed. Good enough to recognise commands, not a
// shell: what it does not understand stays in a word.
class ShellWords {
 public:
  explicit ShellWords(absl::string_view script) : rest_(script) {}

  std::vector<std::vector<std::string>> Commands() {
    while (!rest_.empty()) {
      Step();
    }
    EndCommand();
    return std::move(commands_);
  }

 private:
  void Step() {
    const char c = Take();
    if (c == '\'') {
      TakeQuoted('\'');
    } else if (c == '"') {
      TakeQuoted('"');
    } else if (c == '\\' && !rest_.empty()) {
      const char escaped = Take();
      if (escaped != '\n') {
        Add(escaped);
      }
    } else if (c == '\n' || c == ';' || c == '&' || c == '|' || c == '(' || c == ')') {
      EndCommand();
    } else if (absl::ascii_isspace(c)) {
      EndWord();
    } else if (c == '#' && !in_word_) {
      rest_.remove_prefix(std::min(rest_.find('\n'), rest_.size()));
    } else {
      Add(c);
    }
  }

  char Take() {
    const char c = rest_.front();
    rest_.remove_prefix(1);
    return c;
  }

  void TakeQuoted(char quote) {
    in_word_ = true;
    while (!rest_.empty()) {
      char c = Take();
      if (c == quote) {
        return;
      }
      if (c == '\\' && quote == '"' && !rest_.empty()) {
        c = Take();
      }
      word_.push_back(c);
    }
  }

  void Add(char c) {
    in_word_ = true;
    word_.push_back(c);
  }

  void EndWord() {
    if (in_word_) {
      words_.push_back(std::move(word_));
    }
    word_.clear();
    in_word_ = false;
  }

  void EndCommand() {
    EndWord();
    if (!words_.empty()) {
      commands_.push_back(std::move(words_));
    }
    words_.clear();
  }

  absl::string_view rest_;
  bool in_word_ = false;
  std::string word_;
  std::vector<std::string> words_;
  std::vector<std::vector<std::string>> commands_;
};

void ReadPipArguments(absl::Span<const std::string> arguments, PipUse* use) {
  for (size_t i = 0; i < arguments.size(); ++i) {
    const std::string& word = arguments[i];
    if (std::find(std::begin(kOptionsWithValue), std::end(kOptionsWithValue), word) !=
        std::end(kOptionsWithValue)) {
      ++i;
    } else if (absl::StartsWith(word, "--")) {
      // Those that ask for more than the named requirements.
      use->unclear = use->unclear || absl::StartsWith(word, "--req") || absl::StartsWith(word, "--edit") ||
                     absl::StartsWith(word, "--upgrade") || absl::StartsWith(word, "--force") ||
                     absl::StartsWith(word, "--ignore") || absl::StartsWith(word, "--target") ||
                     absl::StartsWith(word, "--prefix") || absl::StartsWith(word, "--root");
    } else if (absl::StartsWith(word, "-")) {
      use->unclear = use->unclear || word != "-q";
    } else {
      use->requirements.push_back(word);
    }
  }
}

void ReadCommand(absl::Span<const std::string> words, PipUse* use) {
  for (size_t i = 0; i + 1 < words.size(); ++i) {
    const absl::string_view program = BaseName(words[i]);
    if (absl::StartsWith(program, "pip") && words[i + 1] == "install") {
      use->installs = true;
      ReadPipArguments(words.subspan(i + 2), use);
      return;
    }
    if (words[i] == "-m" && words[i + 1] == "venv") {
      const auto rest = words.subspan(i + 2);
      use->makes_venv = std::find(rest.begin(), rest.end(), "--system-site-packages") != rest.end();
    }
  }
}

bool IsShell(absl::string_view program) {
  const absl::string_view name = BaseName(program);
  return name == "sh" || name == "bash" || name == "dash" || name == "ash" || name == "zsh";
}

absl::Status WriteFile(const std::string& path, const std::string& content) {
  std::FILE* file = std::fopen(path.c_str(), "we");
  if (file == nullptr) {
    return absl::ErrnoToStatus(errno, absl::StrCat("cannot write ", path));
  }
  const bool written = std::fwrite(content.data(), 1, content.size(), file) == content.size();
  const int error = errno;
  if (std::fclose(file) != 0 || !written) {
    return absl::ErrnoToStatus(written ? errno : error, absl::StrCat("cannot write ", path));
  }
  return absl::OkStatus();
}

absl::Status Link(const std::string& target, const std::string& path) {
  if (symlink(target.c_str(), path.c_str()) != 0) {
    return absl::ErrnoToStatus(errno, absl::StrCat("cannot make the link ", path));
  }
  return absl::OkStatus();
}

std::string SitePackages(const BasePython& base, const std::string& overlay) {
  return absl::StrCat(overlay, "/lib/python", base.version, "/site-packages");
}

std::string FindOnPath(absl::string_view name, absl::string_view search_path) {
  for (const absl::string_view directory : absl::StrSplit(search_path, ':', absl::SkipEmpty())) {
    std::string candidate = absl::StrCat(directory, "/", name);
    if (access(candidate.c_str(), X_OK) == 0) {
      return candidate;
    }
  }
  return "";
}

absl::StatusOr<BasePython> Probe(const std::string& python, const std::string& search_path) {
  const char* home = getenv("HOME");
  const std::vector<std::string> env = {absl::StrCat("PATH=", search_path),
                                        absl::StrCat("HOME=", home != nullptr ? home : "/")};
  absl::StatusOr<Captured> run = RunCaptured({python, "-c", kProbe}, env, STDOUT_FILENO, kProbePatience);
  RETURN_IF_ERROR(run.status());
  const nlohmann::json answer = nlohmann::json::parse(run->text, nullptr, /*allow_exceptions=*/false);
  if (run->exit_code != 0 || !answer.is_object()) {
    return absl::UnavailableError(absl::StrCat("the Python interpreter ", python, " does not work"));
  }
  BasePython base;
  base.version = answer.value("version", "");
  base.executable = answer.value("executable", "");
  base.bin_dir = answer.value("bin_dir", "");
  base.site_dirs = answer.value("site_dirs", std::vector<std::string>());
  base.kfp_version = answer.value("kfp_version", "");
  base.has_pip = answer.value("has_pip", false);
  base.externally_managed = answer.value("externally_managed", false);
  return base;
}

// "3.11" for `python_version<"3.9"`-like markers; only what KFP itself writes is understood.
bool MarkerExcludes(absl::string_view requirement, const BasePython& base) {
  return absl::EndsWith(absl::StripAsciiWhitespace(requirement), "python_version<\"3.9\"") &&
         base.version != "3.8" && base.version != "3.7" && base.version != "3.6";
}

}  // namespace

PipUse FindPipUse(absl::Span<const std::string> argv) {
  PipUse use;
  if (argv.size() >= 3 && IsShell(argv[0]) && absl::StartsWith(argv[1], "-") &&
      absl::EndsWith(argv[1], "c")) {
    if (absl::StrContains(argv[2], "install")) {
      for (const std::vector<std::string>& words : ShellWords(argv[2]).Commands()) {
        ReadCommand(words, &use);
      }
    }
  } else {
    ReadCommand(argv, &use);
  }
  return use;
}

bool IsSatisfied(const PipUse& use, const BasePython& base) {
  if (!use.installs) {
    return true;
  }
  if (use.unclear || use.makes_venv || base.externally_managed || !base.has_pip || base.kfp_version.empty()) {
    return false;
  }
  return std::all_of(use.requirements.begin(), use.requirements.end(), [&](const std::string& requirement) {
    return requirement == absl::StrCat("kfp==", base.kfp_version) || MarkerExcludes(requirement, base);
  });
}

absl::Status MakeOverlay(const BasePython& base, const std::string& directory) {
  const std::string bin = directory + "/bin";
  const std::string site_packages = SitePackages(base, directory);
  RETURN_IF_ERROR(MakeDirectories(bin));
  RETURN_IF_ERROR(MakeDirectories(site_packages));
  RETURN_IF_ERROR(
      WriteFile(directory + "/pyvenv.cfg",
                absl::StrCat("home = ", ParentOf(base.executable),
                             "\ninclude-system-site-packages = false\nversion = ", base.version, "\n")));
  RETURN_IF_ERROR(Link(base.executable, bin + "/python3"));
  RETURN_IF_ERROR(Link("python3", bin + "/python"));
  // addsitedir rather than the bare path: the .pth files in there count too.
  std::string pth = "import site";
  for (const std::string& site : base.site_dirs) {
    absl::StrAppend(&pth, "; site.addsitedir(", nlohmann::json(site).dump(), ")");
  }
  RETURN_IF_ERROR(WriteFile(site_packages + "/_base.pth", pth + "\n"));
  if (!base.has_pip) {
    return absl::OkStatus();  // the command brings its own with ensurepip
  }
  // The base's pip program would install into the base.
  const std::string pip = bin + "/pip";
  RETURN_IF_ERROR(WriteFile(pip, "#!/bin/sh\nexec \"${0%/*}/python3\" -m pip \"$@\"\n"));
  if (chmod(pip.c_str(), 0755) != 0) {
    return absl::ErrnoToStatus(errno, absl::StrCat("cannot make executable ", pip));
  }
  return Link("pip", bin + "/pip3");
}

PythonEnvironments::PythonEnvironments(std::string python, std::string search_path)
    : python_(std::move(python)), search_path_(std::move(search_path)) {}

absl::StatusOr<BasePython> PythonEnvironments::Base() {
  absl::MutexLock lock(&mutex_);
  if (!probed_) {
    const std::string python = python_.empty() ? FindOnPath("python3", search_path_) : python_;
    if (python.empty()) {
      return absl::NotFoundError("there is no python3 on PATH");
    }
    ASSIGN_OR_RETURN(base_, Probe(python, search_path_));
    probed_ = true;
  }
  return base_;
}

absl::StatusOr<PythonEnvironments::Choice> PythonEnvironments::Choose(const LaunchSpec& spec) {
  Choice choice;
  if (!python_.empty()) {
    choice.path_prefix.emplace_back(ParentOf(python_));
  }
  const PipUse use = FindPipUse(spec.argv);
  if (!use.installs) {
    return choice;
  }
  const absl::StatusOr<BasePython> base = Base();
  if (absl::IsNotFound(base.status())) {
    return choice;  // the command will say so itself
  }
  RETURN_IF_ERROR(base.status());
  if (IsSatisfied(use, *base)) {
    return choice;
  }
  const std::string overlay = spec.work_dir + "/venv";
  RETURN_IF_ERROR(MakeOverlay(*base, overlay));
  choice.path_prefix = {overlay + "/bin", base->bin_dir};
  choice.env.emplace_back("VIRTUAL_ENV", overlay);
  if (use.makes_venv) {
    // A virtual environment made by the command sees neither the overlay nor its base otherwise.
    choice.env.emplace_back(
        "PYTHONPATH", absl::StrCat(SitePackages(*base, overlay), ":", absl::StrJoin(base->site_dirs, ":")));
  }
  return choice;
}

}  // namespace penstock
