// ExperimentService, one function an RPC. Plain functions: parse, validate, call storage, convert.
#pragma once

#include "absl/status/status.h"
#include "google/protobuf/empty.pb.h"
#include "kubeflow/pipelines/v2beta1/experiment.pb.h"
#include "server/context.h"
#include "server/convert/api.h"

namespace penstock {

absl::Status ExperimentCreate(RequestContext& context, const api::CreateExperimentRequest& request,
                              api::Experiment* reply);
absl::Status ExperimentGet(RequestContext& context, const api::GetExperimentRequest& request,
                           api::Experiment* reply);
absl::Status ExperimentList(RequestContext& context, const api::ListExperimentsRequest& request,
                            api::ListExperimentsResponse* reply);
absl::Status ExperimentArchive(RequestContext& context, const api::ArchiveExperimentRequest& request,
                               google::protobuf::Empty*);
absl::Status ExperimentUnarchive(RequestContext& context, const api::UnarchiveExperimentRequest& request,
                                 google::protobuf::Empty*);
absl::Status ExperimentDelete(RequestContext& context, const api::DeleteExperimentRequest& request,
                              google::protobuf::Empty*);

// Makes the experiment "Default" if this database has none yet; its id.
absl::StatusOr<std::string> EnsureDefaultExperiment(Store& store, const Clock& clock, IdGenerator& ids);

}  // namespace penstock
