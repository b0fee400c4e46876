// What a list of runs shows beside their rows, for many runs at once.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "storage/db/database.h"

namespace penstock {

// Names of what a run belongs to and was made of; empty for what is not there, or not any more.
struct RunNames {
  std::string experiment;
  std::string pipeline;
  std::string pipeline_version;
};

struct RunFailure {
  std::string message;    // of the run
  std::string task_id;    // of the task with attempts that failed first; empty if there is none
  std::string task_name;  // its display name, or its key
  std::string log_tail;   // of its last attempt
};

// Both by the id of the run, and put off: the maps have to be there until Tx::Flush or Tx::Finish, which fills them. Ids
// of runs that are not there are left out, of RunFailuresLater also runs without an error.
absl::Status RunNamesLater(db::Tx& tx, const std::vector<std::string>& run_ids,
                           std::map<std::string, RunNames>* names);
absl::Status RunFailuresLater(db::Tx& tx, const std::vector<std::string>& run_ids,
                              std::map<std::string, RunFailure>* failures);

}  // namespace penstock
