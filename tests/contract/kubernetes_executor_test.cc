// The executor contract, passed by the Kubernetes executor on a real cluster.
#include "tests/contract/kubernetes_harness.h"

namespace penstock {
namespace {

std::string NameOf(const testing::TestParamInfo<ExecutorContractParam>& info) { return info.param.name; }

INSTANTIATE_TEST_SUITE_P(Kubernetes, ExecutorContract,
                         testing::Values(ExecutorContractParam{"kubernetes", &KubernetesHarness::Make}),
                         &NameOf);

}  // namespace
}  // namespace penstock
