// An immutable directed acyclic graph of named nodes, kept as flat arrays: small, quick to copy, free to
// share between threads.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace penstock {

class Graph {
 public:
  // `to` waits for `from`. Both are indices of names.
  struct Edge {
    int from;
    int to;
  };

  // The graph without nodes.
  Graph() = default;

  // Keeps `names` in the given order; node i is names[i]. An edge given twice counts once.
  // Returns INVALID_ARGUMENT for a name given twice, an edge to or from an unknown index, or a cycle; the
  // message then is "there is a cycle: 'a' -> 'b' -> 'a'".
  static absl::StatusOr<Graph> Create(std::vector<std::string> names, absl::Span<const Edge> edges);

  int size() const { return static_cast<int>(names_.size()); }
  int edge_count() const { return static_cast<int>(successors_.size()); }
  const std::string& name(int node) const { return names_[node]; }
  absl::Span<const std::string> names() const { return names_; }

  // The node of that name, if there is one.
  std::optional<int> Find(absl::string_view name) const;

  // The nodes that `node` waits for, and those that wait for it, in rising order.
  absl::Span<const int> predecessors(int node) const { return Row(predecessor_starts_, predecessors_, node); }
  absl::Span<const int> successors(int node) const { return Row(successor_starts_, successors_, node); }

  // All nodes, each after its predecessors; of those that could come next, the lowest index does.
  absl::Span<const int> topological_order() const { return order_; }

 private:
  static absl::Span<const int> Row(const std::vector<int>& starts, const std::vector<int>& values, int node) {
    return absl::MakeConstSpan(values).subspan(starts[node], starts[node + 1] - starts[node]);
  }

  void SetEdges(std::vector<Edge> edges);
  absl::Status SetOrder();
  std::string DescribeCycle(const std::vector<int>& waiting) const;

  std::vector<std::string> names_;
  absl::flat_hash_map<std::string, int> index_;
  // Compressed rows: those of node i are values[starts[i]] to values[starts[i + 1]].
  std::vector<int> predecessor_starts_ = {0};
  std::vector<int> predecessors_;
  std::vector<int> successor_starts_ = {0};
  std::vector<int> successors_;
  std::vector<int> order_;
};

}  // namespace penstock
