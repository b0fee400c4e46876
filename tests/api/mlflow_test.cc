// MLflow's API through gRPC.
#include <cmath>

#include "absl/strings/str_cat.h"
#include "mlflow/artifacts.grpc.pb.h"
#include "mlflow/model_registry.grpc.pb.h"
#include "mlflow/tracking.grpc.pb.h"
#include "storage/lineage_store.h"
#include "storage/logged_model_store.h"
#include "storage/task_store.h"
#include "tests/api/server_fixture.h"

namespace penstock {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::UnorderedElementsAre;
using TrackingStub = mlflow::TrackingService::Stub;

class MlflowTest : public ServerTest {
 protected:
  void SetUp() override {
    ServerTest::SetUp();
    if (store_ == nullptr) return;
    tracking_ = mlflow::TrackingService::NewStub(channel_);
    artifacts_ = mlflow::ArtifactService::NewStub(channel_);
  }

  template <typename Method, typename Request, typename Reply>
  grpc::Status Ask(Method method, const Request& request, Reply* reply) {
    return Call(*tracking_, method, request, reply);
  }

  mlflow::Run CreateRun(const std::string& experiment_id = "0", const std::string& name = "first") {
    mlflow::CreateRunRequest request;
    request.set_experiment_id(experiment_id);
    request.set_run_name(name);
    mlflow::CreateRunResponse reply;
    const grpc::Status status = Ask(&TrackingStub::CreateRun, request, &reply);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return reply.run();
  }
  mlflow::Run GetRun(const std::string& run_id) {
    mlflow::GetRunRequest request;
    request.set_run_id(run_id);
    mlflow::GetRunResponse reply;
    const grpc::Status status = Ask(&TrackingStub::GetRun, request, &reply);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return reply.run();
  }
  grpc::Status LogMetric(const std::string& run_id, const std::string& key, double value, int64_t step) {
    mlflow::LogMetricRequest request;
    request.set_run_id(run_id);
    request.set_key(key);
    request.set_value(value);
    request.set_step(step);
    request.set_timestamp(1000 + step);
    mlflow::LogMetricResponse reply;
    return Ask(&TrackingStub::LogMetric, request, &reply);
  }
  std::vector<std::string> Search(const std::string& filter, const std::string& order = "") {
    mlflow::SearchRunsRequest request;
    request.add_experiment_ids("0");
    request.set_filter(filter);
    if (!order.empty()) request.add_order_by(order);
    mlflow::SearchRunsResponse reply;
    const grpc::Status status = Ask(&TrackingStub::SearchRuns, request, &reply);
    EXPECT_TRUE(status.ok()) << status.error_message();
    std::vector<std::string> names;
    for (const mlflow::Run& run : reply.runs()) names.push_back(run.info().run_name());
    return names;
  }
  static std::string TagOf(const mlflow::Run& run, const std::string& key) {
    for (const mlflow::KeyValue& tag : run.data().tags()) {
      if (tag.key() == key) return tag.value();
    }
    return "none";
  }

  // A run that the engine would drive, with one task.
  api::Run PipelineRun(std::string* task_run_id) {
    api::Run run;
    EXPECT_TRUE(Call(*runs_, &api::RunService::Stub::CreateRun, RunOf(Upload("trainer")), &run).ok());
    TaskRow task;
    task.run_id = run.run_id();
    task.task_id = ids_.NewId();
    task.name = task.display_name = "train";
    task.state = TaskState::kRunning;
    task.created_at = clock_.Now();
    EXPECT_TRUE(store_->Write([&](db::Tx& tx) { return TaskInsert(tx, task); }).ok());
    *task_run_id = absl::StrCat(run.run_id(), "_", task.task_id);
    return run;
  }

  grpc::Status Upload(const std::string& path, const std::vector<std::string>& parts, bool whole) {
    grpc::ClientContext context;
    mlflow::WriteArtifactResponse reply;
    const auto writer = artifacts_->WriteArtifact(&context, &reply);
    mlflow::WriteArtifactRequest request;
    request.set_path(path);
    request.set_last(parts.empty() && whole);
    writer->Write(request);
    for (size_t i = 0; i < parts.size(); ++i) {
      request.set_data(parts[i]);
      request.set_last(whole && i + 1 == parts.size());
      writer->Write(request);
    }
    writer->WritesDone();
    return writer->Finish();
  }
  using ServerTest::Upload;
  grpc::Status Download(const std::string& path, std::string* bytes) {
    grpc::ClientContext context;
    mlflow::ReadArtifactRequest request;
    request.set_path(path);
    const auto reader = artifacts_->ReadArtifact(&context, request);
    mlflow::ReadArtifactChunk chunk;
    bytes->clear();
    while (reader->Read(&chunk)) *bytes += chunk.data();
    return reader->Finish();
  }

  std::unique_ptr<TrackingStub> tracking_;
  std::unique_ptr<mlflow::ArtifactService::Stub> artifacts_;
};
INSTANTIATE_TEST_SUITE_P(Databases, MlflowTest, ServedDatabases());

TEST_P(MlflowTest, ARunIsSeenThroughBothDoors) {
  const mlflow::Run run = CreateRun();
  EXPECT_EQ(run.info().status(), mlflow::RUNNING);
  EXPECT_EQ(run.info().experiment_id(), "0");
  EXPECT_EQ(run.info().run_id().size(), 32U);
  EXPECT_EQ(run.info().artifact_uri(),
            absl::StrCat("mlflow-artifacts:/0/", run.info().run_id(), "/artifacts"));
  mlflow::LogParameterRequest param;
  param.set_run_id(run.info().run_id());
  param.set_key("rate");
  param.set_value("0.1");
  mlflow::LogParameterResponse logged;
  ASSERT_TRUE(Ask(&TrackingStub::LogParameter, param, &logged).ok());
  ASSERT_TRUE(Ask(&TrackingStub::LogParameter, param, &logged).ok());
  param.set_value("0.2");
  EXPECT_EQ(Ask(&TrackingStub::LogParameter, param, &logged).error_code(),
            grpc::StatusCode::INVALID_ARGUMENT);
  mlflow::UpdateRunRequest update;
  update.set_run_uuid(run.info().run_id());
  update.set_status(mlflow::FINISHED);
  update.set_end_time(5000);
  mlflow::UpdateRunResponse updated;
  ASSERT_TRUE(Ask(&TrackingStub::UpdateRun, update, &updated).ok());
  EXPECT_EQ(updated.run_info().end_time(), 5000);

  api::GetRunRequest get;
  get.set_run_id(run.info().run_id());
  api::Run seen;
  ASSERT_TRUE(Call(*runs_, &api::RunService::Stub::GetRun, get, &seen).ok());
  EXPECT_EQ(seen.state(), api::SUCCEEDED);
  EXPECT_EQ(seen.display_name(), "first");
  EXPECT_EQ(seen.runtime_config().parameters().at("rate").string_value(), "0.1");
  EXPECT_EQ(
      seen.pipeline_spec().fields().at("pipelineInfo").struct_value().fields().at("name").string_value(),
      "recorded-by-client");
  // It goes on, which the engine's runs cannot.
  update.set_status(mlflow::RUNNING);
  update.clear_end_time();
  ASSERT_TRUE(Ask(&TrackingStub::UpdateRun, update, &updated).ok());
  EXPECT_EQ(updated.run_info().status(), mlflow::RUNNING);
  EXPECT_FALSE(updated.run_info().has_end_time());
}

TEST_P(MlflowTest, ABatchIsWholeOrNothing) {
  const std::string run_id = CreateRun().info().run_id();
  mlflow::LogBatchRequest batch;
  batch.set_run_id(run_id);
  for (int i = 0; i < 3; ++i) {
    mlflow::Metric* metric = batch.add_metrics();
    metric->set_key("m");
    metric->set_value(i == 2 ? std::nan("") : i);
    metric->set_timestamp(10 - i);
    metric->set_step(i);
  }
  batch.add_params()->set_key("p");
  batch.mutable_params(0)->set_value(std::string(7000, 'x'));
  batch.add_tags()->set_key("mlflow.runName");
  batch.mutable_tags(0)->set_value("renamed");
  mlflow::LogBatchResponse reply;
  ASSERT_TRUE(Ask(&TrackingStub::LogBatch, batch, &reply).ok());
  ASSERT_TRUE(Ask(&TrackingStub::LogBatch, batch, &reply).ok());
  mlflow::Run run = GetRun(run_id);
  EXPECT_EQ(run.info().run_name(), "renamed");
  EXPECT_EQ(run.data().params(0).value().size(), 6000U);
  ASSERT_EQ(run.data().metrics_size(), 1);
  EXPECT_TRUE(std::isnan(run.data().metrics(0).value()));

  batch.mutable_params(0)->set_value("other");
  batch.mutable_tags(0)->set_value("again");
  EXPECT_EQ(Ask(&TrackingStub::LogBatch, batch, &reply).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(GetRun(run_id).info().run_name(), "renamed");

  mlflow::GetMetricHistoryRequest history;
  history.set_run_id(run_id);
  history.set_metric_key("m");
  history.set_max_results(2);
  mlflow::GetMetricHistoryResponse page;
  ASSERT_TRUE(Ask(&TrackingStub::GetMetricHistory, history, &page).ok());
  ASSERT_EQ(page.metrics_size(), 2);
  EXPECT_EQ(page.metrics(0).timestamp(), 8);
  history.set_page_token(page.next_page_token());
  ASSERT_TRUE(Ask(&TrackingStub::GetMetricHistory, history, &page).ok());
  ASSERT_EQ(page.metrics_size(), 1);
  EXPECT_EQ(page.metrics(0).step(), 0);
  EXPECT_EQ(page.next_page_token(), "");
  history.set_metric_key("other");
  EXPECT_EQ(Ask(&TrackingStub::GetMetricHistory, history, &page).error_code(),
            grpc::StatusCode::INVALID_ARGUMENT);
}

TEST_P(MlflowTest, DeletedRunsAndExperimentsTakeNothing) {
  mlflow::CreateExperimentRequest create;
  create.set_name("deleted soon");
  mlflow::CreateExperimentResponse created;
  ASSERT_TRUE(Ask(&TrackingStub::CreateExperiment, create, &created).ok());
  EXPECT_EQ(Ask(&TrackingStub::CreateExperiment, create, &created).error_code(),
            grpc::StatusCode::ALREADY_EXISTS);
  const std::string run_id = CreateRun(created.experiment_id()).info().run_id();
  mlflow::DeleteExperimentRequest remove;
  remove.set_experiment_id(created.experiment_id());
  mlflow::DeleteExperimentResponse removed;
  ASSERT_TRUE(Ask(&TrackingStub::DeleteExperiment, remove, &removed).ok());
  EXPECT_EQ(Ask(&TrackingStub::DeleteExperiment, remove, &removed).error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(GetRun(run_id).info().lifecycle_stage(), "deleted");
  const grpc::Status refused = LogMetric(run_id, "m", 1, 1);
  EXPECT_EQ(refused.error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_THAT(refused.error_message(), HasSubstr("'active' state"));
  mlflow::RestoreExperimentRequest restore;
  restore.set_experiment_id(created.experiment_id());
  mlflow::RestoreExperimentResponse restored;
  ASSERT_TRUE(Ask(&TrackingStub::RestoreExperiment, restore, &restored).ok());
  EXPECT_TRUE(LogMetric(run_id, "m", 1, 1).ok());
}

TEST_P(MlflowTest, ATaskIsARunBelowItsRun) {
  std::string task_run;
  const api::Run run = PipelineRun(&task_run);
  ASSERT_TRUE(LogMetric(task_run, "loss", 0.5, 1).ok());
  ASSERT_TRUE(LogMetric(run.run_id(), "later", 3, 1).ok());
  const mlflow::Run task = GetRun(task_run);
  EXPECT_EQ(TagOf(task, "mlflow.parentRunId"), run.run_id());
  EXPECT_EQ(task.info().status(), mlflow::RUNNING);
  EXPECT_EQ(task.data().metrics_size(), 1);
  const mlflow::Run whole = GetRun(run.run_id());
  EXPECT_EQ(whole.data().metrics_size(), 2);
  EXPECT_EQ(whole.info().status(), mlflow::SCHEDULED);
  EXPECT_EQ(TagOf(whole, "mlflow.source.type"), "JOB");
  EXPECT_EQ(TagOf(whole, "mlflow.source.name"), "trainer");
  // What a client says of their states is passed over.
  for (const std::string& id : {task_run, run.run_id()}) {
    mlflow::UpdateRunRequest update;
    update.set_run_id(id);
    update.set_status(mlflow::FAILED);
    mlflow::UpdateRunResponse updated;
    ASSERT_TRUE(Ask(&TrackingStub::UpdateRun, update, &updated).ok());
    EXPECT_NE(updated.run_info().status(), mlflow::FAILED);
  }
  EXPECT_THAT(Search(""), ElementsAre("a run"));
  EXPECT_THAT(Search(absl::StrCat("tags.mlflow.parentRunId = '", run.run_id(), "'")), ElementsAre("train"));
  EXPECT_THAT(Search(absl::StrCat("metrics.loss > 1 AND tags.mlflow.parentRunId = '", run.run_id(), "'")),
              ElementsAre());
  mlflow::GetRunRequest unknown;
  unknown.set_run_id(run.run_id() + "_nobody");
  mlflow::GetRunResponse reply;
  EXPECT_EQ(Ask(&TrackingStub::GetRun, unknown, &reply).error_code(), grpc::StatusCode::NOT_FOUND);
}

TEST_P(MlflowTest, OneDataSetOfTwoRunsIsOneArtifact) {
  std::vector<std::string> run_ids;
  for (const char* name : {"first", "second"}) {
    run_ids.push_back(CreateRun("0", name).info().run_id());
    mlflow::LogInputsRequest request;
    request.set_run_id(run_ids.back());
    mlflow::DatasetInput* input = request.add_datasets();
    input->mutable_dataset()->set_name("iris");
    input->mutable_dataset()->set_digest("abc");
    input->mutable_dataset()->set_source_type("local");
    input->mutable_dataset()->set_source("{\"uri\": \"data.csv\"}");
    input->mutable_dataset()->set_profile(std::string(1 << 20, 'p'));
    input->add_tags()->set_key("mlflow.data.context");
    input->mutable_tags(0)->set_value(name);
    mlflow::LogInputsResponse reply;
    for (int twice = 0; twice < 2; ++twice) ASSERT_TRUE(Ask(&TrackingStub::LogInputs, request, &reply).ok());
  }
  const mlflow::Run run = GetRun(run_ids[1]);
  ASSERT_EQ(run.inputs().dataset_inputs_size(), 1);
  EXPECT_EQ(run.inputs().dataset_inputs(0).tags(0).value(), "second");
  EXPECT_EQ(run.inputs().dataset_inputs(0).dataset().profile().size(), size_t{1} << 20);
  EXPECT_THAT(Search("dataset.name = 'iris'"), UnorderedElementsAre("first", "second"));
  EXPECT_THAT(Search("dataset.context = 'first'"), ElementsAre("first"));
}

TEST_P(MlflowTest, AModelComesFromItsRunAndGoesIntoAnother) {
  const std::string training = CreateRun("0", "training").info().run_id();
  const std::string evaluation = CreateRun("0", "evaluation").info().run_id();
  mlflow::CreateLoggedModelRequest create;
  create.set_experiment_id("0");
  create.set_name("net");
  create.set_source_run_id(training);
  mlflow::CreateLoggedModelResponse created;
  ASSERT_TRUE(Ask(&TrackingStub::CreateLoggedModel, create, &created).ok());
  const std::string model_id = created.model().info().model_id();
  EXPECT_EQ(created.model().info().artifact_uri(),
            absl::StrCat("mlflow-artifacts:/0/models/", model_id, "/artifacts"));
  mlflow::LogInputsRequest inputs;
  inputs.set_run_id(evaluation);
  inputs.add_models()->set_model_id(model_id);
  mlflow::LogInputsResponse logged;
  ASSERT_TRUE(Ask(&TrackingStub::LogInputs, inputs, &logged).ok());
  EXPECT_EQ(GetRun(evaluation).inputs().model_inputs(0).model_id(), model_id);
  int64_t artifact_id = 0;
  Lineage down;
  ASSERT_TRUE(store_
                  ->Read([&](db::Tx& tx) -> absl::Status {
                    ASSIGN_OR_RETURN(const LoggedModelRow model, LoggedModelGet(tx, model_id));
                    artifact_id = model.artifact_id;
                    ASSIGN_OR_RETURN(down, LineageRead(tx, artifact_id, LineageDirection::kDown, 10));
                    return absl::OkStatus();
                  })
                  .ok());
  ASSERT_EQ(down.links.size(), 1U);
  EXPECT_EQ(down.links[0].run_id, evaluation);

  mlflow::FinalizeLoggedModelRequest finalize;
  finalize.set_model_id(model_id);
  finalize.set_status(mlflow::LOGGED_MODEL_READY);
  mlflow::FinalizeLoggedModelResponse ready;
  ASSERT_TRUE(Ask(&TrackingStub::FinalizeLoggedModel, finalize, &ready).ok());
  mlflow::SearchLoggedModelsRequest search;
  search.add_experiment_ids("0");
  search.set_filter("status = 'LOGGED_MODEL_READY' AND name LIKE 'n%'");
  mlflow::SearchLoggedModelsResponse found;
  ASSERT_TRUE(Ask(&TrackingStub::SearchLoggedModels, search, &found).ok());
  EXPECT_EQ(found.models_size(), 1);
}

TEST_P(MlflowTest, VersionsOfARegisteredModel) {
  const auto registry = mlflow::ModelRegistryService::NewStub(channel_);
  using Registry = mlflow::ModelRegistryService::Stub;
  mlflow::CreateRegisteredModelRequest create;
  create.set_name("champion");
  create.set_description("What for");
  create.add_tags()->set_key("t");
  mlflow::CreateRegisteredModelResponse created;
  ASSERT_TRUE(Call(*registry, &Registry::CreateRegisteredModel, create, &created).ok());
  EXPECT_EQ(Call(*registry, &Registry::CreateRegisteredModel, create, &created).error_code(),
            grpc::StatusCode::ALREADY_EXISTS);
  mlflow::CreateLoggedModelRequest log;
  log.set_experiment_id("0");
  log.set_source_run_id(CreateRun().info().run_id());
  mlflow::CreateLoggedModelResponse logged;
  ASSERT_TRUE(Ask(&TrackingStub::CreateLoggedModel, log, &logged).ok());
  mlflow::CreateModelVersionRequest version;
  version.set_name("champion");
  for (const std::string& source : {absl::StrCat("models:/", logged.model().info().model_id()),
                                    std::string("models:/champion/1"), std::string("s3://bucket/model")}) {
    version.set_source(source);
    mlflow::CreateModelVersionResponse made;
    ASSERT_TRUE(Call(*registry, &Registry::CreateModelVersion, version, &made).ok()) << source;
  }
  version.set_name("nobody");
  mlflow::CreateModelVersionResponse refused;
  EXPECT_EQ(Call(*registry, &Registry::CreateModelVersion, version, &refused).error_code(),
            grpc::StatusCode::NOT_FOUND);
  const auto uri = [&](const std::string& number) {
    mlflow::GetModelVersionDownloadUriRequest request;
    request.set_name("champion");
    request.set_version(number);
    mlflow::GetModelVersionDownloadUriResponse reply;
    EXPECT_TRUE(Call(*registry, &Registry::GetModelVersionDownloadUri, request, &reply).ok());
    return reply.artifact_uri();
  };
  EXPECT_EQ(uri("1"), logged.model().info().artifact_uri());
  EXPECT_EQ(uri("2"), logged.model().info().artifact_uri());
  EXPECT_EQ(uri("3"), "s3://bucket/model");

  mlflow::SetRegisteredModelAliasRequest alias;
  alias.set_name("champion");
  alias.set_alias("best");
  alias.set_version("2");
  mlflow::SetRegisteredModelAliasResponse named;
  ASSERT_TRUE(Call(*registry, &Registry::SetRegisteredModelAlias, alias, &named).ok());
  alias.set_alias("latest");
  EXPECT_EQ(Call(*registry, &Registry::SetRegisteredModelAlias, alias, &named).error_code(),
            grpc::StatusCode::INVALID_ARGUMENT);
  mlflow::RenameRegisteredModelRequest rename;
  rename.set_name("champion");
  rename.set_new_name("winner");
  mlflow::RenameRegisteredModelResponse renamed;
  ASSERT_TRUE(Call(*registry, &Registry::RenameRegisteredModel, rename, &renamed).ok());
  EXPECT_EQ(renamed.registered_model().aliases_size(), 1);
  EXPECT_EQ(renamed.registered_model().tags_size(), 1);
  EXPECT_EQ(renamed.registered_model().latest_versions(0).version(), "3");
  mlflow::GetModelVersionByAliasRequest by_alias;
  by_alias.set_name("winner");
  by_alias.set_alias("best");
  mlflow::GetModelVersionByAliasResponse found;
  ASSERT_TRUE(Call(*registry, &Registry::GetModelVersionByAlias, by_alias, &found).ok());
  EXPECT_EQ(found.model_version().version(), "2");
  mlflow::DeleteModelVersionRequest remove;
  remove.set_name("winner");
  remove.set_version("2");
  mlflow::DeleteModelVersionResponse removed;
  ASSERT_TRUE(Call(*registry, &Registry::DeleteModelVersion, remove, &removed).ok());
  EXPECT_EQ(Call(*registry, &Registry::GetModelVersionByAlias, by_alias, &found).error_code(),
            grpc::StatusCode::INVALID_ARGUMENT);

  // As every client asks.
  mlflow::SearchRegisteredModelsRequest models;
  models.set_filter("name LIKE 'w%' AND tag.`mlflow.prompt.is_prompt` != 'true'");
  mlflow::SearchRegisteredModelsResponse models_found;
  ASSERT_TRUE(Call(*registry, &Registry::SearchRegisteredModels, models, &models_found).ok());
  EXPECT_EQ(models_found.registered_models_size(), 1);

  mlflow::SearchModelVersionsRequest search;
  search.set_filter("name = 'winner' AND version_number >= 1");
  search.set_max_results(1);
  std::vector<std::string> versions;
  for (int pages = 0; pages < 5; ++pages) {
    mlflow::SearchModelVersionsResponse page;
    ASSERT_TRUE(Call(*registry, &Registry::SearchModelVersions, search, &page).ok());
    for (const mlflow::ModelVersion& one : page.model_versions()) versions.push_back(one.version());
    search.set_page_token(page.next_page_token());
    if (page.next_page_token().empty()) break;
  }
  EXPECT_THAT(versions, UnorderedElementsAre("1", "3"));
}

TEST_P(MlflowTest, FilesAreWholeOrNotThere) {
  const std::string root = absl::StrCat("0/", CreateRun().info().run_id(), "/artifacts");
  std::string bytes;
  ASSERT_TRUE(Upload(root + "/a/b.bin", {"012", "", "345"}, true).ok());
  ASSERT_TRUE(Download(root + "/a/b.bin", &bytes).ok());
  EXPECT_EQ(bytes, "012345");
  EXPECT_FALSE(Upload(root + "/half", {"0"}, false).ok());
  EXPECT_EQ(Download(root + "/half", &bytes).error_code(), grpc::StatusCode::NOT_FOUND);
  ASSERT_TRUE(Upload(root + "/empty", {}, true).ok());
  ASSERT_TRUE(Download(root + "/empty", &bytes).ok());
  EXPECT_EQ(bytes, "");
  for (const std::string path :
       {"", "/etc/passwd", "../x", "a/../../x", "a//b", "a\\..\\b", "a/b.bin/c", "a"}) {
    const std::string whole = path == "a" || path == "a/b.bin/c" ? root + "/" + path : path;
    EXPECT_EQ(Upload(whole, {"x"}, true).error_code(), grpc::StatusCode::INVALID_ARGUMENT) << path;
  }
  mlflow::ListArtifactsRequest list;
  list.set_run_id(root.substr(2, 32));
  mlflow::ListArtifactsResponse files;
  ASSERT_TRUE(Ask(&TrackingStub::ListArtifacts, list, &files).ok());
  ASSERT_EQ(files.files_size(), 2);
  EXPECT_EQ(files.files(0).path(), "a");
  EXPECT_TRUE(files.files(0).is_dir());
  EXPECT_EQ(files.files(1).file_size(), 0);
}

}  // namespace
}  // namespace penstock
