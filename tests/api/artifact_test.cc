// Artifacts and their links as clients of KFP 3.0 read and record them, through gRPC.
#include <set>
#include <thread>

#include "absl/strings/str_cat.h"
#include "absl/strings/substitute.h"
#include "common/limits.h"
#include "kubeflow/pipelines/v2beta1/artifact.grpc.pb.h"
#include "tests/api/task_fixture.h"

namespace penstock {
namespace {

using api::ArtifactTypes;
using ::testing::ElementsAre;
using ArtifactStub = api::ArtifactService::Stub;

class ArtifactApiTest : public TaskServerTest {
 protected:
  void SetUp() override {
    TaskServerTest::SetUp();
    if (store_ == nullptr) return;
    stub_ = api::ArtifactService::NewStub(channel_);
    TestPipeline pipeline;
    pipeline.root = {{"first", {}}, {"second", {"first"}}};
    run_ = MakeRun(pipeline).run_id();
    first_ = AddTask(run_, "", "first");
    second_ = AddTask(run_, "", "second");
  }

  api::CreateArtifactRequest NewArtifact(const std::string& task_id, const std::string& name = "data") {
    api::CreateArtifactRequest request;
    request.set_run_id(run_);
    request.set_task_id(task_id);
    request.set_producer_key("out");
    request.mutable_artifact()->set_name(name);
    request.mutable_artifact()->set_type(ArtifactTypes::Dataset);
    request.mutable_artifact()->set_uri("s3://bucket/data");
    (*request.mutable_artifact()->mutable_metadata())["rows"].set_number_value(3);
    return request;
  }

  api::Artifact Create(const api::CreateArtifactRequest& request) {
    api::Artifact artifact;
    const grpc::Status status = Call(*stub_, &ArtifactStub::CreateArtifact, request, &artifact);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return artifact;
  }

  std::vector<api::ArtifactTask> Links(api::ListArtifactTasksRequest request) {
    std::vector<api::ArtifactTask> links;
    do {
      api::ListArtifactTasksResponse page;
      const grpc::Status status = Call(*stub_, &ArtifactStub::ListArtifactTasks, request, &page);
      EXPECT_TRUE(status.ok()) << status.error_message();
      links.insert(links.end(), page.artifact_tasks().begin(), page.artifact_tasks().end());
      request.set_page_token(page.next_page_token());
    } while (!request.page_token().empty());
    return links;
  }

  std::unique_ptr<ArtifactStub> stub_;
  std::string run_;
  std::string first_;
  std::string second_;
};
INSTANTIATE_TEST_SUITE_P(Databases, ArtifactApiTest, ServedDatabases());

TEST_P(ArtifactApiTest, OneIsRegisteredAndLinked) {
  const api::Artifact created = Create(NewArtifact(first_));
  EXPECT_EQ(created.metadata().at("rows").number_value(), 3);
  EXPECT_TRUE(created.has_created_at());
  api::GetArtifactRequest get;
  get.set_artifact_id(created.artifact_id());
  api::Artifact read;
  ASSERT_TRUE(Call(*stub_, &ArtifactStub::GetArtifact, get, &read).ok());
  EXPECT_EQ(read.SerializeAsString().size(), created.SerializeAsString().size());

  api::CreateArtifactTaskRequest link;
  link.mutable_artifact_task()->set_artifact_id(created.artifact_id());
  link.mutable_artifact_task()->set_run_id(run_);
  link.mutable_artifact_task()->set_task_id(second_);
  link.mutable_artifact_task()->set_type(api::TASK_OUTPUT_INPUT);
  link.mutable_artifact_task()->set_key("in");
  link.mutable_artifact_task()->mutable_producer()->set_task_name("first");
  api::ArtifactTask linked;
  ASSERT_TRUE(Call(*stub_, &ArtifactStub::CreateArtifactTask, link, &linked).ok());
  api::ArtifactTask again;
  ASSERT_TRUE(Call(*stub_, &ArtifactStub::CreateArtifactTask, link, &again).ok());
  EXPECT_EQ(again.id(), linked.id());

  api::ListArtifactTasksRequest list;
  list.add_artifact_ids(created.artifact_id());
  auto links = Links(list);
  ASSERT_EQ(links.size(), 2);
  EXPECT_EQ(links[0].task_id(), first_);
  EXPECT_EQ(links[0].type(), api::OUTPUT);
  EXPECT_EQ(links[0].key(), "out");
  EXPECT_EQ(links[1].id(), linked.id());
  EXPECT_EQ(links[1].producer().task_name(), "first");
  list.set_sort_by("id desc");
  list.set_page_size(1);
  EXPECT_EQ(Links(list)[0].id(), linked.id());
  list.set_type(api::OUTPUT);
  EXPECT_EQ(Links(list).size(), 1);

  api::GetTaskRequest task_request;
  task_request.set_run_id(run_);
  task_request.set_task_id(second_);
  api::PipelineTask task;
  ASSERT_TRUE(Call(*runs_, &api::RunService::Stub::GetTask, task_request, &task).ok());
  ASSERT_EQ(task.inputs().artifacts_size(), 1);
  EXPECT_EQ(task.inputs().artifacts(0).artifacts(0).artifact_id(), created.artifact_id());
}

TEST_P(ArtifactApiTest, TheSameIsReusedAlsoByManyAtOnce) {
  std::vector<std::string> tasks;
  for (int i = 0; i < 6; ++i) tasks.push_back(AddTask(run_, "", absl::StrCat("t", i)));
  std::vector<api::Artifact> made(tasks.size());
  std::vector<std::thread> callers;
  for (size_t i = 0; i < tasks.size(); ++i) {
    callers.emplace_back([&, i] {
      api::CreateArtifactRequest request = NewArtifact(tasks[i]);
      request.set_reuse_if_exists(true);
      made[i] = Create(request);
    });
  }
  for (std::thread& caller : callers) caller.join();
  std::set<std::string> ids;
  for (const api::Artifact& artifact : made) ids.insert(artifact.artifact_id());
  EXPECT_EQ(ids.size(), 1);
  api::ListArtifactTasksRequest list;
  list.add_artifact_ids(*ids.begin());
  EXPECT_EQ(Links(list).size(), tasks.size());

  api::CreateArtifactRequest other = NewArtifact(first_);
  other.set_reuse_if_exists(true);
  (*other.mutable_artifact()->mutable_metadata())["rows"].set_number_value(4);
  EXPECT_NE(Create(other).artifact_id(), *ids.begin());
  EXPECT_NE(Create(NewArtifact(first_)).artifact_id(), *ids.begin());
  api::CreateArtifactRequest without_uri = NewArtifact(first_, "no uri");
  without_uri.mutable_artifact()->clear_uri();
  without_uri.set_reuse_if_exists(true);
  EXPECT_EQ(Create(without_uri).artifact_id(), Create(without_uri).artifact_id());
}

TEST_P(ArtifactApiTest, EachNumberOfMetricsIsAnArtifact) {
  const auto stored = AddOutput(run_, first_, "metrics", "system.Metrics", R"({"a":1,"b":2})");
  api::CreateArtifactRequest request = NewArtifact(second_, "loss");
  request.mutable_artifact()->set_type(ArtifactTypes::Metric);
  request.mutable_artifact()->set_number_value(0.25);
  const api::Artifact loss = Create(request);
  EXPECT_EQ(loss.number_value(), 0.25);
  EXPECT_EQ(loss.name(), "loss");
  EXPECT_FALSE(loss.metadata().contains("loss"));
  EXPECT_EQ(loss.metadata().at("rows").number_value(), 3);

  api::ListArtifactsRequest list;
  api::ListArtifactsResponse all;
  ASSERT_TRUE(Call(*stub_, &ArtifactStub::ListArtifacts, list, &all).ok());
  std::vector<std::string> names;
  for (const api::Artifact& artifact : all.artifacts()) names.push_back(artifact.name());
  EXPECT_THAT(names, ElementsAre("a", "b", "loss"));
  api::GetArtifactRequest get;
  api::Artifact b;
  get.set_artifact_id(stored.uuid + ":b");
  ASSERT_TRUE(Call(*stub_, &ArtifactStub::GetArtifact, get, &b).ok());
  EXPECT_EQ(b.number_value(), 2);
  get.set_artifact_id(stored.uuid + ":c");
  EXPECT_EQ(Call(*stub_, &ArtifactStub::GetArtifact, get, &b).error_code(), grpc::StatusCode::NOT_FOUND);
  api::ListArtifactTasksRequest links;
  links.add_artifact_ids(stored.uuid + ":b");
  ASSERT_EQ(Links(links).size(), 1);
  EXPECT_EQ(Links(links)[0].artifact_id(), stored.uuid + ":b");
  links.clear_artifact_ids();
  links.add_run_ids(run_);
  EXPECT_EQ(Links(links).size(), 3);
}

TEST_P(ArtifactApiTest, PagesAreNoLongerThanAskedForAndGoOnExactly) {
  AddOutput(run_, first_, "one", "system.Metrics", R"({"a":1,"b":2,"c":3})");
  AddOutput(run_, first_, "two", "system.Dataset", "{}");
  AddOutput(run_, first_, "three", "system.Metrics", R"({"e":1,"f":2,"g":3,"h":4,"i":5})");
  api::ListArtifactsRequest list;
  api::ListArtifactsResponse page;
  ASSERT_TRUE(Call(*stub_, &ArtifactStub::ListArtifacts, list, &page).ok());
  const api::ListArtifactsResponse all = page;
  ASSERT_EQ(all.artifacts_size(), 9);
  for (int size = 1; size <= 10; ++size) {
    list.set_page_size(size);
    list.clear_page_token();
    std::vector<std::string> ids;
    do {
      ASSERT_TRUE(Call(*stub_, &ArtifactStub::ListArtifacts, list, &page).ok());
      EXPECT_EQ(page.total_size(), 3);
      const bool is_full = page.artifacts_size() == size;
      EXPECT_TRUE(is_full || page.next_page_token().empty()) << page.artifacts_size() << " of " << size;
      for (const api::Artifact& artifact : page.artifacts()) ids.push_back(artifact.artifact_id());
      list.set_page_token(page.next_page_token());
    } while (!list.page_token().empty());
    ASSERT_EQ(ids.size(), 9) << size;
    for (size_t i = 0; i < ids.size(); ++i) EXPECT_EQ(ids[i], all.artifacts(i).artifact_id()) << size;
  }
  list.set_page_size(2);
  list.clear_page_token();
  ASSERT_TRUE(Call(*stub_, &ArtifactStub::ListArtifacts, list, &page).ok());
  list.set_page_token(page.next_page_token());
  list.set_namespace_("another list");
  EXPECT_EQ(Call(*stub_, &ArtifactStub::ListArtifacts, list, &page).error_code(),
            grpc::StatusCode::INVALID_ARGUMENT);
}

TEST_P(ArtifactApiTest, UrisOfOurOwnAreUrls) {
  deps_->public_uris = PublicUris("http://host:1");
  const auto stored = AddOutput(run_, first_, "a%20b", "system.Dataset", "{}");
  const std::string url = "http://host:1/artifacts/http/penstock/artifacts/a%2520b";
  api::GetArtifactRequest get;
  get.set_artifact_id(stored.uuid);
  api::Artifact read;
  ASSERT_TRUE(Call(*stub_, &ArtifactStub::GetArtifact, get, &read).ok());
  EXPECT_EQ(read.uri(), url);
  api::CreateArtifactRequest same = NewArtifact(second_, "same");
  for (const std::string& given : {url, std::string("penstock://artifacts/a%20b")}) {
    same.mutable_artifact()->set_uri(given);
    same.set_reuse_if_exists(true);
    EXPECT_EQ(Create(same).uri(), url);
  }
  for (const std::string& given : {url, std::string("http://penstock/artifacts/a%20b")}) {
    for (const char* filter : {R"("operation":"EQUALS","string_value":"$0")",
                               R"("operation":"IN","string_values":{"values":["$0"]})"}) {
      api::ListArtifactsRequest list;
      list.set_filter(
          absl::StrCat(R"({"predicates":[{"key":"uri",)", absl::Substitute(filter, given), "}]}"));
      api::ListArtifactsResponse page;
      const grpc::Status status = Call(*stub_, &ArtifactStub::ListArtifacts, list, &page);
      EXPECT_TRUE(status.ok()) << status.error_message();
      EXPECT_EQ(page.artifacts_size(), 2) << list.filter();
    }
  }
}

TEST_P(ArtifactApiTest, ManyAreMadeTogetherOrNone) {
  api::CreateArtifactsBulkRequest bulk;
  *bulk.add_artifacts() = NewArtifact(first_, "x");
  *bulk.add_artifacts() = NewArtifact("none", "y");
  api::CreateArtifactsBulkResponse made;
  EXPECT_EQ(Call(*stub_, &ArtifactStub::CreateArtifactsBulk, bulk, &made).error_code(),
            grpc::StatusCode::NOT_FOUND);
  api::ListArtifactsResponse all;
  ASSERT_TRUE(Call(*stub_, &ArtifactStub::ListArtifacts, api::ListArtifactsRequest(), &all).ok());
  EXPECT_EQ(all.artifacts_size(), 0);
  bulk.mutable_artifacts(1)->set_task_id(second_);
  ASSERT_TRUE(Call(*stub_, &ArtifactStub::CreateArtifactsBulk, bulk, &made).ok());
  ASSERT_EQ(made.artifacts_size(), 2);

  api::CreateArtifactTasksBulkRequest links;
  for (const api::Artifact& artifact : made.artifacts()) {
    api::ArtifactTask* link = links.add_artifact_tasks();
    link->set_artifact_id(artifact.artifact_id());
    link->set_run_id(run_);
    link->set_task_id(run_);  // the root
    link->set_type(api::OUTPUT);
    link->set_key("of_run");
  }
  api::CreateArtifactTasksBulkResponse linked;
  ASSERT_TRUE(Call(*stub_, &ArtifactStub::CreateArtifactTasksBulk, links, &linked).ok());
  EXPECT_EQ(linked.artifact_tasks_size(), 2);
  api::ListArtifactTasksRequest list;
  list.add_task_ids(run_);
  EXPECT_EQ(Links(list).size(), 2);
}

TEST_P(ArtifactApiTest, ListsAreFilteredAndSorted) {
  for (const char* name : {"b", "a", "c"}) {
    api::CreateArtifactRequest request = NewArtifact(first_, name);
    request.mutable_artifact()->set_namespace_(name[0] == 'c' ? "other" : "");
    Create(request);
  }
  const auto names = [&](const api::ListArtifactsRequest& list) {
    api::ListArtifactsResponse page;
    const grpc::Status status = Call(*stub_, &ArtifactStub::ListArtifacts, list, &page);
    EXPECT_TRUE(status.ok()) << status.error_message();
    std::vector<std::string> found;
    for (const api::Artifact& artifact : page.artifacts()) found.push_back(artifact.name());
    return found;
  };
  api::ListArtifactsRequest list;
  list.set_sort_by("name desc");
  EXPECT_THAT(names(list), ElementsAre("c", "b", "a"));
  list.set_filter(R"({"predicates":[{"key":"name","operation":"EQUALS","string_value":"a"}]})");
  EXPECT_THAT(names(list), ElementsAre("a"));
  list.clear_filter();
  list.set_namespace_("other");
  EXPECT_THAT(names(list), ElementsAre("c"));
}

TEST_P(ArtifactApiTest, WhatIsWrongIsSaid) {
  const auto code = [&](const std::function<void(api::CreateArtifactRequest&)>& set) {
    api::CreateArtifactRequest request = NewArtifact(first_);
    set(request);
    api::Artifact artifact;
    return Call(*stub_, &ArtifactStub::CreateArtifact, request, &artifact).error_code();
  };
  using grpc::StatusCode;
  using Request = api::CreateArtifactRequest;
  EXPECT_EQ(code([](Request& r) { r.mutable_artifact()->clear_type(); }), StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(code([](Request& r) { r.clear_run_id(); }), StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(code([](Request& r) { r.clear_producer_key(); }), StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(code([](Request& r) { r.set_run_id("none"); }), StatusCode::NOT_FOUND);
  EXPECT_EQ(code([](Request& r) { r.mutable_artifact()->set_number_value(1); }),
            StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(code([](Request& r) { r.mutable_artifact()->set_type(ArtifactTypes::Metric); }),
            StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(code([](Request& r) {
              (*r.mutable_artifact()->mutable_metadata())["x"].set_string_value(
                  std::string(limits::kMetadataBytes, 'x'));
            }),
            StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(code([](Request& r) {
              google::protobuf::Value* value = &(*r.mutable_artifact()->mutable_metadata())["x"];
              for (int i = 0; i <= limits::kMetadataDepth; ++i) {
                value = value->mutable_list_value()->add_values();
              }
            }),
            StatusCode::INVALID_ARGUMENT);

  api::ListArtifactTasksRequest list;
  api::ListArtifactTasksResponse links;
  EXPECT_EQ(Call(*stub_, &ArtifactStub::ListArtifactTasks, list, &links).error_code(),
            StatusCode::INVALID_ARGUMENT);
  list.add_run_ids(run_);
  list.set_filter("x");
  EXPECT_EQ(Call(*stub_, &ArtifactStub::ListArtifactTasks, list, &links).error_code(),
            StatusCode::INVALID_ARGUMENT);
  list.set_filter(R"({"predicates":[{"key":"color","operation":"EQUALS","string_value":"red"}]})");
  EXPECT_EQ(Call(*stub_, &ArtifactStub::ListArtifactTasks, list, &links).error_code(),
            StatusCode::INVALID_ARGUMENT);
  list.set_filter(R"({"predicates":[{"key":"run_id","operation":"EQUALS","string_value":"other"}]})");
  EXPECT_TRUE(Call(*stub_, &ArtifactStub::ListArtifactTasks, list, &links).ok());
  EXPECT_EQ(links.artifact_tasks_size(), 0);
  list.clear_filter();
  list.set_page_token("x");
  EXPECT_EQ(Call(*stub_, &ArtifactStub::ListArtifactTasks, list, &links).error_code(),
            StatusCode::INVALID_ARGUMENT);
}

}  // namespace
}  // namespace penstock
