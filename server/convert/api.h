// A short name for KFP's generated namespace.
#pragma once

namespace kubeflow::pipelines::backend::api::v2beta1 {}

namespace penstock {
namespace api = ::kubeflow::pipelines::backend::api::v2beta1;
}  // namespace penstock
