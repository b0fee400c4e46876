#include "common/lru_cache.h"

#include "gtest/gtest.h"

namespace penstock {
namespace {

void Put(LruCache<int>& cache, absl::string_view key, int64_t bytes) {
  cache.Put(key, std::make_shared<const int>(0), bytes);
}

TEST(LruCacheTest, IsBoundedInNumberAndInBytes) {
  LruCache<int> cache(3, 100);
  for (const char* key : {"a", "b", "c"}) Put(cache, key, 10);
  EXPECT_NE(cache.Find("a"), nullptr);
  Put(cache, "d", 10);
  EXPECT_EQ(cache.Find("b"), nullptr) << "the one that was used least lately";
  Put(cache, "e", 85);
  EXPECT_EQ(cache.Find("c"), nullptr);
  EXPECT_EQ(cache.Find("a"), nullptr);
  EXPECT_NE(cache.Find("e"), nullptr);
  Put(cache, "f", 101);
  EXPECT_EQ(cache.Find("f"), nullptr) << "more than all may take";
}

TEST(LruCacheTest, LargeEntriesCanBeForgotten) {
  LruCache<int> cache(10, 100);
  Put(cache, "small", 10);
  Put(cache, "large", 11);
  cache.RemoveLarger(10);
  EXPECT_NE(cache.Find("small"), nullptr);
  EXPECT_EQ(cache.Find("large"), nullptr);
  Put(cache, "other", 90);
  EXPECT_NE(cache.Find("small"), nullptr) << "what was forgotten takes nothing";
}

}  // namespace
}  // namespace penstock
