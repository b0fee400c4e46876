#include "pipeline/graph.h"

#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace penstock {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::vector<std::string> Names(int count) {
  std::vector<std::string> names;
  for (int i = 0; i < count; ++i) names.push_back(absl::StrCat("n", i));
  return names;
}

TEST(GraphTest, Empty) {
  const Graph graph;
  EXPECT_EQ(graph.size(), 0);
  EXPECT_TRUE(Graph::Create({}, {})->topological_order().empty());
}

TEST(GraphTest, Diamond) {
  const auto graph =
      Graph::Create({"d", "b", "c", "a"}, std::vector<Graph::Edge>{{3, 1}, {3, 2}, {1, 0}, {2, 0}, {2, 0}});
  ASSERT_TRUE(graph.ok()) << graph.status();
  EXPECT_EQ(graph->size(), 4);
  EXPECT_EQ(graph->edge_count(), 4);
  EXPECT_THAT(graph->predecessors(0), ElementsAre(1, 2));
  EXPECT_THAT(graph->predecessors(3), ElementsAre());
  EXPECT_THAT(graph->successors(3), ElementsAre(1, 2));
  EXPECT_THAT(graph->successors(0), ElementsAre());
  EXPECT_THAT(graph->topological_order(), ElementsAre(3, 1, 2, 0));
  EXPECT_EQ(graph->Find("c"), 2);
  EXPECT_EQ(graph->Find("x"), std::nullopt);
  EXPECT_EQ(graph->name(1), "b");
}

TEST(GraphTest, CopiesAreWhole) {
  Graph copy;
  {
    const auto graph = Graph::Create({"a", "b"}, std::vector<Graph::Edge>{{0, 1}});
    copy = *graph;
  }
  EXPECT_THAT(copy.successors(0), ElementsAre(1));
  EXPECT_EQ(copy.Find("b"), 1);
}

TEST(GraphTest, CycleIsListed) {
  const auto graph = Graph::Create({"in", "a", "b", "c", "out"},
                                   std::vector<Graph::Edge>{{0, 1}, {1, 2}, {2, 3}, {3, 1}, {3, 4}});
  EXPECT_EQ(graph.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(graph.status().message()), HasSubstr("'a' -> 'b' -> 'c' -> 'a'"));
}

TEST(GraphTest, SelfEdgeIsACycle) {
  const auto graph = Graph::Create({"a"}, std::vector<Graph::Edge>{{0, 0}});
  EXPECT_THAT(std::string(graph.status().message()), HasSubstr("'a' -> 'a'"));
}

TEST(GraphTest, LongCycleIsCut) {
  std::vector<Graph::Edge> edges;
  for (int i = 0; i < 1000; ++i) edges.push_back({i, (i + 1) % 1000});
  const auto graph = Graph::Create(Names(1000), edges);
  EXPECT_THAT(std::string(graph.status().message()), HasSubstr("(980 more) -> 'n0'"));
}

TEST(GraphTest, BadInput) {
  EXPECT_THAT(std::string(Graph::Create({"a", "a"}, {}).status().message()), HasSubstr("'a' is given twice"));
  EXPECT_FALSE(Graph::Create({"a"}, std::vector<Graph::Edge>{{0, 1}}).ok());
  EXPECT_FALSE(Graph::Create({"a"}, std::vector<Graph::Edge>{{-1, 0}}).ok());
}

TEST(GraphTest, LongChainNeedsNoStack) {
  constexpr int kNodes = 200'000;
  std::vector<Graph::Edge> edges;
  for (int i = 0; i + 1 < kNodes; ++i) edges.push_back({i + 1, i});
  const auto graph = Graph::Create(Names(kNodes), edges);
  ASSERT_TRUE(graph.ok());
  EXPECT_EQ(graph->topological_order().front(), kNodes - 1);
}

TEST(GraphTest, RandomGraphsAreInOrderOrHaveACycle) {
  const uint32_t seed = std::random_device{}();
  SCOPED_TRACE(absl::StrCat("seed ", seed));
  std::mt19937 random(seed);
  for (int round = 0; round < 2000; ++round) {
    const int nodes = 1 + static_cast<int>(random() % 12);
    std::vector<Graph::Edge> edges(random() % 20);
    bool forward = true;
    for (Graph::Edge& edge : edges) {
      edge = {static_cast<int>(random() % nodes), static_cast<int>(random() % nodes)};
      if (random() % 8 != 0 && edge.from > edge.to) std::swap(edge.from, edge.to);
      forward = forward && edge.from < edge.to;
    }
    const auto graph = Graph::Create(Names(nodes), edges);
    if (!graph.ok()) {
      ASSERT_FALSE(forward);
      continue;
    }
    std::vector<int> position(nodes);
    for (int i = 0; i < nodes; ++i) position[graph->topological_order()[i]] = i;
    for (const Graph::Edge& edge : edges) {
      ASSERT_LT(position[edge.from], position[edge.to]);
      ASSERT_THAT(graph->successors(edge.from), testing::Contains(edge.to));
      ASSERT_THAT(graph->predecessors(edge.to), testing::Contains(edge.from));
    }
  }
}

}  // namespace
}  // namespace penstock
