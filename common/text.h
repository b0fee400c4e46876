// Small helpers for text that people will read, most of all in error messages. Pure functions, safe from any
// thread.
#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace penstock {

// U+FFFD in UTF-8.
inline constexpr absl::string_view kReplacementCharacter = "\xEF\xBF\xBD";

// The bytes of the UTF-8 character that `text` starts with, 0 if it starts with none (also if `text` is
// empty). Surrogates, overlong forms and values above U+10FFFF are not characters.
size_t Utf8CharacterLength(absl::string_view text);

bool IsUtf8(absl::string_view text);

// `text` with every byte that belongs to no UTF-8 character replaced by U+FFFD.
std::string ReplaceInvalidUtf8(absl::string_view text);

// `text`, or its beginning and "..." if it is longer than `max_bytes`; never cuts a character.
std::string Shorten(absl::string_view text, size_t max_bytes);

// The end of `text`, or all of it if it is not longer than `max_bytes`; never cuts a character.
absl::string_view EndOf(absl::string_view text, size_t max_bytes);

// The first `runes` UTF-8 characters of `text`, or all of it.
absl::string_view FirstRunes(absl::string_view text, int runes);

// A name from a client, for use inside a message: in single quotes, shortened, on one line, valid UTF-8.
std::string QuoteForMessage(absl::string_view name);

// The name among `known` that was probably meant by `name`: the one fewest edits away (the first of equals),
// if these are few for its length; a name that the other begins with is near. Ignores case. Looks at no more
// than 1000 names, and at none that is longer than 100 bytes.
std::optional<std::string> NearestName(absl::string_view name, absl::Span<const std::string> known);

// "; did you mean 'x'?" if a name is near, else "; known: 'a', 'b' and 3 more", or "" if nothing is known.
std::string SuggestName(absl::string_view name, absl::Span<const std::string> known);

// "'a', 'b' and 3 more": at most `max_names` quoted names.
std::string ListNames(absl::Span<const std::string> names, size_t max_names);

}  // namespace penstock
