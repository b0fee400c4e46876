// What an author of a pipeline reads about a compiled one: in the names that they wrote in Python, not in those that
// the SDK's compiler made of them. Pure.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace penstock {

// A name that the compiler made: "the item of the loop over 'rows'" for 'pipelinechannel--rows-loop-item', quoted
// like 'x' for 'pipelinechannel--x'. Nothing for a name that an author may have written.
std::string AuthorName(absl::string_view name);

// Whether the compiler made the name for the item of a loop, or for a part of one.
bool IsLoopItem(absl::string_view name);

// The text with such names in place of the compiler's, wherever it quotes one or shows it in a condition.
std::string InAuthorTerms(absl::string_view text);

// An error whose message begins with a place in the document: it begins with the task, its argument and the loop or
// condition around them, and ends with the place. Any other status is given back in author's terms.
absl::Status InAuthorTerms(const absl::Status& error);

}  // namespace penstock
