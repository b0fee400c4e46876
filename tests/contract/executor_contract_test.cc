// The executor contract, passed by the local executor, with attempts as processes that it starts and as forks of a warm
// Python.
#include "tests/contract/executor_contract.h"

#include "tests/contract/local_harness.h"
#include "tests/contract/warm_harness.h"

namespace penstock {
namespace {

std::unique_ptr<ExecutorHarness> MakeLocal() { return std::make_unique<LocalHarness>(); }

std::unique_ptr<ExecutorHarness> MakeWarm() {
  return WarmWorld::IsPossible() ? std::make_unique<WarmHarness>() : nullptr;
}

std::string NameOf(const testing::TestParamInfo<ExecutorContractParam>& info) { return info.param.name; }

INSTANTIATE_TEST_SUITE_P(Local, ExecutorContract, testing::Values(ExecutorContractParam{"local", &MakeLocal}),
                         &NameOf);
INSTANTIATE_TEST_SUITE_P(Forks, ExecutorContract, testing::Values(ExecutorContractParam{"forks", &MakeWarm}),
                         &NameOf);

}  // namespace
}  // namespace penstock
