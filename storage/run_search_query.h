// What a search of runs asks for: see storage/run_search.h.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/limits.h"
#include "common/state.h"
#include "storage/search.h"

namespace penstock {

enum class RunSubject {
  kMetric,  // the latest value, whichever task has it
  kParameter,
  kTag,
  // Without a key:
  kRunId,
  kName,
  kStatus,
  kUser,  // a tag; a run without it has an empty one
  kDescription,
  kStart,
  kEnd,
  kArtifactUri,
  kDatasetName,
  kDatasetDigest,
  kDatasetContext,
};

struct RunCondition {
  RunSubject subject = RunSubject::kMetric;
  std::string key;
  SearchOp op = SearchOp::kEqual;
  std::vector<std::string> texts;  // of what has texts
  double number = 0;               // of a metric; of a time in milliseconds
};

struct RunOrder {
  RunSubject subject = RunSubject::kStart;
  std::string key;
  bool descending = false;
};

// How much a search may look at.
struct RunSearchBounds {
  int64_t candidates =
      limits::kSearchCandidates;           // runs that are read and sorted though the order has an index
  int64_t sorted = limits::kSearchSorted;  // if it has none
  int64_t walked = limits::kSearchWalked;  // entries of an index
  int64_t first_step = 2000;               // of these at first; more only if they do not fill the page
};

struct RunSearchQuery {
  std::vector<std::string> experiment_ids;  // each once
  std::vector<StorageState> storage_states;
  std::vector<RunCondition> conditions;  // all of them
  std::vector<RunOrder> orders;          // of equal ones the latest start comes first, then the least id
  std::optional<SearchPosition> after;
  int limit = 0;
  // How clients name states; those without a name keep their own.
  std::vector<std::pair<RunState, std::string>> status_names;
  // The experiment whose artifacts lie below "0" unless it says otherwise.
  std::string default_experiment_id;
  RunSearchBounds bounds;
};

// By which the runs are sorted, for positions.
std::vector<SearchKey> RunSearchKeys(const std::vector<RunOrder>& orders);
bool IsText(RunSubject subject);

}  // namespace penstock
