// ExperimentService, one function an RPC. Plain functions: parse, validate, call storage, convert.
#pragma once

#include "absl/status/status.h"
#include "google/protobuf/empty.pb.h"
#include "kubeflow/pipelines/v2beta1/experiment.pb.h"
#include "server/context.h"
#include "server/convert/api.h"

namespace penstock {

absl::Status ExperimentCreate(Deps& deps, const api::CreateExperimentRequest& request,
                              api::Experiment* reply);
absl::Status ExperimentGet(Deps& deps, const api::GetExperimentRequest& request, api::Experiment* reply);
absl::Status ExperimentList(Deps& deps, const api::ListExperimentsRequest& request,
                            api::ListExperimentsResponse* reply);
absl::Status ExperimentArchive(Deps& deps, const api::ArchiveExperimentRequest& request,
                               google::protobuf::Empty*);
absl::Status ExperimentUnarchive(Deps& deps, const api::UnarchiveExperimentRequest& request,
                                 google::protobuf::Empty*);
absl::Status ExperimentDelete(Deps& deps, const api::DeleteExperimentRequest& request,
                              google::protobuf::Empty*);

// Makes the experiment "Default" if this database has none yet; its id.
absl::StatusOr<std::string> EnsureDefaultExperiment(Store& store, const Clock& clock, IdGenerator& ids);

}  // namespace penstock
