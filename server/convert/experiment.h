// Experiments between the wire and storage.
#pragma once

#include "kubeflow/pipelines/v2beta1/experiment.pb.h"
#include "server/convert/api.h"
#include "storage/model.h"

namespace penstock {

// As KFP's server in single-user mode: the namespace is never given back.
void ToApi(const ExperimentRow& row, api::Experiment* out);

}  // namespace penstock
