// The content of deleted runs, to be removed or removed: a row a run. And which rows name content that is to go.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "storage/db/database.h"
#include "storage/list_query.h"
#include "storage/model.h"

namespace penstock {

// Keys for lists of removals.
const ListResource& ContentRemovalResource();

// Of a run whose rows are about to be deleted in this transaction, with those of its artifacts that go with it: notes that
// its content is to be removed. How many artifacts go is the answer.
absl::StatusOr<int64_t> ContentRemovalAdd(db::Tx& tx, const RunRow& run, const RunConfigRow& config,
                                          absl::Time now);
// Writes whole rows, in place of those that are there: unless they are of another deletion, of a run that had come back.
absl::Status ContentRemovalsPut(db::Tx& tx, absl::Span<const ContentRemovalRow> rows);

// NOT_FOUND.
absl::StatusOr<ContentRemovalRow> ContentRemovalGet(db::Tx& tx, absl::string_view run_id);
absl::StatusOr<bool> ContentRemovalExists(db::Tx& tx, absl::string_view run_id);
absl::Status ContentRemovalList(db::Tx& tx, const ListQuery& query, Page<ContentRemovalRow>& page);

// At most `limit` that are due, those first that have waited longest.
absl::StatusOr<std::vector<ContentRemovalRow>> ContentRemovalsDue(db::Tx& tx, absl::Time now, int limit);
// When the next one is due; nothing if none ever is.
absl::StatusOr<std::optional<absl::Time>> ContentRemovalNextDue(db::Tx& tx);

// Forgets reports of removals that are over: those of runs that were deleted before `before`, unless something was kept,
// which the deletion of another run may have to look up; and all but the newest `count`. A bounded number in one call.
absl::Status ContentRemovalsForget(db::Tx& tx, absl::Time before, int64_t count);

// A row that names content.
struct ContentReference {
  std::string uri;
  int64_t artifact_id = 0;  // 0: it is a registered model's version
  std::string run_id;       // of the artifact; empty: of none
  std::string model_name;
  int64_t model_version = 0;

  // "artifact 17 of run R uses it".
  std::string Sentence() const;
};

// Artifacts and registered models that lie at `folder`, a URI without a slash at its end, or below it, in no order; at most
// about `limit`. `mlflow_folder` is what MLflow's clients call the same folder; empty: they do not know it. Put off:
// `references` has to be there until Tx::Flush or Tx::Finish, which fills it.
absl::Status ContentReferencesLater(db::Tx& tx, const std::string& folder, const std::string& mlflow_folder,
                                    int limit, std::vector<ContentReference>* references);

// The folders that artifacts of a run lie in which are not the run's own folder of the server's artifacts: ROOT/PIPELINE/RUN of
// its own run elsewhere, and of runs whose artifacts it was given. Pure; for ContentRemovalAdd.
struct ArtifactFolder {
  std::string uri;
  std::string run_id;  // whose folder it is
  bool is_local = false;
};
std::optional<ArtifactFolder> FolderOfArtifact(absl::string_view uri, absl::string_view run_id);

}  // namespace penstock
