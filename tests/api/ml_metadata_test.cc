// What the UI of Kubeflow Pipelines asks of ML Metadata, through gRPC.
#include "common/limits.h"
#include "ml_metadata/metadata_store.grpc.pb.h"
#include "tests/api/task_fixture.h"

namespace penstock {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using MlmdStub = ml_metadata::MetadataStoreService::Stub;

class MlMetadataTest : public TaskServerTest {
 protected:
  void SetUp() override {
    TaskServerTest::SetUp();
    if (store_ != nullptr) stub_ = ml_metadata::MetadataStoreService::NewStub(channel_);
  }

  // A task, and a loop of two iterations with a task in each.
  void MakeLoopRun() {
    TestPipeline pipeline;
    pipeline.root = {{"first", {}, "give"},
                     {"each", {"first"}, "inner", {{"parameterIterator", LoopOver(2)}}}};
    pipeline.graphs["inner"] = {{"body", {}}};
    run_ = MakeRun(pipeline).run_id();
    first_ = AddTask(run_, "", "first");
    AddAttempt(run_, first_, 1, "attempt-1");
    AddAttempt(run_, first_, 2, "attempt-2");
    AddParameter(run_, first_, Direction::kInput, "item", "7");
    AddParameter(run_, first_, Direction::kOutput, "out", R"([1,{"a":"b"}])");
    loop_ = AddTask(run_, "", "each", TaskState::kRunning);
    for (int i = 0; i < 2; ++i) {
      iterations_.push_back(AddTask(run_, loop_, "each", TaskState::kRunning, i));
      bodies_.push_back(
          AddTask(run_, iterations_[i], "body", i == 0 ? TaskState::kSucceeded : TaskState::kPending));
    }
  }

  int64_t ContextOf(const std::string& run_id) {
    ml_metadata::GetContextByTypeAndNameRequest request;
    request.set_type_name("system.PipelineRun");
    request.set_context_name(run_id);
    ml_metadata::GetContextByTypeAndNameResponse reply;
    EXPECT_TRUE(Call(*stub_, &MlmdStub::GetContextByTypeAndName, request, &reply).ok());
    return reply.has_context() ? reply.context().id() : 0;
  }

  std::map<int64_t, ml_metadata::Execution> Executions() {
    ml_metadata::GetExecutionsByContextRequest request;
    request.set_context_id(ContextOf(run_));
    ml_metadata::GetExecutionsByContextResponse reply;
    const grpc::Status status = Call(*stub_, &MlmdStub::GetExecutionsByContext, request, &reply);
    EXPECT_TRUE(status.ok()) << status.error_message();
    std::map<int64_t, ml_metadata::Execution> by_id;
    for (const auto& execution : reply.executions()) by_id[execution.id()] = execution;
    return by_id;
  }

  std::unique_ptr<MlmdStub> stub_;
  std::string run_;
  std::string first_;
  std::string loop_;
  std::vector<std::string> iterations_;
  std::vector<std::string> bodies_;
};
INSTANTIATE_TEST_SUITE_P(Databases, MlMetadataTest, ServedDatabases());

TEST_P(MlMetadataTest, ARunIsAContextWithItsRootAndTasks) {
  MakeLoopRun();
  EXPECT_EQ(ContextOf("nobody"), 0);
  const int64_t root = NumberOf(run_, "");
  EXPECT_EQ(ContextOf(run_), root);
  auto executions = Executions();
  ASSERT_EQ(executions.size(), 7);
  const auto& of_root = executions[root].custom_properties();
  ASSERT_TRUE(of_root.contains("task_name"));
  EXPECT_EQ(of_root.at("task_name").string_value(), "");
  EXPECT_EQ(executions[root].type(), "system.DAGExecution");
  EXPECT_FALSE(of_root.contains("parent_dag_id"));

  const auto& first = executions[NumberOf(run_, first_)];
  EXPECT_EQ(first.type(), "system.ContainerExecution");
  EXPECT_EQ(first.last_known_state(), ml_metadata::Execution::COMPLETE);
  const auto& properties = first.custom_properties();
  EXPECT_EQ(properties.at("task_name").string_value(), "first");
  EXPECT_EQ(properties.at("display_name").string_value(), "first shown");
  EXPECT_EQ(properties.at("parent_dag_id").int_value(), root);
  EXPECT_EQ(properties.at("pod_name").string_value(), "attempt-2");
  EXPECT_EQ(properties.at("run_id").string_value(), run_);
  EXPECT_EQ(properties.at("image").string_value(), "none");
  EXPECT_EQ(properties.at("inputs").struct_value().fields().at("item").number_value(), 7);
  EXPECT_EQ(properties.at("outputs").struct_value().fields().at("out").list_value().values_size(), 2);
}

TEST_P(MlMetadataTest, EachIterationIsAGraphOfItsLoopsName) {
  MakeLoopRun();
  auto executions = Executions();
  const int64_t loop = NumberOf(run_, loop_);
  EXPECT_EQ(executions[loop].custom_properties().at("iteration_count").int_value(), 2);
  EXPECT_FALSE(executions[loop].custom_properties().contains("iteration_index"));
  for (int i = 0; i < 2; ++i) {
    const int64_t number = NumberOf(run_, iterations_[i]);
    const auto& iteration = executions[number];
    EXPECT_EQ(iteration.type(), "system.DAGExecution");
    EXPECT_EQ(iteration.custom_properties().at("task_name").string_value(), "each");
    EXPECT_EQ(iteration.custom_properties().at("iteration_index").int_value(), i);
    EXPECT_EQ(iteration.custom_properties().at("parent_dag_id").int_value(), loop);
    EXPECT_FALSE(iteration.custom_properties().contains("iteration_count"));
    const auto& body = executions[NumberOf(run_, bodies_[i])];
    EXPECT_EQ(body.custom_properties().at("parent_dag_id").int_value(), number);
    EXPECT_EQ(body.type(), "system.ContainerExecution");
    EXPECT_FALSE(body.custom_properties().at("pod_name").string_value().empty());
  }
  EXPECT_EQ(executions[NumberOf(run_, bodies_[1])].last_known_state(), ml_metadata::Execution::NEW);
}

TEST_P(MlMetadataTest, WhatIsFromTheCacheNamesItsOrigin) {
  MakeLoopRun();
  const std::string decision =
      R"({"fingerprint":"f","result":"HIT","run_id":")" + run_ + R"(","task_id":")" + first_ + R"("})";
  const std::string cached = AddTask(run_, "", "first", TaskState::kSucceeded, -1, decision);
  auto executions = Executions();
  const auto& execution = executions[NumberOf(run_, cached)];
  EXPECT_EQ(execution.last_known_state(), ml_metadata::Execution::CACHED);
  EXPECT_EQ(execution.custom_properties().at("cached_execution_id").string_value(),
            absl::StrCat(NumberOf(run_, first_)));
  EXPECT_EQ(execution.custom_properties().at("cache_fingerprint").string_value(), "f");
}

TEST_P(MlMetadataTest, ArtifactsHaveTheirMetadataWrapped) {
  MakeLoopRun();
  const auto metrics = AddOutput(run_, first_, "m", "system.Metrics", R"({"loss":0.5,"ok":true})");
  const auto own = AddOutput(run_, first_, "c", "acme.Thing", R"({"l":[1],"o":{"a":1},"n":null})");
  ml_metadata::GetArtifactsByContextRequest request;
  request.set_context_id(ContextOf(run_));
  ml_metadata::GetArtifactsByContextResponse reply;
  ASSERT_TRUE(Call(*stub_, &MlmdStub::GetArtifactsByContext, request, &reply).ok());
  ASSERT_EQ(reply.artifacts_size(), 2);
  const auto& of_metrics = reply.artifacts(0).custom_properties();
  EXPECT_EQ(reply.artifacts(0).type(), "system.Metrics");
  EXPECT_EQ(reply.artifacts(0).state(), ml_metadata::Artifact::LIVE);
  EXPECT_EQ(of_metrics.at("loss").double_value(), 0.5);
  EXPECT_EQ(of_metrics.at("ok").int_value(), 1);
  EXPECT_EQ(of_metrics.at("display_name").string_value(), "m");
  EXPECT_FALSE(of_metrics.contains("run_id"));
  const auto& of_own = reply.artifacts(1).custom_properties();
  EXPECT_TRUE(of_own.at("l").struct_value().fields().contains("list"));
  EXPECT_TRUE(of_own.at("o").struct_value().fields().contains("struct"));
  EXPECT_FALSE(of_own.contains("n"));
  EXPECT_EQ(of_own.at("run_id").string_value(), run_);

  ml_metadata::GetArtifactTypesResponse types;
  ASSERT_TRUE(Call(*stub_, &MlmdStub::GetArtifactTypes, ml_metadata::GetArtifactTypesRequest(), &types).ok());
  std::map<int64_t, std::string> names;
  for (const auto& type : types.artifact_types()) names[type.id()] = type.name();
  EXPECT_EQ(names[reply.artifacts(0).type_id()], "system.Metrics");
  EXPECT_EQ(names[reply.artifacts(1).type_id()], "acme.Thing");
  ml_metadata::GetArtifactTypesByIDRequest by_id;
  by_id.add_type_ids(reply.artifacts(1).type_id());
  by_id.add_type_ids(99);
  ml_metadata::GetArtifactTypesByIDResponse found;
  ASSERT_TRUE(Call(*stub_, &MlmdStub::GetArtifactTypesByID, by_id, &found).ok());
  ASSERT_EQ(found.artifact_types_size(), 1);
  EXPECT_EQ(found.artifact_types(0).name(), "acme.Thing");

  ml_metadata::GetArtifactsByURIRequest by_uri;
  by_uri.add_uris(own.uri);
  ml_metadata::GetArtifactsByURIResponse at_uri;
  ASSERT_TRUE(Call(*stub_, &MlmdStub::GetArtifactsByURI, by_uri, &at_uri).ok());
  ASSERT_EQ(at_uri.artifacts_size(), 1);
  EXPECT_EQ(at_uri.artifacts(0).id(), own.artifact_id);
  EXPECT_GT(own.artifact_id, metrics.artifact_id);
}

TEST_P(MlMetadataTest, LinksAreEvents) {
  MakeLoopRun();
  const auto artifact = AddOutput(run_, first_, "data", "system.Dataset");
  AddLink(run_, bodies_[0], Direction::kInput, "given", artifact.artifact_id, "TASK_OUTPUT_INPUT", "first");
  AddLink(run_, "", Direction::kInput, "of_run", artifact.artifact_id, "RUNTIME_VALUE_INPUT", "");
  ml_metadata::GetEventsByArtifactIDsRequest request;
  request.add_artifact_ids(artifact.artifact_id);
  request.add_artifact_ids(1'000'000);
  ml_metadata::GetEventsByArtifactIDsResponse events;
  ASSERT_TRUE(Call(*stub_, &MlmdStub::GetEventsByArtifactIDs, request, &events).ok());
  std::vector<std::string> told;
  for (const auto& event : events.events()) {
    told.push_back(absl::StrCat(event.execution_id(), " ", event.type(), " ", event.path().steps(0).key()));
    EXPECT_GT(event.milliseconds_since_epoch(), 0);
  }
  const int64_t first = NumberOf(run_, first_);
  const int64_t body = NumberOf(run_, bodies_[0]);
  const int64_t root = NumberOf(run_, "");
  EXPECT_THAT(told, ElementsAre(absl::StrCat(first, " 4 data"), absl::StrCat(body, " 3 given"),
                                absl::StrCat(root, " 3 of_run")));

  ml_metadata::GetEventsByExecutionIDsRequest of_executions;
  for (const int64_t id : {root, first, body, int64_t{1'000'000}}) of_executions.add_execution_ids(id);
  ml_metadata::GetEventsByExecutionIDsResponse same;
  ASSERT_TRUE(Call(*stub_, &MlmdStub::GetEventsByExecutionIDs, of_executions, &same).ok());
  EXPECT_EQ(same.events_size(), 3);

  ml_metadata::GetContextsByArtifactRequest of_artifact;
  of_artifact.set_artifact_id(artifact.artifact_id);
  ml_metadata::GetContextsByArtifactResponse contexts;
  ASSERT_TRUE(Call(*stub_, &MlmdStub::GetContextsByArtifact, of_artifact, &contexts).ok());
  ASSERT_EQ(contexts.contexts_size(), 1);
  EXPECT_EQ(contexts.contexts(0).name(), run_);
  for (const int64_t id : {root, body}) {
    ml_metadata::GetContextsByExecutionRequest of_execution;
    of_execution.set_execution_id(id);
    ml_metadata::GetContextsByExecutionResponse found;
    ASSERT_TRUE(Call(*stub_, &MlmdStub::GetContextsByExecution, of_execution, &found).ok());
    ASSERT_EQ(found.contexts_size(), 1) << id;
    EXPECT_EQ(found.contexts(0).id(), root);
  }
}

TEST_P(MlMetadataTest, ListsComeInPagesOrWhole) {
  MakeLoopRun();
  std::vector<int64_t> artifacts;
  for (int i = 0; i < 5; ++i) {
    artifacts.push_back(AddOutput(run_, first_, absl::StrCat("o", i), "system.Dataset").artifact_id);
  }
  ml_metadata::GetArtifactsRequest list;
  ml_metadata::GetArtifactsResponse all;
  ASSERT_TRUE(Call(*stub_, &MlmdStub::GetArtifacts, list, &all).ok());
  EXPECT_EQ(all.artifacts_size(), 5);
  list.mutable_options()->set_max_result_size(2);
  std::vector<int64_t> seen;
  for (int pages = 0; pages < 3; ++pages) {
    ml_metadata::GetArtifactsResponse page;
    ASSERT_TRUE(Call(*stub_, &MlmdStub::GetArtifacts, list, &page).ok());
    for (const auto& artifact : page.artifacts()) seen.push_back(artifact.id());
    EXPECT_EQ(page.has_next_page_token(), pages < 2);
    list.mutable_options()->set_next_page_token(page.next_page_token());
  }
  EXPECT_EQ(seen, artifacts);

  ml_metadata::GetExecutionsRequest executions;
  ml_metadata::GetExecutionsResponse whole;
  ASSERT_TRUE(Call(*stub_, &MlmdStub::GetExecutions, executions, &whole).ok());
  EXPECT_EQ(whole.executions_size(), 7);
  executions.mutable_options()->set_max_result_size(4);
  executions.mutable_options()->mutable_order_by_field()->set_is_asc(false);
  ml_metadata::GetExecutionsResponse page;
  ASSERT_TRUE(Call(*stub_, &MlmdStub::GetExecutions, executions, &page).ok());
  ASSERT_EQ(page.executions_size(), 4);
  EXPECT_EQ(page.executions(0).id(), whole.executions(6).id());
  executions.mutable_options()->set_next_page_token(page.next_page_token());
  ASSERT_TRUE(Call(*stub_, &MlmdStub::GetExecutions, executions, &page).ok());
  EXPECT_EQ(page.executions_size(), 3);
  EXPECT_FALSE(page.has_next_page_token());

  ml_metadata::GetExecutionsByIDRequest by_id;
  by_id.add_execution_ids(whole.executions(2).id());
  by_id.add_execution_ids(whole.executions(0).id());
  by_id.add_execution_ids(1'000'000);
  ml_metadata::GetExecutionsByIDResponse found;
  ASSERT_TRUE(Call(*stub_, &MlmdStub::GetExecutionsByID, by_id, &found).ok());
  ASSERT_EQ(found.executions_size(), 2);
  EXPECT_EQ(found.executions(0).SerializeAsString().size(), whole.executions(0).SerializeAsString().size());
}

TEST_P(MlMetadataTest, WhatIsNotServedSaysSo) {
  ml_metadata::GetArtifactsRequest list;
  ml_metadata::GetArtifactsResponse reply;
  list.mutable_options()->set_filter_query("id = 1");
  EXPECT_EQ(Call(*stub_, &MlmdStub::GetArtifacts, list, &reply).error_code(),
            grpc::StatusCode::UNIMPLEMENTED);
  list.mutable_options()->clear_filter_query();
  list.mutable_options()->set_max_result_size(0);
  EXPECT_EQ(Call(*stub_, &MlmdStub::GetArtifacts, list, &reply).error_code(),
            grpc::StatusCode::INVALID_ARGUMENT);
  list.mutable_options()->set_max_result_size(1);
  list.mutable_options()->set_next_page_token("x");
  EXPECT_EQ(Call(*stub_, &MlmdStub::GetArtifacts, list, &reply).error_code(),
            grpc::StatusCode::INVALID_ARGUMENT);

  ml_metadata::GetContextTypeRequest type;
  ml_metadata::GetContextTypeResponse found;
  type.set_type_name("system.PipelineRun");
  ASSERT_TRUE(Call(*stub_, &MlmdStub::GetContextType, type, &found).ok());
  EXPECT_EQ(found.context_type().name(), "system.PipelineRun");
  type.set_type_name("other");
  const grpc::Status unknown = Call(*stub_, &MlmdStub::GetContextType, type, &found);
  EXPECT_EQ(unknown.error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_THAT(unknown.error_message(), HasSubstr("'other'"));

  ml_metadata::GetArtifactsByIDRequest ids;
  for (int i = 0; i <= limits::kMlmdIds; ++i) ids.add_artifact_ids(i);
  ml_metadata::GetArtifactsByIDResponse artifacts;
  EXPECT_EQ(Call(*stub_, &MlmdStub::GetArtifactsByID, ids, &artifacts).error_code(),
            grpc::StatusCode::INVALID_ARGUMENT);
}

}  // namespace
}  // namespace penstock
