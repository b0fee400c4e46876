#include "executor/python/failure.h"

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace penstock {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

constexpr char kOfTheSdk[] =
    "[KFP Executor 2026-01-01 INFO]: Got executor_input:\n{\n    \"inputs\": {}\n}\n"
    "Traceback (most recent call last):\n"
    "  File \"<frozen runpy>\", line 198, in _run_module_as_main\n"
    "  File \"/venv/lib/python3.11/site-packages/kfp/dsl/executor.py\", line 400, in execute\n"
    "    result = self.func(**func_kwargs)\n"
    "             ^^^^^^^^^^^^^^^^^^^^^^^^\n"
    "  File \"/tmp/penstock-0/1/tmp.Z/ephemeral_component.py\", line 7, in ticks\n"
    "    np.zeros(-1)\n"
    "  File \"/venv/lib/python3.11/site-packages/numpy/core.py\", line 9, in zeros\n"
    "    raise ValueError('negative')\n";

TEST(PythonFailureTest, TheExceptionAndWhereItIsInTheUsersCode) {
  const PythonFailure failure = ReadPythonFailure(absl::StrCat(kOfTheSdk, "ValueError: negative\n"));
  EXPECT_EQ(failure.exception, "ValueError: negative");
  EXPECT_EQ(failure.place, "Raised in line 7 of ephemeral_component.py, in ticks: np.zeros(-1)");
  EXPECT_THAT(failure.missing_module, IsEmpty());
}

TEST(PythonFailureTest, OfChainedExceptionsTheLast) {
  const std::string chained = absl::StrCat(
      kOfTheSdk, "KeyError: 'a'\n\nDuring handling of the above exception, another exception occurred:\n\n",
      "Traceback (most recent call last):\n  File \"main.py\", line 5, in f\n    raise A\nmine.Error: "
      "what\n");
  EXPECT_EQ(ReadPythonFailure(chained).exception, "mine.Error: what");
  EXPECT_EQ(ReadPythonFailure(chained).place, "Raised in line 5 of main.py, in f: raise A");
}

TEST(PythonFailureTest, OfManyLinesTheFirst) {
  const PythonFailure failure =
      ReadPythonFailure(absl::StrCat(kOfTheSdk, "pkg.Invalid: 2 errors\n  a\n    b\nsecond line\n"));
  EXPECT_EQ(failure.exception, "pkg.Invalid: 2 errors");
  EXPECT_THAT(ReadPythonFailure(absl::StrCat(kOfTheSdk, "E: ", std::string(10'000, 'x'))).exception,
              SizeIs(503));
}

TEST(PythonFailureTest, ExceptionsWithoutAMessage) {
  EXPECT_EQ(ReadPythonFailure(absl::StrCat(kOfTheSdk, "KeyboardInterrupt\n")).exception, "KeyboardInterrupt");
}

TEST(PythonFailureTest, SyntaxErrors) {
  const std::string bare =
      "before\n  File \"main.py\", line 3\n    def f(:\n          ^\nSyntaxError: invalid syntax\n";
  EXPECT_EQ(ReadPythonFailure(bare).exception, "SyntaxError: invalid syntax");
  EXPECT_EQ(ReadPythonFailure(bare).place, "Raised in line 3 of main.py: def f(:");
  const std::string imported = absl::StrCat(
      "Traceback (most recent call last):\n  File \"main.py\", line 1, in <module>\n    import other\n",
      bare.substr(7));
  EXPECT_EQ(ReadPythonFailure(imported).exception, "SyntaxError: invalid syntax");
}

TEST(PythonFailureTest, ExceptionGroups) {
  const PythonFailure failure = ReadPythonFailure(
      "  + Exception Group Traceback (most recent call last):\n  |   File \"main.py\", line 1, in <module>\n"
      "  |     raise g\n  | ExceptionGroup: two (2 sub-exceptions)\n  +-+---------------- 1 "
      "----------------\n"
      "    | ValueError: 1\n    +------------------------------------\n");
  EXPECT_EQ(failure.exception, "ExceptionGroup: two (2 sub-exceptions)");
  EXPECT_EQ(failure.place, "Raised in line 1 of main.py, in <module>: raise g");
}

TEST(PythonFailureTest, AMissingModuleIsNamed) {
  EXPECT_EQ(ReadPythonFailure(absl::StrCat(kOfTheSdk, "ModuleNotFoundError: No module named 'pandas.io'\n"))
                .missing_module,
            "pandas.io");
}

TEST(PythonFailureTest, WhatIsNoTracebackGivesNothing) {
  EXPECT_THAT(ReadPythonFailure("").exception, IsEmpty());
  EXPECT_THAT(ReadPythonFailure("ValueError: said, not raised\n").exception, IsEmpty());
  EXPECT_THAT(ReadPythonFailure(kOfTheSdk).exception, IsEmpty()) << "cut off";
  std::string went_on = absl::StrCat(kOfTheSdk, "ValueError: caught\n");
  for (int i = 0; i < 300; ++i) absl::StrAppend(&went_on, "epoch ", i, "\n");
  EXPECT_THAT(ReadPythonFailure(went_on).exception, IsEmpty());
}

TEST(LastLineTest, IsNotOursAndNotEmpty) {
  EXPECT_EQ(LastLine("one\n  two \n\npenstock: Python environment x\n"), "two");
  EXPECT_EQ(LastLine("penstock: a\n"), "");
  EXPECT_EQ(LastLine(absl::StrCat(std::string(499, 'x'), "\u00fcber")), std::string(499, 'x') + "...");
}

}  // namespace
}  // namespace penstock
