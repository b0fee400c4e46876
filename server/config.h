// The one configuration: flags, then environment (PENSTOCK_<NAME>), then a file of `name = value` lines, then
// defaults.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "common/log.h"

namespace penstock {

struct Config {
  std::string data_dir;      // absolute; made if it is missing
  std::string database_url;  // sqlite:///... or postgresql://...
  absl::Duration database_wait;
  bool serve_api = true;  // --role
  bool run_scheduler = true;
  std::string grpc_listen;  // host:port, port 0 takes a free one; unix:PATH; or off
  std::string http_listen;  // host:port or unix:PATH
  std::string public_url;   // as clients reach the gateway, without a slash at its end; empty: by its address
  bool gateway = true;      // whether the gateway is started as a child
  std::string gateway_path;   // beside this program unless given
  std::string runner_path;    // likewise
  std::string launch_path;    // likewise
  std::string pipeline_root;  // where artifacts go of runs that name no root; empty: the data directory
  std::string stores_path;    // the settings file of object stores; absolute; empty: none
  std::vector<std::string> file_roots;  // directories in which file:// roots may lie; absolute
  int64_t store_links_s = 0;            // how long links to objects are good for; 0: none are given
  std::string python;                   // interpreter for Python components; empty: python3 of PATH
  std::vector<std::string>
      executors;  // kinds, "local" or "kubernetes", each once; the first is for what names none
  std::map<std::string, std::string, std::less<>> namespace_executors;  // kinds, by namespace
  std::string kube_path;             // the program for pods; beside this one unless given
  std::string kubernetes_settings;   // its settings file; absolute; empty: none
  std::string kubeconfig;            // absolute; empty: that of the cluster that it runs in, or KUBECONFIG's
  std::string kube_context;          // of the kubeconfig; empty: its current one
  std::string kubernetes_namespace;  // where pods are made; empty: that of the context or of its own pod
  int64_t kubernetes_max_pods = 0;
  int64_t pending_timeout_s = 0;   // how long a pod may wait to begin; 0: for ever
  int64_t platform_retries = 0;    // how often a task begins again that its platform has disrupted
  int64_t max_parallel_tasks = 0;  // 0: as many as the machine has processors
  int64_t max_idle_tasks = -1;     // besides, while they use little CPU; -1: by the number of slots
  int64_t task_log_bytes = 0;
  int64_t python_envs_bytes = 0;  // shared Python environments that nobody uses are removed beyond it
  int64_t warm_python_bytes = 0;  // memory of interpreters that wait for Python components; 0: there are none
  std::vector<std::string> warm_python_imports;  // what they import beforehand in any case
  absl::Duration cancel_grace;
  bool cache = true;             // whether tasks are taken from the cache and kept in it
  absl::Duration cache_max_age;  // older entries are not used; infinite: any age
  int64_t active_runs_max = 0;
  bool mlflow_in_tasks = true;                 // whether tasks are told where MLflow's client is to log to
  std::string mlflow_tracking_uri;             // as tasks reach the HTTP front door; empty: by its address
  std::vector<std::string> package_url_hosts;  // from where pipelines are fetched; lower case
  bool package_url_allow_http = false;
  bool package_url_allow_private = false;
  absl::Duration package_url_timeout;
  int64_t memory_bytes = 0;  // of server and gateway, for what is in work
  std::string log_level;
  LogFormat log_format = LogFormat::kText;
  std::string ready_file;  // written once everything is served; empty: none
};

// What the command line asks for.
struct CommandLine {
  enum class Action { kServe, kHelp, kVersion, kMigrate, kCopy, kEnvs, kCheck, kCheckStore };
  Action action = Action::kServe;
  std::vector<std::string> arguments;  // words behind the command, as many as it takes
  bool yes = false;                    // of `migrate revert`: --yes, nobody is to be asked
  int steps = 1;                       // of the same: --steps=N, how many migrations are taken back
  bool repair = false;                 // of `check`
  bool json = false;                   // likewise
  Config config;
};

// Reads the command line, the environment and the file that --config names, and checks the whole.
// INVALID_ARGUMENT, with a sentence that names the setting and what would be right, for anything wrong.
absl::StatusOr<CommandLine> ReadCommandLine(int argc, char** argv);

// The text of --help.
std::string HelpText();

// The settings in force, a line each, for the log at start.
std::string DescribeConfig(const Config& config);

}  // namespace penstock
