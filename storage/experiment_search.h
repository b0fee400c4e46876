// Experiments that satisfy conditions, in an order of their attributes, page by page. They are few, so all that satisfy
// the conditions are read and sorted.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/state.h"
#include "storage/db/database.h"
#include "storage/search.h"

namespace penstock {

enum class ExperimentSubject { kId, kName, kCreated, kUpdated, kDescription, kTag };

struct ExperimentCondition {
  ExperimentSubject subject = ExperimentSubject::kName;
  std::string key;  // of a tag
  SearchOp op = SearchOp::kEqual;
  std::vector<std::string> texts;
  double number = 0;  // of a time, in milliseconds
};

struct ExperimentOrder {
  ExperimentSubject subject = ExperimentSubject::kCreated;  // not a tag
  bool descending = false;
};

struct ExperimentSearchQuery {
  std::vector<StorageState> storage_states;
  std::vector<ExperimentCondition> conditions;  // all of them
  std::vector<ExperimentOrder> orders;          // of equal ones the latest comes first, then the least id
  std::optional<SearchPosition> after;
  int limit = 0;
};

std::vector<SearchKey> ExperimentSearchKeys(const std::vector<ExperimentOrder>& orders);

struct ExperimentSearchPage {
  std::vector<std::string> experiment_ids;
  std::optional<SearchPosition> next;
};
absl::StatusOr<ExperimentSearchPage> ExperimentSearch(db::Tx& tx, const ExperimentSearchQuery& query);

}  // namespace penstock
