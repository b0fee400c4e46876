#include "scheduler/plan/values/lenient_json.h"

#include <iterator>
#include <limits>
#include <string>
#include <vector>

#include "absl/strings/match.h"

namespace penstock {
namespace {

// What the words are while the value is read. A zero byte at the start keeps them apart from texts that
// programs write.
constexpr absl::string_view kWords[] = {"NaN", "-Infinity", "Infinity"};
constexpr absl::string_view kQuotedMarks[] = {"\"\\u0000NaN\"", "\"\\u0000-Infinity\"",
                                              "\"\\u0000Infinity\""};
constexpr char kMarkStart = '\0';

// The index in kWords of the word that `text` begins with, -1 if there is none.
int WordAt(absl::string_view text) {
  for (size_t i = 0; i < std::size(kWords); ++i) {
    if (absl::StartsWith(text, kWords[i])) return static_cast<int>(i);
  }
  return -1;
}

// `text` with the words outside of its strings replaced; the same text if there are none.
std::string MarkWords(absl::string_view text) {
  std::string out;
  size_t start = 0;  // of what is not in `out` yet
  bool in_string = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      i += c == '\\' ? 1 : 0;
      in_string = c != '"';
    } else if (c == '"') {
      in_string = true;
    } else if (c == 'N' || c == 'I' || c == '-') {
      const int word = WordAt(text.substr(i));
      if (word >= 0) {
        out.append(text.data() + start, i - start);
        out.append(kQuotedMarks[word].data(), kQuotedMarks[word].size());
        i += kWords[word].size() - 1;
        start = i + 1;
      }
    }
  }
  out.append(text.data() + start, text.size() - start);
  return out;
}

bool IsMark(const Json& json) {
  if (!json.is_string()) return false;
  absl::string_view text = json.get_ref<const std::string&>();
  if (text.empty() || text[0] != kMarkStart) return false;
  text.remove_prefix(1);
  const int word = WordAt(text);
  return word >= 0 && text == kWords[word];
}

// Calls `visit` for each value in `root` that holds no others. The depth of the data does not matter.
template <typename JsonType, typename Visit>
void VisitScalars(JsonType& root, Visit visit) {
  std::vector<JsonType*> open = {&root};
  while (!open.empty()) {
    JsonType* json = open.back();
    open.pop_back();
    if (json->is_structured()) {
      for (auto& item : *json) open.push_back(&item);
    } else {
      visit(*json);
    }
  }
}

}  // namespace

absl::StatusOr<Json> ParseLenientJson(absl::string_view text) { return ParseJson(MarkWords(text)); }

bool HasNonFiniteNumber(const Json& json) {
  bool found = false;
  VisitScalars(json, [&found](const Json& scalar) { found = found || IsMark(scalar); });
  return found;
}

void ReplaceNonFiniteNumbers(Json* json) {
  VisitScalars(*json, [](Json& scalar) {
    if (!IsMark(scalar)) return;
    const absl::string_view word = absl::string_view(scalar.get_ref<const std::string&>()).substr(1);
    if (word == "NaN") {
      scalar = nullptr;
    } else {
      scalar = word[0] == '-' ? std::numeric_limits<double>::lowest() : std::numeric_limits<double>::max();
    }
  });
}

}  // namespace penstock
