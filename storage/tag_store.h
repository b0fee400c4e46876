// Tags of pipelines, versions and runs, by the id of their owner.
#pragma once

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "storage/db/database.h"
#include "storage/model.h"

namespace penstock {

// The owner has none of these names yet.
absl::Status TagsInsert(db::Tx& tx, absl::string_view owner_id, const Tags& tags);
// All tags of the owner are `tags` now.
absl::Status TagsReplace(db::Tx& tx, absl::string_view owner_id, const Tags& tags);
absl::Status TagsDelete(db::Tx& tx, absl::string_view owner_id);
// Adds the owner's tags to `tags`.
absl::Status TagsRead(db::Tx& tx, absl::string_view owner_id, Tags* tags);
// The same, put off: `tags` has to be there until Tx::Flush, which fills it.
absl::Status TagsReadLater(db::Tx& tx, absl::string_view owner_id, Tags* tags);

}  // namespace penstock
