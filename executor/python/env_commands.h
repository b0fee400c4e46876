// The commands `penstock envs list` and `penstock envs prune`. They work beside a running server: whether an
// environment is in use is known from its lock. Thread-safe.
#pragma once

#include <string>

namespace penstock {

// The environments below `envs_dir` as a table for people, least lately used first. A directory that is not
// there has none.
std::string EnvsList(const std::string& envs_dir);

// The warm Pythons (executor/local/runner/warm_python.h) as a table for people, by what the supervisor has written to
// `report_path`; empty if there are none.
std::string WarmList(const std::string& report_path);

// Removes all that no task uses. Says what was removed, and what was not.
std::string EnvsPrune(const std::string& envs_dir);

}  // namespace penstock
