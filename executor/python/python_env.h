// Which Python an attempt runs on, and what it starts as, so that KFP's Python components work unmodified and
// fast. Their command is a bootstrap (bootstrap.h) that installs packages with pip and then runs
// `python3 -m kfp.dsl.executor_main`.
//
// Every command that may run Python gets an environment of its attempt's own, a few files and links, so that
// what it installs while it runs lands there and is seen by no other.
//
//   it asks for nothing that the base interpreter lacks
//       the command after the bootstrap, on an environment of its own over the base: no pip
//   it asks for packages
//       penstock-env, which builds the shared environment of these packages if nobody has yet, then the command
//       after the bootstrap, on an environment of the attempt's own over the shared one
//   it asks for nothing else than what a shared environment has that is there
//       the same; a warm Python of that environment may take its place (executor/local/runner/warm_python.h)
//   it asks for what is not shareable, by a URL with a password
//       penstock-env, which installs into an environment of the attempt's own, then the command after the bootstrap
//   it asks for what is not shareable otherwise, or pip is used in a way that is not a bootstrap
//       the command as it is, on an environment of the attempt's own over the base: what pip installs lands there
//
// What LaunchSpec::constraints say, every pip keeps to: in penstock-env by an option, elsewhere by a variable, unless the
// task sets that itself.
//
// The base interpreter (typically a virtual environment that has kfp) goes first on PATH in any case.
#pragma once

#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/types/span.h"
#include "executor/attempt_place.h"
#include "executor/executor.h"
#include "executor/python/bootstrap.h"
#include "executor/python/env_request.h"
#include "executor/python/venv.h"

namespace penstock {

// `installs` without what `base` has: empty if it has everything. Pure.
std::vector<PipInstall> MissingIn(const BasePython& base, std::vector<PipInstall> installs);

// The key of the shared environment of these packages: SHA-256, in hexadecimal digits, of the base with all
// that is installed in it, the options, the requirements in any order, the variables of the task that are
// handed to pip, pip's own `settings`, and the constraints in any order. Pure.
std::string EnvKey(const BasePython& base, const std::vector<PipInstall>& installs,
                   const std::vector<std::pair<std::string, std::string>>& variables,
                   const std::vector<std::string>& settings = {}, std::vector<std::string> constraints = {});

// Thread-safe.
class PythonEnvironments {
 public:
  struct Options {
    std::string python;  // absolute path of the base interpreter; empty: the first python3 on `search_path`
    std::string search_path;  // as PATH
    std::string envs_dir;     // of shared environments, absolute
    std::string env_program;  // absolute path of penstock-env
    int64_t envs_bytes = 0;   // shared environments are kept up to this size
    std::string warm_dir;     // absolute; of what warm Pythons run in; empty: there are none
    std::string spares_dir;   // absolute; of environments that can be used again; empty: none are
    // Of every task, before its own variables: what a build of a shared environment sees.
    std::vector<std::pair<std::string, std::string>> environment;
  };

  explicit PythonEnvironments(Options options);

  // How the attempt may begin as a fork of a warm Python.
  struct WarmChoice {
    std::string key;                       // of the environment and what is imported
    std::string words;                     // what the environment is, for people
    std::string home;                      // of the warm process; its environment is in venv/
    std::vector<std::string> path_prefix;  // for the front of its PATH
    std::string module;                    // that the attempt runs
    bool is_script = false;                // by the script of a lightweight component, which sets a variable
    std::vector<std::string> command;      // of the attempt
    std::string lock;                      // of the shared environment; empty: none
    std::string note;                      // a line of the attempt's log about that
  };

  struct Choice {
    std::vector<std::string> argv;                         // what the attempt starts as
    bool is_request = false;                               // argv is penstock-env and an EnvRequest
    std::vector<std::string> path_prefix;                  // directories for the front of PATH, in order
    std::vector<std::pair<std::string, std::string>> env;  // further variables
    // The shared environment that has to be built before the command begins, and what is in it, in a few words
    // for the user; empty if it is there, or none is needed.
    std::string awaited_env;
    std::string awaited_packages;
    // Instead of `argv`, with the same variables.
    std::optional<WarmChoice> warm;
  };

  // Chooses for `spec`, whose work directory exists, and makes an environment there if one is needed now.
  // Asks the base interpreter about itself when the first attempt may run Python, and again when the base has
  // changed. UNAVAILABLE if it does not answer; an error of the file system if an environment cannot be made.
  absl::StatusOr<Choice> Choose(const LaunchSpec& spec);

  // Takes back the environment in the work directory of an attempt that has ended, if it is as it was made: most
  // tasks install nothing. A file system punishes making and removing many files (work_dirs.h).
  void TakeBack(const std::string& work_dir);

  // What an attempt that has ended installed for itself into the environment in its work directory, "name==version" in
  // any order; nothing if there is no such environment.
  std::vector<std::string> OwnPackages(const std::string& work_dir) const;

  // Whether a shared environment is there.
  bool IsBuilt(const std::string& key) const;

  // The base interpreter as it described itself last, the same object until it has changed; null if it was not asked
  // yet.
  std::shared_ptr<const Interpreter> KnownInterpreter() const;

  // Asks the base interpreter now, if one was named, so that the first attempt need not wait for its answer.
  void Warm();

 private:
  absl::StatusOr<BasePython> Base();
  bool UseSpare(const BasePython& base, const std::string& overlay);
  std::vector<std::string> PipSettings(const LaunchSpec& spec) const;
  // The attempt begins as penstock-env.
  EnvRequest Request(const LaunchSpec& spec, const Bootstrap& bootstrap, const BasePython& base,
                     const std::vector<PipInstall>& missing, bool is_shared, Choice* choice) const;
  // The environment that `request` asks for is there: the attempt may begin as a fork of a warm Python.
  absl::Status UseBuilt(const LaunchSpec& spec, const EnvRequest& request, Choice* choice);
  // Offers `command`, if it is one that a warm Python can run, on the base or on a shared environment over it.
  void OfferWarm(const LaunchSpec& spec, const BasePython& base, const std::string& shared_key,
                 const std::vector<std::string>& command, absl::string_view words, Choice* choice);

  const Options options_;
  mutable absl::Mutex mutex_;
  // What Changes said of the base when it was asked; empty: never asked.
  std::string seen_ ABSL_GUARDED_BY(mutex_);
  BasePython base_ ABSL_GUARDED_BY(mutex_);
  std::shared_ptr<const Interpreter> interpreter_ ABSL_GUARDED_BY(mutex_);  // the same, for people
  // Untouched environments over some base: who takes one looks whether it is still the same.
  std::vector<std::string> spares_ ABSL_GUARDED_BY(mutex_);
  int64_t next_spare_ ABSL_GUARDED_BY(mutex_) = 0;
  std::set<std::string> warm_homes_ ABSL_GUARDED_BY(mutex_);  // that have been made
};

}  // namespace penstock
