#include "pipeline/spec/doc_path.h"

#include <algorithm>
#include <vector>

#include "absl/strings/ascii.h"
#include "common/json.h"
#include "common/text.h"

namespace penstock {
namespace {

constexpr size_t kKeyBytes = 100;

bool IsPlain(absl::string_view key) {
  return !key.empty() && key.size() <= kKeyBytes && std::all_of(key.begin(), key.end(), [](unsigned char c) {
    return absl::ascii_isalnum(c) || c == '_' || c == '-';
  });
}

}  // namespace

std::string DocPath::ToString() const {
  std::vector<const DocPath*> chain;
  for (const DocPath* at = this; at->parent_ != nullptr; at = at->parent_) chain.push_back(at);
  const DocPath* root = chain.empty() ? this : chain.back()->parent_;
  std::string text(root->key_);
  for (auto it = chain.rbegin(); it != chain.rend(); ++it) {
    const DocPath& part = **it;
    if (part.index_ != kNoIndex) {
      absl::StrAppend(&text, "[", part.index_, "]");
    } else if (IsPlain(part.key_)) {
      absl::StrAppend(&text, text.empty() ? "" : ".", part.key_);
    } else {
      absl::StrAppend(&text, "[", DumpJson(Json(Shorten(part.key_, kKeyBytes))), "]");
    }
  }
  return text.empty() ? "the document" : text;
}

}  // namespace penstock
