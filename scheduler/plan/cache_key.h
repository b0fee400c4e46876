// What makes two tasks the same work: the key under which the cache keeps what a task put out.
//
// Pure. The key covers what the task is started with and nothing of where or when it runs: image, command,
// arguments, environment, declared outputs, the values of input parameters and the content of input
// artifacts. Names of tasks, components and pipelines, descriptions, resources and retries do not matter.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "common/json.h"
#include "common/sha256.h"
#include "scheduler/plan/run_plan.h"
#include "scheduler/plan/values/values.h"

namespace penstock {

struct CacheKey {
  std::string fingerprint;  // SHA-256 of all fields, hexadecimal
  // Entries of one group are compared to tell why a task missed: the same component of the same pipeline.
  std::string group;
  // What the fingerprint is made of, in the order in which it is compared: name and a short digest. Names:
  // "image", "command", "args", "env.NAME", "outputs", "run", "packages", "inputs.parameters.NAME",
  // "inputs.artifacts.NAME"; "pipeline", "component" and "cache_key" for a task with a key of its own.
  std::vector<std::pair<std::string, std::string>> fields;
};

// The content of each input artifact as a text: equal for equal content. By input, in the order of the list.
using ArtifactContents = std::map<std::string, std::vector<std::string>>;

// Makes the keys of the tasks of one run; keeps what is the same for all tasks with one component and
// executor. Not thread-safe. The plan must outlive it.
class CacheKeyMaker {
 public:
  explicit CacheKeyMaker(absl::string_view pipeline_name) : pipeline_name_(pipeline_name) {}

  // Of a container task. A task with a cache key of its own is the same work as any other of its component
  // and pipeline with that key and the same outputs.
  // `pins` are what its packages are pinned to: what was made with others is not what the run asks for.
  CacheKey Make(const PlannedTask& task, const TaskInputs& inputs, const ArtifactContents& contents,
                const RunFacts& facts, const std::vector<std::string>& pins = {});

 private:
  using Field = std::pair<std::string, std::string>;  // name, 32 bytes
  struct Constant {
    std::vector<Field> fields;
    bool reads_facts = false;      // the command names facts of the run or the task
    bool tells_defaulted = false;  // the command tells a default from a value that was passed
  };
  const Constant& ConstantOf(const PlannedTask& task);
  Field FieldOf(std::string name, absl::string_view text);
  Field ParameterField(const std::string& name, const Json& value, absl::string_view origin);
  Field ArtifactField(const std::string& name, const std::vector<ArtifactRecord>& artifacts,
                      const std::vector<std::string>& contents);
  CacheKey Seal(const PlannedTask& task, const std::vector<Field>& fields);

  const std::string pipeline_name_;
  Sha256 hash_;
  absl::flat_hash_map<std::pair<const void*, const void*>, Constant> constants_;  // by component and executor
};

// The first field in which `key` differs from the stored fields of another one, in the order of `key`; empty
// if there is none. `differing` is how many there are.
std::string FirstDifference(const CacheKey& key, const Json& stored, int* differing);

// The fields as a JSON object, as they are stored.
Json FieldsOf(const CacheKey& key);

}  // namespace penstock
