// The status of runs through gRPC.
#include "common/status_macros.h"
#include "penstock/v1/run_status.grpc.pb.h"
#include "storage/lease_store.h"
#include "storage/setting_store.h"
#include "tests/api/server_fixture.h"

namespace penstock {
namespace {

using ::testing::HasSubstr;
using RunStatusService = penstock::v1::RunStatusService;

class RunStatusApiTest : public ServerTest {
 protected:
  grpc::Status Get(const std::string& run_id, const std::string& task, penstock::v1::RunStatus* reply) {
    const auto stub = RunStatusService::NewStub(channel_);
    penstock::v1::GetRunStatusRequest request;
    request.set_run_id(run_id);
    request.set_task(task);
    return Call(*stub, &RunStatusService::Stub::GetRunStatus, request, reply);
  }
};
INSTANTIATE_TEST_SUITE_P(Databases, RunStatusApiTest, ServedDatabases());

TEST_P(RunStatusApiTest, APendingRunSaysWhatItWaitsFor) {
  api::Run run;
  ASSERT_TRUE(Call(*runs_, &api::RunService::Stub::CreateRun, RunOf(Upload("p")), &run).ok());
  penstock::v1::RunStatus status;
  ASSERT_TRUE(Get(run.run_id(), "", &status).ok());
  EXPECT_EQ(status.state(), "PENDING");
  EXPECT_EQ(status.wait().reason(), "WAITING_FOR_SCHEDULER");
  EXPECT_THAT(status.wait().message(), HasSubstr("No scheduler drives runs"));

  // A scheduler that drives one run at once, and one that runs.
  api::Run other;
  ASSERT_TRUE(Call(*runs_, &api::RunService::Stub::CreateRun, RunOf(Upload("q")), &other).ok());
  const absl::Time now = RealClock::Instance().Now();
  ASSERT_TRUE(
      store_
          ->Write([&](db::Tx& tx) -> absl::Status {
            RETURN_IF_ERROR(
                LeaseAcquire(tx, kSchedulerLease, "somebody", now, now + absl::Hours(1)).status());
            RETURN_IF_ERROR(SettingSet(tx, kActiveRunsMaxSetting, "1"));
            return RunSetState(tx, other.run_id(), RunState::kPending, {RunState::kRunning, now, 0, ""});
          })
          .ok());
  ASSERT_TRUE(Get(run.run_id(), "", &status).ok());
  EXPECT_EQ(status.wait().reason(), "WAITING_FOR_OTHER_RUNS");
}

TEST_P(RunStatusApiTest, UnknownRunsAndTasksAreNotFound) {
  penstock::v1::RunStatus status;
  EXPECT_EQ(Get("none", "", &status).error_code(), grpc::StatusCode::NOT_FOUND);
  api::Run run;
  ASSERT_TRUE(Call(*runs_, &api::RunService::Stub::CreateRun, RunOf(Upload("p")), &run).ok());
  EXPECT_EQ(Get(run.run_id(), "none", &status).error_code(), grpc::StatusCode::NOT_FOUND);
}

}  // namespace
}  // namespace penstock
