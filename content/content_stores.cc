#include "content/content_stores.h"

namespace penstock {

size_t ContentStores::IndexOf(absl::string_view uri) const {
  for (size_t i = 0; i < stores_.size(); ++i) {
    if (stores_[i]->Serves(uri)) return i;
  }
  return 0;
}

bool ContentStores::Serves(absl::string_view uri) const { return stores_[IndexOf(uri)]->Serves(uri); }

std::vector<std::string> ContentStores::Versions(absl::Span<const std::string> uris) const {
  std::vector<std::string> versions(uris.size());
  std::vector<std::vector<size_t>> of_store(stores_.size());
  for (size_t i = 0; i < uris.size(); ++i) of_store[IndexOf(uris[i])].push_back(i);
  for (size_t store = 0; store < stores_.size(); ++store) {
    std::vector<std::string> asked;
    for (const size_t i : of_store[store]) asked.push_back(uris[i]);
    if (asked.empty()) continue;
    std::vector<std::string> told = stores_[store]->Versions(asked);
    for (size_t k = 0; k < told.size(); ++k) versions[of_store[store][k]] = std::move(told[k]);
  }
  return versions;
}

}  // namespace penstock
