#include "executor/python/executor_input.h"

#include <algorithm>

#include "absl/algorithm/container.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "executor/python/component_command.h"

namespace penstock {
namespace {

constexpr absl::string_view kOption = "--executor_input";

// What runs a module as `python3 -m` does, after it has put the content of the file where its path was. No
// single quotes: a shell has to take it between such.
std::string ReadingFile(absl::string_view module) {
  return absl::StrCat(
      "import os, runpy, sys; "
      "at = sys.argv.index(\"",
      kOption,
      "\") + 1; "
      "sys.argv[at] = open(sys.argv[at], encoding=\"utf-8\", newline=\"\").read(); "
      "sys.path[:1] = [os.getcwd()] if sys.path[:1] == [\"\"] else sys.path[:1]; "
      "runpy.run_module(\"",
      module, "\", run_name=\"__main__\", alter_sys=True)");
}

// Puts it in place of `-m module` where a command says so: as words, or in the script of a shell. False if it
// is not there.
bool ReplaceModule(absl::string_view module, std::vector<std::string>* command) {
  const std::string code = ReadingFile(module);
  const std::string in_script = absl::StrCat("python3 -m ", module, " ");
  for (size_t i = 0; i + 1 < command->size(); ++i) {
    std::string& word = (*command)[i];
    std::string& next = (*command)[i + 1];
    if (word == "-m" && next == module) {
      word = "-c";
      next = code;
      return true;
    }
    if ((word == "-c" || word == "-ec") && absl::StrContains(next, in_script)) {
      absl::StrReplaceAll({{in_script, absl::StrCat("python3 -c '", code, "' ")}}, &next);
      return true;
    }
  }
  return false;
}

}  // namespace

std::optional<InputFile> InputAsFile(absl::Span<const std::string> argv, absl::string_view path) {
  const auto option = std::find(argv.begin(), argv.end(), kOption);
  if (argv.end() - option < 2) return std::nullopt;
  std::vector<std::string> command(argv.begin(), option);
  const auto replaced = [&](absl::string_view module) { return ReplaceModule(module, &command); };
  if (absl::c_none_of(kComponentModules, replaced)) return std::nullopt;
  InputFile out = {.argv = std::move(command), .content = *(option + 1)};
  out.argv.insert(out.argv.end(), {std::string(kOption), std::string(path)});
  out.argv.insert(out.argv.end(), option + 2, argv.end());
  return out;
}

}  // namespace penstock
