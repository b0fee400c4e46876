#include "pipeline/graph.h"

#include <algorithm>
#include <functional>
#include <queue>
#include <tuple>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "common/status_macros.h"
#include "common/text.h"

namespace penstock {
namespace {

constexpr size_t kCycleNodesShown = 20;

// Rows of `value` by `key` over sorted edges.
template <typename Key, typename Value>
void FillRows(const std::vector<Graph::Edge>& edges, size_t nodes, Key key, Value value,
              std::vector<int>* starts, std::vector<int>* values) {
  starts->assign(nodes + 1, 0);
  values->clear();
  values->reserve(edges.size());
  for (const Graph::Edge& edge : edges) {
    ++(*starts)[key(edge) + 1];
    values->push_back(value(edge));
  }
  for (size_t i = 0; i < nodes; ++i) (*starts)[i + 1] += (*starts)[i];
}

}  // namespace

absl::StatusOr<Graph> Graph::Create(std::vector<std::string> names, absl::Span<const Edge> edges) {
  Graph graph;
  graph.names_ = std::move(names);
  graph.index_.reserve(graph.names_.size());
  for (int i = 0; i < graph.size(); ++i) {
    if (!graph.index_.emplace(graph.names_[i], i).second) {
      return absl::InvalidArgumentError(
          absl::StrCat("the name ", QuoteForMessage(graph.names_[i]), " is given twice in one graph"));
    }
  }
  for (const Edge& edge : edges) {
    for (const int node : {edge.from, edge.to}) {
      if (node < 0 || node >= graph.size()) {
        return absl::InvalidArgumentError(
            absl::StrCat("an edge names node ", node, " of a graph of ", graph.size(), " nodes"));
      }
    }
  }
  graph.SetEdges(std::vector<Edge>(edges.begin(), edges.end()));
  RETURN_IF_ERROR(graph.SetOrder());
  return graph;
}

std::optional<int> Graph::Find(absl::string_view name) const {
  const auto it = index_.find(name);
  return it == index_.end() ? std::nullopt : std::optional<int>(it->second);
}

void Graph::SetEdges(std::vector<Edge> edges) {
  const auto by_from = [](const Edge& a, const Edge& b) {
    return std::tie(a.from, a.to) < std::tie(b.from, b.to);
  };
  const auto by_to = [](const Edge& a, const Edge& b) {
    return std::tie(a.to, a.from) < std::tie(b.to, b.from);
  };
  const auto same = [](const Edge& a, const Edge& b) { return a.from == b.from && a.to == b.to; };
  std::sort(edges.begin(), edges.end(), by_from);
  edges.erase(std::unique(edges.begin(), edges.end(), same), edges.end());
  const auto from = [](const Edge& edge) { return edge.from; };
  const auto to = [](const Edge& edge) { return edge.to; };
  FillRows(edges, names_.size(), from, to, &successor_starts_, &successors_);
  std::sort(edges.begin(), edges.end(), by_to);
  FillRows(edges, names_.size(), to, from, &predecessor_starts_, &predecessors_);
}

// Kahn's algorithm. Of the nodes that are ready the lowest goes first: equal graphs have equal orders.
absl::Status Graph::SetOrder() {
  std::vector<int> waiting(names_.size());  // predecessors not yet in the order
  std::priority_queue<int, std::vector<int>, std::greater<int>> next;
  for (int i = 0; i < size(); ++i) {
    waiting[i] = static_cast<int>(predecessors(i).size());
    if (waiting[i] == 0) next.push(i);
  }
  order_.reserve(names_.size());
  while (!next.empty()) {
    const int node = next.top();
    next.pop();
    order_.push_back(node);
    for (const int successor : successors(node)) {
      if (--waiting[successor] == 0) next.push(successor);
    }
  }
  if (order_.size() < names_.size()) {
    return absl::InvalidArgumentError(absl::StrCat("there is a cycle: ", DescribeCycle(waiting)));
  }
  return absl::OkStatus();
}

// Every node left waiting has a predecessor that also waits, so walking back from any of them must meet a
// node again.
std::string Graph::DescribeCycle(const std::vector<int>& waiting) const {
  const auto waits = [&](int node) { return waiting[node] > 0; };
  int node = static_cast<int>(std::find_if(waiting.begin(), waiting.end(), [](int n) { return n > 0; }) -
                              waiting.begin());
  std::vector<int> position(names_.size(), -1);
  std::vector<int> path;
  while (position[node] < 0) {
    position[node] = static_cast<int>(path.size());
    path.push_back(node);
    const absl::Span<const int> before = predecessors(node);
    node = *std::find_if(before.begin(), before.end(), waits);
  }
  std::vector<int> cycle(path.begin() + position[node], path.end());
  std::reverse(cycle.begin(), cycle.end());  // the walk went against the edges
  std::rotate(cycle.begin(), std::min_element(cycle.begin(), cycle.end()), cycle.end());
  std::string text;
  for (size_t i = 0; i < std::min(cycle.size(), kCycleNodesShown); ++i) {
    absl::StrAppend(&text, QuoteForMessage(names_[cycle[i]]), " -> ");
  }
  if (cycle.size() > kCycleNodesShown) {
    absl::StrAppend(&text, "... (", cycle.size() - kCycleNodesShown, " more) -> ");
  }
  return absl::StrCat(text, QuoteForMessage(names_[cycle[0]]));
}

}  // namespace penstock
