// How the tasks of an executor see the world: where they find their files, and what has an effect on them. The
// planner asks it, so that it knows no place itself. Plain data, constant while the executor lives.
#pragma once

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "content/uri.h"

namespace penstock {

struct TaskWorld {
  // Artifacts: their URIs, and the directory in which tasks see what is behind them.
  UriMount artifacts;
  // Workspaces: the parent of the directories that the tasks of a run share.
  UriMount workspaces;
  // The URI below which the logs of attempts are to be found.
  std::string logs_uri;
  // URIs below which content of object stores is brought by the attempt that reads it; what others name is passed on.
  std::vector<std::string> brought;
  // The parent of the work directories, as tasks see it.
  std::string work_root;
  // Whether a task may leave its program to its image. Where it may not, a task without a command fails.
  bool runs_entry_points = false;
  // Whether settings for platforms and accelerators have an effect. Where they have none, the log says so of
  // each run that has some.
  bool heeds_platforms = false;
  // Whether tasks see the disk of the server: artifacts behind `artifacts`, and file:// URIs. Where they do not, what
  // they read and leave lies in an object store.
  bool sees_server_disk = true;
  // Whether a run's workspace is a volume of its own, mounted at the directory of `workspaces`.
  bool mounts_workspace = false;
  // Whether tasks may ask for volumes (VolumeRequest).
  bool makes_volumes = false;

  // The work directory of an attempt; of no two attempts the same.
  std::string WorkDirOf(absl::string_view run_id, absl::string_view attempt_id) const;
  // The directory that the tasks of a run share.
  std::string WorkspaceOf(absl::string_view run_id) const;
};

}  // namespace penstock
