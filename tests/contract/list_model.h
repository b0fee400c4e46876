// What a list must give, computed from all its rows: the plain meaning of KFP's filters and orders.
#pragma once

#include <map>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/json.h"
#include "storage/list_query.h"
#include "storage/store.h"

namespace penstock {

struct ModelRow {
  std::string id;
  std::map<std::string, ListValue> values;  // by key
  std::map<std::string, std::string> tags;
  std::map<std::string, double> metrics = {};
};

struct ModelPredicate {
  std::string key;
  std::string operation;
  std::vector<ListValue> values;  // text, or microseconds
};

// Rows of `rows` that satisfy all predicates, as ids in the order that `sort_key` and `descending` ask for.
std::vector<std::string> ModelList(const std::vector<ModelRow>& rows,
                                   const std::vector<ModelPredicate>& predicates, const std::string& sort_key,
                                   bool descending);

// A list that is tested: its rows, and how it is asked.
struct ModelResource {
  const ListResource* resource = nullptr;
  std::optional<ListScope> scope;
  std::vector<ModelRow> rows;
};

class ModelRandom {
 public:
  explicit ModelRandom(uint64_t seed) : random_(seed) {}

  int Pick(int bound) { return static_cast<int>(random_() % bound); }
  template <typename T>
  const T& Of(const std::vector<T>& values) {
    return values[random_() % values.size()];
  }
  // Whole seconds and others, so that several rows share one of either.
  absl::Time Time();
  // Short ones, long ones that differ after what an index has of them, and such as only differ in case.
  std::string Text();
  // With values that some of the rows have, mostly.
  ModelPredicate Predicate(const ModelResource& list, const ListField& field, const std::string& operation);
  ModelPredicate TagPredicate(const ModelResource& list);
  // As a client may write it: field names of either case, operations by name or number, times in each form.
  Json ToJson(const ModelPredicate& predicate, const ListField* field);

 private:
  ListValue ValueOf(const ModelResource& list, const ListField& field);
  Json TimeToJson(int64_t micros, std::string* value_field);

  std::mt19937_64 random_;
};

extern const std::vector<std::string> kModelOperations;

// Logs the metric Acc/1 to the run and returns its value, which may be NaN, or does neither. Of few values, so that runs
// have the same.
std::optional<double> AddModelMetric(Store& store, ModelRandom& random, const std::string& run_id);

}  // namespace penstock
