// The environment variables of a task: nothing of the server's own but what every program needs, so that no
// secret of the server reaches a task.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "executor/executor.h"
#include "executor/python/python_env.h"

namespace penstock {

// Thread-safe: constant after construction.
class TaskEnvironment {
 public:
  using Variables = std::vector<std::pair<std::string, std::string>>;

  // Takes PATH, HOME, USER, LOGNAME, LANG, LC_ALL and TZ from the process's environment; `base_env` adds and
  // overrides.
  explicit TaskEnvironment(const Variables& base_env);

  // NAME=value for each variable, names unique. From weak to strong: this object's, then the attempt's
  // description (TMPDIR, which is `temporary_dir`, KFP_POD_NAME, KFP_RETRY_INDEX ...), then LaunchSpec::env, then `python` (in front of
  // PATH), and the attempt's id under wire::kAttemptVariable, by which the supervisor finds the attempt's
  // processes.
  std::vector<std::string> For(const LaunchSpec& spec, const PythonEnvironments::Choice& python,
                               const std::string& temporary_dir) const;

  // Of a warm Python, whose attempts are forks of it: what all of them have when the interpreter starts.
  std::vector<std::string> ForWarm(const PythonEnvironments::WarmChoice& warm) const;

  // What every task has before its own.
  const Variables& base() const { return base_; }
  const std::string& search_path() const { return search_path_; }

 private:
  Variables base_;
  std::string search_path_;
};

}  // namespace penstock
