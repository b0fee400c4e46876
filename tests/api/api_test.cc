// The API through gRPC.
#include <thread>

#include "absl/strings/str_join.h"
#include "common/limits.h"
#include "kubeflow/pipelines/v2beta1/auth.grpc.pb.h"
#include "server/data_dir.h"
#include "server/gateway_process.h"
#include "tests/api/server_fixture.h"

namespace penstock {
namespace {

using ::testing::HasSubstr;

class ApiTest : public ServerTest {
 protected:
  grpc::Status Create(const std::string& name, api::Experiment* reply) {
    api::CreateExperimentRequest request;
    request.mutable_experiment()->set_display_name(name);
    return Call(*experiments_, &api::ExperimentService::Stub::CreateExperiment, request, reply);
  }
};
INSTANTIATE_TEST_SUITE_P(Databases, ApiTest, ServedDatabases());

TEST_P(ApiTest, AnErrorCarriesItsSentenceAsADetail) {
  api::Experiment experiment;
  ASSERT_TRUE(Create("e", &experiment).ok());
  EXPECT_EQ(experiment.storage_state(), api::Experiment::AVAILABLE);
  EXPECT_TRUE(experiment.has_last_run_created_at());
  const grpc::Status status = Create("e", &experiment);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::ALREADY_EXISTS);
  google::rpc::Status outer;
  google::rpc::Status inner;
  ASSERT_TRUE(outer.ParseFromString(status.error_details()));
  ASSERT_EQ(outer.details_size(), 1);
  ASSERT_TRUE(outer.details(0).UnpackTo(&inner));
  EXPECT_EQ(inner.code(), status.error_code());
  EXPECT_THAT(inner.message(), HasSubstr("Please specify a new name"));
}

TEST_P(ApiTest, AnErrorFitsIntoWhatClientsTakeHoweverMuchItQuotes) {
  api::GetRunRequest request;
  api::Run run;
  for (const char* text : {"x", "é", "%"}) {
    request.set_run_id(absl::StrJoin(std::vector<std::string>(50'000, text), ""));
    const grpc::Status status = Call(*runs_, &api::RunService::Stub::GetRun, request, &run);
    EXPECT_EQ(status.error_code(), grpc::StatusCode::NOT_FOUND) << status.error_message();
    EXPECT_THAT(status.error_message(), testing::StartsWith(absl::StrCat("Run ", text)));
  }
}

TEST_P(ApiTest, NamesAreChecked) {
  api::Experiment experiment;
  for (const std::string& name :
       {std::string(), std::string("  "), std::string(129, 'x'), std::string("a\0b", 3)}) {
    const grpc::Status status = Create(name, &experiment);
    EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT) << name;
    EXPECT_THAT(status.error_message(), HasSubstr("display_name"));
  }
  for (const char* name : {"!@#$%", "実験", "a b"}) {
    EXPECT_TRUE(Create(name, &experiment).ok()) << name;
  }
}

TEST_P(ApiTest, ARunByReferenceKeepsItsReferenceAndParameters) {
  const api::PipelineVersion version = Upload("p");
  api::Run created;
  ASSERT_TRUE(Call(*runs_, &api::RunService::Stub::CreateRun, RunOf(version), &created).ok());
  EXPECT_EQ(created.state(), api::PENDING);
  EXPECT_EQ(created.service_account(), "pipeline-runner");
  EXPECT_EQ(created.state_history_size(), 1);
  EXPECT_FALSE(created.has_pipeline_spec());
  EXPECT_FALSE(created.has_runtime_config());
  EXPECT_FALSE(created.has_run_details());
  api::GetRunRequest get;
  get.set_run_id(created.run_id());
  api::Run read;
  ASSERT_TRUE(Call(*runs_, &api::RunService::Stub::GetRun, get, &read).ok());
  EXPECT_EQ(read.SerializeAsString(), created.SerializeAsString());
}

TEST_P(ApiTest, AVersionMustBeOfItsPipelineAndExist) {
  const api::PipelineVersion version = Upload("p");
  api::CreateRunRequest request = RunOf(version);
  api::Run run;
  request.mutable_run()->mutable_pipeline_version_reference()->set_pipeline_id("another");
  EXPECT_EQ(Call(*runs_, &api::RunService::Stub::CreateRun, request, &run).error_code(),
            grpc::StatusCode::INVALID_ARGUMENT);
  api::DeletePipelineVersionRequest remove;
  remove.set_pipeline_version_id(version.pipeline_version_id());
  google::protobuf::Empty empty;
  ASSERT_TRUE(Call(*pipelines_, &api::PipelineService::Stub::DeletePipelineVersion, remove, &empty).ok());
  EXPECT_EQ(Call(*runs_, &api::RunService::Stub::CreateRun, RunOf(version), &run).error_code(),
            grpc::StatusCode::NOT_FOUND);
  request.mutable_run()->clear_pipeline_version_reference();
  EXPECT_EQ(Call(*runs_, &api::RunService::Stub::CreateRun, request, &run).error_code(),
            grpc::StatusCode::INVALID_ARGUMENT);
}

TEST_P(ApiTest, ATerminatedRunIsCancelingAndStaysSo) {
  api::Run run;
  ASSERT_TRUE(Call(*runs_, &api::RunService::Stub::CreateRun, RunOf(Upload("p")), &run).ok());
  api::TerminateRunRequest terminate;
  terminate.set_run_id(run.run_id());
  google::protobuf::Empty empty;
  EXPECT_TRUE(Call(*runs_, &api::RunService::Stub::TerminateRun, terminate, &empty).ok());
  EXPECT_TRUE(Call(*runs_, &api::RunService::Stub::TerminateRun, terminate, &empty).ok());
  api::GetRunRequest get;
  get.set_run_id(run.run_id());
  ASSERT_TRUE(Call(*runs_, &api::RunService::Stub::GetRun, get, &run).ok());
  EXPECT_EQ(run.state(), api::CANCELING);
  terminate.set_run_id("nobody");
  EXPECT_EQ(Call(*runs_, &api::RunService::Stub::TerminateRun, terminate, &empty).error_code(),
            grpc::StatusCode::NOT_FOUND);
}

TEST_P(ApiTest, OnlyARunThatEndedWithoutSuccessIsRetried) {
  api::Run run;
  ASSERT_TRUE(Call(*runs_, &api::RunService::Stub::CreateRun, RunOf(Upload("p")), &run).ok());
  api::RetryRunRequest retry;
  retry.set_run_id(run.run_id());
  google::protobuf::Empty empty;
  const grpc::Status refused = Call(*runs_, &api::RunService::Stub::RetryRun, retry, &empty);
  EXPECT_EQ(refused.error_code(), grpc::StatusCode::ABORTED);
  EXPECT_THAT(refused.error_message(), HasSubstr("is PENDING; only a run that FAILED"));
  ASSERT_TRUE(store_
                  ->Write([&](db::Tx& tx) {
                    return RunSetState(tx, run.run_id(), RunState::kPending,
                                       {RunState::kFailed, clock_.Now(), 2, "it failed"});
                  })
                  .ok());
  EXPECT_TRUE(Call(*runs_, &api::RunService::Stub::RetryRun, retry, &empty).ok());
  api::GetRunRequest get;
  get.set_run_id(run.run_id());
  ASSERT_TRUE(Call(*runs_, &api::RunService::Stub::GetRun, get, &run).ok());
  EXPECT_EQ(run.state(), api::PENDING);
  EXPECT_EQ(run.state_history_size(), 3);
  EXPECT_FALSE(run.has_error());
  EXPECT_EQ(run.finished_at().seconds(), 0);
  retry.set_run_id("nobody");
  EXPECT_EQ(Call(*runs_, &api::RunService::Stub::RetryRun, retry, &empty).error_code(),
            grpc::StatusCode::NOT_FOUND);
}

TEST_P(ApiTest, WhatARunIsGivenForPluginsComesBackWithinItsBounds) {
  api::CreateRunRequest request = RunOf(Upload("p"));
  auto& plugins = *request.mutable_run()->mutable_plugins_input();
  auto& fields = *plugins["mlflow"].mutable_fields();
  fields["experiment"].set_string_value("e");
  fields["ratio"].set_number_value(0.5);
  plugins["empty"];
  api::Run run;
  ASSERT_TRUE(Call(*runs_, &api::RunService::Stub::CreateRun, request, &run).ok());
  EXPECT_EQ(run.plugins_input_size(), 2);
  api::GetRunRequest get;
  get.set_run_id(run.run_id());
  ASSERT_TRUE(Call(*runs_, &api::RunService::Stub::GetRun, get, &run).ok());
  EXPECT_EQ(run.plugins_input().at("mlflow").fields().at("ratio").number_value(), 0.5);
  EXPECT_EQ(run.plugins_input().at("empty").fields_size(), 0);

  const auto refused = [&](absl::string_view what) {
    api::Run none;
    const grpc::Status status = Call(*runs_, &api::RunService::Stub::CreateRun, request, &none);
    EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
    EXPECT_THAT(status.error_message(), HasSubstr(std::string(what)));
  };
  // {"long":"xxx"} is 11 bytes longer than the text.
  fields.clear();
  fields["long"].set_string_value(std::string(limits::kPluginBytes - 11, 'x'));
  EXPECT_TRUE(Call(*runs_, &api::RunService::Stub::CreateRun, request, &run).ok());
  fields["long"].set_string_value(std::string(limits::kPluginBytes - 10, 'x'));
  refused("at most 65536 bytes");
  fields["long"].set_string_value(std::string(60'000, 'x'));
  for (int i = 0; i < 4; ++i) plugins[absl::StrCat("copy", i)] = plugins["mlflow"];
  refused("at most 262144 bytes");
  plugins.clear();
  for (int i = 0; i < limits::kPlugins; ++i) plugins[absl::StrCat("p", i)];
  EXPECT_TRUE(Call(*runs_, &api::RunService::Stub::CreateRun, request, &run).ok());
  plugins["one more"];
  refused("at most 16 are allowed");
  plugins.clear();
  google::protobuf::Struct* inner = &plugins["deep"];
  for (int i = 1; i < limits::kPluginDepth; ++i) {
    inner = (*inner->mutable_fields())["x"].mutable_struct_value();
  }
  EXPECT_TRUE(Call(*runs_, &api::RunService::Stub::CreateRun, request, &run).ok());
  (*inner->mutable_fields())["x"].mutable_struct_value();
  refused("deeper than 10 levels");
}

TEST_P(ApiTest, ManyCallersAtOnceAreAllAcknowledgedAndKept) {
  const api::CreateRunRequest request = RunOf(Upload("p"));
  constexpr int kCallers = 16;
  constexpr int kEach = 20;
  std::vector<std::thread> callers;
  std::atomic<int> failed{0};
  for (int i = 0; i < kCallers; ++i) {
    callers.emplace_back([&] {
      api::Run run;
      for (int j = 0; j < kEach; ++j) {
        if (!Call(*runs_, &api::RunService::Stub::CreateRun, request, &run).ok()) ++failed;
        run.Clear();
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(failed, 0);
  api::ListRunsResponse list;
  ASSERT_TRUE(Call(*runs_, &api::RunService::Stub::ListRuns, api::ListRunsRequest(), &list).ok());
  EXPECT_EQ(list.total_size(), kCallers * kEach);
  EXPECT_EQ(list.runs_size(), 20);
}

TEST_P(ApiTest, WhatIsNotServedSaysSo) {
  const auto auth = api::AuthService::NewStub(channel_);
  google::protobuf::Empty reply;
  const grpc::Status status =
      Call(*auth, &api::AuthService::Stub::Authorize, api::AuthorizeRequest(), &reply);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNIMPLEMENTED);
  EXPECT_THAT(status.error_message(), HasSubstr("AuthService.Authorize is declared and not served"));
}

TEST_P(ApiTest, ALogOfATaskThatDidNotStartIsNotFound) {
  const auto logs = penstock::v1::RunLogService::NewStub(channel_);
  penstock::v1::ReadTaskLogRequest request;
  request.set_run_id("none");
  request.set_task_id("a");
  grpc::ClientContext context;
  penstock::v1::LogChunk chunk;
  const auto reader = logs->ReadTaskLog(&context, request);
  EXPECT_FALSE(reader->Read(&chunk));
  EXPECT_EQ(reader->Finish().error_code(), grpc::StatusCode::NOT_FOUND);
}

TEST_P(ApiTest, APortOrADirectoryThatIsTakenIsNamed) {
  const std::string address = absl::StrCat("127.0.0.1:", server_->port());
  const auto second = Server::Start(*deps_, address, "");
  EXPECT_THAT(std::string(second.status().message()), HasSubstr(address));
  const auto gateway =
      GatewayProcess::Listen({"/bin/true", address, limits::kMemoryBytes, "info", "text"}, clock_);
  EXPECT_THAT(std::string(gateway.status().message()), HasSubstr("--http_listen"));
  const auto held = DataDir::Open((directory_ / "data").string());
  ASSERT_TRUE(held.ok()) << held.status();
  const auto other = DataDir::Open((directory_ / "data").string());
  EXPECT_THAT(std::string(other.status().message()), HasSubstr(absl::StrCat("process ", getpid())));
}

}  // namespace
}  // namespace penstock
