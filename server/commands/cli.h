// The words for which `penstock` becomes penstock-cli, the program that lies beside it: what a user asks of a server.
#pragma once

#include "absl/types/span.h"

namespace penstock {

struct CliWord {
  const char* name;
  const char* words;  // as in --help; [] may be left out
  const char* help;
};

// In the order of --help.
absl::Span<const CliWord> CliWords();

// Replaces this process by penstock-cli if the first word is one of its own. Returns only if it is none; if the program
// is missing it says so and ends the process with exit code 2. To be called before anything of the process is changed,
// for the program inherits it.
void BecomeCli(int argc, char** argv);

}  // namespace penstock
