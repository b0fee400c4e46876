// Tags: a user's own key-values on pipelines, versions, runs, and, typed, also on experiments, tasks and artifacts. They
// belong to the id of their owner; TagOwner makes that of the kinds whose ids are not their own.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "storage/db/database.h"
#include "storage/model.h"

namespace penstock {

// The owner has none of these names yet.
absl::Status TagsInsert(db::Tx& tx, absl::string_view owner_id, const Tags& tags);
// All tags of the owner are `tags` now.
absl::Status TagsReplace(db::Tx& tx, absl::string_view owner_id, const Tags& tags);
absl::Status TagsDelete(db::Tx& tx, absl::string_view owner_id);
// Those of all owners that begin with `prefix`, which ends in a slash.
absl::Status TagsDeleteBelow(db::Tx& tx, absl::string_view prefix);
// Adds the owner's tags to `tags`.
absl::Status TagsRead(db::Tx& tx, absl::string_view owner_id, Tags* tags);
// The same, put off: `tags` has to be there until Tx::Flush, which fills it.
absl::Status TagsReadLater(db::Tx& tx, absl::string_view owner_id, Tags* tags);

// --- Typed ---

enum class TagType { kString, kNumber, kBoolean, kJson };

struct TypedTag {
  TagType type = TagType::kString;
  std::string value;  // a number as JSON writes it, "true", "false", a JSON text, or any text

  bool operator==(const TypedTag&) const = default;
};
using TypedTags = std::map<std::string, TypedTag>;

// "STRING", "NUMBER", "BOOLEAN", "JSON", and back.
absl::string_view Name(TagType type);
std::optional<TagType> TagTypeFromName(absl::string_view name);

// Owners that are no pipelines, versions and runs.
std::string ExperimentTagOwner(absl::string_view experiment_id);
std::string TaskTagOwner(absl::string_view run_id, absl::string_view task_id);
std::string ArtifactTagOwner(absl::string_view uuid);

// Sets one tag, new or not.
absl::Status TagSet(db::Tx& tx, absl::string_view owner_id, absl::string_view name, const TypedTag& tag);
// The same of many, with one statement; no owner has two of one name among them.
struct OwnedTag {
  std::string owner_id;
  std::string name;
  TypedTag tag;
};
absl::Status TagsSet(db::Tx& tx, const std::vector<OwnedTag>& tags);
// Whether it was there.
absl::StatusOr<bool> TagRemove(db::Tx& tx, absl::string_view owner_id, absl::string_view name);
absl::StatusOr<TypedTags> TypedTagsRead(db::Tx& tx, absl::string_view owner_id);
// Of many owners, by owner; those without tags are left out. Put off: `tags` has to be there until Tx::Flush.
absl::Status TypedTagsReadLater(db::Tx& tx, const std::vector<std::string>& owner_ids,
                                std::map<std::string, TypedTags>* tags);

// Which owners have a tag like this.
struct TagSearch {
  enum Comparison { kEquals, kLess, kGreater };  // the latter two of numbers

  std::string owner_prefix;  // of the kind of owner
  bool of_runs = false;      // runs, whose owners have no prefix
  std::string name;
  Comparison comparison = kEquals;
  TypedTag value;
};
// Behind which owner a page goes on.
struct TagPosition {
  int64_t number_order = 0;  // zero where values are equal
  std::string owner_id;
};
// The first `limit` owners behind `after`, by value and owner.
absl::StatusOr<std::vector<TagPosition>> TagsFind(db::Tx& tx, const TagSearch& search,
                                                  const std::optional<TagPosition>& after, int limit);

}  // namespace penstock
