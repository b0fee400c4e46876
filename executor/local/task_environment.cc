#include "executor/local/task_environment.h"

#include <stdlib.h>

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"
#include "executor/local/runner/wire.h"

namespace penstock {
namespace {

// Nothing else of the server's own: it may hold secrets, such as the password of the database.
constexpr const char* kInherited[] = {"PATH", "HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "TZ"};
constexpr char kDefaultPath[] = "/usr/local/bin:/usr/bin:/bin";

std::string* Find(TaskEnvironment::Variables& variables, absl::string_view name) {
  const auto it =
      std::find_if(variables.begin(), variables.end(), [&](const auto& v) { return v.first == name; });
  return it == variables.end() ? nullptr : &it->second;
}

void Set(TaskEnvironment::Variables& variables, absl::string_view name, absl::string_view value) {
  std::string* old = Find(variables, name);
  if (old != nullptr) {
    old->assign(value.data(), value.size());
  } else {
    variables.emplace_back(name, value);
  }
}

void PrependPath(TaskEnvironment::Variables& variables, const std::vector<std::string>& directories) {
  if (directories.empty()) return;
  std::string* path = Find(variables, "PATH");
  *path = absl::StrCat(absl::StrJoin(directories, ":"), ":", *path);
}

std::vector<std::string> Texts(const TaskEnvironment::Variables& variables) {
  std::vector<std::string> out;
  out.reserve(variables.size());
  for (const auto& [name, value] : variables) out.push_back(absl::StrCat(name, "=", value));
  return out;
}

// What it prints is in the log when it prints it, and before what it writes to standard error afterwards.
void SetUnbuffered(TaskEnvironment::Variables& variables) { Set(variables, "PYTHONUNBUFFERED", "1"); }

}  // namespace

TaskEnvironment::TaskEnvironment(const Variables& base_env) {
  base_ = {{"PATH", kDefaultPath}, {"HOME", "/"}, {"LANG", "C.UTF-8"}};
  for (const char* name : kInherited) {
    const char* value = getenv(name);
    if (value != nullptr && *value != '\0') Set(base_, name, value);
  }
  for (const auto& [name, value] : base_env) Set(base_, name, value);
  search_path_ = *Find(base_, "PATH");
}

std::vector<std::string> TaskEnvironment::For(const LaunchSpec& spec,
                                              const PythonEnvironments::Choice& python,
                                              const std::string& temporary_dir) const {
  Variables variables = base_;
  for (const char* name : {"TMPDIR", "TMP", "TEMP"}) Set(variables, name, temporary_dir);
  SetUnbuffered(variables);
  Set(variables, "PENSTOCK_RUN_ID", spec.run_id);
  Set(variables, "PENSTOCK_TASK_ID", spec.task_id);
  Set(variables, "PENSTOCK_TASK_NAME", spec.task_name);
  Set(variables, "PENSTOCK_ATTEMPT", absl::StrCat(spec.attempt_number));
  Set(variables, "KFP_POD_NAME", spec.attempt_id);
  Set(variables, "KFP_POD_UID", spec.attempt_id);
  Set(variables, "KFP_RETRY_INDEX", absl::StrCat(spec.attempt_number - 1));
  for (const auto& [name, value] : spec.env) Set(variables, name, value);
  for (const auto& [name, value] : python.env) Set(variables, name, value);
  PrependPath(variables, python.path_prefix);
  // Last, so that nothing takes the mark's place by which its processes are found.
  Set(variables, absl::string_view(wire::kAttemptVariable.data(), wire::kAttemptVariable.size()),
      spec.attempt_id);
  return Texts(variables);
}

std::vector<std::string> TaskEnvironment::ForWarm(const PythonEnvironments::WarmChoice& warm) const {
  Variables variables = base_;
  SetUnbuffered(variables);
  if (warm.is_script) Set(variables, "_KFP_RUNTIME", "true");  // by which kfp imports less of itself
  Set(variables, "VIRTUAL_ENV", warm.home + "/venv");
  PrependPath(variables, warm.path_prefix);
  return Texts(variables);
}

}  // namespace penstock
