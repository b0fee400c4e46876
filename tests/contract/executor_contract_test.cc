// The executor contract, passed by the local executor.
#include "tests/contract/executor_contract.h"

#include "tests/contract/local_harness.h"

namespace penstock {

INSTANTIATE_TEST_SUITE_P(Local, ExecutorContract,
                         testing::Values(ExecutorContractParam{
                             "local", [] { return std::make_unique<LocalHarness>(); }}),
                         [](const auto& info) { return info.param.name; });

}  // namespace penstock
