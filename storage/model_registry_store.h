// Registered models: names with numbered versions, aliases of versions, and tags of both.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "storage/db/database.h"
#include "storage/model.h"
#include "storage/search.h"

namespace penstock {

// ALREADY_EXISTS if the name is taken.
absl::Status RegisteredModelInsert(db::Tx& tx, const RegisteredModelRow& row);
// NOT_FOUND.
absl::StatusOr<RegisteredModelRow> RegisteredModelGet(db::Tx& tx, absl::string_view name);
// Writes description and updated_at anew.
absl::Status RegisteredModelUpdate(db::Tx& tx, const RegisteredModelRow& row);
// All that belongs to it goes along. NOT_FOUND; ALREADY_EXISTS if the new name is taken.
absl::Status RegisteredModelRename(db::Tx& tx, absl::string_view name, absl::string_view new_name);
// With its versions. NOT_FOUND.
absl::Status RegisteredModelDelete(db::Tx& tx, absl::string_view name);

// The number of a new version of the model, which has to be there.
absl::StatusOr<int64_t> ModelVersionReserve(db::Tx& tx, absl::string_view name);
absl::Status ModelVersionInsert(db::Tx& tx, const ModelVersionRow& row);
// NOT_FOUND, of the model or the version.
absl::StatusOr<ModelVersionRow> ModelVersionGet(db::Tx& tx, absl::string_view name, int64_t version);
// Nothing if the model has none.
absl::StatusOr<std::optional<ModelVersionRow>> ModelVersionLatest(db::Tx& tx, absl::string_view name);
// Writes description and updated_at anew.
absl::Status ModelVersionUpdate(db::Tx& tx, const ModelVersionRow& row);
// With its aliases and tags. NOT_FOUND.
absl::Status ModelVersionDelete(db::Tx& tx, absl::string_view name, int64_t version);

// An alias that is there moves.
absl::Status ModelAliasSet(db::Tx& tx, absl::string_view name, absl::string_view alias, int64_t version);
absl::Status ModelAliasDelete(db::Tx& tx, absl::string_view name, absl::string_view alias);
// Versions by alias.
using ModelAliases = std::map<std::string, int64_t>;
absl::StatusOr<ModelAliases> ModelAliasList(db::Tx& tx, absl::string_view name);

// Tags of a version, or with version 0 of the model.
absl::Status ModelTagSet(db::Tx& tx, absl::string_view name, int64_t version, absl::string_view tag,
                         absl::string_view value);
absl::Status ModelTagDelete(db::Tx& tx, absl::string_view name, int64_t version, absl::string_view tag);
absl::StatusOr<Tags> ModelTagList(db::Tx& tx, absl::string_view name, int64_t version);

// --- Search ---

enum class RegistrySubject { kName, kVersion, kRun, kSource, kCreated, kUpdated, kTag };
struct RegistryCondition {
  RegistrySubject subject = RegistrySubject::kName;
  std::string key;  // of a tag
  SearchOp op = SearchOp::kEqual;
  std::vector<std::string> texts;
  double number = 0;
};
struct RegistryOrder {
  RegistrySubject subject = RegistrySubject::kName;  // not a tag
  bool descending = false;
};
struct RegistryQuery {
  bool versions = false;  // versions, or models
  std::vector<RegistryCondition> conditions;
  std::vector<RegistryOrder> orders;  // of equal ones those that changed last come first, then by name
  std::optional<SearchPosition> after;
  int limit = 0;
};
std::vector<SearchKey> RegistryKeys(const std::vector<RegistryOrder>& orders);
struct RegistryPage {
  std::vector<std::pair<std::string, int64_t>> names;  // with the version, which is 0 of a model
  std::optional<SearchPosition> next;
};
// All that satisfy the conditions are read and sorted: names are given by people.
absl::StatusOr<RegistryPage> RegistrySearch(db::Tx& tx, const RegistryQuery& query);

}  // namespace penstock
