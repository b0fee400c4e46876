// YAML as JSON documents, read as PyYAML's safe loader reads it (YAML 1.1, what the kfp SDK writes for and
// reads with), with every bound checked while parsing rather than after. Pure functions, safe from any
// thread.
#pragma once

#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/json.h"

namespace penstock {

// All documents of `text`, which is UTF-8; empty ones are null. JSON is read too: as JSON if all of it is,
// else as the YAML that it then has to be. Differences from PyYAML: timestamps stay texts; keys are texts as
// written (`1:` and `yes:` are "1" and "yes"); numbers are normalised as by ParseJson. Returns
// INVALID_ARGUMENT, "line L, column C: ..." wherever a place is known, for
// - a syntax error, text that is not UTF-8, a key given twice or that is itself a list or object;
// - NaN and infinities, merge keys (`<<`), tags that are not core ones, aliases of nothing or of what holds them;
// - more than limits::kSpecDepth levels, kSpecDocuments documents, kSpecDirectives %TAG directives, kSpecNodes
//   values or kSpecExpandedBytes of text, the last two counted with each alias as what it stands for.
absl::StatusOr<std::vector<Json>> ParseYaml(absl::string_view text);

}  // namespace penstock
