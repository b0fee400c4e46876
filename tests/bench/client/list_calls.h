// The pages of ListRuns that are measured: four scopes in two orders, of each the first page, the one in the
// middle and the last.
#pragma once

#include <string>
#include <vector>

#include "tests/bench/client/connection.h"

namespace penstock::bench {

struct ListCall {
  std::string list;  // scope and order
  std::string page;  // "first", "middle", "last"
  api::ListRunsRequest request;
};

// Walks through all lists of the server to find the tokens of their pages, and ends the program if a list is
// empty or does not have as many rows as its total_size says.
std::vector<ListCall> FindListCalls(api::RunService::Stub& runs, const std::string& experiment_id);

// The first pages alone, without asking the server.
std::vector<ListCall> FirstPages(const std::string& experiment_id);

// A filter of one predicate with a text.
std::string FilterOf(const std::string& key, const std::string& operation, const std::string& value);

api::ListRunsResponse ListRuns(api::RunService::Stub& runs, const api::ListRunsRequest& request);

}  // namespace penstock::bench
