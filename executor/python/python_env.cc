#include "executor/python/python_env.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <optional>

#include "absl/algorithm/container.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "common/files.h"
#include "common/redacted.h"
#include "common/sha256.h"
#include "common/status_macros.h"
#include "executor/posix/capture.h"
#include "executor/posix/start_files.h"
#include "executor/python/component_command.h"
#include "executor/python/env_build.h"
#include "executor/python/env_request.h"
#include "executor/python/env_store.h"
#include "executor/python/installed.h"
#include "nlohmann/json.hpp"

namespace penstock {
namespace {

constexpr absl::Duration kProbePatience = absl::Seconds(30);
constexpr size_t kPackagesNamedBytes = 200;
constexpr size_t kSpares = 64;
constexpr size_t kWarmKeyLetters = 32;

// What the base interpreter says of itself. The fingerprint changes with what is installed there, as the
// names of dist-info folders hold versions.
constexpr char kProbe[] = R"(
import hashlib, importlib.util, json, os, platform, site, sys, sysconfig
try:
    from importlib.metadata import version
    kfp = version('kfp')
except Exception:
    kfp = ''
base = getattr(sys, '_base_executable', '') or sys.executable
own = [site.getusersitepackages()] if site.ENABLE_USER_SITE else []
sites = [p for p in own + site.getsitepackages() if os.path.isdir(p)]
kept = ('.dist-info', '.egg-info', '.egg-link', '.pth')
names = sorted(n for p in sites for n in os.listdir(p) if n.endswith(kept))
packages = {}
for name in (n for p in sites for n in sorted(os.listdir(p)) if n.endswith(('.dist-info', '.egg-info'))):
    parts = name.rsplit('.', 1)[0].split('-')
    if len(parts) > 1:
        packages.setdefault(parts[0].replace('_', '-').lower(), parts[1])
identity = json.dumps([sys.version, sysconfig.get_platform(), base, sites, names])
print(json.dumps({
    'version': '%d.%d' % sys.version_info[:2],
    'executable': base,
    'bin_dir': os.path.dirname(sys.executable),
    'site_dirs': sites,
    'fingerprint': hashlib.sha256(identity.encode('utf-8', 'surrogateescape')).hexdigest(),
    'kfp_version': kfp,
    'has_pip': importlib.util.find_spec('pip') is not None,
    'path': sys.executable,
    'full_version': platform.python_implementation() + ' ' + platform.python_version(),
    'packages': [name + '==' + packages[name] for name in sorted(packages)],
}))
)";

// Variables of a task that are handed to pip and what it runs, and are part of the key. No others are: what is
// built for one task is used by others.
constexpr absl::string_view kPipVariables[] = {
    "PIP_INDEX_URL",   "PIP_EXTRA_INDEX_URL", "PIP_TRUSTED_HOST",       "PIP_NO_INDEX",  "PIP_FIND_LINKS",
    "PIP_PRE",         "PIP_PREFER_BINARY",   "PIP_ONLY_BINARY",        "PIP_NO_BINARY", "PIP_CONFIG_FILE",
    "PIP_NO_DEPS",     "PIP_USE_PEP517",      "PIP_NO_BUILD_ISOLATION", "PIP_PROXY",     "PIP_CERT",
    "PIP_CLIENT_CERT", "PIP_CACHE_DIR"};
constexpr absl::string_view kCompilerVariables[] = {"CC",       "CXX",     "CFLAGS",     "CXXFLAGS",
                                                    "CPPFLAGS", "LDFLAGS", "CMAKE_ARGS", "MAKEFLAGS"};
constexpr absl::string_view kNetworkVariables[] = {
    "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY",     "NO_PROXY",     "http_proxy",         "https_proxy",
    "all_proxy",  "no_proxy",    "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"};
// These are handed on too, and change how pip works, not what it installs.
constexpr absl::string_view kIdlePipVariables[] = {"PIP_TIMEOUT",
                                                   "PIP_DEFAULT_TIMEOUT",
                                                   "PIP_RETRIES",
                                                   "PIP_NO_CACHE_DIR",
                                                   "PIP_QUIET",
                                                   "PIP_VERBOSE",
                                                   "PIP_NO_INPUT",
                                                   "PIP_ROOT_USER_ACTION",
                                                   "PIP_PROGRESS_BAR",
                                                   "PIP_NO_COLOR",
                                                   "PIP_DISABLE_PIP_VERSION_CHECK",
                                                   "PIP_NO_WARN_SCRIPT_LOCATION"};

// By which pip, and `uv pip`, are told what to keep to.
constexpr absl::string_view kPipConstraint = "PIP_CONSTRAINT";
constexpr absl::string_view kUvConstraint = "UV_CONSTRAINT";

// Whether it is part of the key.
bool IsForBuilds(absl::string_view variable) {
  return absl::c_linear_search(kPipVariables, variable) ||
         absl::c_linear_search(kCompilerVariables, variable) ||
         absl::c_linear_search(kNetworkVariables, variable);
}

// Whether pip, with these variables, installs where it is told to and nothing else.
bool AreShareable(const std::vector<std::pair<std::string, std::string>>& variables) {
  return std::all_of(variables.begin(), variables.end(), [](const auto& variable) {
    return !absl::StartsWith(variable.first, "PIP_") ||
           absl::c_linear_search(kPipVariables, variable.first) ||
           absl::c_linear_search(kIdlePipVariables, variable.first);
  });
}

std::string FindOnPath(absl::string_view name, absl::string_view search_path) {
  for (const absl::string_view directory : absl::StrSplit(search_path, ':', absl::SkipEmpty())) {
    std::string candidate = absl::StrCat(directory, "/", name);
    if (access(candidate.c_str(), X_OK) == 0) return candidate;
  }
  return "";
}

// What an interpreter says of itself: what is made use of, and what is only recorded.
struct Probed {
  BasePython base;
  Interpreter interpreter;
};

absl::StatusOr<Probed> Probe(const std::string& python, const std::string& search_path) {
  const char* home = getenv("HOME");
  const std::vector<std::string> env = {absl::StrCat("PATH=", search_path),
                                        absl::StrCat("HOME=", home != nullptr ? home : "/")};
  absl::StatusOr<Captured> run = RunCaptured({python, "-c", kProbe}, env, STDOUT_FILENO, kProbePatience);
  RETURN_IF_ERROR(run.status());
  const nlohmann::json answer = nlohmann::json::parse(run->text, nullptr, /*allow_exceptions=*/false);
  if (run->exit_code != 0 || !answer.is_object()) {
    return absl::UnavailableError(absl::StrCat("the Python interpreter ", python, " does not work"));
  }
  Probed probed;
  BasePython& base = probed.base;
  base.version = answer.value("version", "");
  base.executable = answer.value("executable", "");
  base.bin_dir = answer.value("bin_dir", "");
  base.site_dirs = answer.value("site_dirs", std::vector<std::string>());
  base.kfp_version = answer.value("kfp_version", "");
  base.fingerprint = answer.value("fingerprint", "");
  base.has_pip = answer.value("has_pip", false);
  probed.interpreter.path = answer.value("path", "");
  probed.interpreter.version = answer.value("full_version", "");
  probed.interpreter.packages = answer.value("packages", std::vector<std::string>());
  return probed;
}

// Whether a marker says that the requirement is not for this interpreter; only the one that KFP writes is understood.
bool MarkerExcludes(absl::string_view requirement, const BasePython& base) {
  return absl::EndsWith(absl::StripAsciiWhitespace(requirement), "python_version<\"3.9\"") &&
         base.version != "3.8" && base.version != "3.7" && base.version != "3.6";
}

bool HasInBase(absl::string_view requirement, const BasePython& base) {
  return (!base.kfp_version.empty() && requirement == absl::StrCat("kfp==", base.kfp_version)) ||
         MarkerExcludes(requirement, base);
}

// Times of change of the interpreter and its packages. What pip installs or removes changes the time of a site
// directory.
std::string Changes(const std::string& python, const std::vector<std::string>& site_dirs) {
  std::vector<std::string> paths = {python};
  paths.insert(paths.end(), site_dirs.begin(), site_dirs.end());
  std::string times;
  for (const std::string& path : paths) {
    struct stat info = {};
    if (stat(path.c_str(), &info) == 0) {
      absl::StrAppend(&times, "\n", path, " ", info.st_mtim.tv_sec, ".", info.st_mtim.tv_nsec);
    }
  }
  return times;
}

bool HoldPasswords(const std::vector<PipInstall>& installs) {
  const auto holds = [](const std::string& word) { return HasPassword(word); };
  return std::any_of(installs.begin(), installs.end(), [&](const PipInstall& install) {
    return absl::c_any_of(install.options, holds) || absl::c_any_of(install.requirements, holds);
  });
}

// An environment of the attempt's own.
absl::Status MakeOverlay(const BasePython& base, const std::string& directory) {
  std::string error;
  return MakeVenv(base, /*below=*/"", directory, &error) ? absl::OkStatus() : absl::UnavailableError(error);
}

// What a bootstrap that makes a virtual environment leaves to its command besides.
void AddVenvVariables(PythonEnvironments::Choice* choice) {
  choice->env.emplace_back("PIP_DISABLE_PIP_VERSION_CHECK", "1");
}

// Whether the command may run Python, or something that installs packages for it: then what it installs must
// not land in the base.
bool MentionsPython(const std::vector<std::string>& argv) {
  return std::any_of(argv.begin(), argv.end(), [](absl::string_view word) {
    return absl::StrContains(word, "python") || absl::StrContains(word, "pip3") ||
           absl::StrContains(word, "pip ") || absl::StrContains(word, "uv ") || word == "pip" || word == "uv";
  });
}

// The path of a program that packages have brought to the base, and whose first line names the base's
// interpreter: run by that one, it would install there. Empty if argv is no such program.
std::string ScriptOf(const std::vector<std::string>& argv, const std::string& bin_dir) {
  if (argv.empty() || bin_dir.empty() || absl::StrContains(argv[0], '/')) return "";
  std::string path = absl::StrCat(bin_dir, "/", argv[0]);
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return absl::StartsWith(line, "#!") && absl::StrContains(line, "python") ? path : "";
}

bool Sets(const LaunchSpec& spec, absl::string_view variable) {
  return absl::c_any_of(spec.env, [&](const auto& one) { return one.first == variable; });
}

// As pip and uv take it from a variable, whose words are files: what would part the path or stand for something else in a
// URL is escaped.
std::string FileWord(const std::string& path) {
  std::string url = "file://";
  for (const unsigned char c : path) {
    const bool plain = absl::ascii_isalnum(c) || absl::StrContains("/._-+~", static_cast<char>(c));
    absl::StrAppend(&url, plain ? std::string(1, static_cast<char>(c)) : absl::StrFormat("%%%02X", c));
  }
  return url;
}

// Tells pip in the attempt, wherever it runs, what to keep to. Who sets a variable of that name means another file.
absl::Status AddConstraints(const LaunchSpec& spec, PythonEnvironments::Choice* choice) {
  if (spec.constraints.empty()) return absl::OkStatus();
  const std::string path = absl::StrCat(spec.work_dir, "/", std::string(kConstraintsFile));
  std::ofstream file(path, std::ios::trunc);
  for (const std::string& line : spec.constraints) file << line << "\n";
  file.close();
  if (!file) return absl::UnavailableError(absl::StrCat("cannot write ", path));
  for (const absl::string_view variable : {kPipConstraint, kUvConstraint}) {
    if (!Sets(spec, variable)) choice->env.emplace_back(std::string(variable), FileWord(path));
  }
  return absl::OkStatus();
}

// What a build keeps to.
std::vector<std::string> ConstraintsOfBuild(const LaunchSpec& spec) {
  return Sets(spec, kPipConstraint) ? std::vector<std::string>() : spec.constraints;
}

// A size before each text, so that no two lists make one text.
void AddSized(absl::string_view text, std::string* out) { absl::StrAppend(out, text.size(), ":", text); }

}  // namespace

std::vector<PipInstall> MissingIn(const BasePython& base, std::vector<PipInstall> installs) {
  for (PipInstall& install : installs) {
    if (!install.is_shareable) {
      continue;  // what its options want of the rest is not known
    }
    std::vector<std::string>& words = install.requirements;
    words.erase(std::remove_if(words.begin(), words.end(),
                               [&](const std::string& word) { return HasInBase(word, base); }),
                words.end());
  }
  installs.erase(std::remove_if(installs.begin(), installs.end(),
                                [](const PipInstall& install) {
                                  return install.is_shareable && install.requirements.empty();
                                }),
                 installs.end());
  return installs;
}

std::string EnvKey(const BasePython& base, const std::vector<PipInstall>& installs,
                   const std::vector<std::pair<std::string, std::string>>& variables,
                   const std::vector<std::string>& settings, std::vector<std::string> constraints) {
  std::string text = "penstock environment 2";
  for (const absl::string_view part : {absl::string_view(base.executable), absl::string_view(base.version),
                                       absl::string_view(base.fingerprint)}) {
    AddSized(part, &text);
  }
  for (const PipInstall& install : installs) {
    // The order of pip's runs may matter; that of what one run is asked for does not.
    std::vector<std::string> requirements = install.requirements;
    std::sort(requirements.begin(), requirements.end());
    requirements.erase(std::unique(requirements.begin(), requirements.end()), requirements.end());
    for (const absl::Span<const std::string> words :
         {absl::Span<const std::string>(install.options), absl::Span<const std::string>(requirements)}) {
      absl::StrAppend(&text, words.size(), "#");
      for (const std::string& word : words) AddSized(word, &text);
    }
  }
  std::vector<std::pair<std::string, std::string>> sorted = variables;
  std::sort(sorted.begin(), sorted.end());
  for (const auto& [name, value] : sorted) {
    if (IsForBuilds(name)) {
      AddSized(name, &text);
      AddSized(value, &text);
    }
  }
  absl::StrAppend(&text, "#");
  for (const std::string& setting : settings) AddSized(setting, &text);
  std::sort(constraints.begin(), constraints.end());
  if (!constraints.empty()) absl::StrAppend(&text, "constraints");
  for (const std::string& constraint : constraints) AddSized(constraint, &text);
  return Sha256Hex(text);
}

PythonEnvironments::PythonEnvironments(Options options) : options_(std::move(options)) {}

absl::StatusOr<BasePython> PythonEnvironments::Base() {
  const std::string python =
      options_.python.empty() ? FindOnPath("python3", options_.search_path) : options_.python;
  if (python.empty()) return absl::NotFoundError("there is no python3 on PATH");
  // Held while the interpreter is asked: attempts that come together ask once.
  absl::MutexLock lock(&mutex_);
  if (seen_.empty() || seen_ != Changes(python, base_.site_dirs)) {
    ASSIGN_OR_RETURN(Probed probed, Probe(python, options_.search_path));
    base_ = std::move(probed.base);
    interpreter_ = std::make_shared<const Interpreter>(std::move(probed.interpreter));
    seen_ = Changes(python, base_.site_dirs);
  }
  return base_;
}

std::shared_ptr<const Interpreter> PythonEnvironments::KnownInterpreter() const {
  absl::MutexLock lock(&mutex_);
  return interpreter_;
}

void PythonEnvironments::Warm() {
  if (!options_.python.empty()) {
    Base().IgnoreError();  // who needs it asks again, and says what is wrong
  }
}

absl::StatusOr<PythonEnvironments::Choice> PythonEnvironments::Choose(const LaunchSpec& spec) {
  Choice choice;
  choice.argv = spec.argv;
  const std::string named_bin(options_.python.empty() ? "" : ParentOf(options_.python));
  if (!named_bin.empty()) choice.path_prefix.push_back(named_bin);
  RETURN_IF_ERROR(AddConstraints(spec, &choice));
  const PipUse use = FindPipUse(spec.argv);
  const std::string script = ScriptOf(spec.argv, named_bin);
  if (!use.installs && !MentionsPython(spec.argv) && script.empty()) return choice;
  const absl::StatusOr<BasePython> base = Base();
  if (absl::IsNotFound(base.status()) || (!base.ok() && !use.installs)) {
    return choice;  // the command will say so itself
  }
  RETURN_IF_ERROR(base.status());
  const std::optional<Bootstrap> bootstrap = ReadBootstrap(spec.argv);
  const std::vector<PipInstall> missing =
      bootstrap ? MissingIn(*base, bootstrap->installs) : std::vector<PipInstall>();
  const bool is_shareable =
      AreShareable(spec.env) && std::all_of(missing.begin(), missing.end(),
                                            [](const PipInstall& install) { return install.is_shareable; });
  const std::string overlay = spec.work_dir + "/venv";
  choice.path_prefix = {overlay + "/bin", base->bin_dir};
  choice.env.emplace_back("VIRTUAL_ENV", overlay);
  // Without a request pip is called by the command, with its words for all to see.
  if (bootstrap && !missing.empty() && (is_shareable || HoldPasswords(missing))) {
    const EnvRequest request = Request(spec, *bootstrap, *base, missing, is_shareable, &choice);
    if (is_shareable && choice.awaited_env.empty()) RETURN_IF_ERROR(UseBuilt(spec, request, &choice));
    return choice;
  }
  if (!UseSpare(*base, overlay)) RETURN_IF_ERROR(MakeOverlay(*base, overlay));
  if (bootstrap && missing.empty()) {
    // The base has all of it: the script would change nothing.
    choice.argv = bootstrap->command;
    if (bootstrap->makes_venv) AddVenvVariables(&choice);
  } else if (use.makes_venv) {
    // A virtual environment made by the command sees neither the overlay nor its base otherwise.
    choice.env.emplace_back(
        "PYTHONPATH", absl::StrCat(SitePackagesOf(*base, overlay), ":", absl::StrJoin(base->site_dirs, ":")));
  } else if (!script.empty()) {
    choice.argv[0] = script;
    choice.argv.insert(choice.argv.begin(), overlay + "/bin/python3");
  }
  OfferWarm(spec, *base, /*shared_key=*/"", choice.argv,
            options_.python.empty() ? "python3" : options_.python, &choice);
  return choice;
}

absl::Status PythonEnvironments::UseBuilt(const LaunchSpec& spec, const EnvRequest& request, Choice* choice) {
  OfferWarm(spec, request.base, request.key, request.command,
            Summary(request.requirements, kPackagesNamedBytes), choice);
  if (!choice->warm.has_value()) return absl::OkStatus();
  // What penstock-env would do. If the attempt begins as that one after all, it does it anew.
  const EnvStore store(options_.envs_dir);
  std::string error;
  if (!MakeVenv(request.base, store.PathOf(request.key), request.overlay, &error)) {
    return absl::UnavailableError(error);
  }
  std::ofstream(absl::StrCat(spec.work_dir, "/", std::string(kEnvironmentFile))) << request.key;
  choice->warm->lock = store.LockPathOf(request.key);
  EnvRecord record;
  store.ReadRecord(request.key, &record);
  choice->warm->note = UseLine(request, record, /*was_built=*/false);
  return absl::OkStatus();
}

void PythonEnvironments::OfferWarm(const LaunchSpec& spec, const BasePython& base,
                                   const std::string& shared_key, const std::vector<std::string>& command,
                                   absl::string_view words, Choice* choice) {
  const std::optional<std::string> module = ComponentModule(command);
  if (options_.warm_dir.empty() || !module.has_value() || ChangeTheStartOfPython(spec.env)) return;
  std::string text;
  for (const absl::string_view part :
       {absl::string_view(base.executable), absl::string_view(base.fingerprint),
        absl::string_view(shared_key), absl::string_view(*module)}) {
    AddSized(part, &text);
  }
  for (const auto& [name, value] : options_.environment) {
    AddSized(name, &text);
    AddSized(value, &text);
  }
  const bool is_script = command[0] == "sh";
  AddSized(is_script ? "script" : "module", &text);
  WarmChoice warm{.key = Sha256Hex(text).substr(0, kWarmKeyLetters),
                  .words = std::string(words),
                  .module = *module,
                  .is_script = is_script};
  warm.home = absl::StrCat(options_.warm_dir, "/", warm.key);
  const std::string venv = warm.home + "/venv";
  {
    // Held while it is made: attempts that come together make it once.
    absl::MutexLock lock(&mutex_);
    if (warm_homes_.count(warm.key) == 0) {
      // One that an earlier server has made may be in use.
      if (!shared_key.empty() || !IsUntouchedVenv(base, venv)) {
        std::string error;
        RemoveTree(warm.home).IgnoreError();
        const std::string below = shared_key.empty() ? "" : EnvStore(options_.envs_dir).PathOf(shared_key);
        if (!MakeVenv(base, below, venv, &error)) return;
      }
      warm_homes_.insert(warm.key);
    }
  }
  warm.path_prefix = choice->path_prefix;
  warm.path_prefix[0] = venv + "/bin";
  warm.command = command;
  choice->warm = std::move(warm);
}

bool PythonEnvironments::UseSpare(const BasePython& base, const std::string& overlay) {
  std::string spare;
  {
    absl::MutexLock lock(&mutex_);
    if (spares_.empty()) return false;
    spare = std::move(spares_.back());
    spares_.pop_back();
  }
  if (IsUntouchedVenv(base, spare) && std::rename(spare.c_str(), overlay.c_str()) == 0) return true;
  RemoveTree(spare).IgnoreError();  // of a base that has changed
  return false;
}

void PythonEnvironments::TakeBack(const std::string& work_dir) {
  const std::string venv = work_dir + "/venv";
  BasePython base;
  std::string spare;
  {
    absl::MutexLock lock(&mutex_);
    if (seen_.empty() || options_.spares_dir.empty() || spares_.size() >= kSpares) return;
    base = base_;
    spare = absl::StrCat(options_.spares_dir, "/", next_spare_++);
  }
  if (access(venv.c_str(), F_OK) != 0 || !IsUntouchedVenv(base, venv) ||
      std::rename(venv.c_str(), spare.c_str()) != 0) {
    return;
  }
  absl::MutexLock lock(&mutex_);
  spares_.push_back(std::move(spare));
}

std::vector<std::string> PythonEnvironments::OwnPackages(const std::string& work_dir) const {
  if (work_dir.empty()) return {};
  const std::string venv = work_dir + "/venv";
  BasePython base;
  {
    absl::MutexLock lock(&mutex_);
    base.version = base_.version;
  }
  std::optional<std::vector<std::string>> packages = InstalledIn(SitePackagesOf(base, venv));
  if (!packages.has_value()) {
    // After a restart the base was not asked yet, or it is another one than when the attempt began.
    base.version = VersionOfVenv(venv);
    packages = InstalledIn(SitePackagesOf(base, venv));
  }
  return std::move(packages).value_or(std::vector<std::string>());
}

bool PythonEnvironments::IsBuilt(const std::string& key) const {
  return EnvStore(options_.envs_dir).IsComplete(key);
}

// What the files say that pip reads its settings from.
std::vector<std::string> PythonEnvironments::PipSettings(const LaunchSpec& spec) const {
  std::vector<std::string> files = {"/etc/pip.conf", "/etc/xdg/pip/pip.conf"};
  for (const auto* variables : {&options_.environment, &spec.env}) {
    for (const auto& [name, value] : *variables) {
      if (name == "PIP_CONFIG_FILE") files.push_back(value);
      // Of the task's own, pip sees none.
      if (name != "HOME" || variables == &spec.env) continue;
      files.push_back(value + "/.pip/pip.conf");
      files.push_back(value + "/.config/pip/pip.conf");
    }
  }
  std::vector<std::string> settings;
  for (const std::string& path : files) {
    std::ifstream file(path);
    settings.emplace_back(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
  }
  return settings;
}

EnvRequest PythonEnvironments::Request(const LaunchSpec& spec, const Bootstrap& bootstrap,
                                       const BasePython& base, const std::vector<PipInstall>& missing,
                                       bool is_shared, Choice* choice) const {
  EnvRequest request;
  request.envs_dir = options_.envs_dir;
  request.constraints = ConstraintsOfBuild(spec);
  request.key = is_shared ? EnvKey(base, missing, spec.env, PipSettings(spec), request.constraints) : kOwnKey;
  for (const auto& [name, value] : options_.environment) {
    request.variables.push_back(absl::StrCat(name, "=", value));
  }
  for (const auto& [name, value] : spec.env) {
    if (!is_shared || IsForBuilds(name) || absl::c_linear_search(kIdlePipVariables, name)) {
      request.variables.push_back(absl::StrCat(name, "=", value));
    }
  }
  request.limit_bytes = options_.envs_bytes;
  request.base = base;
  request.overlay = spec.work_dir + "/venv";
  for (const PipInstall& install : missing) {
    std::vector<std::string> words = install.options;
    words.insert(words.end(), install.requirements.begin(), install.requirements.end());
    request.installs.push_back(std::move(words));
    std::transform(install.requirements.begin(), install.requirements.end(),
                   std::back_inserter(request.requirements), WithoutPasswords);
  }
  request.command = bootstrap.command;
  if (is_shared) {
    if (!IsBuilt(request.key)) {
      choice->awaited_env = request.key;
      choice->awaited_packages = Summary(request.requirements, kPackagesNamedBytes);
    }
    // Programs of the packages lie in the shared environment.
    choice->path_prefix.insert(choice->path_prefix.begin() + 1,
                               absl::StrCat(options_.envs_dir, "/", request.key, "/bin"));
  }
  choice->is_request = true;
  choice->argv = ToArguments(request);
  choice->argv.insert(choice->argv.begin(), options_.env_program);
  if (bootstrap.makes_venv) AddVenvVariables(choice);
  return request;
}

}  // namespace penstock
