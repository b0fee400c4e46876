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

// The page in the middle and the last one of the list that `first` is the first page of.
void AddPages(api::RunService::Stub& runs, const ListCall& first, std::vector<ListCall>* calls) {
  api::ListRunsRequest request = first.request;
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
      calls->push_back({first.list, "middle", request});
      calls->back().request.set_page_size(kPage);
    }
    const api::ListRunsResponse page = ListRuns(runs, request);
    if (seen == 0) total = page.total_size();
    if (page.runs_size() == 0) Fail(first.list + " has an empty page");
    seen += page.runs_size();
    next = page.next_page_token();
  } while (!next.empty());
  if (seen != total) {
    Fail(first.list + " has " + std::to_string(seen) + " rows and says " + std::to_string(total));
  }
  calls->push_back({first.list, "last", request});
  calls->back().request.set_page_size(kPage);
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

std::vector<ListCall> FirstPages(const std::string& experiment_id) {
  const std::pair<const char*, const char*> orders[] = {{"time", "created_at desc"}, {"name", "name asc"}};
  std::vector<ListCall> calls;
  for (const auto& [order, sort_by] : orders) {
    const auto add = [&](const std::string& scope, const std::string& filter, const std::string& experiment) {
      api::ListRunsRequest request;
      request.set_page_size(kPage);
      request.set_sort_by(sort_by);
      request.set_filter(filter);
      request.set_experiment_id(experiment);
      calls.push_back({scope + "_by_" + order, "first", request});
    };
    add("all", "", "");
    add("namespace", FilterOf("namespace", "EQUALS", kNamespace), "");
    add("state", FilterOf("state", "EQUALS", kState), "");
    add("experiment", "", experiment_id);
  }
  return calls;
}

std::vector<ListCall> FindListCalls(api::RunService::Stub& runs, const std::string& experiment_id) {
  const std::vector<ListCall> first = FirstPages(experiment_id);
  std::vector<ListCall> calls = first;
  for (const ListCall& call : first) AddPages(runs, call, &calls);
  return calls;
}

}  // namespace penstock::bench
