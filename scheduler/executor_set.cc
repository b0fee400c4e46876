#include "scheduler/executor_set.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/text.h"
#include "pipeline/spec/executor_choice.h"

namespace penstock {

absl::StatusOr<int> ExecutorSet::PlaceOf(const TaskToPlace& to_place) const {
  std::string kind;
  if (to_place.task.executor != nullptr) {
    const auto settings = to_place.task.platforms.find(kKubernetes);
    kind = ExecutorOfTask(*to_place.task.executor,
                          settings == to_place.task.platforms.end() ? nullptr : settings->second);
  }
  if (kind.empty()) kind = std::string(to_place.of_run);
  if (kind.empty()) {
    const auto of_namespace = by_namespace_.find(to_place.namespace_);
    if (of_namespace != by_namespace_.end()) kind = of_namespace->second;
  }
  if (kind.empty()) return 0;
  std::vector<absl::string_view> kinds;
  for (int place = 0; place < size(); ++place) {
    kinds.push_back(executors_[place].kind());
    if (kinds.back() == kind) return place;
  }
  return absl::InvalidArgumentError(absl::StrCat(
      "Task ", QuoteForMessage(to_place.task.name), " is to run on the executor ", QuoteForMessage(kind),
      ", which this server has not; it has: ", absl::StrJoin(kinds, ", "), " (--executors)"));
}

}  // namespace penstock
