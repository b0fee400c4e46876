#include "executor/python/installed.h"

#include <filesystem>
#include <fstream>

#include "absl/strings/str_cat.h"
#include "common/limits.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace penstock {
namespace {

using testing::Optional;
using testing::UnorderedElementsAre;

TEST(InstalledInTest, NamesOfFoldersSayWhatIsThere) {
  const std::filesystem::path venv = testing::TempDir() + "/installed";
  std::filesystem::remove_all(venv);
  EXPECT_EQ(VersionOfVenv(venv), "");
  EXPECT_EQ(InstalledIn(venv), std::nullopt);
  const std::filesystem::path site = venv / "lib/python3.11/site-packages";
  for (const char* folder :
       {"demo_one-1.0.dist-info", "Zope.Interface-6.0+local.dist-info", "old-2.0-py3.11.egg-info",
        "~emo_one-1.0.dist-info", "bad-1.0_unknown.dist-info", "demo_one", "x.dist-info"}) {
    std::filesystem::create_directories(site / folder);
  }
  std::ofstream(site / "_base.pth") << "import os";
  EXPECT_EQ(VersionOfVenv(venv), "3.11");
  EXPECT_THAT(InstalledIn(site),
              Optional(UnorderedElementsAre("demo-one==1.0", "zope-interface==6.0+local", "old==2.0")));
}

TEST(PackagesTextTest, WhatIsTheAttemptsOwnGoesBefore) {
  EXPECT_EQ(PackagesText({}, {}), "");
  EXPECT_EQ(PackagesText({"six==1.0", "Demo_One==1.0", "x @ https://me:secret@example.com/x.zip"},
                         {"zip==3.0", "demo-one==2.0"}),
            "demo-one==2.0\nsix==1.0\nx @ https://***@example.com/x.zip\nzip==3.0\n");
}

TEST(PackagesTextTest, IsBounded) {
  std::vector<std::string> many;
  for (int i = 0; i < limits::kEnvPackagesBytes; ++i) many.push_back(absl::StrCat("package-", i, "==1.0"));
  const std::string text = PackagesText(many, {});
  EXPECT_LE(text.size(), static_cast<size_t>(limits::kEnvPackagesBytes) + 4);
  EXPECT_THAT(text, testing::EndsWith("\n...\n"));
}

}  // namespace
}  // namespace penstock
