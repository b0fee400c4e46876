// A server in this process on a free port, seen only through its gRPC client. No scheduler: runs stay
// PENDING.
#pragma once

#include <grpcpp/grpcpp.h>

#include <memory>

#include "common/metrics.h"
#include "content/local/local_content_store.h"
#include "google/rpc/status.pb.h"
#include "kubeflow/pipelines/v2beta1/experiment.grpc.pb.h"
#include "kubeflow/pipelines/v2beta1/healthz.grpc.pb.h"
#include "kubeflow/pipelines/v2beta1/pipeline.grpc.pb.h"
#include "kubeflow/pipelines/v2beta1/recurring_run.grpc.pb.h"
#include "kubeflow/pipelines/v2beta1/report.grpc.pb.h"
#include "kubeflow/pipelines/v2beta1/run.grpc.pb.h"
#include "penstock/v1/package_upload.grpc.pb.h"
#include "penstock/v1/run_log.grpc.pb.h"
#include "penstock/v1/schedule.grpc.pb.h"
#include "server/convert/api.h"
#include "server/handlers/experiment.h"
#include "server/server.h"
#include "tests/support/pipelines.h"
#include "tests/support/store_fixture.h"

namespace penstock {

class ServerTest : public StoreTest {
 protected:
  void SetUp() override {
    StoreTest::SetUp();
    if (store_ == nullptr) return;  // skipped
    const auto default_experiment = EnsureDefaultExperiment(*store_, clock_, ids_);
    ASSERT_TRUE(default_experiment.ok()) << default_experiment.status();
    content_ = std::make_unique<LocalContentStore>(directory_.string());
    deps_.reset(
        new Deps{*store_, documents_, RealClock::Instance(), ids_, metrics_, *content_, *default_experiment});
    auto server = Server::Start(*deps_, "127.0.0.1:0", (directory_ / "api.sock").string());
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
    channel_ =
        grpc::CreateCustomChannel(server_->local_target(), grpc::InsecureChannelCredentials(), arguments);
    experiments_ = api::ExperimentService::NewStub(channel_);
    pipelines_ = api::PipelineService::NewStub(channel_);
    runs_ = api::RunService::NewStub(channel_);
    uploads_ = penstock::v1::PackageUploadService::NewStub(channel_);
  }
  void TearDown() override {
    server_.reset();
    StoreTest::TearDown();
  }

  // Calls a unary method of a stub.
  template <typename Stub, typename Method, typename Request, typename Reply>
  grpc::Status Call(Stub& stub, Method method, const Request& request, Reply* reply) {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(30));
    return (stub.*method)(&context, request, reply);
  }

  // Uploads a pipeline of one task; its only version.
  api::PipelineVersion Upload(const std::string& name) {
    penstock::v1::UploadPipelineRequest request;
    request.set_name(name);
    request.set_file_name("p.yaml");
    request.set_content(PipelineOf({{"a", {}}}).dump());
    api::Pipeline pipeline;
    const grpc::Status status =
        Call(*uploads_, &penstock::v1::PackageUploadService::Stub::UploadPipeline, request, &pipeline);
    EXPECT_TRUE(status.ok()) << status.error_message();
    api::ListPipelineVersionsRequest list;
    list.set_pipeline_id(pipeline.pipeline_id());
    api::ListPipelineVersionsResponse versions;
    EXPECT_TRUE(Call(*pipelines_, &api::PipelineService::Stub::ListPipelineVersions, list, &versions).ok());
    EXPECT_EQ(versions.pipeline_versions_size(), 1);
    return versions.pipeline_versions_size() == 1 ? versions.pipeline_versions(0) : api::PipelineVersion();
  }
  api::CreateRunRequest RunOf(const api::PipelineVersion& version) {
    api::CreateRunRequest request;
    request.mutable_run()->set_display_name("a run");
    auto* reference = request.mutable_run()->mutable_pipeline_version_reference();
    reference->set_pipeline_id(version.pipeline_id());
    reference->set_pipeline_version_id(version.pipeline_version_id());
    return request;
  }

  Uuid7Generator ids_{clock_};
  Metrics metrics_;
  DocumentCache documents_{16};
  std::unique_ptr<LocalContentStore> content_;
  std::unique_ptr<Deps> deps_;
  std::unique_ptr<Server> server_;
  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<api::ExperimentService::Stub> experiments_;
  std::unique_ptr<api::PipelineService::Stub> pipelines_;
  std::unique_ptr<api::RunService::Stub> runs_;
  std::unique_ptr<penstock::v1::PackageUploadService::Stub> uploads_;
};

}  // namespace penstock
