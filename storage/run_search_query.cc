#include "storage/run_search_query.h"

namespace penstock {

bool IsText(RunSubject subject) {
  return subject != RunSubject::kMetric && subject != RunSubject::kStart && subject != RunSubject::kEnd;
}

std::vector<SearchKey> RunSearchKeys(const std::vector<RunOrder>& orders) {
  std::vector<SearchKey> keys;
  for (const RunOrder& order : orders) {
    keys.push_back({order.descending, IsText(order.subject), order.subject == RunSubject::kMetric});
  }
  return keys;
}

}  // namespace penstock
