#include "pipeline/spec/platform_notes.h"

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "pipeline/spec/test_documents.h"

namespace penstock {
namespace {

std::string NoteOf(absl::string_view text) {
  const auto document = ParsePipelineText(text);
  EXPECT_TRUE(document.ok()) << document.status();
  return document.ok() ? PlatformNote(**document) : "";
}

TEST(PlatformNoteTest, NothingToSay) { EXPECT_EQ(NoteOf(kTrainPipeline), ""); }

TEST(PlatformNoteTest, NamesEachSettingAndWhoHasIt) {
  EXPECT_EQ(NoteOf(absl::StrCat(kTrainPipeline, R"(---
platforms:
  kubernetes:
    pipelineConfig: {resourceTtlOnCompletion: 60, workspace: {size: 1Gi}}
    deploymentSpec:
      executors:
        exec-train: {nodeSelector: {labels: {a: b}}, imagePullPolicy: Always}
        exec-prepare: {imagePullPolicy: Never}
)")),
            "Without effect, since tasks run as processes of one machine: imagePullPolicy ('exec-prepare', "
            "'exec-train'), nodeSelector ('exec-train'), resourceTtlOnCompletion, workspace.size");
}

}  // namespace
}  // namespace penstock
