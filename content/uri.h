// The URIs of Penstock's own content, and the directories where those who see them find what is behind them.
// Pure.
//
// Storage keeps logical URIs (penstock://artifacts/<pipeline>/<run>/<task>/<attempt>/<output>), so that the data
// directory may move. Tasks receive plain absolute paths instead, which every KFP program can open; also of
// file:// URIs. Other URIs (gs://, s3://, ...) and other paths pass unchanged both ways. Keys in object stores are taken
// as they are written: nothing in such a URI is decoded.
#pragma once

#include <optional>
#include <string>
#include <utility>

#include "absl/strings/string_view.h"

namespace penstock {

inline constexpr absl::string_view kUriScheme = "penstock://";
inline constexpr absl::string_view kArtifactsUri = "penstock://artifacts";  // what tasks put out
// What clients of MLflow's API put there. No pipeline is called so: see PathComponent.
inline constexpr absl::string_view kMlflowUri = "penstock://artifacts/@mlflow";
// How MLflow's clients call it, and the default experiment.
inline constexpr absl::string_view kMlflowProxy = "mlflow-artifacts:/";
inline constexpr absl::string_view kMlflowDefaultExperiment = "0";
// In the place of a pipeline's name: what came with runs that were imported as files.
inline constexpr absl::string_view kImportedPipeline = "imported";
inline constexpr absl::string_view kLogsUri = "penstock://logs";              // what attempts printed
inline constexpr absl::string_view kWorkspacesUri = "penstock://workspaces";  // what tasks of a run share

// A URI, and the directory that holds what is behind it. Both without a slash at the end; the directory is
// absolute and free of symbolic links, "." and "..".
struct UriMount {
  std::string uri;
  std::string directory;
};

// The path of what `uri` names; nothing if it is not behind the mount's URI. A URI with "." or ".." in it is
// not ours, so that no path leaves the directory.
std::optional<std::string> PathOf(const UriMount& mount, absl::string_view uri);

// The same, or `uri` unchanged.
std::string LocalUri(const UriMount& mount, absl::string_view uri);

// The reverse, for what a task reports: an absolute path in the directory as a URI, anything else unchanged.
std::string LogicalUri(const UriMount& mount, absl::string_view path);

// The path that a file: URI names on this machine; nothing for anything else.
std::optional<std::string> PathOfFileUri(absl::string_view uri);

// Whether it names an object in an object store: s3://, minio://, gs:// or azblob://.
bool IsObjectUri(absl::string_view uri);

// Whether `uri` is `prefix` or lies below it, by whole components. A slash at the end of the prefix counts for nothing.
bool IsBelowUri(absl::string_view uri, absl::string_view prefix);

// The URIs of artifacts at the doors that speak KFP, where clients know few schemes and fetch what a URI names: there
// those of Penstock's own are URLs of the gateway, whose last part, decoded, is the stored URI without its scheme.
// Constant, hence thread-safe.
class PublicUris {
 public:
  // URIs are told as they are stored.
  PublicUris() = default;

  // `base` is what clients reach the gateway by, "http://host:8888", without a slash at the end. Empty: there is none.
  explicit PublicUris(std::string base) : base_(std::move(base)) {}

  // A stored URI as clients see it; unchanged unless it is that of an artifact of Penstock's own.
  std::string Of(absl::string_view stored) const;

  // The reverse, for what clients give; of "http://penstock/..." too, which is what earlier versions told. Anything
  // else unchanged.
  std::string Stored(absl::string_view given) const;

 private:
  std::string base_;
};

// The stored URI of what MLflow's clients name as mlflow-artifacts:/...; nothing for anything else, and where they name a
// host, which may be anybody's.
std::optional<std::string> ContentUriOfMlflow(absl::string_view uri);

// A URI as records of logs keep it: without penstock://, which those of Penstock's own content begin with. And
// the URI again.
std::string WithoutScheme(absl::string_view uri);
std::string WithScheme(absl::string_view kept);

// Where the outputs of an attempt lie, below the URI and the directory of artifacts: "/<pipeline>/<run>/<task>/<attempt>".
std::string ArtifactPlace(absl::string_view pipeline, absl::string_view run_id, absl::string_view task,
                          absl::string_view attempt_id);

// Where a copy of an attempt's log lies in the pipeline root of its run; `log_uri` is its URI below kLogsUri.
std::string LogCopyUri(absl::string_view root, absl::string_view log_uri);
// The parent of all these of a run, and that of all runs.
std::string LogCopiesUri(absl::string_view root, absl::string_view run_id);
std::string LogCopiesUri(absl::string_view root);

// `name` as one component of a path: letters, digits, "_", "-" and inner "." stay, other bytes become %XX, and
// a very long name ends in a hash. Different names give different components.
std::string PathComponent(absl::string_view name);

}  // namespace penstock
