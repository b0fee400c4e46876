// From the engine's terms to those of penstock-kube (proto/penstock/kubernetes/pods.proto) and back. Pure.
#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "executor/executor.h"
#include "executor/parts/launch_request.h"
#include "penstock/kubernetes/pods.pb.h"

namespace penstock {

// What the attempt of `spec` is to penstock-kube. INVALID_ARGUMENT, as a sentence for the user, for one that cannot run in
// a pod.
absl::StatusOr<kubernetes::Attempt> ToPodAttempt(const LaunchSpec& spec, const PodRequest& request);

// Of an attempt that has a pod only this is asked for again: its name, and where its log is.
kubernetes::Attempt NameOf(const kubernetes::Attempt& attempt);

// "RUN/TASK-N.log", by which penstock-kube finds the log; "" if the URI is that of no log.
std::string PodLogPath(absl::string_view log_uri);

AttemptWait ToWait(kubernetes::Wait wait);

// What has to be known of an attempt to tell how it ended.
struct PodFacts {
  std::string upload_directory;  // of LaunchSpec::upload
  absl::Duration timeout;
};

// The end of an attempt; `result` is what its launcher left, empty if it left nothing.
AttemptFinished ToFinished(const kubernetes::Finished& finished, const PodFacts& facts,
                           absl::string_view result);

}  // namespace penstock
