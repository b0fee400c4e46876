// Tasks of runs as clients of KFP 3.0 read and record them, through gRPC.
#include <set>
#include <thread>

#include "common/limits.h"
#include "storage/cache_store.h"
#include "tests/api/task_fixture.h"

namespace penstock {
namespace {

using api::PipelineTask;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using RunStub = api::RunService::Stub;

class TaskApiTest : public TaskServerTest {
 protected:
  // first -> each (a loop of two over a graph "inner" of one task) and a condition with a task.
  void MakeLoopRun() {
    TestPipeline pipeline;
    pipeline.root = {{"first", {}, "give"},
                     {"for-loop-1", {"first"}, "for-loop-1", {{"parameterIterator", LoopOver(2)}}},
                     {"condition-2", {"first"}, "condition-2"}};
    pipeline.graphs["for-loop-1"] = {{"body", {}}};
    pipeline.graphs["condition-2"] = {{"then", {}}};
    run_ = MakeRun(pipeline).run_id();
    first_ = AddTask(run_, "", "first");
    loop_ = AddTask(run_, "", "for-loop-1", TaskState::kRunning);
    for (int i = 0; i < 2; ++i) {
      iterations_.push_back(AddTask(run_, loop_, "for-loop-1", TaskState::kRunning, i));
      bodies_.push_back(AddTask(run_, iterations_[i], "body", TaskState::kPending));
    }
    condition_ = AddTask(run_, "", "condition-2", TaskState::kSkipped);
  }

  PipelineTask Get(const std::string& task_id) {
    api::GetTaskRequest request;
    request.set_run_id(run_);
    request.set_task_id(task_id);
    PipelineTask task;
    const grpc::Status status = Call(*runs_, &RunStub::GetTask, request, &task);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return task;
  }

  // Names of the tasks on all pages; "name" or "name/iteration".
  std::vector<std::string> List(api::ListTasksRequest request, int* total = nullptr) {
    request.set_run_id(run_);
    std::vector<std::string> names;
    do {
      api::ListTasksResponse page;
      const grpc::Status status = Call(*runs_, &RunStub::ListTasks, request, &page);
      EXPECT_TRUE(status.ok()) << status.error_message();
      for (const PipelineTask& task : page.tasks()) {
        names.push_back(task.type_attributes().has_iteration_index()
                            ? absl::StrCat(task.name(), "/", task.type_attributes().iteration_index())
                            : task.name());
      }
      if (total != nullptr) *total = page.total_size();
      request.set_page_token(page.next_page_token());
    } while (!request.page_token().empty());
    return names;
  }

  PipelineTask Create(PipelineTask task) {
    api::CreateTaskRequest request;
    request.set_run_id(run_);
    *request.mutable_task() = std::move(task);
    PipelineTask created;
    const grpc::Status status = Call(*runs_, &RunStub::CreateTask, request, &created);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return created;
  }

  grpc::Status Update(const std::string& task_id, const PipelineTask& task, PipelineTask* reply) {
    api::UpdateTaskRequest request;
    request.set_run_id(run_);
    request.set_task_id(task_id);
    *request.mutable_task() = task;
    return Call(*runs_, &RunStub::UpdateTask, request, reply);
  }

  std::string run_;
  std::string first_;
  std::string loop_;
  std::string condition_;
  std::vector<std::string> iterations_;
  std::vector<std::string> bodies_;
};
INSTANTIATE_TEST_SUITE_P(Databases, TaskApiTest, ServedDatabases());

PipelineTask::InputOutputs::IOParameter Parameter(const std::string& key, double number,
                                                  std::optional<int64_t> iteration = std::nullopt) {
  PipelineTask::InputOutputs::IOParameter parameter;
  parameter.set_parameter_key(key);
  parameter.set_type(api::OUTPUT);
  parameter.mutable_value()->set_number_value(number);
  if (iteration.has_value()) {
    parameter.mutable_producer()->set_task_name("p");
    parameter.mutable_producer()->set_iteration(*iteration);
  }
  return parameter;
}

TEST_P(TaskApiTest, ARunHasARootAndItsIterationsAreNoTasks) {
  MakeLoopRun();
  int total = 0;
  api::ListTasksRequest request;
  const std::vector<std::string> all = {"root", "first", "for-loop-1", "body/0", "body/1", "condition-2"};
  EXPECT_EQ(List(request, &total), all);
  EXPECT_EQ(total, 6);
  for (const int size : {1, 2, 5}) {
    request.set_page_size(size);
    EXPECT_EQ(List(request, &total), all) << size;
    EXPECT_EQ(total, 6);
  }
  request.set_order_by("create_time desc");
  EXPECT_EQ(List(request), std::vector<std::string>(all.rbegin(), all.rend()));

  const PipelineTask root = Get(run_);
  EXPECT_EQ(root.type(), PipelineTask::ROOT);
  EXPECT_FALSE(root.has_parent_task_id());
  EXPECT_EQ(root.scope_path(), "root");
  ASSERT_EQ(root.child_tasks_size(), 3);
  EXPECT_EQ(root.child_tasks(0).task_id(), first_);

  const PipelineTask loop = Get(loop_);
  EXPECT_EQ(loop.type(), PipelineTask::LOOP);
  EXPECT_EQ(loop.type_attributes().iteration_count(), 2);
  EXPECT_EQ(loop.parent_task_id(), run_);
  ASSERT_EQ(loop.child_tasks_size(), 2);
  EXPECT_EQ(loop.child_tasks(1).name(), "body");
  const PipelineTask body = Get(bodies_[1]);
  EXPECT_EQ(body.type(), PipelineTask::RUNTIME);
  EXPECT_EQ(body.parent_task_id(), loop_);
  EXPECT_EQ(body.scope_path(), "root.for-loop-1.body");
  EXPECT_EQ(body.type_attributes().iteration_index(), 1);
  EXPECT_EQ(body.state(), PipelineTask::RUNTIME_STATE_UNSPECIFIED);
  EXPECT_EQ(Get(condition_).type(), PipelineTask::CONDITION);
  EXPECT_EQ(Get(condition_).state(), PipelineTask::SKIPPED);

  api::GetTaskRequest get;
  get.set_run_id(run_);
  get.set_task_id(iterations_[0]);
  PipelineTask task;
  EXPECT_EQ(Call(*runs_, &RunStub::GetTask, get, &task).error_code(), grpc::StatusCode::NOT_FOUND);
}

TEST_P(TaskApiTest, ListsAreOfAParentAndFiltered) {
  MakeLoopRun();
  api::ListTasksRequest request;
  request.set_parent_id(run_);
  EXPECT_THAT(List(request), ElementsAre("first", "for-loop-1", "condition-2"));
  int total = 0;
  request.set_parent_id(loop_);
  request.set_page_size(1);
  EXPECT_THAT(List(request, &total), ElementsAre("body/0", "body/1"));
  EXPECT_EQ(total, 2);
  request.set_parent_id(first_);
  EXPECT_THAT(List(request), ElementsAre());
  request.clear_parent_id();
  request.set_filter(R"({"predicates":[{"key":"type","operation":"EQUALS","string_value":"RUNTIME"}]})");
  EXPECT_THAT(List(request), ElementsAre("first", "body/0", "body/1"));
  request.set_filter(R"({"predicates":[{"key":"name","operation":"IS_SUBSTRING","string_value":"o"},
                                      {"key":"state","operation":"EQUALS","string_value":"RUNNING"}]})");
  EXPECT_THAT(List(request), ElementsAre("for-loop-1"));

  api::ListTasksResponse page;
  request.set_run_id(run_);
  request.set_filter(R"({"predicates":[{"key":"color","operation":"EQUALS","string_value":"red"}]})");
  EXPECT_EQ(Call(*runs_, &RunStub::ListTasks, request, &page).error_code(),
            grpc::StatusCode::INVALID_ARGUMENT);
  request.clear_filter();
  request.set_order_by("name");
  EXPECT_EQ(Call(*runs_, &RunStub::ListTasks, request, &page).error_code(),
            grpc::StatusCode::INVALID_ARGUMENT);
  request.clear_order_by();
  ASSERT_TRUE(Call(*runs_, &RunStub::ListTasks, request, &page).ok());
  request.set_page_token(page.next_page_token());
  request.set_parent_id(run_);  // another query than that of the token
  EXPECT_EQ(Call(*runs_, &RunStub::ListTasks, request, &page).error_code(),
            grpc::StatusCode::INVALID_ARGUMENT);
  request.clear_page_token();
  request.set_run_id("none");
  EXPECT_EQ(Call(*runs_, &RunStub::ListTasks, request, &page).error_code(), grpc::StatusCode::NOT_FOUND);
}

TEST_P(TaskApiTest, ATaskTellsAllThatIsKnownOfIt) {
  MakeLoopRun();
  AddAttempt(run_, first_, 1, "attempt-1");
  AddParameter(run_, first_, Direction::kInput, "item", "7");
  AddParameter(run_, first_, Direction::kOutput, "out", "8");
  const auto artifact = AddOutput(run_, first_, "metrics", "system.Metrics", R"({"a":1,"b":2.5,"note":"x"})");
  AddLink(run_, bodies_[0], Direction::kInput, "given", artifact.artifact_id, "TASK_OUTPUT_INPUT", "first");
  const PipelineTask first = Get(first_);
  ASSERT_EQ(first.pods_size(), 1);
  EXPECT_EQ(first.pods(0).name(), "attempt-1");
  EXPECT_EQ(first.pods(0).type(), PipelineTask::EXECUTOR);
  const PipelineTask unstarted = Get(bodies_[1]);
  ASSERT_EQ(unstarted.pods_size(), 1);
  EXPECT_EQ(unstarted.pods(0).name(), bodies_[1]);
  EXPECT_EQ(Get(loop_).pods_size(), 0);
  ASSERT_EQ(first.state_history_size(), 2);
  EXPECT_EQ(first.state_history(1).state(), PipelineTask::SUCCEEDED);
  ASSERT_EQ(first.inputs().parameters_size(), 1);
  EXPECT_EQ(first.inputs().parameters(0).value().number_value(), 7);
  EXPECT_EQ(first.inputs().parameters(0).type(), api::COMPONENT_DEFAULT_INPUT);
  ASSERT_EQ(first.outputs().parameters_size(), 1);
  EXPECT_EQ(first.outputs().parameters(0).type(), api::OUTPUT);
  EXPECT_EQ(first.outputs().parameters(0).producer().task_name(), "first");
  ASSERT_EQ(first.outputs().artifacts_size(), 1);
  const auto& io = first.outputs().artifacts(0);
  EXPECT_EQ(io.artifact_key(), "metrics");
  ASSERT_EQ(io.artifacts_size(), 2);
  EXPECT_EQ(io.artifacts(0).artifact_id(), artifact.uuid + ":a");
  EXPECT_EQ(io.artifacts(0).name(), "a");
  EXPECT_EQ(io.artifacts(1).number_value(), 2.5);
  EXPECT_EQ(io.artifacts(1).type(), api::ArtifactTypes::Metric);
  EXPECT_EQ(io.artifacts(1).metadata().at("note").string_value(), "x");
  const PipelineTask body = Get(bodies_[0]);
  ASSERT_EQ(body.inputs().artifacts_size(), 1);
  EXPECT_EQ(body.inputs().artifacts(0).producer().task_name(), "first");
  EXPECT_EQ(body.inputs().artifacts(0).type(), api::TASK_OUTPUT_INPUT);

  api::GetRunRequest get;
  get.set_run_id(run_);
  api::Run run;
  ASSERT_TRUE(Call(*runs_, &RunStub::GetRun, get, &run).ok());
  EXPECT_EQ(run.task_count(), 6);
  EXPECT_EQ(run.tasks_size(), 0);
  get.set_view(api::GetRunRequest::FULL);
  ASSERT_TRUE(Call(*runs_, &RunStub::GetRun, get, &run).ok());
  ASSERT_EQ(run.tasks_size(), 6);
  EXPECT_EQ(run.tasks(1).SerializeAsString().size(), first.SerializeAsString().size());
  api::ListRunsRequest list;
  list.set_view(api::GetRunRequest::FULL);
  api::ListRunsResponse runs;
  ASSERT_TRUE(Call(*runs_, &RunStub::ListRuns, list, &runs).ok());
  ASSERT_EQ(runs.runs_size(), 1);
  EXPECT_EQ(runs.runs(0).tasks_size(), 6);
  EXPECT_EQ(runs.runs(0).task_count(), 6);
  list.clear_view();
  ASSERT_TRUE(Call(*runs_, &RunStub::ListRuns, list, &runs).ok());
  EXPECT_EQ(runs.runs(0).tasks_size(), 0);
}

TEST_P(TaskApiTest, OfATaskOfTheServerOnlyPropertiesChange) {
  MakeLoopRun();
  PipelineTask change;
  (*change.mutable_status_metadata()->mutable_custom_properties())["note"].set_string_value("mine");
  (*change.mutable_status_metadata()->mutable_custom_properties())["score"].set_number_value(0.5);
  PipelineTask updated;
  ASSERT_TRUE(Update(first_, change, &updated).ok());
  EXPECT_EQ(updated.status_metadata().custom_properties().at("note").string_value(), "mine");
  EXPECT_EQ(updated.status_metadata().custom_properties().at("score").number_value(), 0.5);
  // What was read may be sent back.
  EXPECT_TRUE(Update(first_, updated, &updated).ok());
  ASSERT_TRUE(Update(run_, change, &updated).ok());
  EXPECT_EQ(updated.type(), PipelineTask::ROOT);
  EXPECT_EQ(updated.status_metadata().custom_properties_size(), 2);
  for (const auto& [field, set] : std::map<std::string, std::function<void(PipelineTask&)>>{
           {"display_name", [](PipelineTask& task) { task.set_display_name("x"); }},
           {"state", [](PipelineTask& task) { task.set_state(PipelineTask::FAILED); }},
           {"outputs",
            [](PipelineTask& task) { *task.mutable_outputs()->add_parameters() = Parameter("o", 1); }},
           {"status_metadata",
            [](PipelineTask& task) { task.mutable_status_metadata()->set_message("x"); }}}) {
    PipelineTask wrong;
    set(wrong);
    const grpc::Status status = Update(first_, wrong, &updated);
    EXPECT_EQ(status.error_code(), grpc::StatusCode::FAILED_PRECONDITION) << field;
    EXPECT_THAT(status.error_message(), HasSubstr(field));
  }
  EXPECT_EQ(Update("none", change, &updated).error_code(), grpc::StatusCode::NOT_FOUND);
}

TEST_P(TaskApiTest, AClientRecordsTasks) {
  MakeLoopRun();
  PipelineTask given;
  given.set_name("graph");
  given.set_type(PipelineTask::DAG);
  given.set_state(PipelineTask::RUNNING);
  const PipelineTask graph = Create(given);
  EXPECT_EQ(graph.scope_path(), "root.graph");
  EXPECT_EQ(graph.type(), PipelineTask::DAG);
  given.set_name("step");
  given.set_type(PipelineTask::RUNTIME);
  given.set_parent_task_id(graph.task_id());
  given.set_cache_fingerprint("print");
  given.add_pods()->set_name("pod-1");
  *given.mutable_inputs()->add_parameters() = Parameter("x", 1);
  const PipelineTask step = Create(given);
  EXPECT_EQ(step.scope_path(), "root.graph.step");
  EXPECT_EQ(step.parent_task_id(), graph.task_id());
  EXPECT_EQ(step.cache_fingerprint(), "print");
  EXPECT_EQ(step.inputs().parameters(0).value().number_value(), 1);
  EXPECT_EQ(Get(graph.task_id()).child_tasks(0).task_id(), step.task_id());
  EXPECT_THAT(List({}),
              ElementsAre("root", "first", "for-loop-1", "body/0", "body/1", "condition-2", "graph", "step"));

  api::FindCachedTaskRequest find;
  find.set_cache_fingerprint("print");
  PipelineTask cached;
  ASSERT_TRUE(Call(*runs_, &RunStub::FindCachedTask, find, &cached).ok());
  EXPECT_EQ(cached.task_id(), "") << "it has not succeeded";
  PipelineTask change;
  change.set_state(PipelineTask::CACHED);
  change.mutable_end_time()->set_seconds(1'800'000'000);
  PipelineTask updated;
  ASSERT_TRUE(Update(step.task_id(), change, &updated).ok());
  EXPECT_EQ(updated.state(), PipelineTask::CACHED);
  EXPECT_EQ(updated.end_time().seconds(), 1'800'000'000);
  EXPECT_EQ(updated.pods(0).name(), "pod-1");
  ASSERT_TRUE(Call(*runs_, &RunStub::FindCachedTask, find, &cached).ok());
  EXPECT_EQ(cached.task_id(), step.task_id());
  find.set_namespace_("any");
  ASSERT_TRUE(Call(*runs_, &RunStub::FindCachedTask, find, &cached).ok());
  EXPECT_EQ(cached.task_id(), step.task_id());

  change.set_state(PipelineTask::RUNNING);
  EXPECT_EQ(Update(step.task_id(), change, &updated).error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  change.clear_state();
  change.set_name("other");
  EXPECT_EQ(Update(step.task_id(), change, &updated).error_code(), grpc::StatusCode::FAILED_PRECONDITION);

  api::GetRunRequest get;
  get.set_run_id(run_);
  api::Run run;
  ASSERT_TRUE(Call(*runs_, &RunStub::GetRun, get, &run).ok());
  const auto& details = run.run_details().task_details();
  EXPECT_TRUE(std::any_of(details.begin(), details.end(),
                          [&](const auto& task) { return task.task_id() == step.task_id(); }));
}

TEST_P(TaskApiTest, WritersMergeAndDoNotRace) {
  MakeLoopRun();
  PipelineTask given;
  given.set_name("loop");
  given.set_type(PipelineTask::LOOP);
  given.set_state(PipelineTask::RUNNING);
  const PipelineTask loop = Create(given);
  std::vector<std::thread> writers;
  for (int i = 0; i < 8; ++i) {
    writers.emplace_back([&, i] {
      PipelineTask change;
      *change.mutable_outputs()->add_parameters() = Parameter("out", i, i);
      PipelineTask updated;
      const grpc::Status status = Update(loop.task_id(), change, &updated);
      EXPECT_TRUE(status.ok()) << status.error_message();
    });
  }
  for (std::thread& writer : writers) writer.join();
  PipelineTask change;  // one of them again: replaced
  *change.mutable_outputs()->add_parameters() = Parameter("out", 100, 3);
  PipelineTask updated;
  ASSERT_TRUE(Update(loop.task_id(), change, &updated).ok());
  std::multiset<double> values;
  for (const auto& parameter : updated.outputs().parameters()) {
    values.insert(parameter.value().number_value());
  }
  EXPECT_EQ(values, (std::multiset<double>{0, 1, 2, 100, 4, 5, 6, 7}));

  api::UpdateTasksBulkRequest bulk;
  bulk.set_run_id(run_);
  (*bulk.mutable_tasks())[loop.task_id()].set_state(PipelineTask::SUCCEEDED);
  (*bulk.mutable_tasks())["none"].set_state(PipelineTask::SUCCEEDED);
  api::UpdateTasksBulkResponse reply;
  EXPECT_EQ(Call(*runs_, &RunStub::UpdateTasksBulk, bulk, &reply).error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(Get(loop.task_id()).state(), PipelineTask::RUNNING);
  bulk.mutable_tasks()->erase("none");
  ASSERT_TRUE(Call(*runs_, &RunStub::UpdateTasksBulk, bulk, &reply).ok());
  EXPECT_EQ(reply.tasks().at(loop.task_id()).state(), PipelineTask::SUCCEEDED);
}

TEST_P(TaskApiTest, ARunHasABoundOnWhatClientsRecord) {
  MakeLoopRun();
  PipelineTask step;
  step.set_name("step");
  Create(step);
  // As many as there may be but one, without making them.
  ASSERT_TRUE(store_
                  ->Write([&](db::Tx& tx) {
                    return CounterAdd(tx, absl::StrCat("recorded_tasks/", run_), limits::kRecordedTasks - 2);
                  })
                  .ok());
  Create(step);
  api::CreateTaskRequest request;
  request.set_run_id(run_);
  request.mutable_task()->set_name("one more");
  PipelineTask task;
  const grpc::Status status = Call(*runs_, &RunStub::CreateTask, request, &task);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_THAT(status.error_message(), HasSubstr("more than 100000 tasks"));
  EXPECT_THAT(List({}), ::testing::Not(::testing::Contains("one more")));
}

TEST_P(TaskApiTest, WhatIsWrongWithATaskIsSaid) {
  MakeLoopRun();
  const auto code = [&](const std::function<void(api::CreateTaskRequest&)>& set) {
    api::CreateTaskRequest request;
    request.set_run_id(run_);
    request.mutable_task()->set_name("n");
    set(request);
    PipelineTask task;
    return Call(*runs_, &RunStub::CreateTask, request, &task).error_code();
  };
  using grpc::StatusCode;
  using Request = api::CreateTaskRequest;
  EXPECT_EQ(code([](Request&) {}), StatusCode::OK);
  EXPECT_EQ(code([](Request& r) { r.set_run_id("none"); }), StatusCode::NOT_FOUND);
  EXPECT_EQ(code([](Request& r) { r.mutable_task()->set_parent_task_id("none"); }), StatusCode::NOT_FOUND);
  EXPECT_EQ(code([&](Request& r) { r.mutable_task()->set_parent_task_id(iterations_[0]); }),
            StatusCode::NOT_FOUND);
  EXPECT_EQ(code([](Request& r) { r.mutable_task()->clear_name(); }), StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(code([](Request& r) { r.mutable_task()->set_task_id("mine"); }), StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(code([](Request& r) { r.mutable_task()->set_type(PipelineTask::ROOT); }),
            StatusCode::ALREADY_EXISTS);
  EXPECT_EQ(code([](Request& r) { r.mutable_task()->set_state(static_cast<PipelineTask::TaskState>(9)); }),
            StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(
      code([](Request& r) { r.mutable_task()->set_name(std::string(limits::kSpecNameBytes + 1, 'x')); }),
      StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(code([](Request& r) { r.mutable_task()->mutable_end_time()->set_seconds(int64_t{1} << 60); }),
            StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(code([](Request& r) {
              for (int i = 0; i <= limits::kTaskParameters; ++i) {
                *r.mutable_task()->mutable_inputs()->add_parameters() = Parameter(absl::StrCat("p", i), 1);
              }
            }),
            StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(code([](Request& r) {
              auto* parameter = r.mutable_task()->mutable_inputs()->add_parameters();
              parameter->set_parameter_key("large");
              parameter->mutable_value()->set_string_value(std::string(limits::kTaskRecordBytes, 'x'));
            }),
            StatusCode::INVALID_ARGUMENT);
}

}  // namespace
}  // namespace penstock
