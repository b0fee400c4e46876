#include <archive.h>
#include <archive_entry.h>
#include <zstd.h>

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "common/json.h"
#include "common/limits.h"
#include "common/sha256.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/bundle/bundle_archive.h"
#include "server/bundle/bundle_rows.h"

namespace penstock {
namespace {

using ::testing::HasSubstr;

// A run of one task with one attempt, one artifact and one metric.
BundleRows Rows() {
  BundleRows rows;
  rows.spec = "{}";
  rows.run.run_id = "run-1";
  rows.run.display_name = "a run";
  rows.run.state = RunState::kSucceeded;
  rows.config.spec_sha256 = Sha256Hex(rows.spec);
  rows.config.parameters = R"({"rate":0.5})";
  rows.tags = {{"team", "x"}};
  rows.states = {{RunState::kPending, absl::FromUnixMicros(1), 0, ""},
                 {RunState::kRunning, absl::FromUnixMicros(2), 0, ""},
                 {RunState::kSucceeded, absl::FromUnixMicros(3), 0, ""}};
  TaskRow task;
  task.task_id = "task-1";
  task.name = "train";
  task.state = TaskState::kSucceeded;
  rows.tasks.push_back(task);
  rows.task_states.push_back({"task-1", TaskState::kSucceeded, absl::FromUnixMicros(3)});
  const std::string setup = R"({"command":["true"]})";
  rows.setups[Sha256Hex(setup)] = setup;
  TaskAttemptRow attempt;
  attempt.task_id = "task-1";
  attempt.outcome = "SUCCEEDED";
  attempt.exit_code = 0;
  attempt.setup_sha256 = Sha256Hex(setup);
  rows.attempts.push_back(attempt);
  rows.parameters.push_back({"task-1", Direction::kOutput, "loss", "0.25"});
  ArtifactRow artifact;
  artifact.artifact_id = 7;
  artifact.uuid = "uuid-7";
  artifact.metadata = "{}";
  artifact.size_bytes = 12;
  rows.artifacts.push_back(artifact);
  ArtifactTaskRow link;
  link.task_id = "task-1";
  link.name = "model";
  link.artifact_id = 7;
  rows.links.push_back(link);
  rows.metrics.push_back({"task-1", "loss", {1, absl::FromUnixMicros(3), 0.25}});
  rows.contents.push_back({7, "part/one", "contents/0"});
  rows.logs.push_back({"task-1", 1, "logs/0"});
  return rows;
}

// The same with one row of everything that clients record besides: a data set, a model, tags of all owners.
BundleRows RecordedRows() {
  BundleRows rows = Rows();
  ArtifactRow artifact;
  artifact.artifact_id = 8;
  artifact.uuid = "uuid-8";
  artifact.metadata = "{}";
  rows.artifacts.push_back(artifact);
  ArtifactTaskRow link;
  link.task_id = "task-1";
  link.direction = Direction::kInput;
  link.name = "wine";
  link.artifact_id = 8;
  rows.links.push_back(link);
  rows.tags["score"] = "0.5";
  rows.typed_tags = {{"", 0, "", "score", {TagType::kNumber, "0.5"}},
                     {"task-1", 0, "", "good", {TagType::kBoolean, "true"}},
                     {"", 7, "", "parts", {TagType::kJson, R"(["a"])"}},
                     {"", 0, "m-1", "stage", {TagType::kString, "dev"}}};
  rows.datasets.push_back({8, "", "wine", "abc", "local", "{}", "columns", "profile"});
  rows.input_tags.push_back({"", "task-1", 8, "mlflow.data.context", "training"});
  rows.logged_parameters.push_back({"task-1", "rate", "0.5"});
  LoggedModelRow model;
  model.model_id = "m-1";
  model.name = "net";
  model.source_run_id = "run-1_task-1";
  model.status = "READY";
  model.artifact_id = 7;
  rows.models.push_back(model);
  rows.model_parameters.push_back({"m-1", "layers", "3"});
  rows.model_metrics.push_back({"m-1", "acc", "wine", "abc", "run-1_task-1", {2, absl::UnixEpoch(), 0.75}});
  rows.model_links.push_back({"", "task-1", Direction::kOutput, "m-1", 4});
  rows.task_records.push_back({"", "task-1", "", "", std::string("\0\xff record", 9)});
  rows.mlflow_files.push_back({"task-1", "reports/one", "contents/1"});
  return rows;
}

std::string BundleOf(const std::vector<std::pair<std::string, std::string>>& members) {
  std::string bytes;
  BundleWriter writer([&](absl::string_view piece) {
    bytes.append(piece.data(), piece.size());
    return true;
  });
  for (const auto& [name, text] : members) EXPECT_TRUE(writer.Add(name, text).ok());
  EXPECT_TRUE(writer.Finish().ok());
  return bytes;
}

std::vector<std::pair<std::string, std::string>> Members() {
  auto members = RowMembers(Rows());
  members.emplace_back("logs/0", "a line\n");
  members.emplace_back("contents/0", std::string(100'000, 'm'));
  return members;
}

// Reads it in pieces of `piece` bytes.
absl::Status Read(const std::string& bytes, BundleContentsRead* read, size_t piece = 1000) {
  size_t at = 0;
  return ReadBundle(
      [&]() -> absl::StatusOr<std::string> {
        std::string next = bytes.substr(at, piece);
        at += next.size();
        return next;
      },
      read);
}

std::string Refusal(const std::string& bytes) {
  BundleContentsRead read;
  const absl::Status status = Read(bytes, &read);
  EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
  return std::string(status.message());
}

// The tar in a bundle, and a bundle of a tar.
std::string Unpack(const std::string& bytes) {
  std::string tar(1 << 22, '\0');
  ZSTD_DCtx* const zstd = ZSTD_createDCtx();
  ZSTD_inBuffer in = {bytes.data(), bytes.size(), 0};
  ZSTD_outBuffer out = {tar.data(), tar.size(), 0};
  while (in.pos < in.size) EXPECT_FALSE(ZSTD_isError(ZSTD_decompressStream(zstd, &out, &in)));
  ZSTD_freeDCtx(zstd);
  tar.resize(out.pos);
  return tar;
}
std::string Pack(const std::string& tar) {
  std::string bytes(ZSTD_compressBound(tar.size()), '\0');
  bytes.resize(ZSTD_compress(bytes.data(), bytes.size(), tar.data(), tar.size(), 1));
  return bytes;
}

// A tar whose one entry is what `fill` makes of it.
template <typename Fill>
std::string TarWith(Fill fill) {
  std::string tar(1 << 16, '\0');
  size_t used = 0;
  archive* const out = archive_write_new();
  archive_write_set_format_ustar(out);
  archive_write_open_memory(out, tar.data(), tar.size(), &used);
  archive_entry* const entry = archive_entry_new();
  archive_entry_set_filetype(entry, AE_IFREG);
  archive_entry_set_size(entry, 0);
  fill(entry);
  EXPECT_EQ(archive_write_header(out, entry), ARCHIVE_OK);
  archive_entry_free(entry);
  archive_write_close(out);
  archive_write_free(out);
  tar.resize(used);
  return tar;
}

TEST(BundleTest, WhatIsWrittenIsRead) {
  for (const size_t piece : {size_t{1}, size_t{777}, size_t{1} << 20}) {
    BundleContentsRead read;
    const absl::Status status = Read(BundleOf(Members()), &read, piece);
    ASSERT_TRUE(status.ok()) << status;
    EXPECT_THAT(read.files.Names(), testing::ElementsAre("contents/0", "logs/0"));
    ASSERT_TRUE(read.files
                    .Use("contents/0",
                         [](absl::string_view bytes) {
                           EXPECT_EQ(bytes, std::string(100'000, 'm'));
                           return absl::OkStatus();
                         })
                    .ok());
    const auto rows = RowsFromMembers(read.rows);
    ASSERT_TRUE(rows.ok()) << rows.status();
    EXPECT_EQ(RowMembers(*rows), RowMembers(Rows()));
  }
}

TEST(BundleTest, ACutBundleIsRefused) {
  const std::string bytes = BundleOf(Members());
  for (size_t size = 0; size < bytes.size(); size += std::max<size_t>(1, bytes.size() / 97)) {
    BundleContentsRead read;
    const absl::Status status = Read(bytes.substr(0, size), &read);
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << size << status;
  }
}

TEST(BundleTest, AChangedByteIsFound) {
  const std::string bytes = BundleOf(Members());
  for (size_t at = 0; at < bytes.size(); at += std::max<size_t>(1, bytes.size() / 97)) {
    std::string changed = bytes;
    changed[at] = static_cast<char>(changed[at] ^ 0x10);
    BundleContentsRead read;
    EXPECT_FALSE(Read(changed, &read).ok()) << at;
  }
}

TEST(BundleTest, ChangedContentIsFoundByItsHash) {
  const std::string tar = Unpack(BundleOf(Members()));
  EXPECT_THAT(Refusal(Pack(absl::StrReplaceAll(tar, {{"a line", "a lime"}}))), HasSubstr("logs/0"));
}

TEST(BundleTest, WhatIsAddedIsFound) {
  const std::string bytes = BundleOf(Members());
  EXPECT_THAT(Refusal(bytes + "x"), HasSubstr("behind its end"));
  EXPECT_THAT(Refusal(bytes + bytes), HasSubstr("behind its end"));
  const std::string tar = Unpack(bytes);
  EXPECT_THAT(Refusal(Pack(tar + std::string(512, '\0'))), HasSubstr("no member"));
  EXPECT_THAT(Refusal(Pack(tar + std::string(512, 'x'))), HasSubstr("no member"));
}

TEST(BundleTest, OnlyMembersOfBundlesAreTaken) {
  for (const char* name :
       {"../run.json", "/etc/passwd", "logs/../x", "logs/x", "logs/", "contents/1/2", "other"}) {
    const std::string tar = TarWith([&](archive_entry* entry) { archive_entry_set_pathname(entry, name); });
    EXPECT_THAT(Refusal(Pack(tar)), HasSubstr("not belong")) << name;
  }
  const std::string link = TarWith([](archive_entry* entry) {
    archive_entry_set_pathname(entry, "logs/0");
    archive_entry_set_filetype(entry, AE_IFLNK);
    archive_entry_set_symlink(entry, "/etc/passwd");
  });
  EXPECT_THAT(Refusal(Pack(link)), HasSubstr("not belong"));
  EXPECT_THAT(Refusal("no bundle at all"), HasSubstr("zstd"));
  EXPECT_THAT(Refusal(Pack("no tar at all")), HasSubstr("bundle"));
}

TEST(BundleTest, MembersAreThereOnce) {
  auto members = Members();
  members.push_back(members.front());
  EXPECT_THAT(Refusal(BundleOf(members)), HasSubstr("twice"));
  members = Members();
  members.erase(members.begin() + 3);
  BundleContentsRead read;
  ASSERT_TRUE(Read(BundleOf(members), &read).ok());
  EXPECT_THAT(RowsFromMembers(read.rows).status().message(), HasSubstr("tasks.jsonl"));
}

TEST(BundleTest, BombsStopAtTheBound) {
  auto members = Members();
  members[3].second = std::string(limits::kBundleRowsBytes + 1, ' ');
  const std::string bytes = BundleOf(members);
  EXPECT_LT(bytes.size(), size_t{1} << 20);
  EXPECT_THAT(Refusal(bytes), HasSubstr("kBundleRowsBytes"));
}

// --- Rows ---

// The refusal of the rows after `change` has changed the text of one member.
template <typename Change>
std::string RowRefusal(const std::string& member, Change change) {
  std::map<std::string, std::string> members;
  for (auto& [name, text] : RowMembers(RecordedRows())) members[name] = text;
  change(members.at(member));
  const auto rows = RowsFromMembers(members);
  EXPECT_TRUE(absl::IsInvalidArgument(rows.status())) << rows.status();
  return std::string(rows.status().message());
}

std::string RowRefusal(const std::string& member, const std::string& old_text, const std::string& new_text) {
  return RowRefusal(member, [&](std::string& text) {
    EXPECT_TRUE(absl::StrContains(text, old_text)) << text;
    text = absl::StrReplaceAll(text, {{old_text, new_text}});
  });
}

TEST(BundleRowsTest, RowsHaveTheirFieldsAndNoOther) {
  EXPECT_THAT(RowRefusal("tasks.jsonl", R"("iteration":-1,)", ""), HasSubstr("has no iteration"));
  EXPECT_THAT(RowRefusal("tasks.jsonl", R"("iteration":-1)", R"("iteration":"x")"), HasSubstr("iteration"));
  EXPECT_THAT(RowRefusal("tasks.jsonl", R"("iteration":-1)", R"("iteration":-1,"more":1)"),
              HasSubstr("fields"));
  EXPECT_THAT(RowRefusal("tasks.jsonl", "SUCCEEDED", "DONE"), HasSubstr("state"));
  EXPECT_THAT(RowRefusal("tasks.jsonl", [](std::string& text) { text += "{"; }), HasSubstr("line 2"));
  EXPECT_THAT(RowRefusal("run.json", R"("a run")", R"("a\u0000run")"), HasSubstr("display_name"));
}

TEST(BundleRowsTest, RowsNameWhatIsThere) {
  EXPECT_THAT(RowRefusal("spec.json", "{}", "{ }"), HasSubstr("hash"));
  EXPECT_THAT(RowRefusal("setups.jsonl", "true", "false"), HasSubstr("hash"));
  EXPECT_THAT(RowRefusal("attempts.jsonl", "task-1", "task-2"), HasSubstr("attempts.jsonl"));
  EXPECT_THAT(RowRefusal("links.jsonl", R"("artifact_id":7)", R"("artifact_id":9)"),
              HasSubstr("links.jsonl"));
  EXPECT_THAT(RowRefusal("metrics.jsonl", "task-1", "task-2"), HasSubstr("metrics.jsonl"));
  EXPECT_THAT(RowRefusal("tasks.jsonl", "SUCCEEDED", "RUNNING"), HasSubstr("not ended"));
  EXPECT_THAT(RowRefusal("states.jsonl", "SUCCEEDED", "FAILED"), HasSubstr("states.jsonl"));
  for (const char* path : {"../x", "/x", "a//b", "a/./b", "a/.."}) {
    EXPECT_THAT(RowRefusal("contents.jsonl", "part/one", path), HasSubstr("outside")) << path;
    EXPECT_THAT(RowRefusal("mlflow_files.jsonl", "reports/one", path), HasSubstr("outside")) << path;
  }
}

TEST(BundleRowsTest, WhatClientsRecordIsReadBack) {
  std::map<std::string, std::string> members;
  for (auto& [name, text] : RowMembers(RecordedRows())) {
    EXPECT_TRUE(IsRowMember(name)) << name;
    members[name] = text;
  }
  EXPECT_EQ(members.size(), 24);
  const auto rows = RowsFromMembers(members);
  ASSERT_TRUE(rows.ok()) << rows.status();
  EXPECT_EQ(RowMembers(*rows), RowMembers(RecordedRows()));
  EXPECT_EQ(rows->task_records[0].record, RecordedRows().task_records[0].record);
}

// As bundles were before there were such members, and those that have no such rows are.
TEST(BundleRowsTest, WhatIsNotRecordedHasNoMember) {
  std::map<std::string, std::string> members;
  for (auto& [name, text] : RowMembers(Rows())) members[name] = text;
  EXPECT_EQ(members.size(), 14);
  EXPECT_TRUE(RowsFromMembers(members).ok());
}

TEST(BundleRowsTest, RecordedRowsNameWhatIsThere) {
  const struct {
    const char* member;
    const char* old_text;
    const char* new_text;
    const char* says;
  } cases[] = {
      {"typed_tags.jsonl", "0.5", "0.6", "line 1: run.json has no such tag"},
      {"typed_tags.jsonl", "NUMBER", "DATE", "line 1: type has a value"},
      {"typed_tags.jsonl", "\"true\"", "\"maybe\"", "line 2: a tag has no name, or a value of another type"},
      {"typed_tags.jsonl", "task-1", "task-2", "line 2: a tag is of nothing"},
      {"typed_tags.jsonl", R"("artifact_id":7)", R"("artifact_id":9)", "line 3: a tag is of nothing"},
      {"typed_tags.jsonl", "m-1", "m-2", "line 4: a tag is of nothing"},
      {"typed_tags.jsonl", R"("task_id":"task-1")", R"("task_id":"task-1","more":1)",
       "line 2: it has fields"},
      {"datasets.jsonl", R"("artifact_id":8)", R"("artifact_id":9)", "line 1: a data set is no artifact"},
      {"datasets.jsonl", "abc", "", "line 1: a data set has no name"},
      {"input_tags.jsonl", R"("artifact_id":8)", R"("artifact_id":7)", "line 1: a tag is of a data set"},
      {"logged_parameters.jsonl", "task-1", "task-2", "line 1: a parameter is of no task"},
      {"models.jsonl", "READY", "DONE", "line 1: a model has no id"},
      {"models.jsonl", R"("artifact_id":7)", R"("artifact_id":9)", "line 1: a model names an artifact"},
      {"model_parameters.jsonl", "m-1", "m-2", "line 1: a parameter is of no model"},
      {"model_metrics.jsonl", "m-1", "m-2", "line 1: a metric is of no model"},
      {"model_links.jsonl", "task-1", "task-2", "line 1: a link names a task"},
      {"task_records.jsonl", "task-1", "task-2", "line 1: a record is of no task"},
      {"task_records.jsonl", R"("record":")", R"("record":"%)", "line 1: record is no Base64"},
      {"mlflow_files.jsonl", "task-1", "task-2", "line 1: a file is of no task"},
  };
  for (const auto& one : cases) {
    EXPECT_THAT(RowRefusal(one.member, one.old_text, one.new_text), HasSubstr(one.says)) << one.member;
  }
  for (const char* name :
       {"typed_tags.jsonl", "datasets.jsonl", "input_tags.jsonl", "logged_parameters.jsonl", "models.jsonl",
        "model_parameters.jsonl", "model_metrics.jsonl", "model_links.jsonl", "task_records.jsonl",
        "mlflow_files.jsonl"}) {
    EXPECT_THAT(RowRefusal(name, [](std::string& rows) { rows += rows; }), HasSubstr("there already"))
        << name;
  }
}

}  // namespace
}  // namespace penstock
