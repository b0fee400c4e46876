// Reading shell scripts well enough to recognise their commands. Not a shell: what it does not understand
// stays in a word that is not plain. Pure.
#pragma once

#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace penstock {

struct ShellToken {
  std::string text;          // quotes removed; of an operator "&&", "||", "|", "&", ";", "(" or ")"
  bool is_operator = false;  // the end of a line is ";"
  bool is_plain = true;      // means its text: nothing that a shell would expand or redirect
  std::string source;        // as the script has it, quotes and all

  bool operator==(const ShellToken&) const = default;
};

// Comments and empty commands are left out. After an operator the end of a line means nothing.
std::vector<ShellToken> ShellTokens(absl::string_view script);

// The words between the operators.
std::vector<std::vector<std::string>> ShellCommands(absl::string_view script);

}  // namespace penstock
