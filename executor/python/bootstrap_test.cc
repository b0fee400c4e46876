#include "executor/python/bootstrap.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/string_view.h"
#include "executor/python/shell_words.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace penstock {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

// What the kfp SDK 2.17 compiles, with a place for its options and for the user's packages.
constexpr char kSetUp[] =
    "\nif ! [ -x \"$(command -v pip)\" ]; then\n    python3 -m ensurepip || python3 -m ensurepip --user || "
    "apt-get install python3-pip\nfi\n\nPIP_DISABLE_PIP_VERSION_CHECK=1 ";
constexpr char kKfp[] =
    "python3 -m pip install --quiet --no-warn-script-location 'kfp==2.17.0' '--no-deps' "
    "'typing-extensions>=3.7.4,<5; python_version<\"3.9\"' && ";
constexpr char kSix[] =
    "python3 -m pip install --quiet --no-warn-script-location --index-url https://example.com/simple "
    "--trusted-host example.com 'six>=1.0'  &&  ";
constexpr char kVenv[] =
    "\nexport PIP_DISABLE_PIP_VERSION_CHECK=1\ntmp=$(mktemp -d)\npython3 -m venv \"$tmp/venv\" "
    "--system-site-packages\n. \"$tmp/venv/bin/activate\"\n ";
constexpr char kRun[] = "\"$0\" \"$@\"\n";

std::vector<std::string> Lightweight(const std::string& script) {
  return {
      "sh", "-c", script, "sh", "-ec", "python3 -m kfp.dsl.executor_main", "import kfp", "--executor_input",
      "{}"};
}

// One install of these words, as the SDK writes it.
std::vector<std::string> Installing(absl::string_view words) {
  return Lightweight(absl::StrCat(kSetUp, "python3 -m pip install --quiet ", words, " && ", kRun));
}

bool IsShareable(absl::string_view words) {
  const std::optional<Bootstrap> bootstrap = ReadBootstrap(Installing(words));
  EXPECT_TRUE(bootstrap.has_value()) << words;
  return bootstrap.has_value() && bootstrap->installs[0].is_shareable;
}

// --- Shell ---

TEST(ShellTokensTest, QuotesAreRemovedAndWhatAShellWouldExpandIsNotPlain) {
  const std::vector<ShellToken> tokens =
      ShellTokens("a'b c'\"d\\\"e\\f\" \"$x\" `y` 'un' \\$z *\n\n# no\nend;");
  std::vector<std::string> texts;
  std::vector<bool> plain;
  for (const ShellToken& token : tokens) {
    texts.push_back(token.text);
    plain.push_back(token.is_plain);
  }
  EXPECT_THAT(texts, ElementsAre("ab cd\"e\\f", "$x", "`y`", "un", "$z", "*", ";", "end"));
  EXPECT_THAT(plain, ElementsAre(true, false, false, true, true, false, true, true));
}

TEST(ShellTokensTest, WhatIsNotClosedIsNotPlain) {
  EXPECT_FALSE(ShellTokens("'abc")[0].is_plain);
  EXPECT_FALSE(ShellTokens("\"abc")[0].is_plain);
  EXPECT_FALSE(ShellTokens("abc\\")[0].is_plain);
  EXPECT_THAT(ShellTokens(""), IsEmpty());
  EXPECT_THAT(ShellTokens("# only words"), IsEmpty());
}

// --- Any use of pip ---

TEST(FindPipUseTest, LightweightComponentInstalls) {
  const PipUse use = FindPipUse(Lightweight(absl::StrCat(kSetUp, kKfp, kRun)));
  EXPECT_TRUE(use.installs);
  EXPECT_FALSE(use.makes_venv);
}

TEST(FindPipUseTest, VenvOfItsOwnIsFound) {
  EXPECT_TRUE(FindPipUse(Lightweight(absl::StrCat(kSetUp, kVenv, kKfp, kRun))).makes_venv);
}

TEST(FindPipUseTest, WhatUsesNoPip) {
  EXPECT_FALSE(FindPipUse({}).installs);
  EXPECT_FALSE(FindPipUse({"sh"}).installs);
  EXPECT_FALSE(FindPipUse({"sh", "-c", "echo 'pip install x'; apt-get install pip"}).installs);
  EXPECT_FALSE(FindPipUse({"sh", "-c", "true # pip install x"}).installs);
  EXPECT_FALSE(FindPipUse({"python3", "-c", "import pip"}).installs);
  EXPECT_FALSE(FindPipUse({"sh", "-c", "unbalanced ' quote and pip install x"}).installs);
}

TEST(FindPipUseTest, OtherSpellings) {
  EXPECT_TRUE(FindPipUse({"pip", "install", "x"}).installs);
  EXPECT_TRUE(FindPipUse({"/opt/bin/pip3.11", "install", "-q", "x"}).installs);
  EXPECT_TRUE(FindPipUse({"bash", "-exc", "cd /x && pip install 'a[b]' c\npython3 main.py"}).installs);
  EXPECT_TRUE(FindPipUse({"sh", "-c", "pip install -r requirements.txt"}).installs);
}

// --- The bootstrap ---

TEST(ReadBootstrapTest, EveryFormThatTheSdkWrites) {
  const std::optional<Bootstrap> plain = ReadBootstrap(Lightweight(absl::StrCat(kSetUp, kKfp, kRun)));
  ASSERT_TRUE(plain.has_value());
  EXPECT_FALSE(plain->makes_venv);
  ASSERT_EQ(plain->installs.size(), 1U);
  EXPECT_THAT(plain->installs[0].options, ElementsAre("--no-deps"));
  EXPECT_THAT(plain->installs[0].requirements,
              ElementsAre("kfp==2.17.0", "typing-extensions>=3.7.4,<5; python_version<\"3.9\""));
  EXPECT_THAT(plain->command, ElementsAre("sh", "-ec", "python3 -m kfp.dsl.executor_main", "import kfp",
                                          "--executor_input", "{}"));

  const std::optional<Bootstrap> packages =
      ReadBootstrap(Lightweight(absl::StrCat(kSetUp, kSix, kKfp, kRun)));
  ASSERT_TRUE(packages.has_value());
  ASSERT_EQ(packages->installs.size(), 2U);
  EXPECT_THAT(packages->installs[0].options,
              ElementsAre("--index-url", "https://example.com/simple", "--trusted-host", "example.com"));
  EXPECT_THAT(packages->installs[0].requirements, ElementsAre("six>=1.0"));
  EXPECT_TRUE(packages->installs[0].is_shareable);

  const std::optional<Bootstrap> venv =
      ReadBootstrap(Lightweight(absl::StrCat(kSetUp, kSix, kVenv, kKfp, kRun)));
  ASSERT_TRUE(venv.has_value());
  EXPECT_TRUE(venv->makes_venv);
  EXPECT_EQ(venv->installs.size(), 2U);
  const std::optional<Bootstrap> only_venv =
      ReadBootstrap(Lightweight(absl::StrCat(kSetUp, kVenv, kKfp, kRun)));
  ASSERT_TRUE(only_venv.has_value());
  EXPECT_TRUE(only_venv->makes_venv);
}

TEST(ReadBootstrapTest, AnythingElseIsNone) {
  const std::string script = absl::StrCat(kSetUp, kKfp, kRun);
  const auto changed = [&](absl::string_view from, absl::string_view to) {
    return ReadBootstrap(Lightweight(absl::StrReplaceAll(script, {{from, to}}))).has_value();
  };
  EXPECT_TRUE(changed("2.17.0", "2.9.0"));
  EXPECT_FALSE(changed("apt-get", "apk"));
  EXPECT_FALSE(changed("kfp==2.17.0' ", "kfp==2.17.0' \"$HOME\" "));
  EXPECT_FALSE(changed("kfp==2.17.0' ", "kfp==2.17.0' > log "));
  EXPECT_FALSE(changed("&& \"$0\"", "; \"$0\""));
  EXPECT_FALSE(changed("&& \"$0\"", "|| \"$0\""));
  EXPECT_FALSE(changed("\"$@\"", "$@"));
  EXPECT_FALSE(changed("\"$@\"", "\"$@\" more"));
  EXPECT_FALSE(changed("\"$0\" \"$@\"", "echo done"));
  EXPECT_FALSE(changed("PIP_DISABLE_PIP_VERSION_CHECK=1", "PIP_TARGET=/x"));
  EXPECT_FALSE(changed("python3 -m pip install", "python3 -m pip download"));
  EXPECT_FALSE(changed("python3 -m pip install", "cd /x && python3 -m pip install"));
}

TEST(ReadBootstrapTest, OnlyWithACommandToRun) {
  const std::string script = absl::StrCat(kSetUp, kKfp, kRun);
  EXPECT_FALSE(ReadBootstrap({"sh", "-c", script}).has_value()) << "$0 would be sh";
  EXPECT_FALSE(ReadBootstrap({"sh", "-c", script, ""}).has_value());
  EXPECT_FALSE(ReadBootstrap({"bash", "-c", script, "x"}).has_value());
  EXPECT_FALSE(ReadBootstrap({"sh", "-ec", script, "x"}).has_value());
  EXPECT_THAT(ReadBootstrap({"sh", "-c", script, "x"})->command, ElementsAre("x"));
  EXPECT_FALSE(ReadBootstrap({}).has_value());
}

TEST(ReadBootstrapTest, WhatMeansTheSamePackagesEverywhereIsShareable) {
  for (const char* words :
       {"'six'", "'six>=1; python_version < \"4\"'", "'a[b,c]~=1.0'", "\"it's\"",
        "'x @ https://example.com/x-1.tar.gz'", "'https://example.com/x-1-py3-none-any.whl'",
        "--index-url=https://example.com/simple 'x'", "'--find-links=/wheels' '--no-index' 'x'",
        "--find-links /wheels 'x'", "'--pre' 'x'",
        "'git+https://example.com/x@0123456789abcdef0123456789abcdef01234567#subdirectory=y'"}) {
    EXPECT_TRUE(IsShareable(words)) << words;
  }
}

TEST(ReadBootstrapTest, WhatMayChangeUnderItsNameIsNot) {
  for (const char* words :
       {"'./x'", "'.'", "'/x/y.whl'", "'y.whl'", "'x.tar.gz'", "'x/y'", "'x @ file:///x.whl'", "'-r r.txt'",
        "-r r.txt", "-e .", "'--target=/x' y", "'--user' y", "'--upgrade' y", "'--constraint=c' y", "-c c y",
        "'git+https://example.com/x'", "'git+https://example.com/x@main'",
        "'x @ git+ssh://git@example.com/x@v1'", "'--index-url'"}) {
    EXPECT_FALSE(IsShareable(words)) << words;
  }
}

}  // namespace
}  // namespace penstock
