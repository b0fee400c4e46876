#include "content/local/local_removal.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "gtest/gtest.h"

namespace penstock {
namespace {

namespace fs = std::filesystem;

class LocalRemovalTest : public testing::Test {
 protected:
  LocalRemovalTest() {
    std::string name = testing::TempDir() + "penstock_removal_XXXXXX";
    root_ = mkdtemp(name.data());
    fs::create_directories(root_ + "/artifacts");
  }
  ~LocalRemovalTest() override { fs::remove_all(root_); }

  std::string Path(absl::string_view path) const { return absl::StrCat(root_, "/artifacts/", path); }
  void Put(absl::string_view path, absl::string_view text = "12345") const {
    fs::create_directories(fs::path(Path(path)).parent_path());
    std::ofstream(Path(path)) << text;
  }
  // Calls until all has gone; how many it took.
  int Remove(absl::string_view path, const std::vector<std::string>& kept, int64_t entries,
             ContentRemoved* all) const {
    *all = {};
    for (int calls = 1; calls < 100'000; ++calls) {
      const auto some = RemoveInSteps(root_ + "/artifacts", Path(path), kept, entries);
      EXPECT_TRUE(some.ok()) << some.status();
      if (!some.ok()) return -1;
      all->files += some->files;
      all->size_bytes += some->size_bytes;
      if (!some->more) return calls;
    }
    return -1;
  }
  bool TrashIsEmpty() const {
    const fs::path trash = Path(kTrashName);
    return !fs::exists(trash) || fs::is_empty(trash);
  }

  std::string root_;
};

TEST_F(LocalRemovalTest, AFolderGoesAtOnceAndIsEmptiedInSteps) {
  for (int i = 0; i < 50; ++i) Put(absl::StrCat("p/r/t", i, "/a/out"));
  const auto first = RemoveInSteps(root_ + "/artifacts", Path("p/r"), {}, 10);
  ASSERT_TRUE(first.ok()) << first.status();
  EXPECT_TRUE(first->more);
  EXPECT_LE(first->files, 10);
  EXPECT_FALSE(fs::exists(Path("p/r"))) << "nobody finds what is left of it";
  ContentRemoved rest;
  EXPECT_GT(Remove("p/r", {}, 10, &rest), 1);
  EXPECT_EQ(first->files + rest.files, 50);
  EXPECT_EQ(first->size_bytes + rest.size_bytes, 250);
  EXPECT_TRUE(TrashIsEmpty());
  EXPECT_FALSE(fs::exists(Path("p"))) << "empty folders above it go, too";
  EXPECT_EQ(Remove("p/r", {}, 10, &rest), 1) << "what is gone is removed already";
  EXPECT_EQ(rest.files, 0);
}

TEST_F(LocalRemovalTest, WhatIsKeptStaysWithTheWayThere) {
  Put("p/r/a/1/out");
  Put("p/r/a/2/out");
  Put("p/r/b/1/model/x");
  Put("p/r/b/1/model/y/z");
  Put("p/r/b/1/models");
  Put("p/r/c");
  ContentRemoved all;
  EXPECT_GT(Remove("p/r", {Path("p/r/a/2/out"), Path("p/r/b/1/model"), Path("p/r/none")}, 2, &all), 1);
  EXPECT_EQ(all.files, 3);
  EXPECT_TRUE(fs::exists(Path("p/r/a/2/out")));
  EXPECT_TRUE(fs::exists(Path("p/r/b/1/model/y/z")));
  EXPECT_FALSE(fs::exists(Path("p/r/a/1")));
  EXPECT_FALSE(fs::exists(Path("p/r/b/1/models")));
  EXPECT_FALSE(fs::exists(Path("p/r/c")));
  EXPECT_EQ(Remove("p/r", {Path("p/r")}, 2, &all), 1);
  EXPECT_EQ(Remove("p/r/a", {Path("p/r")}, 2, &all), 1);
  EXPECT_TRUE(fs::exists(Path("p/r/a/2/out"))) << "it lies in what is kept";
  Remove("p/r", {}, 100, &all);
  EXPECT_EQ(all.files, 3);
  EXPECT_FALSE(fs::exists(Path("p/r")));
}

TEST_F(LocalRemovalTest, LinksGoAndWhatTheyLeadToStays) {
  Put("p/other/secret");
  fs::create_directories(Path("p/r/t"));
  fs::create_directory_symlink(Path("p/other"), Path("p/r/t/folder"));
  fs::create_symlink(Path("p/other/secret"), Path("p/r/t/file"));
  fs::create_directory_symlink(Path("p/other"), Path("p/linked"));
  fs::create_hard_link(Path("p/other/secret"), Path("p/r/t/hard"));
  fs::create_hard_link(Path("p/other/secret"), Path("p/r/t/hard2"));
  ContentRemoved all;
  Remove("p/r", {}, 100, &all);
  EXPECT_EQ(all.files, 4);
  Remove("p/linked", {}, 100, &all);
  EXPECT_EQ(all.files, 1);
  EXPECT_TRUE(fs::exists(Path("p/other/secret")));
  // On the way to what is removed none is followed.
  fs::create_directory_symlink(Path("p"), Path("q"));
  EXPECT_FALSE(RemoveInSteps(root_ + "/artifacts", Path("q/other"), {}, 100).ok());
  EXPECT_TRUE(fs::exists(Path("p/other/secret")));
}

TEST_F(LocalRemovalTest, DeepAndClosedFoldersGo) {
  std::string path = "p/r";
  for (int i = 0; i < 350; ++i) path += "/d";
  Put(path + "/out");
  Put("p/r/closed/inner/out");
  ASSERT_EQ(chmod(Path("p/r/closed/inner").c_str(), 0500), 0);
  ASSERT_EQ(chmod(Path("p/r/closed").c_str(), 0000), 0);
  ASSERT_EQ(chmod(Path("p/r").c_str(), 0500), 0);
  ContentRemoved all;
  EXPECT_GT(Remove("p/r", {}, 1000, &all), 0);
  EXPECT_EQ(all.files, 2);
  EXPECT_FALSE(fs::exists(Path("p")));
  EXPECT_TRUE(TrashIsEmpty());
}

TEST_F(LocalRemovalTest, ACallGoesOnWhereACrashEnded) {
  for (int i = 0; i < 20; ++i) Put(absl::StrCat("p/r/t", i, "/out"));
  ASSERT_TRUE(RemoveInSteps(root_ + "/artifacts", Path("p/r"), {}, 5)->more);
  Put("p/r/again");  // written by who did not know
  ContentRemoved all;
  Remove("p/r", {}, 1000, &all);
  EXPECT_FALSE(fs::exists(Path("p")));
  EXPECT_TRUE(TrashIsEmpty());
}

TEST_F(LocalRemovalTest, TrashThatNobodyEmptiesGoesWhenItIsOld) {
  for (int i = 0; i < 20; ++i) Put(absl::StrCat("p/r/t", i, "/out"));
  ASSERT_TRUE(RemoveInSteps(root_ + "/artifacts", Path("p/r"), {}, 5)->more);
  const std::string artifacts = root_ + "/artifacts";
  EXPECT_EQ(EmptyTrash(artifacts, absl::Now() - absl::Hours(24), 1000)->files, 0);
  EXPECT_FALSE(TrashIsEmpty());
  EXPECT_GT(EmptyTrash(artifacts, absl::Now() + absl::Seconds(5), 1000)->files, 0);
  EXPECT_TRUE(TrashIsEmpty());
}

}  // namespace
}  // namespace penstock
