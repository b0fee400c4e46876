// What flows between the tasks of a run: parameters and artifacts with every reference resolved. Plain data.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "common/json.h"
#include "content/uri.h"

namespace penstock {

struct ArtifactRecord {
  std::string artifact_id;     // key in storage; empty until it is stored
  std::string name;            // as the producing task named it, by default the output's name
  std::string schema_title;    // such as "system.Dataset"; empty if the component gives none
  std::string schema_version;  // such as "0.0.1"
  std::string uri;             // logical: what storage keeps, see artifact_paths.h
  Json metadata = Json::object();
  // Where the content lies instead of at the path of `uri`; logical too if it is under the artifact root.
  std::optional<std::string> custom_path;
  // Whether an importer recorded it: its content is not the engine's, and may have to be fetched.
  bool imported = false;
  // Where the attempt at hand finds the content that is brought there for it; never stored.
  std::string content_path;
  // As it was when it was made; see content/content.h. Empty if nobody looked or nobody can.
  std::string content_sha256;
  std::string content_stat;
  std::optional<int64_t> size_bytes;

  bool operator==(const ArtifactRecord&) const = default;
};

using ParameterMap = std::map<std::string, Json>;
using ArtifactMap = std::map<std::string, std::vector<ArtifactRecord>>;

// The resolved inputs of a task, or of a graph for the tasks in it. A graph has a key for each declared
// parameter, null if it got none; a container task has no key for an optional input that it did not get.
struct TaskInputs {
  ParameterMap parameters;
  ArtifactMap artifacts;
  // Parameters of the above that nobody passed: they hold the component's default. IfPresent counts them as
  // absent.
  std::set<std::string> defaulted;
  // Parameters of the above that are a constant which only the launch can fill: {{$}} or {{$.outputs...}},
  // whole.
  std::set<std::string> launch_placeholders;

  bool operator==(const TaskInputs&) const = default;
};

struct TaskOutputs {
  ParameterMap parameters;
  ArtifactMap artifacts;

  bool operator==(const TaskOutputs&) const = default;
};

// What the placeholders {{$.pipeline_...}} stand for: facts of the run, and of the task at hand.
struct RunFacts {
  std::string run_id;             // {{$.pipeline_job_uuid}}
  std::string run_display_name;   // {{$.pipeline_job_name}}
  std::string run_resource_name;  // {{$.pipeline_job_resource_name}}; starts with the pipeline's name in KFP
  std::string pipeline_name;
  std::string pipeline_root;  // {{$.pipeline_root}}, in the form that tasks can use
  std::string created_at;     // {{$.pipeline_job_create_time_utc}}, RFC 3339
  std::string scheduled_at;   // {{$.pipeline_job_schedule_time_utc}}, RFC 3339; `created_at` if not scheduled
  bool has_default_root = false;  // it is where its executor keeps artifacts, since nobody gave another
  std::string workspace_path;     // {{$.workspace_path}}; empty if the run has no workspace
  std::string task_id;            // {{$.pipeline_task_uuid}}
  std::string task_name;          // {{$.pipeline_task_name}}: key of the task in its graph; named in errors
  PublicUris uris;                // which an importer may be given
};

}  // namespace penstock
