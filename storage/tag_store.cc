#include "storage/tag_store.h"

#include "common/status_macros.h"

namespace penstock {
namespace {

constexpr char kInsert[] = "INSERT INTO tags (owner_id, name, value) VALUES ($1, $2, $3)";
constexpr char kDelete[] = "DELETE FROM tags WHERE owner_id = $1";
constexpr char kSelect[] = "SELECT name, value FROM tags WHERE owner_id = $1";

}  // namespace

absl::Status TagsInsert(db::Tx& tx, absl::string_view owner_id, const Tags& tags) {
  for (const auto& [name, value] : tags) RETURN_IF_ERROR(tx.ExecuteLater(kInsert, {owner_id, name, value}));
  return absl::OkStatus();
}

absl::Status TagsReplace(db::Tx& tx, absl::string_view owner_id, const Tags& tags) {
  RETURN_IF_ERROR(TagsDelete(tx, owner_id));
  return TagsInsert(tx, owner_id, tags);
}

absl::Status TagsDelete(db::Tx& tx, absl::string_view owner_id) {
  return tx.ExecuteLater(kDelete, {owner_id});
}

absl::Status TagsRead(db::Tx& tx, absl::string_view owner_id, Tags* tags) {
  RETURN_IF_ERROR(TagsReadLater(tx, owner_id, tags));
  return tx.Flush();
}

absl::Status TagsReadLater(db::Tx& tx, absl::string_view owner_id, Tags* tags) {
  const db::Param params[] = {owner_id};
  return tx.QueryLater(kSelect, params, [tags](const db::Row& row) {
    (*tags)[row.String(0)] = row.String(1);
    return absl::OkStatus();
  });
}

}  // namespace penstock
