#include "pipeline/schedule/run_name.h"

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"

namespace penstock {
namespace {

constexpr size_t kNameBytes = 25;
constexpr int kSuffixBytes = 5;
// Those of Kubernetes' generated names.
constexpr absl::string_view kSuffixCharacters = "bcdfghjklmnpqrstvwxz2456789";

uint32_t Fnv1a32(absl::string_view text) {
  uint32_t hash = 2166136261u;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 16777619u;
  return hash;
}

}  // namespace

std::string RunNameOf(absl::string_view display_name, absl::string_view recurring_run_id) {
  std::string name;
  for (const char c : display_name) {
    if (absl::ascii_isalnum(c) || c == '-') name.push_back(absl::ascii_tolower(c));
  }
  if (name.empty()) name = "job-";
  name.resize(std::min(name.size(), kNameBytes));
  uint32_t hash = Fnv1a32(recurring_run_id);
  for (int i = 0; i < kSuffixBytes; ++i) {
    name.push_back(kSuffixCharacters[hash % kSuffixCharacters.size()]);
    hash /= kSuffixCharacters.size();
  }
  return name;
}

std::string RunDisplayName(absl::string_view run_name, int64_t index) {
  const std::string name = absl::StrCat(run_name, "-", index);
  return absl::StrCat(name, "-", Fnv1a32(name));
}

}  // namespace penstock
