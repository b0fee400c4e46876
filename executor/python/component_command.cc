#include "executor/python/component_command.h"

#include "absl/algorithm/container.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "executor/python/shell_words.h"

namespace penstock {
namespace {

constexpr absl::string_view kMakeProgram =
    "program_path=$(mktemp -d)\n"
    "printf \"%s\" \"$0\" > \"$program_path/ephemeral_component.py\"\n";
constexpr absl::string_view kRunProgram =
    " --component_module_path \"$program_path/ephemeral_component.py\" \"$@\"\n";

// Read by the interpreter, the dynamic linker and the C library, or by packages when they are imported.
constexpr absl::string_view kPrefixesRead[] = {
    "PYTHON", "LD_",     "LC_",  "MALLOC_", "OMP_",      "OPENBLAS_", "GOTO_",    "MKL_",   "KMP_",
    "NPY",    "NUMEXPR", "BLIS", "ARROW_",  "PROTOCOL_", "GLIBC_",    "SKLEARN_", "SCIPY_", "PANDAS_"};
constexpr absl::string_view kNamesRead[] = {"LANG",  "LANGUAGE", "LOCPATH",      "TZ",
                                            "TZDIR", "HOME",     "_KFP_RUNTIME", "VIRTUAL_ENV"};

bool IsScriptOf(absl::string_view script, absl::string_view module) {
  return ShellTokens(script) ==
         ShellTokens(absl::StrCat(kMakeProgram, "_KFP_RUNTIME=true python3 -m ", module, kRunProgram));
}

}  // namespace

std::optional<std::string> ComponentModule(absl::Span<const std::string> argv) {
  for (const absl::string_view module : kComponentModules) {
    const bool is_script =
        argv.size() >= 4 && argv[0] == "sh" && argv[1] == "-ec" && IsScriptOf(argv[2], module);
    const bool is_module = argv.size() >= 3 && argv[0] == "python3" && argv[1] == "-m" && argv[2] == module;
    if (is_script || is_module) return std::string(module);
  }
  return std::nullopt;
}

bool ChangeTheStartOfPython(const std::vector<std::pair<std::string, std::string>>& variables) {
  return absl::c_any_of(variables, [](const auto& variable) {
    return absl::c_linear_search(kNamesRead, variable.first) ||
           absl::c_any_of(kPrefixesRead,
                          [&](absl::string_view prefix) { return absl::StartsWith(variable.first, prefix); });
  });
}

}  // namespace penstock
