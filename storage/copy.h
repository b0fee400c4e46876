// Copies a whole store into an empty one, whichever databases they are.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "storage/store.h"

namespace penstock {

struct CopiedTable {
  std::string table;
  int64_t rows = 0;
  // Of all rows in the order of the key; equal for equal content in every kind of database.
  std::string sha256;
};

struct CopyOptions {
  // Called after each batch; may be empty. An error ends the copy, which can be resumed.
  std::function<absl::Status(const CopiedTable& so_far)> on_progress;
};

// Copies every table of `source`, read as one snapshot, into `target`, batch by batch in constant memory, and
// reads the target again to compare. A copy that was interrupted goes on where it stopped when it is called
// again with the same source. Until it is finished Store::Open refuses the target. Nobody else may write to
// `target`. FAILED_PRECONDITION if the two have not both this program's schema, if the target is not empty,
// if it holds a copy of another source, or if what it holds is not what was read; or an error of the
// databases.
absl::StatusOr<std::vector<CopiedTable>> CopyStore(Store& source, Store& target, const CopyOptions& options);

}  // namespace penstock
