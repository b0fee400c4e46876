#include "content/local/file_content.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "common/limits.h"
#include "common/sha256.h"

namespace penstock {
namespace {

class ContentTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
  }
  std::string Write(const std::string& name, const std::string& text) {
    const std::filesystem::path path = folder_ / name;
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path) << text;
    return path.string();
  }
  static Content Read(const std::string& path, int64_t bytes = 1 << 20) { return ReadContent(path, &bytes); }

  const std::filesystem::path folder_ = std::filesystem::path(::testing::TempDir()) / "penstock-content";
};

TEST_F(ContentTest, AFileIsItsBytes) {
  const std::string a = Write("a", "same");
  const std::string b = Write("b", "same");
  EXPECT_EQ(Read(a).sha256, "0967115f2813a3541eaef77de9d9d5773f1c0c04314b0bbfe4ff3b3b1c55b5d5");
  EXPECT_EQ(Read(a).sha256, Read(b).sha256);
  EXPECT_NE(Read(a).stat, Read(b).stat);
  EXPECT_EQ(Read(a).stat, ContentStat(a));
  EXPECT_NE(Read(a).sha256, Read(Write("c", "other")).sha256);
}

// Also one of the same length whose times were set back.
TEST_F(ContentTest, TheStatSeesAnyChange) {
  const std::string path = Write("a", "one");
  const auto time = std::filesystem::last_write_time(path);
  const std::string before = ContentStat(path);
  EXPECT_EQ(ContentStat(path), before);
  // The clock of the file system is coarse: until it moves, nobody could tell.
  while (ContentStat(path) == before) {
    Write("a", "two");
    std::filesystem::last_write_time(path, time);
  }
  EXPECT_NE(ContentStat(path), before);
  std::filesystem::remove(path);
  EXPECT_EQ(ContentStat(path), kNoContent);
  EXPECT_EQ(Read(path).sha256, "");
}

TEST_F(ContentTest, AFolderIsItsNamesAndBytes) {
  Write("x/a", "1");
  Write("x/deep/b", "2");
  Write("y/a", "1");
  Write("y/deep/b", "2");
  const std::string x = (folder_ / "x").string();
  const std::string y = (folder_ / "y").string();
  EXPECT_FALSE(Read(x).sha256.empty());
  EXPECT_EQ(Read(x).sha256, Read(y).sha256);
  const std::string before = ContentStat(y);
  std::filesystem::rename(folder_ / "y/deep/b", folder_ / "y/deep/c");
  EXPECT_NE(Read(x).sha256, Read(y).sha256);
  EXPECT_NE(ContentStat(y), before);
  std::filesystem::rename(folder_ / "y/deep/c", folder_ / "y/deep/b");
  EXPECT_EQ(Read(x).sha256, Read(y).sha256);
  std::filesystem::create_symlink("a", folder_ / "y/link");
  EXPECT_NE(Read(x).sha256, Read(y).sha256);
}

TEST_F(ContentTest, ReadsNoMoreThanAllowed) {
  const std::string path = Write("a", "12345");
  int64_t left = 5;
  EXPECT_FALSE(ReadContent(path, &left).sha256.empty());
  EXPECT_EQ(left, 0);
  left = 4;
  EXPECT_EQ(ReadContent(path, &left).sha256, "");
  EXPECT_FALSE(ReadContent(path, &left).stat.empty());
  EXPECT_EQ(left, 4);
}

TEST_F(ContentTest, WhatCannotBeToldApartHasNoStat) {
  std::filesystem::create_symlink("/etc/hostname", folder_ / "link");
  EXPECT_EQ(ContentStat((folder_ / "link").string()), "");
  for (int i = 0; i < limits::kContentEntries; ++i) Write("many/" + std::to_string(i), "");
  const std::string many = (folder_ / "many").string();
  EXPECT_NE(ContentStat(many), "");
  Write("many/one more", "");
  EXPECT_EQ(ContentStat(many), "");
}

TEST(Sha256Test, FieldsDoNotRunIntoEachOther) {
  Sha256 hash;
  hash.AddField("ab");
  hash.AddField("c");
  const std::string first = hash.HexDigest();
  hash.AddField("a");
  hash.AddField("bc");
  EXPECT_NE(hash.HexDigest(), first);
  hash.Add("abc");
  EXPECT_EQ(hash.HexDigest(), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

}  // namespace
}  // namespace penstock
