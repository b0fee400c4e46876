// Removal of large folders in steps of a bounded size.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "content/content_store.h"

namespace penstock {

// In a directory that content lies in: what is on its way out, where nobody looks for it. No name of content begins so.
inline constexpr char kTrashName[] = ".penstock-trash";
// With what names of files begin that are being written.
inline constexpr char kDraftPrefix[] = ".penstock-draft-";

// Removes what is at `path`, which is below `directory`, as ContentStore::RemoveSome says; `kept` are paths at or below it.
// Folders that go as a whole are first moved to the trash of `directory`, and emptied there: a crash in between leaves
// them there, for the next call with this path, or for EmptyTrash.
//
// Thread-safe, as long as no two calls have the same path.
absl::StatusOr<ContentRemoved> RemoveInSteps(const std::string& directory, const std::string& path,
                                             const std::vector<std::string>& kept, int64_t entries_max);

// Removes what lies in the trash of `directory` and was put there before `before`, unless that is in work still.
absl::StatusOr<ContentRemoved> EmptyTrash(const std::string& directory, absl::Time before,
                                          int64_t entries_max);

}  // namespace penstock
