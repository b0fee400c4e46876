#include "tests/bench/client/list_calls.h"

#include <algorithm>
#include <utility>

namespace penstock::bench {
namespace {

constexpr int kPage = 20;
constexpr int kWalkPage = 200;
// Of the filling.
constexpr char kNamespace[] = "namespace-1";
constexpr char kState[] = "FAILED";

// Adds the three pages of the list that `request` is the first page of.
void AddPages(api::RunService::Stub& runs, const std::string& list, api::ListRunsRequest request,
              bool may_be_empty, std::vector<ListCall>& calls) {
  request.set_page_size(kPage);
  calls.push_back({list, "first", request});
  int64_t seen = 0;
  int64_t total = 0;
  bool has_middle = false;
  std::string next;
  do {
    request.set_page_token(next);
    // Ends with small pages, so that the last one is found that a client would see.
    request.set_page_size(total - seen > 2 * kWalkPage || seen == 0 ? kWalkPage : kPage);
    if (!has_middle && seen > 0 && seen >= total / 2) {
      has_middle = true;
      calls.push_back({list, "middle", request});
      calls.back().request.set_page_size(kPage);
    }
    const api::ListRunsResponse page = ListRuns(runs, request);
    if (seen == 0) total = page.total_size();
    if (page.runs_size() == 0 && !(total == 0 && may_be_empty)) Fail(list + " has an empty page");
    seen += page.runs_size();
    next = page.next_page_token();
  } while (!next.empty());
  if (seen != total) Fail(list + " has " + std::to_string(seen) + " rows and says " + std::to_string(total));
  calls.push_back({list, "last", request});
  calls.back().request.set_page_size(kPage);
}

}  // namespace

api::ListRunsResponse ListRuns(api::RunService::Stub& runs, const api::ListRunsRequest& request) {
  grpc::ClientContext context;
  api::ListRunsResponse page;
  Check(runs.ListRuns(&context, request, &page), "ListRuns");
  return page;
}

std::string FilterOf(const std::string& key, const std::string& operation, const std::string& value) {
  return Json{{"predicates", {{{"key", key}, {"operation", operation}, {"string_value", value}}}}}.dump();
}

std::vector<ListCall> FindListCalls(api::RunService::Stub& runs, const std::string& experiment_id,
                                    bool may_be_empty) {
  const std::pair<const char*, const char*> orders[] = {{"time", "created_at desc"}, {"name", "name asc"}};
  std::vector<ListCall> calls;
  for (const auto& [order, sort_by] : orders) {
    api::ListRunsRequest request;
    request.set_sort_by(sort_by);
    AddPages(runs, std::string("all_by_") + order, request, may_be_empty, calls);
    request.set_filter(FilterOf("namespace", "EQUALS", kNamespace));
    AddPages(runs, std::string("namespace_by_") + order, request, may_be_empty, calls);
    request.set_filter(FilterOf("state", "EQUALS", kState));
    AddPages(runs, std::string("state_by_") + order, request, may_be_empty, calls);
    request.clear_filter();
    request.set_experiment_id(experiment_id);
    AddPages(runs, std::string("experiment_by_") + order, request, may_be_empty, calls);
  }
  return calls;
}

}  // namespace penstock::bench
