#include "executor/local/runner/folder_watch.h"

#include <poll.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <utility>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace penstock {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;

class FolderWatchTest : public testing::Test {
 protected:
  FolderWatchTest() {
    std::string name = testing::TempDir() + "penstock_watch_XXXXXX";
    directory_ = mkdtemp(name.data());
    for (const char* folder : {"/one", "/two"}) fs::create_directory(directory_ + folder);
    Write("/one/file");
  }
  ~FolderWatchTest() override { fs::remove_all(directory_); }

  void Write(const std::string& path) const { std::ofstream(directory_ + path) << "text"; }
  std::string Path(const std::string& path) const { return directory_ + path; }
  bool IsReadable() const {
    pollfd fd = {.fd = watch_.fd(), .events = POLLIN};
    return poll(&fd, 1, 0) == 1;
  }

  std::string directory_;
  FolderWatch watch_;
};

TEST_F(FolderWatchTest, EachKindOfChangeIsToldAtOnceAndOnce) {
  ASSERT_TRUE(watch_.Add("name", {Path("/one"), Path("/two")}));
  EXPECT_FALSE(IsReadable());
  EXPECT_THAT(watch_.Read(), IsEmpty());
  const std::vector<std::pair<std::string, std::function<void()>>> changes = {
      {"/one/file", [&] { Write("/one/file"); }},
      {"/one/file", [&] { fs::resize_file(Path("/one/file"), 1); }},
      {"/one/new", [&] { Write("/one/new"); }},
      {"/one/new", [&] { fs::remove(Path("/one/new")); }},
      {"/one/folder", [&] { fs::create_directory(Path("/one/folder")); }},
      {"/one/folder", [&] { fs::remove(Path("/one/folder")); }},
      {"/one/link", [&] { fs::create_symlink("file", Path("/one/link")); }},
      {"/two/file", [&] { fs::copy_file(Path("/one/file"), Path("/two/file")); }},
      {"/two/file", [&] { fs::rename(Path("/two/file"), Path("/file")); }},
      {"/two/file", [&] { fs::rename(Path("/file"), Path("/two/file")); }},
  };
  for (size_t i = 0; i < changes.size(); ++i) {
    changes[i].second();
    EXPECT_TRUE(IsReadable()) << i;
    EXPECT_THAT(watch_.Read(), ElementsAre(Pair("name", Path(changes[i].first)))) << i;
    EXPECT_THAT(watch_.Read(), IsEmpty()) << i;
  }
}

TEST_F(FolderWatchTest, WhatIsReadIsNoChange) {
  ASSERT_TRUE(watch_.Add("name", {Path("/one")}));
  std::string text;
  std::ifstream(Path("/one/file")) >> text;
  EXPECT_EQ(std::distance(fs::directory_iterator(Path("/one")), fs::directory_iterator()), 1);
  EXPECT_THAT(watch_.Read(), IsEmpty());
}

TEST_F(FolderWatchTest, CompiledModulesAreNoChange) {
  ASSERT_TRUE(watch_.Add("name", {Path("/one")}));
  fs::create_directory(Path("/one/__pycache__"));
  Write("/one/__pycache__/file.pyc");
  EXPECT_THAT(watch_.Read(), IsEmpty());
  fs::remove_all(Path("/one/__pycache__"));
  EXPECT_THAT(watch_.Read(), IsEmpty());
}

TEST_F(FolderWatchTest, TheEndOfAFolderIsAChangeOfIt) {
  ASSERT_TRUE(watch_.Add("moved", {Path("/one")}));
  ASSERT_TRUE(watch_.Add("removed", {Path("/two")}));
  fs::rename(Path("/one"), Path("/three"));
  EXPECT_THAT(watch_.Read(), ElementsAre(Pair("moved", Path("/one/"))));
  fs::remove(Path("/two"));
  EXPECT_THAT(watch_.Read(), ElementsAre(Pair("removed", Path("/two/"))));
  EXPECT_FALSE(watch_.Add("late", {Path("/two")})) << "it is not there";
  EXPECT_FALSE(watch_.Add("file", {Path("/three/file")})) << "it is no folder";
}

TEST_F(FolderWatchTest, NamesShareFolders) {
  ASSERT_TRUE(watch_.Add("a", {Path("/one"), Path("/two")}));
  ASSERT_TRUE(watch_.Add("b", {Path("/one")}));
  Write("/one/file");
  EXPECT_THAT(watch_.Read(), ElementsAre(Pair("a", Path("/one/file")), Pair("b", Path("/one/file"))));
  watch_.Remove("b");
  Write("/one/file");
  EXPECT_THAT(watch_.Read(), ElementsAre(Pair("a", Path("/one/file"))));
  watch_.Remove("a");
  Write("/one/file");
  EXPECT_THAT(watch_.Read(), IsEmpty());
  ASSERT_TRUE(watch_.Add("c", {Path("/one")})) << "again, after nobody watched it";
  Write("/one/file");
  EXPECT_THAT(watch_.Read(), ElementsAre(Pair("c", Path("/one/file"))));
}

// A folder that is made again under its name is another one.
TEST_F(FolderWatchTest, AFolderThatTakesThePlaceOfAnotherIsWatchedAnew) {
  ASSERT_TRUE(watch_.Add("name", {Path("/two")}));
  fs::remove(Path("/two"));
  fs::create_directory(Path("/two"));
  EXPECT_THAT(watch_.Read(), ElementsAre(Pair("name", Path("/two/"))));
  ASSERT_TRUE(watch_.Add("name", {Path("/two")}));
  Write("/two/file");
  EXPECT_THAT(watch_.Read(), ElementsAre(Pair("name", Path("/two/file"))));
}

TEST_F(FolderWatchTest, ManyChangesAreToldOfEachName) {
  ASSERT_TRUE(watch_.Add("a", {Path("/one")}));
  ASSERT_TRUE(watch_.Add("b", {Path("/two")}));
  // More than the system keeps, which says then that it has lost some.
  int bound = 0;
  std::ifstream("/proc/sys/fs/inotify/max_queued_events") >> bound;
  for (int i = 0; i <= bound && bound < 100'000; ++i) {
    const std::string path = Path("/one/" + std::to_string(i % 100));
    if (!fs::remove(path)) std::ofstream(path) << "";
  }
  Write("/two/file");
  const std::map<std::string, std::string> changed = watch_.Read();
  EXPECT_THAT(changed, ElementsAre(Pair("a", testing::_), Pair("b", testing::_)));
}

}  // namespace
}  // namespace penstock
