#include "pipeline/spec/package.h"

#include <archive.h>
#include <archive_entry.h>

#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/limits.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace penstock {
namespace {

using ::testing::HasSubstr;

struct Entry {
  std::string name;
  std::string content;
  int type = AE_IFREG;
  std::string link_to = "";
};

enum class Format { kZip, kTarGz };

la_ssize_t Append(archive*, void* out, const void* data, size_t size) {
  static_cast<std::string*>(out)->append(static_cast<const char*>(data), size);
  return static_cast<la_ssize_t>(size);
}

std::string Pack(Format format, const std::vector<Entry>& entries) {
  std::string out;
  archive* a = archive_write_new();
  if (format == Format::kZip) {
    archive_write_set_format_zip(a);
  } else {
    archive_write_set_format_pax_restricted(a);
    archive_write_add_filter_gzip(a);
  }
  archive_write_set_bytes_in_last_block(a, 1);
  EXPECT_EQ(archive_write_open(a, &out, nullptr, Append, nullptr), ARCHIVE_OK);
  for (const Entry& entry : entries) {
    archive_entry* e = archive_entry_new();
    archive_entry_set_pathname(e, entry.name.c_str());
    archive_entry_set_filetype(e, entry.type);
    archive_entry_set_perm(e, 0644);
    archive_entry_set_size(e, static_cast<la_int64_t>(entry.content.size()));
    if (entry.type == AE_IFLNK) {
      archive_entry_set_symlink(e, entry.link_to.c_str());
    } else if (!entry.link_to.empty()) {
      archive_entry_set_hardlink(e, entry.link_to.c_str());
    }
    EXPECT_GE(archive_write_header(a, e), ARCHIVE_WARN) << archive_error_string(a);
    archive_write_data(a, entry.content.data(), entry.content.size());
    archive_entry_free(e);
  }
  archive_write_close(a);
  archive_write_free(a);
  return out;
}

std::string Extract(absl::string_view name, absl::string_view bytes) {
  const auto text = ExtractPackage(name, bytes);
  if (text.ok()) return *text;
  EXPECT_EQ(text.status().code(), absl::StatusCode::kInvalidArgument);
  return absl::StrCat("error: ", text.status().message());
}

TEST(ExtractPackageTest, ByExtension) {
  EXPECT_EQ(Extract("p.yaml", "a: 1"), "a: 1");
  EXPECT_EQ(Extract("p.yml", "PK\x03\x04"), "PK\x03\x04");
  EXPECT_EQ(Extract("p.json", "{}"), "{}");
  EXPECT_EQ(Extract("p.yaml", ""), "");
}

TEST(ExtractPackageTest, OtherFilesAreRefused) {
  for (const auto& [name, bytes] : std::vector<std::pair<std::string, std::string>>{{"p.png", "\x89PNG"},
                                                                                    {"p.YAML", "a: 1"},
                                                                                    {"p", ""},
                                                                                    {"p.zip", "PK"},
                                                                                    {"p.tar", "\x1F"},
                                                                                    {"yaml", "a: 1"}}) {
    EXPECT_THAT(Extract(name, bytes), HasSubstr("is not a pipeline package")) << name;
  }
}

TEST(ExtractPackageTest, TooLarge) {
  EXPECT_THAT(Extract("p.yaml", std::string(limits::kPackageBytes + 1, ' ')), HasSubstr("kPackageBytes"));
}

class ExtractArchiveTest : public testing::TestWithParam<Format> {
 protected:
  std::string ExtractEntries(const std::vector<Entry>& entries) {
    return Extract("upload", Pack(GetParam(), entries));
  }
};

INSTANTIATE_TEST_SUITE_P(Formats, ExtractArchiveTest, testing::Values(Format::kZip, Format::kTarGz),
                         [](const auto& info) { return info.param == Format::kZip ? "Zip" : "TarGz"; });

TEST_P(ExtractArchiveTest, PipelineYamlWinsWhereverItIs) {
  EXPECT_EQ(ExtractEntries({{"a.yaml", "a"}, {"pipeline.yaml", "p"}, {"b.yaml", "b"}}), "p");
  EXPECT_EQ(ExtractEntries({{"README", "a"}, {"pipeline.yaml", "p"}}), "p");
  EXPECT_EQ(ExtractEntries({{"pipeline.yaml", ""}}), "");
}

TEST_P(ExtractArchiveTest, ElseTheFirstFile) {
  EXPECT_EQ(ExtractEntries({{"x/a.yml", "a"}, {"./pipeline.yaml", "p"}}), "a");
  EXPECT_EQ(ExtractEntries({{"dir/", "", AE_IFDIR}, {"dir/a.yaml", "a"}}), "a");
  EXPECT_THAT(ExtractEntries({{"README", "r"}, {"a.yaml", "a"}}),
              HasSubstr("its first file 'README' does not end in"));
  EXPECT_THAT(ExtractEntries({{"dir/", "", AE_IFDIR}}), HasSubstr("holds no file"));
}

TEST_P(ExtractArchiveTest, NamesAreNotPaths) {
  EXPECT_EQ(ExtractEntries({{"../../etc/x.yaml", "a"}}), "a");
  EXPECT_EQ(ExtractEntries({{"/etc/x.yaml", "a"}}), "a");
  EXPECT_EQ(ExtractEntries({{"/etc/passwd", "x"}, {"pipeline.yaml", "p"}}), "p");
}

TEST_P(ExtractArchiveTest, LinksAreRefused) {
  EXPECT_THAT(ExtractEntries({{"pipeline.yaml", "", AE_IFLNK, "/etc/passwd"}}),
              HasSubstr("not a regular file"));
  EXPECT_THAT(ExtractEntries({{"a.yaml", "", AE_IFLNK, "/etc/passwd"}}), HasSubstr("not a regular file"));
}

TEST_P(ExtractArchiveTest, ManyEntries) {
  std::vector<Entry> entries(limits::kPackageEntries, Entry{"a.yaml", "a"});
  EXPECT_EQ(ExtractEntries(entries), "a");
  entries.push_back({"pipeline.yaml", "p"});
  EXPECT_THAT(ExtractEntries(entries), HasSubstr("kPackageEntries"));
}

TEST_P(ExtractArchiveTest, BombsStopAtTheBound) {
  const std::string bomb =
      Pack(GetParam(), {{"a.yaml", std::string(limits::kPackageExtractedBytes + 1, ' ')}});
  ASSERT_LT(bomb.size(), size_t{1} << 20);
  EXPECT_THAT(Extract("upload", bomb), HasSubstr("kPackageExtractedBytes"));
}

TEST(ExtractTarTest, PassedOverEntriesCountToo) {
  const std::string large(size_t{100} << 20, ' ');
  const std::string bomb = Pack(
      Format::kTarGz, {{"a.yaml", "a"}, {"b", large}, {"c", large}, {"d", large}, {"pipeline.yaml", "p"}});
  EXPECT_THAT(Extract("upload", bomb), HasSubstr("kPackageScannedBytes"));
}

TEST(ExtractTarTest, HardLinksAreRefused) {
  EXPECT_THAT(Extract("upload", Pack(Format::kTarGz, {{"x", "x"}, {"pipeline.yaml", "", AE_IFREG, "x"}})),
              HasSubstr("not a regular file"));
}

TEST(ExtractTarTest, GzipOfSomethingElse) {
  std::string out;
  archive* a = archive_write_new();
  archive_write_set_format_raw(a);
  archive_write_add_filter_gzip(a);
  archive_write_open(a, &out, nullptr, Append, nullptr);
  archive_entry* e = archive_entry_new();
  archive_entry_set_filetype(e, AE_IFREG);
  archive_write_header(a, e);
  archive_write_data(a, "hello", 5);
  archive_entry_free(e);
  archive_write_close(a);
  archive_write_free(a);
  EXPECT_THAT(Extract("upload", out), HasSubstr("archive is damaged"));
}

TEST_P(ExtractArchiveTest, DamagedArchives) {
  const uint32_t seed = std::random_device{}();
  SCOPED_TRACE(absl::StrCat("seed ", seed));
  std::mt19937 random(seed);
  const std::string good =
      Pack(GetParam(), {{"x", std::string(3000, 'x')}, {"pipeline.yaml", std::string(500, 'p')}});
  EXPECT_THAT(Extract("upload", absl::string_view(good).substr(0, 40)), HasSubstr("damaged"));
  for (int round = 0; round < 2000; ++round) {
    std::string bytes = good;
    for (int edits = 1 + static_cast<int>(random() % 4); edits > 0; --edits) {
      bytes[2 + random() % (bytes.size() - 2)] = static_cast<char>(random());
    }
    if (random() % 4 == 0) bytes.resize(3 + random() % bytes.size());
    Extract("upload", bytes);  // any outcome but a crash
  }
}

}  // namespace
}  // namespace penstock
