// What penstock.v1 adds for runs, through gRPC.
#include <map>
#include <string>
#include <thread>

#include "common/status_macros.h"
#include "penstock/v1/run_operations.grpc.pb.h"
#include "tests/api/server_fixture.h"

namespace penstock {
namespace {

using penstock::v1::ApplyToRunsRequest;
using penstock::v1::ApplyToRunsResponse;
using penstock::v1::RunOperationsService;
using ::testing::HasSubstr;
using Stub = RunOperationsService::Stub;

class RunOperationsTest : public ServerTest {
 protected:
  void SetUp() override {
    ServerTest::SetUp();
    if (store_ == nullptr) return;  // skipped
    operations_ = RunOperationsService::NewStub(channel_);
    version_ = Upload("p");
  }

  penstock::v1::CreateRunRequest Once(const std::string& request_id, const std::string& name = "a run") {
    penstock::v1::CreateRunRequest request;
    request.set_request_id(request_id);
    *request.mutable_run() = RunOf(version_).run();
    request.mutable_run()->set_display_name(name);
    return request;
  }
  std::string Create(const std::string& name, const std::map<std::string, std::string>& tags = {}) {
    penstock::v1::CreateRunRequest request = Once("new-" + name, name);
    request.mutable_tags()->insert(tags.begin(), tags.end());
    api::Run run;
    const grpc::Status status = Call(*operations_, &Stub::CreateRun, request, &run);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return run.run_id();
  }
  penstock::v1::RunRecord Record(const std::string& run_id) {
    penstock::v1::GetRunRecordRequest request;
    request.set_run_id(run_id);
    penstock::v1::RunRecord record;
    EXPECT_TRUE(Call(*operations_, &Stub::GetRunRecord, request, &record).ok());
    return record;
  }
  api::Run Get(const std::string& run_id) {
    api::GetRunRequest request;
    request.set_run_id(run_id);
    api::Run run;
    (void)Call(*runs_, &api::RunService::Stub::GetRun, request, &run);
    return run;
  }
  int64_t Count(const std::string& filter) {
    api::ListRunsRequest request;
    request.set_filter(filter);
    api::ListRunsResponse reply;
    const grpc::Status status = Call(*runs_, &api::RunService::Stub::ListRuns, request, &reply);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return reply.runs_size();
  }
  static std::string TagIs(const std::string& name, const std::string& value) {
    return R"({"predicates":[{"operation":"EQUALS","key":"tags.)" + name + R"(","string_value":")" + value +
           R"("}]})";
  }
  ApplyToRunsResponse Apply(const ApplyToRunsRequest& request) {
    ApplyToRunsResponse reply;
    const grpc::Status status = Call(*operations_, &Stub::ApplyToRuns, request, &reply);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return reply;
  }
  grpc::StatusCode Refused(const ApplyToRunsRequest& request) {
    ApplyToRunsResponse reply;
    return Call(*operations_, &Stub::ApplyToRuns, request, &reply).error_code();
  }

  std::unique_ptr<Stub> operations_;
  api::PipelineVersion version_;
};
INSTANTIATE_TEST_SUITE_P(Databases, RunOperationsTest, ServedDatabases());

TEST_P(RunOperationsTest, ARequestCreatesOneRunHoweverOftenItIsSent) {
  api::Run first;
  ASSERT_TRUE(Call(*operations_, &Stub::CreateRun, Once("r-1"), &first).ok());
  // Also when what it names is gone by now.
  api::DeletePipelineVersionRequest remove;
  remove.set_pipeline_version_id(version_.pipeline_version_id());
  google::protobuf::Empty empty;
  ASSERT_TRUE(Call(*pipelines_, &api::PipelineService::Stub::DeletePipelineVersion, remove, &empty).ok());
  api::Run second;
  ASSERT_TRUE(Call(*operations_, &Stub::CreateRun, Once("r-1"), &second).ok());
  EXPECT_EQ(second.run_id(), first.run_id());
  EXPECT_EQ(Count(""), 1);
}

TEST_P(RunOperationsTest, ARequestWhoseRunWasDeletedSaysSo) {
  api::Run run;
  ASSERT_TRUE(Call(*operations_, &Stub::CreateRun, Once("r-1"), &run).ok());
  api::DeleteRunRequest remove;
  remove.set_run_id(run.run_id());
  google::protobuf::Empty empty;
  ASSERT_TRUE(Call(*runs_, &api::RunService::Stub::DeleteRun, remove, &empty).ok());
  const grpc::Status again = Call(*operations_, &Stub::CreateRun, Once("r-1"), &run);
  EXPECT_EQ(again.error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_THAT(again.error_message(), ::testing::HasSubstr("which has been deleted"));
}

TEST_P(RunOperationsTest, ARequestThatIsSentByManyAtOnceCreatesOneRun) {
  std::vector<std::thread> callers;
  std::array<std::string, 8> ids;
  for (std::string& id : ids) {
    callers.emplace_back([this, &id] {
      api::Run run;
      if (Call(*operations_, &Stub::CreateRun, Once("r-1"), &run).ok()) id = run.run_id();
    });
  }
  for (std::thread& caller : callers) caller.join();
  for (const std::string& id : ids) {
    EXPECT_EQ(id, ids[0]);
  }
  EXPECT_FALSE(ids[0].empty());
  EXPECT_EQ(Count(""), 1);
}

TEST_P(RunOperationsTest, AnIdOfARequestBelongsToOneRequest) {
  api::Run run;
  ASSERT_TRUE(Call(*operations_, &Stub::CreateRun, Once("r-1"), &run).ok());
  const grpc::Status other = Call(*operations_, &Stub::CreateRun, Once("r-1", "another"), &run);
  EXPECT_EQ(other.error_code(), grpc::StatusCode::ALREADY_EXISTS);
  EXPECT_THAT(other.error_message(), HasSubstr("r-1"));
  EXPECT_EQ(Call(*operations_, &Stub::CreateRun, Once(""), &run).error_code(),
            grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(Call(*operations_, &Stub::CreateRun, Once("a b"), &run).error_code(),
            grpc::StatusCode::INVALID_ARGUMENT);
  // A request that was refused used nothing up.
  penstock::v1::CreateRunRequest wrong = Once("r-2");
  wrong.mutable_run()->clear_pipeline_version_reference();
  EXPECT_FALSE(Call(*operations_, &Stub::CreateRun, wrong, &run).ok());
  EXPECT_TRUE(Call(*operations_, &Stub::CreateRun, Once("r-2"), &run).ok());
}

TEST_P(RunOperationsTest, DescriptionAndTagsChangeAndTheRestStays) {
  const std::string id = Create("a", {{"team", "blue"}, {"stage", "test"}});
  EXPECT_EQ(Count(TagIs("team", "blue")), 1);
  penstock::v1::UpdateRunRequest update;
  update.set_run_id(id);
  update.set_description("what it was for");
  penstock::v1::RunRecord record;
  ASSERT_TRUE(Call(*operations_, &Stub::UpdateRun, update, &record).ok());
  EXPECT_EQ(record.description(), "what it was for");
  EXPECT_EQ(record.tags_size(), 2);
  EXPECT_EQ(Get(id).description(), "what it was for");
  update.clear_description();
  (*update.mutable_tags()->mutable_tags())["team"] = "red";
  ASSERT_TRUE(Call(*operations_, &Stub::UpdateRun, update, &record).ok());
  EXPECT_EQ(record.description(), "what it was for");
  EXPECT_EQ(record.tags_size(), 1);
  EXPECT_EQ(Count(TagIs("team", "blue")), 0);
  EXPECT_EQ(Count(TagIs("team", "red")), 1);
  update.mutable_tags()->clear_tags();
  ASSERT_TRUE(Call(*operations_, &Stub::UpdateRun, update, &record).ok());
  EXPECT_EQ(Record(id).tags_size(), 0);
  update.set_run_id("nobody");
  EXPECT_EQ(Call(*operations_, &Stub::UpdateRun, update, &record).error_code(), grpc::StatusCode::NOT_FOUND);
}

TEST_P(RunOperationsTest, TagsGoWithTheirRun) {
  const std::string id = Create("a", {{"team", "blue"}});
  api::DeleteRunRequest remove;
  remove.set_run_id(id);
  google::protobuf::Empty empty;
  ASSERT_TRUE(Call(*runs_, &api::RunService::Stub::DeleteRun, remove, &empty).ok());
  int64_t tags = -1;
  ASSERT_TRUE(store_
                  ->Read([&](db::Tx& tx) {
                    return tx.Query("SELECT COUNT(*) FROM tags", {}, [&](const db::Row& row) {
                      tags = row.Int64(0);
                      return absl::OkStatus();
                    });
                  })
                  .ok());
  EXPECT_EQ(tags, 0);
}

TEST_P(RunOperationsTest, WhatIsDoneToManyIsShownBefore) {
  constexpr int kRuns = 230;  // more than one batch
  for (int i = 0; i < kRuns; ++i) Create("r" + std::to_string(i), {{"half", i % 2 == 0 ? "even" : "odd"}});
  ApplyToRunsRequest request;
  request.set_action(ApplyToRunsRequest::ARCHIVE);
  request.set_filter(TagIs("half", "even"));
  request.set_dry_run(true);
  EXPECT_EQ(Apply(request).changed(), kRuns / 2);
  request.set_dry_run(false);
  const ApplyToRunsResponse done = Apply(request);
  EXPECT_EQ(done.matched(), kRuns / 2);
  EXPECT_EQ(done.changed(), kRuns / 2);
  EXPECT_EQ(done.run_ids_size(), kRuns / 2);
  EXPECT_EQ(Get(done.run_ids(0)).storage_state(), api::Run::ARCHIVED);
  const ApplyToRunsResponse again = Apply(request);
  EXPECT_EQ(again.changed(), 0);
  EXPECT_EQ(again.unchanged(), kRuns / 2);
  request.set_action(ApplyToRunsRequest::DELETE);
  EXPECT_EQ(Apply(request).changed(), kRuns / 2);
  request.clear_filter();
  request.set_all(true);
  EXPECT_EQ(Apply(request).changed(), kRuns - kRuns / 2);
  EXPECT_EQ(Count(""), 0);
}

TEST_P(RunOperationsTest, ManyAreTerminatedTaggedAndBroughtBack) {
  const std::string a = Create("a", {{"old", "x"}});
  const std::string b = Create("b");
  ApplyToRunsRequest request;
  request.set_all(true);
  request.set_action(ApplyToRunsRequest::TAG);
  (*request.mutable_tags())["new"] = "y";
  request.add_remove_tags("old");
  EXPECT_EQ(Apply(request).changed(), 2);
  EXPECT_EQ(Apply(request).unchanged(), 2);
  EXPECT_EQ(Record(a).tags_size(), 1);
  EXPECT_EQ(Record(b).tags().at("new"), "y");
  request.clear_tags();
  request.clear_remove_tags();
  request.set_action(ApplyToRunsRequest::TERMINATE);
  EXPECT_EQ(Apply(request).changed(), 2);
  EXPECT_EQ(Get(a).state(), api::CANCELING);
  EXPECT_EQ(Apply(request).unchanged(), 2);

  request.set_action(ApplyToRunsRequest::UNARCHIVE);
  api::ArchiveExperimentRequest archive;
  archive.set_experiment_id(Get(a).experiment_id());
  google::protobuf::Empty empty;
  ASSERT_TRUE(Call(*experiments_, &api::ExperimentService::Stub::ArchiveExperiment, archive, &empty).ok());
  const ApplyToRunsResponse failed = Apply(request);
  EXPECT_EQ(failed.failed(), 2);
  ASSERT_EQ(failed.failures_size(), 2);
  EXPECT_THAT(failed.failures(0).message(), HasSubstr("archived"));
}

TEST_P(RunOperationsTest, ManyRunsHaveToBeMeant) {
  ApplyToRunsRequest request;
  request.set_action(ApplyToRunsRequest::DELETE);
  EXPECT_EQ(Refused(request), grpc::StatusCode::INVALID_ARGUMENT);
  request.set_all(true);
  request.set_filter(TagIs("a", "b"));
  EXPECT_EQ(Refused(request), grpc::StatusCode::INVALID_ARGUMENT);
  request.set_all(false);
  request.set_filter("no filter");
  EXPECT_EQ(Refused(request), grpc::StatusCode::INVALID_ARGUMENT);
  request.set_filter(TagIs("a", "b"));
  (*request.mutable_tags())["a"] = "b";
  EXPECT_EQ(Refused(request), grpc::StatusCode::INVALID_ARGUMENT);
  request.clear_tags();
  request.set_action(ApplyToRunsRequest::ACTION_UNSPECIFIED);
  EXPECT_EQ(Refused(request), grpc::StatusCode::INVALID_ARGUMENT);
}

}  // namespace
}  // namespace penstock
