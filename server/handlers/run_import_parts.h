// One import of a bundle, from its unpacked rows to files and to the rows of the store: what the parts of RunImport share.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "server/bundle/bundle_archive.h"
#include "server/bundle/bundle_contents.h"
#include "server/context.h"
#include "storage/db/database.h"
#include "storage/model.h"

namespace penstock {

struct ImportedRun {
  RequestContext& context;
  BundleRows rows;
  BundleFiles& files;
  std::string artifacts_uri;  // of its own contents and logs: nobody else's
  std::string logs_uri;
  RunRow run = {};                                // that it becomes
  ExperimentRow experiment = {};                  // that it goes into
  std::map<std::string, std::string> task_ids{};  // ours by the bundle's; those that stay are not there
  std::map<std::string, std::string> model_ids{};
  std::map<std::pair<std::string, int>, std::string> log_uris{};
  std::map<int64_t, std::string> content_uris{};  // of artifacts of which the bundle has the content
  // Of artifacts that are models: where MLflow's clients look for their files, also if none came along.
  std::map<int64_t, std::string> model_uris{};
  // Where MLflow's clients look, what this import alone has put there; with the model that it is of, or none for the run.
  std::map<std::string, std::string> mlflow_uris{};

  const std::string& TaskId(const std::string& id) const {
    const auto found = task_ids.find(id);
    return found == task_ids.end() ? id : found->second;
  }
  const std::string& ModelId(const std::string& id) const {
    const auto found = model_ids.find(id);
    return found == model_ids.end() ? id : found->second;
  }
};

// Artifacts as they are stored, by the bundle's ids.
struct ImportedArtifacts {
  std::map<int64_t, int64_t> ids;        // ours
  std::map<int64_t, std::string> uuids;  // of those that the import adds
  std::map<int64_t, int64_t> same;       // data sets of a name and digest that come twice: by the first
};

// --- Files ---

// Every member that rows name has to be there, and no other. INVALID_ARGUMENT.
absl::Status CheckImportedFiles(const ImportedRun& import);
// Before the rows that name them. FAILED_PRECONDITION if the experiment has MLflow's files where this server has none.
absl::Status WriteImportedFiles(ImportedRun& import);
// What was written, after a failure.
void RemoveImportedFiles(ImportedRun& import);
// Where the content is now. What did not come along is not here, whatever lies at that URI.
std::string ImportedUri(const ImportedRun& import, const ArtifactRow& artifact);

// --- What MLflow's clients, those of KFP 3.0 and users have recorded ---

// The texts of such rows. INVALID_ARGUMENT names the member and the line.
absl::Status CheckImportedTexts(const BundleRows& rows);
// Gives models a new id whose id is taken, or is none that can be taken over.
absl::Status ChooseModelIds(ImportedRun& import);
// What artifacts of the bundle say of themselves becomes what they are here. The ids of run and models are chosen.
void AdaptArtifacts(ImportedRun& import);
// Of the data sets that the experiment has already the artifacts; of those that come twice which are the same.
absl::Status FindKnownDatasets(db::Tx& tx, const ImportedRun& import, ImportedArtifacts* artifacts);
// Behind tasks and artifacts. ABORTED if a model's id has been taken meanwhile.
absl::Status InsertImportedRecords(db::Tx& tx, const ImportedRun& import, const ImportedArtifacts& artifacts);

}  // namespace penstock
