// Reports of removals and policies of retention, through gRPC.
#include <string>

#include "common/status_macros.h"
#include "penstock/v1/content_removal.grpc.pb.h"
#include "penstock/v1/retention.grpc.pb.h"
#include "tests/api/server_fixture.h"

namespace penstock {
namespace {

using penstock::v1::ContentRemoval;
using penstock::v1::ContentRemovalService;
using penstock::v1::RetentionPolicy;
using penstock::v1::RetentionService;
using ::testing::HasSubstr;
using Removals = ContentRemovalService::Stub;
using Policies = RetentionService::Stub;

class DeletionTest : public ServerTest {
 protected:
  void SetUp() override {
    ServerTest::SetUp();
    if (store_ == nullptr) return;  // skipped
    removals_ = ContentRemovalService::NewStub(channel_);
    policies_ = RetentionService::NewStub(channel_);
    version_ = Upload("p");
  }
  std::string CreateRun() {
    api::Run run;
    EXPECT_TRUE(Call(*runs_, &api::RunService::Stub::CreateRun, RunOf(version_), &run).ok());
    return run.run_id();
  }
  grpc::Status Delete(const std::string& run_id) {
    api::DeleteRunRequest request;
    request.set_run_id(run_id);
    google::protobuf::Empty none;
    return Call(*runs_, &api::RunService::Stub::DeleteRun, request, &none);
  }
  grpc::Status Get(const std::string& run_id, ContentRemoval* report) {
    penstock::v1::GetContentRemovalRequest request;
    request.set_run_id(run_id);
    return Call(*removals_, &Removals::GetContentRemoval, request, report);
  }
  grpc::Status Set(const RetentionPolicy& policy, RetentionPolicy* stored) {
    penstock::v1::SetRetentionPolicyRequest request;
    *request.mutable_policy() = policy;
    return Call(*policies_, &Policies::SetRetentionPolicy, request, stored);
  }
  grpc::Status Preview(const std::string& policy_id, penstock::v1::PreviewRetentionPolicyResponse* preview) {
    penstock::v1::PreviewRetentionPolicyRequest request;
    request.set_policy_id(policy_id);
    return Call(*policies_, &Policies::PreviewRetentionPolicy, request, preview);
  }

  std::unique_ptr<Removals> removals_;
  std::unique_ptr<Policies> policies_;
  api::PipelineVersion version_;
};
INSTANTIATE_TEST_SUITE_P(Databases, DeletionTest, ServedDatabases());

TEST_P(DeletionTest, ADeletedRunHasAReport) {
  const std::string run_id = CreateRun();
  ContentRemoval report;
  EXPECT_EQ(Get(run_id, &report).error_code(), grpc::StatusCode::NOT_FOUND);
  ASSERT_TRUE(Delete(run_id).ok());
  ASSERT_TRUE(Get(run_id, &report).ok());
  EXPECT_EQ(report.state(), ContentRemoval::WAITING);
  EXPECT_EQ(report.run_id(), run_id);
  EXPECT_TRUE(report.has_created_at());
  EXPECT_TRUE(report.has_next_try_at());
  EXPECT_FALSE(report.has_started_at());
  EXPECT_EQ(Delete(run_id).error_code(), grpc::StatusCode::NOT_FOUND);
}

TEST_P(DeletionTest, ReportsAreListedInPages) {
  std::vector<std::string> runs;
  for (int i = 0; i < 5; ++i) {
    runs.push_back(CreateRun());
    ASSERT_TRUE(Delete(runs.back()).ok());
  }
  penstock::v1::ListContentRemovalsRequest request;
  request.set_page_size(2);
  request.set_sort_by("run_id");
  std::vector<std::string> listed;
  do {
    penstock::v1::ListContentRemovalsResponse page;
    ASSERT_TRUE(Call(*removals_, &Removals::ListContentRemovals, request, &page).ok());
    for (const ContentRemoval& one : page.content_removals()) listed.push_back(one.run_id());
    request.set_page_token(page.next_page_token());
  } while (!request.page_token().empty());
  std::sort(runs.begin(), runs.end());
  EXPECT_EQ(listed, runs);
  for (const auto& [state, count] : {std::pair("WAITING", 5), std::pair("DONE", 0)}) {
    penstock::v1::ListContentRemovalsRequest filtered;
    filtered.set_filter(absl::StrCat(R"({"predicates":[{"key":"state","operation":"EQUALS","string_value":")",
                                     state, R"("}]})"));
    penstock::v1::ListContentRemovalsResponse page;
    ASSERT_TRUE(Call(*removals_, &Removals::ListContentRemovals, filtered, &page).ok());
    EXPECT_EQ(page.content_removals_size(), count) << state;
  }
}

TEST_P(DeletionTest, APolicyIsSetPreviewedAndDeleted) {
  RetentionPolicy policy;
  RetentionPolicy stored;
  EXPECT_THAT(Set(policy, &stored).error_message(), HasSubstr("max_age"));
  policy.set_max_runs(3);
  policy.set_experiment_id("none");
  EXPECT_EQ(Set(policy, &stored).error_code(), grpc::StatusCode::NOT_FOUND);
  policy.clear_experiment_id();
  policy.set_enabled(true);
  ASSERT_TRUE(Set(policy, &stored).ok());
  EXPECT_EQ(stored.policy_id(), "namespace.");
  EXPECT_EQ(stored.idle_reason(), "It was never previewed");
  penstock::v1::PreviewRetentionPolicyResponse preview;
  ASSERT_TRUE(Preview(stored.policy_id(), &preview).ok());
  EXPECT_EQ(preview.run_count(), 0);
  penstock::v1::GetRetentionPolicyRequest get;
  get.set_policy_id(stored.policy_id());
  ASSERT_TRUE(Call(*policies_, &Policies::GetRetentionPolicy, get, &stored).ok());
  EXPECT_TRUE(stored.previewed());
  EXPECT_EQ(stored.idle_reason(), "");
  policy.set_enabled(false);
  ASSERT_TRUE(Set(policy, &stored).ok());
  EXPECT_TRUE(stored.previewed()) << "the rules are the same";
  EXPECT_EQ(stored.idle_reason(), "It is not enabled");
  policy.set_max_runs(2);
  ASSERT_TRUE(Set(policy, &stored).ok());
  EXPECT_FALSE(stored.previewed());
  penstock::v1::DeleteRetentionPolicyRequest remove;
  remove.set_policy_id(stored.policy_id());
  google::protobuf::Empty none;
  ASSERT_TRUE(Call(*policies_, &Policies::DeleteRetentionPolicy, remove, &none).ok());
  EXPECT_EQ(Call(*policies_, &Policies::DeleteRetentionPolicy, remove, &none).error_code(),
            grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(Preview(stored.policy_id(), &preview).error_code(), grpc::StatusCode::NOT_FOUND);
}

}  // namespace
}  // namespace penstock
