// What every content store must do, wherever it keeps the bytes: the promises of content/content_store.h as tests.
#include <stdlib.h>
#include <unistd.h>

#include <filesystem>
#include <functional>
#include <memory>
#include <ostream>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "content/content.h"
#include "content/local/local_content_store.h"
#include "content/remote/remote_content_store.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/s3_server.h"

namespace penstock {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

// An empty store, and a URI below which all is its own.
struct ContentWorld {
  virtual ~ContentWorld() = default;
  virtual ContentStore& store() = 0;
  std::string root;
  bool is_tree = true;  // a folder and a file cannot have one name, and nothing leads upwards
};

class LocalContentWorld final : public ContentWorld {
 public:
  LocalContentWorld() {
    std::string name = testing::TempDir() + "penstock_content_XXXXXX";
    directory_ = mkdtemp(name.data());
    store_ = std::make_unique<LocalContentStore>(directory_);
    root = std::string(kArtifactsUri);
  }
  ~LocalContentWorld() override { std::filesystem::remove_all(directory_); }
  ContentStore& store() override { return *store_; }

 private:
  std::string directory_;
  std::unique_ptr<LocalContentStore> store_;
};

// An S3 server of its own, and the program that knows object stores.
class S3ContentWorld final : public ContentWorld {
 public:
  // With a sanitizer Go programs are not built.
  static bool HasProgram() { return access(PENSTOCK_LAUNCH_PATH, X_OK) == 0; }
  S3ContentWorld()
      : program_({"Object stores",
                  PENSTOCK_LAUNCH_PATH,
                  {"serve", "--socket=" + server_.folder() + "/stores.sock",
                   "--stores=" + server_.SettingsFile("s3://bucket/")},
                  server_.folder() + "/stores.sock",
                  {}}),
        store_(program_, {"s3://bucket/"}) {
    root = "s3://bucket/a root";
    is_tree = false;
    server_.MakeBucket("bucket");
  }
  ContentStore& store() override { return store_; }

 private:
  S3Server server_;
  SideProgram program_;
  RemoteContentStore store_;
};

struct ContentContractParam {
  std::string name;
  std::function<std::unique_ptr<ContentWorld>()> make;
};
void PrintTo(const ContentContractParam& param, std::ostream* out) { *out << param.name; }

class ContentContract : public testing::TestWithParam<ContentContractParam> {
 protected:
  std::string Uri(absl::string_view path) const { return absl::StrCat(world_->root, "/", path); }
  ContentStore& store() { return world_->store(); }
  absl::StatusOr<std::string> Text(absl::string_view path, int64_t offset = 0, size_t size = 4) {
    auto reader = store().Open(Uri(path));
    if (!reader.ok()) return reader.status();
    std::string text;
    std::string buffer(size, '\0');
    while (true) {
      const auto read = (*reader)->Read(offset, absl::MakeSpan(buffer));
      if (!read.ok()) return read.status();
      if (read->empty()) return text;
      absl::StrAppend(&text, *read);
      offset += static_cast<int64_t>(read->size());
    }
  }
  std::string Version(absl::string_view path) { return ContentVersion(store(), Uri(path)); }

  std::unique_ptr<ContentWorld> world_ = GetParam().make();
};
std::vector<ContentContractParam> Worlds() {
  std::vector<ContentContractParam> worlds = {
      {"local", [] { return std::make_unique<LocalContentWorld>(); }}};
  if (S3ContentWorld::HasProgram() && S3Server::Missing().empty()) {
    worlds.push_back({"s3", [] { return std::make_unique<S3ContentWorld>(); }});
  }
  return worlds;
}
INSTANTIATE_TEST_SUITE_P(Stores, ContentContract, testing::ValuesIn(Worlds()));

TEST(S3ContentWorldTest, IsThere) {
  if (!S3ContentWorld::HasProgram()) GTEST_SKIP() << "penstock-launch is not built here";
  const std::string missing = S3Server::Missing();
  if (missing.empty()) return;
  const char* required = std::getenv("PENSTOCK_TEST_STORES");
  if (required != nullptr && std::string(required) == "required") FAIL() << missing;
  GTEST_SKIP() << missing;
}

// A task may put links where it is to leave its outputs.
TEST(LocalContentStoreTest, NoLinkLeadsOutOfTheFolderOfTheContent) {
  std::string name = testing::TempDir() + "penstock_links_XXXXXX";
  const std::filesystem::path folder = mkdtemp(name.data());
  LocalContentStore store(folder.string());
  ASSERT_TRUE(store.Write("penstock://artifacts/p/other/secret", "theirs").ok());
  std::filesystem::create_directories(folder / "artifacts/p/mine");
  std::filesystem::create_symlink(folder / "artifacts/p/other", folder / "artifacts/p/mine/parent");
  std::filesystem::create_symlink(folder / "artifacts/p/other/secret", folder / "artifacts/p/mine/file");
  for (const std::string path : {"p/mine/parent/secret", "p/mine/file", "p/mine/parent"}) {
    EXPECT_TRUE(absl::IsFailedPrecondition(store.Open("penstock://artifacts/" + path).status())) << path;
  }
  EXPECT_TRUE(absl::IsNotFound(store.Open("penstock://artifacts/p/mine/none/x").status()));
  EXPECT_TRUE(store.Open("penstock://artifacts/p/other/secret").ok());
  // Whoever runs the server may have put all of it on another disk.
  std::filesystem::rename(folder / "artifacts", folder / "elsewhere");
  std::filesystem::create_directory_symlink(folder / "elsewhere", folder / "artifacts");
  EXPECT_TRUE(store.Open("penstock://artifacts/p/other/secret").ok());
  std::filesystem::remove_all(folder);
}

TEST_P(ContentContract, WhatWasWrittenIsRead) {
  ASSERT_TRUE(store().Write(Uri("run/a/b.txt"), "0123456789").ok());
  EXPECT_EQ(Text("run/a/b.txt").value_or(""), "0123456789");
  EXPECT_EQ(Text("run/a/b.txt", 7).value_or(""), "789");
  EXPECT_EQ(Text("run/a/b.txt", 99).value_or("x"), "");
  ASSERT_TRUE(store().Write(Uri("run/a/b.txt"), "").ok());
  EXPECT_EQ(Text("run/a/b.txt").value_or("x"), "");
}

TEST_P(ContentContract, RemovalInStepsSparesWhatIsKept) {
  for (const char* path : {"run/a/1", "run/a/2", "run/b/1/x", "run/b/1/y", "run/c", "runs/a"}) {
    ASSERT_TRUE(store().Write(Uri(path), "12345").ok());
  }
  ContentRemoved all;
  bool more = true;
  for (int calls = 0; more; ++calls) {
    ASSERT_LT(calls, 100) << "each call gets on";
    const std::string kept[] = {Uri("run/a/2"), Uri("run/b/1"), Uri("run/none")};
    const auto some = store().RemoveSome(Uri("run"), kept, 2);
    ASSERT_TRUE(some.ok()) << some.status();
    all.files += some->files;
    all.size_bytes += some->size_bytes;
    more = some->more;
  }
  EXPECT_EQ(all.files, 2);
  EXPECT_EQ(all.size_bytes, 10);
  EXPECT_TRUE(absl::IsNotFound(store().Stat(Uri("run/a/1")).status()));
  EXPECT_TRUE(absl::IsNotFound(store().Stat(Uri("run/c")).status()));
  for (const char* path : {"run/a/2", "run/b/1/x", "run/b/1/y", "runs/a"}) {
    EXPECT_EQ(Text(path).value_or(""), "12345") << path;
  }
  const auto rest = store().RemoveSome(Uri("run"), {}, 1000);
  ASSERT_TRUE(rest.ok()) << rest.status();
  EXPECT_EQ(rest->files, 3);
  EXPECT_FALSE(rest->more);
  EXPECT_TRUE(absl::IsNotFound(store().Stat(Uri("run")).status()));
  EXPECT_EQ(store().RemoveSome(Uri("run"), {}, 1000)->files, 0) << "what is not there is removed already";
  EXPECT_EQ(Text("runs/a").value_or(""), "12345");
}

TEST_P(ContentContract, ASingleFileIsRemovedInOneStep) {
  ASSERT_TRUE(store().Write(Uri("run/a"), "123").ok());
  const auto removed = store().RemoveSome(Uri("run/a"), {}, 10);
  ASSERT_TRUE(removed.ok()) << removed.status();
  EXPECT_EQ(removed->files, 1);
  EXPECT_EQ(removed->size_bytes, 3);
  EXPECT_TRUE(absl::IsNotFound(store().Stat(Uri("run/a")).status()));
  EXPECT_FALSE(store().RemoveSome("gs://bucket/run", {}, 10).ok());
}

TEST_P(ContentContract, AFileInPartsIsThereWholeOrNotAtAll) {
  {
    const auto writer = store().Create(Uri("run/parts"));
    ASSERT_TRUE(writer.ok()) << writer.status();
    ASSERT_TRUE((*writer)->Append("012").ok());
    ASSERT_TRUE((*writer)->Append("").ok());
    ASSERT_TRUE((*writer)->Append("3456").ok());
    EXPECT_TRUE(absl::IsNotFound(store().Open(Uri("run/parts")).status()));
    EXPECT_THAT(store().List(Uri("run")).value(), IsEmpty());
    ASSERT_TRUE((*writer)->Commit().ok());
    EXPECT_EQ(Text("run/parts").value_or(""), "0123456");
  }
  EXPECT_THAT(store().List(Uri("run")).value(), ElementsAre(ContentEntry{"parts", ContentKind::kFile}));
  {
    const auto abandoned = store().Create(Uri("run/parts"));
    ASSERT_TRUE(abandoned.ok());
    ASSERT_TRUE((*abandoned)->Append("other").ok());
  }
  EXPECT_EQ(Text("run/parts").value_or(""), "0123456");
  const auto again = store().Create(Uri("run/parts"));
  ASSERT_TRUE(again.ok());
  ASSERT_TRUE((*again)->Commit().ok());
  EXPECT_EQ(Text("run/parts").value_or("x"), "");
  EXPECT_THAT(store().List(Uri("run")).value(), ElementsAre(ContentEntry{"parts", ContentKind::kFile}));
}

TEST_P(ContentContract, AFolderIsNotReplacedByAFileInParts) {
  if (!world_->is_tree) GTEST_SKIP() << "there both may be";
  ASSERT_TRUE(store().Write(Uri("run/folder/x"), "1").ok());
  const auto writer = store().Create(Uri("run/folder"));
  EXPECT_TRUE(!writer.ok() || !(*writer)->Commit().ok());
  EXPECT_EQ(Text("run/folder/x").value_or(""), "1");
}

TEST_P(ContentContract, StatTellsKindSizeAndChange) {
  ASSERT_TRUE(store().Write(Uri("run/a"), "12345").ok());
  const auto file = store().Stat(Uri("run/a"));
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_EQ(file->kind, ContentKind::kFile);
  EXPECT_EQ(file->size_bytes, 5);
  EXPECT_FALSE(file->version.empty());
  EXPECT_EQ(Version("run/a"), file->version) << "nothing was changed";
  const auto folder = store().Stat(Uri("run"));
  ASSERT_TRUE(folder.ok()) << folder.status();
  EXPECT_EQ(folder->kind, ContentKind::kFolder);
  ASSERT_TRUE(store().Write(Uri("run/a"), "54321").ok());
  EXPECT_NE(Version("run/a"), file->version);
  EXPECT_NE(Version("run"), folder->version) << "something in it was changed";
}

TEST_P(ContentContract, WhatIsNotThereIsNotFound) {
  EXPECT_TRUE(absl::IsNotFound(store().Stat(Uri("none")).status()));
  EXPECT_TRUE(absl::IsNotFound(store().Open(Uri("none")).status()));
  EXPECT_EQ(Version("none"), kNoContent);
  EXPECT_THAT(store().List(Uri("none")).value(), IsEmpty());
  EXPECT_TRUE(store().Remove(Uri("none")).ok());
}

TEST_P(ContentContract, AFolderIsListedAndIsNoFile) {
  for (const char* path : {"run/b", "run/a/x", "run/c"}) {
    ASSERT_TRUE(store().Write(Uri(path), "1").ok());
  }
  const auto listed = store().List(Uri("run"));
  ASSERT_TRUE(listed.ok()) << listed.status();
  EXPECT_THAT(*listed,
              ElementsAre(ContentEntry{"a", ContentKind::kFolder}, ContentEntry{"b", ContentKind::kFile},
                          ContentEntry{"c", ContentKind::kFile}));
  EXPECT_TRUE(absl::IsFailedPrecondition(store().Open(Uri("run/a")).status()));
}

TEST_P(ContentContract, WhatIsRemovedIsGoneWithAllThatIsInIt) {
  for (const char* path : {"run/a/x", "run/a/y/z", "run/b"}) {
    ASSERT_TRUE(store().Write(Uri(path), "1").ok());
  }
  ASSERT_TRUE(store().Remove(Uri("run/a")).ok());
  EXPECT_EQ(Version("run/a"), kNoContent);
  EXPECT_EQ(Text("run/b").value_or(""), "1");
  ASSERT_TRUE(store().Remove(Uri("run/b")).ok());
  EXPECT_TRUE(absl::IsNotFound(store().Open(Uri("run/b")).status()));
}

TEST_P(ContentContract, AReaderKeepsTheFileThatItOpened) {
  ASSERT_TRUE(store().Write(Uri("run/a"), "one").ok());
  auto reader = store().Open(Uri("run/a"));
  ASSERT_TRUE(reader.ok()) << reader.status();
  ASSERT_TRUE(store().Write(Uri("run/a"), "another").ok());
  std::string buffer(16, '\0');
  const auto read = (*reader)->Read(0, absl::MakeSpan(buffer));
  // As it was opened, or not at all.
  EXPECT_TRUE(read.ok() ? *read == "one" : absl::IsFailedPrecondition(read.status())) << read.status();
}

TEST_P(ContentContract, OtherUrisAreRefused) {
  for (const std::string& uri : {std::string("gs://bucket/key"), std::string("penstock://elsewhere/x"),
                                 Uri("../secret"), Uri("a/../../secret"), Uri("./x")}) {
    if (!world_->is_tree && absl::StartsWith(uri, world_->root)) continue;  // a key like any other
    EXPECT_FALSE(store().Serves(uri)) << uri;
    EXPECT_TRUE(absl::IsInvalidArgument(store().Open(uri).status())) << uri;
    EXPECT_TRUE(absl::IsInvalidArgument(store().Write(uri, "x"))) << uri;
    EXPECT_TRUE(absl::IsInvalidArgument(store().Remove(uri))) << uri;
    EXPECT_TRUE(absl::IsInvalidArgument(store().List(uri).status())) << uri;
  }
  EXPECT_TRUE(store().Serves(Uri("a")));
}

// --- The data directory alone ---

TEST(LocalContentStoreTest, TellsOfFilesOfItsMachineAndServesNoneOfThem) {
  LocalContentWorld world;
  EXPECT_TRUE(world.store().Stat("/etc/passwd").ok());
  EXPECT_EQ(world.store().Stat("file:///etc/passwd")->version, world.store().Stat("/etc/passwd")->version);
  for (const char* uri : {"/etc/passwd", "file:///etc/passwd"}) {
    EXPECT_FALSE(world.store().Serves(uri));
    EXPECT_TRUE(absl::IsInvalidArgument(world.store().Open(uri).status()));
  }
}

}  // namespace
}  // namespace penstock
