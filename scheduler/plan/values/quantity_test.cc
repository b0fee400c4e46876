#include "scheduler/plan/values/quantity.h"

#include <string>

#include "gtest/gtest.h"

namespace penstock {
namespace {

struct Case {
  std::string text;
  int64_t scale;
  int64_t want;
};

TEST(QuantityTest, ReadsEveryForm) {
  const Case cases[] = {
      {"500m", 1000, 500},
      {"0.5", 1000, 500},
      {".5", 1000, 500},
      {"5.", 1000, 5000},
      {"1", 1000, 1000},
      {"0.07", 1000, 70},
      {"0.1", 1000, 100},
      {"4000m", 1000, 4000},
      {"1k", 1000, 1000000},
      {"1n", 1000, 1},
      {"1500u", 1000, 2},
      {"0.0001", 1000, 1},
      {"0", 1000, 0},
      {"0.000", 1000, 0},
      {"00.50", 1000, 500},
      {"+2", 1000, 2000},
      {" 2 ", 1000, 2000},
      {"128974848", 1, 128974848},
      {"129e6", 1, 129000000},
      {"129E6", 1, 129000000},
      {"129M", 1, 129000000},
      {"123Mi", 1, int64_t{123} << 20},
      {"1Gi", 1, int64_t{1} << 30},
      {"1.5Gi", 1, int64_t{3} << 29},
      {"0.1Gi", 1, 107374183},  // rounded up
      {"2G", 1, 2000000000},
      {"15G", 1, 15000000000},
      {"1Ki", 1, 1024},
      {"1Ti", 1, int64_t{1} << 40},
      {"1T", 1, 1000000000000},
      {"1P", 1, 1000000000000000},
      {"1Pi", 1, int64_t{1} << 50},
      {"7Ei", 1, int64_t{7} << 60},
      {"9E", 1, 9000000000000000000},
      {"1e-3", 1000, 1},
      {"1000m", 1, 1},
      {"1e3", 1, 1000},
      {"0.000000000000000001", 1, 1},
      {"1e-36", 1, 1},
  };
  for (const Case& c : cases) {
    const absl::StatusOr<int64_t> got = ParseQuantity(c.text, c.scale);
    ASSERT_TRUE(got.ok()) << c.text << ": " << got.status();
    EXPECT_EQ(*got, c.want) << c.text;
  }
}

TEST(QuantityTest, RejectsAnythingElse) {
  const std::pair<std::string, std::string> cases[] = {
      {"", "is not a quantity"},
      {" ", "is not a quantity"},
      {".", "is not a quantity"},
      {"m", "is not a quantity"},
      {"1 Gi", "is not a quantity"},
      {"1gi", "is not a quantity"},
      {"1K", "is not a quantity"},
      {"1GiB", "is not a quantity"},
      {"1.2.3", "is not a quantity"},
      {"1e", "is not a quantity"},
      {"1e3.5", "is not a quantity"},
      {"1e99999999999", "is not a quantity"},
      {"null", "is not a quantity"},
      {"{{$.x}}", "is not a quantity"},
      {"-1", "is negative"},
      {"-500m", "is negative"},
      {"10E", "is too large"},
      {"8Ei", "is too large"},
      {"1e36", "is too large"},
      {"999999999999999999999", "is not a quantity"},
      {std::string("1\0", 2), "is not a quantity"},
      {"\xff", "is not a quantity"},
  };
  for (const auto& [text, want] : cases) {
    const absl::StatusOr<int64_t> got = ParseQuantity(text, 1);
    ASSERT_FALSE(got.ok()) << text;
    EXPECT_EQ(got.status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_NE(got.status().message().find(want), absl::string_view::npos) << got.status();
  }
}

}  // namespace
}  // namespace penstock
