#include "content/local/leftovers.h"

#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"

namespace penstock {
namespace {

namespace fs = std::filesystem;

class LeftoversTest : public testing::Test {
 protected:
  LeftoversTest() {
    std::string name = testing::TempDir() + "penstock_leftovers_XXXXXX";
    root_ = mkdtemp(name.data());
    for (const char* part : {"artifacts", "logs", "workspaces", "work/runs"}) {
      fs::create_directories(root_ + "/" + part);
    }
  }
  ~LeftoversTest() override { fs::remove_all(root_); }

  // Two days old, unless it is young.
  void Put(absl::string_view path, bool old = true) const {
    const fs::path at = absl::StrCat(root_, "/", path);
    fs::create_directories(at.parent_path());
    std::ofstream(at) << "x";
    if (!old) return;
    const auto time = fs::file_time_type::clock::now() - std::chrono::hours(48);
    fs::last_write_time(at, time);
    fs::last_write_time(at.parent_path(), time);
  }
  bool IsThere(absl::string_view path) const { return fs::exists(absl::StrCat(root_, "/", path)); }
  void Clean(int64_t entries) const {
    Leftovers leftovers(root_,
                        [](const std::string& run_id) -> absl::StatusOr<bool> { return run_id == "known"; });
    const auto now = std::chrono::system_clock::now();
    const absl::Time before = absl::FromChrono(now) - absl::Hours(24);
    for (int calls = 0; calls < 10'000; ++calls) {
      const auto more = leftovers.Clean(before, entries);
      ASSERT_TRUE(more.ok()) << more.status();
      if (!*more) return;
    }
    FAIL() << "it never ends";
  }

  std::string root_;
};

TEST_F(LeftoversTest, WhatDeathsLeftGoesAndNothingElse) {
  const char* gone[] = {"artifacts/@mlflow/0/r/artifacts/.penstock-draft-12",
                        "artifacts/p/r/.penstock-draft-abc",
                        "workspaces/known/.artifacts/t/file.part",
                        "work/runs/unknown/a",
                        "workspaces/unknown/x",
                        "artifacts/.penstock-trash/0123/45/x"};
  const char* stays[] = {"artifacts/p/r/t/a/out", "artifacts/p/r/t/a/x.part", "workspaces/known/x.part",
                         "work/runs/known/a", "logs/r/t.log"};
  for (const char* path : gone) Put(path);
  for (const char* path : stays) Put(path);
  fs::last_write_time(root_ + "/artifacts/.penstock-trash/0123",
                      fs::file_time_type::clock::now() - std::chrono::hours(48));
  Put("artifacts/q/.penstock-draft-young", /*old=*/false);
  Put("work/runs/young/a", /*old=*/false);
  fs::create_directory_symlink(root_ + "/artifacts/q", root_ + "/logs/link");
  Clean(3);
  for (const char* path : gone) EXPECT_FALSE(IsThere(path)) << path;
  for (const char* path : stays) EXPECT_TRUE(IsThere(path)) << path;
  EXPECT_TRUE(IsThere("artifacts/q/.penstock-draft-young"));
  EXPECT_TRUE(IsThere("work/runs/young/a"));
  Clean(1000);
  for (const char* path : stays) EXPECT_TRUE(IsThere(path)) << path;
}

}  // namespace
}  // namespace penstock
