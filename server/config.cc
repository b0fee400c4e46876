#include "server/config.h"

#include <unistd.h>

#include <algorithm>
#include <climits>
#include <cstdlib>
#include <fstream>
#include <map>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "common/limits.h"
#include "common/status_macros.h"
#include "common/text.h"
#include "server/commands/cli.h"
#include "server/program_path.h"

namespace penstock {
namespace {

struct Setting {
  absl::string_view name;
  absl::string_view fallback;
  absl::string_view value_name;
  absl::string_view help;
};

// In the order of --help.
constexpr Setting kSettings[] = {
    {"data_dir", "~/.penstock", "DIR", "where the database, artifacts, logs and work directories lie"},
    {"database_url", "", "URL",
     "sqlite:///path/of/a/file.db or postgresql://user@host/name; default: in data_dir"},
    {"database_wait_s", "30", "SECONDS", "how long a start waits for a database server that is not up yet"},
    {"role", "all", "ROLE", "all, server (only the API) or scheduler (only runs pipelines)"},
    {"grpc_listen", "127.0.0.1:8887", "HOST:PORT",
     "where gRPC is served; port 0 takes a free one; or unix:PATH; or off"},
    {"http_listen", "127.0.0.1:8888", "HOST:PORT",
     "where the gateway serves HTTP; port 0 takes a free one; or unix:PATH"},
    {"public_url", "", "URL",
     "where clients reach it: what URIs of artifacts begin with; default: by http_listen"},
    {"gateway", "on", "on|off", "whether to start the HTTP gateway as a child"},
    {"gateway_path", "", "FILE", "the gateway's program; default: penstock-gateway beside this one"},
    {"runner_path", "", "FILE", "the supervisor's program; default: penstock-runner beside this one"},
    {"launch_path", "", "FILE",
     "the program for content in object stores; default: penstock-launch beside this one"},
    {"pipeline_root", "", "URI",
     "where artifacts go, s3://... or the like, unless a run says; default: data_dir"},
    {"stores", "", "FILE",
     "settings of object stores: end points, regions, credentials; see docs/ARTIFACTS.md"},
    {"file_roots", "", "DIR,...",
     "directories of this machine in which runs may have their root, file:///DIR/..."},
    {"store_links_s", "0", "SECONDS",
     "how long links to artifacts in stores are good for; 0: none are given"},
    {"executors", "local", "KIND,...",
     "what tasks run on: local, kubernetes, or both; the first unless a task or its run says"},
    {"namespace_executors", "", "NS=KIND,...", "the same for the runs of a namespace"},
    {"kubernetes_settings", "", "FILE", "how pods are made; see docs/KUBERNETES.md"},
    {"kubeconfig", "", "FILE",
     "which cluster; default: the one that the server runs in, KUBECONFIG, ~/.kube/config"},
    {"kube_context", "", "NAME", "the context of the kubeconfig; default: its current one"},
    {"kubernetes_namespace", "", "NAME", "where pods are made; default: by the context or the server's pod"},
    {"kubernetes_max_pods", "10000", "N", "pods at once that have not ended; further tasks wait"},
    {"pending_timeout_s", "3600", "SECONDS",
     "how long a pod may wait for a node, its image or its volumes; 0: for ever"},
    {"platform_retries", "2", "N", "how often a task begins again that its platform has disrupted"},
    {"kube_path", "", "FILE", "the program for pods; default: penstock-kube beside this one"},
    {"python", "", "FILE", "Python interpreter for Python components; default: python3 of PATH"},
    {"max_parallel_tasks", "0", "N", "CPUs that tasks may take together; 0: as many as the machine has"},
    {"max_idle_tasks", "-1", "N",
     "tasks besides that ask for no CPU and use little; -1: 8 for each of these CPUs"},
    {"task_log_bytes", "67108864", "BYTES", "how much of a task's log is kept"},
    {"python_envs_bytes", "10737418240", "BYTES", "how much disk shared Python environments may take"},
    {"warm_python", "on", "on|off", "whether Python components begin as forks of an interpreter that waits"},
    {"warm_python_bytes", "536870912", "BYTES", "how much memory interpreters that wait may take in all"},
    {"warm_python_imports", "", "NAME,...", "packages that they import beforehand, if they are there"},
    {"cancel_grace_s", "10", "SECONDS", "from asking a task to end until it is killed"},
    {"cache", "on", "on|off", "whether a task is taken from an equal one that succeeded before"},
    {"cache_max_age_s", "0", "SECONDS", "for how long it may be taken; 0: for ever"},
    {"active_runs_max", "500", "N", "runs driven at once; the others wait"},
    {"mlflow_in_tasks", "on", "on|off",
     "whether MLflow's client in tasks logs to this server, to the task's own run"},
    {"mlflow_tracking_uri", "", "URL", "where tasks reach this server's HTTP; default: by http_listen"},
    {"package_url_hosts", "storage.googleapis.com,s3.amazonaws.com,github.com,raw.githubusercontent.com",
     "HOST,...", "hosts that a package_url may name (*.example.com: any below it; *: any; none: no URL)"},
    {"package_url_allow_http", "off", "on|off", "whether a package_url may be http, not only https"},
    {"package_url_allow_private", "off", "on|off",
     "whether a package_url may lead to this machine or a private network"},
    {"package_url_timeout_s", "30", "SECONDS", "how long the fetch of a package_url may take"},
    {"memory_budget", "512MiB", "BYTES", "what requests and answers in work may take; also KiB, MiB, GiB"},
    {"log_level", "info", "LEVEL", "trace, debug, info, warn, error or off"},
    {"log_format", "text", "text|json", "form of the log lines on standard error"},
    {"ready_file", "", "FILE", "written as JSON with ports and addresses once everything is served"},
    {"config", "", "FILE", "a file of `name = value` lines, # for comments"},
};

struct Command {
  absl::string_view name;
  CommandLine::Action action;
  absl::string_view words;  // as in --help; [] may be left out
  size_t words_min;
  size_t words_max;
  absl::string_view help;
};

constexpr Command kCommands[] = {
    {"migrate", CommandLine::Action::kMigrate, "[plan|apply|dry-run|validate|revert [--steps=N] [--yes]]", 0,
     1, "shows or changes the schema of the database; without a word: apply"},
    {"copy", CommandLine::Action::kCopy, "SOURCE_URL TARGET_URL", 2, 2,
     "copies a whole store into an empty database; goes on where it stopped"},
    {"check-store", CommandLine::Action::kCheckStore, "[URI]", 0, 1,
     "tries every kind of call in an object store; without a word: at the pipeline root"},
    {"envs", CommandLine::Action::kEnvs, "list|prune", 1, 1,
     "shows the shared Python environments of tasks, or removes those that no task uses"},
    {"check", CommandLine::Action::kCheck, "[--repair] [--json]", 0, 0,
     "compares rows and files; --repair mends what is derived, and has the server remove what belongs to "
     "nobody"},
};

using Values = std::map<std::string, std::string>;

const Setting* FindSetting(absl::string_view name) {
  for (const Setting& setting : kSettings) {
    if (setting.name == name) return &setting;
  }
  return nullptr;
}

absl::Status Unknown(absl::string_view where, absl::string_view name) {
  std::vector<std::string> names;
  for (const Setting& setting : kSettings) names.emplace_back(setting.name);
  return absl::InvalidArgumentError(
      absl::StrCat(where, ": there is no setting ", QuoteForMessage(name), SuggestName(name, names)));
}

// Reads a command and its words at the front, if there is one. Returns where the flags begin.
absl::StatusOr<int> ReadCommand(int argc, char** argv, CommandLine& line) {
  if (argc < 2 || argv[1][0] == '-') return 1;
  std::vector<std::string> names;
  for (const Command& command : kCommands) {
    names.emplace_back(command.name);
    if (command.name != argv[1]) continue;
    line.action = command.action;
    int next = 2;
    while (next < argc && !absl::StartsWith(argv[next], "--")) line.arguments.emplace_back(argv[next++]);
    if (line.arguments.size() < command.words_min || line.arguments.size() > command.words_max) {
      return absl::InvalidArgumentError(
          absl::StrCat("the form is: penstock ", command.name, " ", command.words));
    }
    return next;
  }
  for (const CliWord& word : CliWords()) names.emplace_back(word.name);
  return absl::InvalidArgumentError(absl::StrCat("there is no command ", QuoteForMessage(argv[1]),
                                                 SuggestName(argv[1], names), "; see --help"));
}

// Reads a flag that only `migrate revert` has. False if it is none.
absl::StatusOr<bool> ReadRevertFlag(absl::string_view argument, CommandLine& line) {
  if (line.action != CommandLine::Action::kMigrate || line.arguments != std::vector<std::string>{"revert"}) {
    return false;
  }
  if (argument == "--yes") return line.yes = true;
  if (!absl::ConsumePrefix(&argument, "--steps=")) return false;
  if (!absl::SimpleAtoi(argument, &line.steps) || line.steps < 1) {
    return absl::InvalidArgumentError(
        absl::StrCat("--steps is '", argument, "'; it must be how many migrations to take back, from 1"));
  }
  return true;
}

// Reads a flag that only `check` has. False if it is none.
bool ReadCheckFlag(absl::string_view argument, CommandLine& line) {
  if (line.action != CommandLine::Action::kCheck) return false;
  if (argument == "--repair") return line.repair = true;
  return argument == "--json" && (line.json = true);
}

absl::Status ReadFlags(int argc, char** argv, Values& values, CommandLine& line) {
  ASSIGN_OR_RETURN(const int begin, ReadCommand(argc, argv, line));
  for (int i = begin; i < argc; ++i) {
    absl::string_view argument = argv[i];
    if (argument == "--help" || argument == "-h") {
      line.action = CommandLine::Action::kHelp;
      return absl::OkStatus();
    }
    if (argument == "--version") {
      line.action = CommandLine::Action::kVersion;
      return absl::OkStatus();
    }
    ASSIGN_OR_RETURN(const bool taken, ReadRevertFlag(argument, line));
    if (taken || ReadCheckFlag(argument, line)) continue;
    if (!absl::StartsWith(argument, "--")) {
      return absl::InvalidArgumentError(absl::StrCat("unexpected argument '", argument, "'; see --help"));
    }
    argument.remove_prefix(2);
    const size_t equals = argument.find('=');
    const std::string name = absl::StrReplaceAll(argument.substr(0, equals), {{"-", "_"}});
    if (FindSetting(name) == nullptr) return Unknown("command line", name);
    if (equals != absl::string_view::npos) {
      values[name] = std::string(argument.substr(equals + 1));
    } else if (i + 1 < argc) {
      values[name] = argv[++i];
    } else {
      return absl::InvalidArgumentError(absl::StrCat("--", name, " needs a value: --", name, "=VALUE"));
    }
  }
  return absl::OkStatus();
}

void ReadEnvironment(Values& values) {
  for (const Setting& setting : kSettings) {
    const std::string name = absl::StrCat("PENSTOCK_", absl::AsciiStrToUpper(setting.name));
    const char* value = std::getenv(name.c_str());
    if (value != nullptr && *value != '\0') values.emplace(setting.name, value);
  }
}

absl::Status ReadFile(const std::string& path, Values& values) {
  std::ifstream file(path);
  if (!file) return absl::InvalidArgumentError(absl::StrCat("--config: the file ", path, " cannot be read"));
  std::string line;
  for (int number = 1; std::getline(file, line); ++number) {
    const absl::string_view text = absl::StripAsciiWhitespace(line);
    if (text.empty() || text[0] == '#') continue;
    const std::string where = absl::StrCat(path, ":", number);
    const std::pair<absl::string_view, absl::string_view> parts =
        absl::StrSplit(text, absl::MaxSplits('=', 1));
    const std::string name(absl::StripAsciiWhitespace(parts.first));
    if (!absl::StrContains(text, '=')) {
      return absl::InvalidArgumentError(absl::StrCat(where, ": expected `name = value`"));
    }
    if (FindSetting(name) == nullptr || name == "config") return Unknown(where, name);
    values.emplace(name, std::string(absl::StripAsciiWhitespace(parts.second)));
  }
  return absl::OkStatus();
}

std::string ExpandHome(const std::string& path) {
  const char* home = std::getenv("HOME");
  if (home == nullptr || (path != "~" && !absl::StartsWith(path, "~/"))) return path;
  return absl::StrCat(home, path.substr(1));
}

std::string Absolute(const std::string& path) {
  const std::string expanded = ExpandHome(path);
  if (expanded.empty() || expanded[0] == '/') return expanded;
  char here[PATH_MAX];
  return getcwd(here, sizeof(here)) == nullptr ? expanded : absl::StrCat(here, "/", expanded);
}

// The program of that name on PATH, or the name itself if there is none.
std::string OnPath(const std::string& name) {
  const char* path = std::getenv("PATH");
  if (name.empty() || path == nullptr) return name;
  for (const absl::string_view folder : absl::StrSplit(path, ':', absl::SkipEmpty())) {
    std::string candidate = absl::StrCat(folder, "/", name);
    if (access(candidate.c_str(), X_OK) == 0) return candidate;
  }
  return name;
}

bool IsExecutorKind(absl::string_view kind) { return kind == "local" || kind == "kubernetes"; }

// Takes checked values out of `values`; the first error is kept.
class Checker {
 public:
  explicit Checker(const Values& values) : values_(values) {}

  const std::string& Text(const std::string& name) { return values_.at(name); }

  int64_t Number(const std::string& name, int64_t low, int64_t high) {
    int64_t number = 0;
    if (!absl::SimpleAtoi(Text(name), &number) || number < low || number > high) {
      Wrong(name, absl::StrCat("a whole number from ", low, " to ", high));
    }
    return number;
  }

  // A number of bytes, or one of KiB, MiB or GiB.
  int64_t Bytes(const std::string& name, int64_t low) {
    constexpr std::pair<absl::string_view, int> kUnits[] = {{"KiB", 10}, {"MiB", 20}, {"GiB", 30}};
    absl::string_view text = Text(name);
    int shift = 0;
    for (const auto& [unit, bits] : kUnits) {
      if (absl::ConsumeSuffix(&text, unit)) shift = bits;
    }
    constexpr int64_t kHigh = int64_t{1} << 50;
    int64_t number = 0;
    if (!absl::SimpleAtoi(text, &number) || number < low >> shift || number > kHigh >> shift) {
      Wrong(name, absl::StrCat("a number of bytes from ", low, ", for example 512MiB"));
      return 0;
    }
    return number << shift;
  }

  bool Choice(const std::string& name, absl::string_view yes, absl::string_view no) {
    absl::string_view text = Text(name);
    // As other programs have it.
    if (yes == "on" && text == "true") text = yes;
    if (no == "off" && text == "false") text = no;
    if (text != yes && text != no) Wrong(name, absl::StrCat("'", yes, "' or '", no, "'"));
    return text == yes;
  }

  // HOST:PORT, or unix:PATH, of which the path is made absolute.
  std::string Address(const std::string& name, bool may_be_off) {
    const std::string& text = Text(name);
    if (may_be_off && text == "off") return text;
    if (absl::StartsWith(text, "unix:")) {
      if (text.size() == 5) Wrong(name, "unix: and the path of a socket file");
      return absl::StrCat("unix:", Absolute(text.substr(5)));
    }
    const size_t colon = text.rfind(':');
    int port = -1;
    if (colon == std::string::npos || colon == 0 || !absl::SimpleAtoi(text.substr(colon + 1), &port) ||
        port < 0 || port > 65535) {
      Wrong(name, absl::StrCat("host:port, for example 127.0.0.1:8887, or unix:PATH",
                               may_be_off ? ", or off" : ""));
    }
    return text;
  }

  // http:// or https://, a host, perhaps a port and a path; nothing.
  std::string Url(const std::string& name) {
    absl::string_view text = absl::StripSuffix(Text(name), "/");
    absl::string_view rest = text;
    const bool has_scheme = absl::ConsumePrefix(&rest, "http://") || absl::ConsumePrefix(&rest, "https://");
    bool good = has_scheme && !rest.empty() && rest.front() != '/' && rest.back() != '/';
    for (const char c : rest) good &= absl::ascii_isgraph(c) && !absl::StrContains("?#@\\\"<>", c);
    if (!Text(name).empty() && !good) {
      Wrong(name, "http:// or https:// and a host, for example https://ml.example.org");
    }
    return std::string(text);
  }

  // Names of hosts with commas between them, or "none".
  std::vector<std::string> Hosts(const std::string& name) {
    std::vector<std::string> hosts;
    if (Text(name) == "none") return hosts;
    for (const absl::string_view part : absl::StrSplit(Text(name), ',')) {
      hosts.push_back(absl::AsciiStrToLower(absl::StripAsciiWhitespace(part)));
      const absl::string_view host = hosts.back();
      const bool pattern = host == "*" || absl::StartsWith(host, "*.");
      const absl::string_view rest = pattern ? host.substr(1) : host;
      bool good = host == "*" || !rest.empty();
      for (const char c : rest) good &= absl::ascii_isalnum(c) || c == '.' || c == '-' || c == ':';
      if (!good) Wrong(name, "names of hosts with commas between them, '*.example.com', '*' or 'none'");
    }
    return hosts;
  }

  // Kinds of executors with commas between them, each once.
  std::vector<std::string> Executors(const std::string& name) {
    std::vector<std::string> kinds;
    for (const absl::string_view part : absl::StrSplit(Text(name), ',', absl::SkipWhitespace())) {
      kinds.emplace_back(absl::StripAsciiWhitespace(part));
      const bool is_new = std::count(kinds.begin(), kinds.end(), kinds.back()) == 1;
      if (!is_new || !IsExecutorKind(kinds.back())) {
        Wrong(name, "local, kubernetes, or both with a comma between them");
      }
    }
    if (kinds.empty()) Wrong(name, "local, kubernetes, or both with a comma between them");
    return kinds;
  }

  // NAMESPACE=KIND with commas between them, of kinds among `executors`.
  std::map<std::string, std::string, std::less<>> NamespaceExecutors(
      const std::string& name, const std::vector<std::string>& executors) {
    std::map<std::string, std::string, std::less<>> kinds;
    for (const absl::string_view part : absl::StrSplit(Text(name), ',', absl::SkipWhitespace())) {
      const std::pair<absl::string_view, absl::string_view> of =
          absl::StrSplit(absl::StripAsciiWhitespace(part), absl::MaxSplits('=', 1));
      if (std::count(executors.begin(), executors.end(), of.second) == 0 || of.first.empty()) {
        Wrong(name, "NAMESPACE=KIND with commas between them, of kinds that --executors names");
      }
      kinds[std::string(of.first)] = std::string(of.second);
    }
    return kinds;
  }

  // Names of Python packages with commas between them, or nothing.
  std::vector<std::string> Modules(const std::string& name) {
    std::vector<std::string> modules;
    for (const absl::string_view part : absl::StrSplit(Text(name), ',', absl::SkipWhitespace())) {
      modules.emplace_back(absl::StripAsciiWhitespace(part));
      const bool good = std::all_of(modules.back().begin(), modules.back().end(),
                                    [](char c) { return absl::ascii_isalnum(c) || c == '_' || c == '.'; });
      if (!good) Wrong(name, "names of Python packages with commas between them, for example numpy,pandas");
    }
    return modules;
  }

  // A file that can be read, or nothing; absolute.
  std::string File(const std::string& name) {
    std::string path = Absolute(Text(name));
    if (!path.empty() && access(path.c_str(), R_OK) != 0) Wrong(name, "a file that can be read");
    return path;
  }

  // Directories that are there, with commas between them, or nothing; absolute and without symbolic links.
  std::vector<std::string> Directories(const std::string& name) {
    std::vector<std::string> directories;
    for (const absl::string_view part : absl::StrSplit(Text(name), ',', absl::SkipWhitespace())) {
      char real[PATH_MAX];
      const std::string path = Absolute(std::string(absl::StripAsciiWhitespace(part)));
      if (realpath(path.c_str(), real) == nullptr) {
        Wrong(name, "directories that are there, with commas between them");
        break;
      }
      directories.emplace_back(real);
    }
    return directories;
  }

  void Wrong(const std::string& name, absl::string_view right) {
    if (status_.ok()) {
      status_ =
          absl::InvalidArgumentError(absl::StrCat("--", name, " is '", Text(name), "'; it must be ", right));
    }
  }

  const absl::Status& status() const { return status_; }

 private:
  const Values& values_;
  absl::Status status_;
};

// What tasks run on.
void CheckExecutors(Checker& check, Config& config) {
  config.executors = check.Executors("executors");
  config.namespace_executors = check.NamespaceExecutors("namespace_executors", config.executors);
  config.kube_path = Absolute(check.Text("kube_path"));
  if (config.kube_path.empty()) config.kube_path = BesideThisProgram("penstock-kube");
  config.kubernetes_settings = check.File("kubernetes_settings");
  config.kubeconfig = check.File("kubeconfig");
  config.kube_context = check.Text("kube_context");
  config.kubernetes_namespace = check.Text("kubernetes_namespace");
  config.kubernetes_max_pods = check.Number("kubernetes_max_pods", 1, limits::kPods);
  config.pending_timeout_s = check.Number("pending_timeout_s", 0, 30 * 86'400);
  config.platform_retries = check.Number("platform_retries", 0, limits::kPlatformRetries);
  const bool has_pods = std::count(config.executors.begin(), config.executors.end(), "kubernetes") > 0;
  if (has_pods && config.kubernetes_settings.empty()) {
    check.Wrong("kubernetes_settings", "a file, with the executor kubernetes: see docs/KUBERNETES.md");
  }
}

absl::StatusOr<Config> Check(const Values& values) {
  Checker check(values);
  Config config;
  config.data_dir = Absolute(check.Text("data_dir"));
  if (config.data_dir.empty()) check.Wrong("data_dir", "a directory");
  config.database_url = check.Text("database_url");
  if (config.database_url.empty()) {
    config.database_url = absl::StrCat("sqlite://", config.data_dir, "/penstock.db");
  }
  config.database_wait = absl::Seconds(check.Number("database_wait_s", 0, 86'400));
  const std::string& role = check.Text("role");
  if (role != "all" && role != "server" && role != "scheduler") {
    check.Wrong("role", "all, server or scheduler");
  }
  config.serve_api = role != "scheduler";
  config.run_scheduler = role != "server";
  config.grpc_listen = check.Address("grpc_listen", /*may_be_off=*/true);
  config.http_listen = check.Address("http_listen", /*may_be_off=*/false);
  config.public_url = check.Url("public_url");
  config.gateway = check.Choice("gateway", "on", "off") && config.serve_api;
  config.gateway_path = Absolute(check.Text("gateway_path"));
  if (config.gateway_path.empty()) config.gateway_path = BesideThisProgram("penstock-gateway");
  config.runner_path = Absolute(check.Text("runner_path"));
  if (config.runner_path.empty()) config.runner_path = BesideThisProgram("penstock-runner");
  config.launch_path = Absolute(check.Text("launch_path"));
  if (config.launch_path.empty()) config.launch_path = BesideThisProgram("penstock-launch");
  config.pipeline_root = check.Text("pipeline_root");
  config.stores_path = check.File("stores");
  config.file_roots = check.Directories("file_roots");
  config.store_links_s = check.Number("store_links_s", 0, 7 * 86'400);
  CheckExecutors(check, config);
  config.python = check.Text("python");
  config.python = absl::StrContains(config.python, '/') ? Absolute(config.python) : OnPath(config.python);
  if (!config.python.empty() && access(config.python.c_str(), X_OK) != 0) {
    check.Wrong("python", "the Python interpreter's program, for example /usr/bin/python3");
  }
  config.max_parallel_tasks = check.Number("max_parallel_tasks", 0, 100'000);
  config.max_idle_tasks = check.Number("max_idle_tasks", -1, 100'000);
  config.task_log_bytes = check.Number("task_log_bytes", 4096, int64_t{1} << 40);
  config.python_envs_bytes = check.Number("python_envs_bytes", 0, int64_t{1} << 50);
  config.warm_python_bytes = check.Number("warm_python_bytes", 0, int64_t{1} << 50);
  if (!check.Choice("warm_python", "on", "off")) config.warm_python_bytes = 0;
  config.warm_python_imports = check.Modules("warm_python_imports");
  config.cancel_grace = absl::Seconds(check.Number("cancel_grace_s", 0, 86'400));
  config.cache = check.Choice("cache", "on", "off");
  const int64_t max_age_s = check.Number("cache_max_age_s", 0, limits::kCacheAgeSeconds);
  config.cache_max_age = max_age_s == 0 ? absl::InfiniteDuration() : absl::Seconds(max_age_s);
  config.mlflow_in_tasks = check.Choice("mlflow_in_tasks", "on", "off");
  config.mlflow_tracking_uri = check.Text("mlflow_tracking_uri");
  config.active_runs_max = check.Number("active_runs_max", 1, 100'000);
  config.package_url_hosts = check.Hosts("package_url_hosts");
  config.package_url_allow_http = check.Choice("package_url_allow_http", "on", "off");
  config.package_url_allow_private = check.Choice("package_url_allow_private", "on", "off");
  config.package_url_timeout = absl::Seconds(check.Number("package_url_timeout_s", 1, 600));
  config.memory_bytes = check.Bytes("memory_budget", limits::kMemoryBytesMin);
  config.log_level = check.Text("log_level");
  config.log_format = check.Choice("log_format", "json", "text") ? LogFormat::kJson : LogFormat::kText;
  config.ready_file = Absolute(check.Text("ready_file"));
  RETURN_IF_ERROR(check.status());
  return config;
}

}  // namespace

absl::StatusOr<CommandLine> ReadCommandLine(int argc, char** argv) {
  CommandLine line;
  Values values;
  RETURN_IF_ERROR(ReadFlags(argc, argv, values, line));
  if (line.action == CommandLine::Action::kHelp || line.action == CommandLine::Action::kVersion) return line;
  ReadEnvironment(values);
  if (const auto file = values.find("config"); file != values.end() && !file->second.empty()) {
    RETURN_IF_ERROR(ReadFile(Absolute(file->second), values));
  }
  for (const Setting& setting : kSettings) values.emplace(setting.name, setting.fallback);
  ASSIGN_OR_RETURN(line.config, Check(values));
  return line;
}

std::string HelpText() {
  constexpr size_t kHelpColumns = 120;
  std::string text =
      "penstock stores machine-learning pipelines and runs them, and answers Kubeflow Pipelines' API.\n\n"
      "Usage: penstock [--name=value ...]\n";
  for (const Command& command : kCommands) {
    absl::StrAppend(&text, "       penstock ", command.name, " ", command.words,
                    " [--name=value ...]\n           ", command.help, "\n");
  }
  absl::StrAppend(&text,
                  "\nCommands of a user, which ask a server over HTTP; `penstock WORD --help` tells more:\n");
  for (const CliWord& word : CliWords()) {
    absl::StrAppend(&text, "       penstock ", word.name, *word.words == '\0' ? "" : " ", word.words,
                    "\n           ", word.help, "\n");
  }
  absl::StrAppend(&text, "\nSettings of the server:\n");
  for (const Setting& setting : kSettings) {
    std::string left = absl::StrCat("  --", setting.name, "=", setting.value_name);
    left.resize(std::max<size_t>(left.size() + 1, 34), ' ');
    absl::StrAppend(&text, left, setting.help);
    if (!setting.fallback.empty()) {
      const bool fits = left.size() + setting.help.size() + setting.fallback.size() + 3 <= kHelpColumns;
      absl::StrAppend(&text, fits ? " " : absl::StrCat("\n", std::string(34, ' ')), "[", setting.fallback,
                      "]");
    }
    absl::StrAppend(&text, "\n");
  }
  absl::StrAppend(
      &text,
      "  --help, --version\n\n"
      "Each can also be set by environment (PENSTOCK_DATA_DIR) or in the --config file (data_dir = ...);\n"
      "the command line wins over the environment, and that over the file.\n");
  return text;
}

std::string DescribeConfig(const Config& config) {
  return absl::StrCat("data_dir=", LogValue(config.data_dir),
                      " role=", config.serve_api ? (config.run_scheduler ? "all" : "server") : "scheduler",
                      " executors=", absl::StrJoin(config.executors, ","),
                      " max_parallel_tasks=", config.max_parallel_tasks,
                      " active_runs_max=", config.active_runs_max, " python=", LogValue(config.python),
                      " cache=", config.cache ? "on" : "off", " gateway=", config.gateway ? "on" : "off");
}

}  // namespace penstock
