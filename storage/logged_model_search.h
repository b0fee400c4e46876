// Logged models of some experiments that satisfy conditions, in any order, page by page. They are far fewer than runs, so
// all that satisfy the conditions are read and sorted.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "storage/db/database.h"
#include "storage/search.h"

namespace penstock {

enum class ModelSubject {
  kId,
  kName,
  kType,
  kStatus,
  kSourceRun,
  kCreated,
  kUpdated,
  kMetric,
  kParameter,
  kTag
};

// Metrics of other data sets do not count where one is named.
struct ModelDataset {
  std::string name;
  std::string digest;  // empty: any
};

struct ModelCondition {
  ModelSubject subject = ModelSubject::kName;
  std::string key;
  SearchOp op = SearchOp::kEqual;
  std::vector<std::string> texts;
  double number = 0;  // of a metric; of a time in milliseconds
};

struct ModelOrder {
  ModelSubject subject = ModelSubject::kCreated;
  std::string key;
  bool descending = false;
  std::vector<ModelDataset> datasets;  // of a metric; none: any, and also metrics of none
};

struct ModelSearchQuery {
  std::vector<std::string> experiment_ids;
  std::vector<ModelCondition> conditions;  // all of them
  std::vector<ModelDataset>
      datasets;  // of the metrics in conditions; a model has to have a metric of one of them
  std::vector<ModelOrder> orders;  // of equal ones the latest comes first, then the least id
  std::optional<SearchPosition> after;
  int limit = 0;
};

std::vector<SearchKey> ModelSearchKeys(const std::vector<ModelOrder>& orders);

struct ModelSearchPage {
  std::vector<std::string> model_ids;
  std::optional<SearchPosition> next;
};
absl::StatusOr<ModelSearchPage> ModelSearch(db::Tx& tx, const ModelSearchQuery& query);

}  // namespace penstock
