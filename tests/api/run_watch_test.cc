// Watches of runs through gRPC, and the hub that serves them.
#include <atomic>
#include <map>
#include <string>
#include <vector>

#include "common/status_macros.h"
#include "penstock/v1/run_operations.grpc.pb.h"
#include "penstock/v1/run_status.grpc.pb.h"
#include "server/watch/watch_hub.h"
#include "storage/task_store.h"
#include "tests/api/server_fixture.h"

namespace penstock {
namespace {

using penstock::v1::RunOperationsService;
using penstock::v1::RunStatusService;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using Stub = RunOperationsService::Stub;

constexpr absl::Duration kPatience = absl::Seconds(30);

// Hears what the hub tells.
class Hearer final : public Watcher {
 public:
  void Send(WatchMessage message) override {
    absl::MutexLock lock(&mutex_);
    heard_.push_back(*message);
  }
  void End(const absl::Status& status) override {
    absl::MutexLock lock(&mutex_);
    end_ = status;
  }

  // The last message once there are that many.
  std::string Await(size_t messages) {
    absl::MutexLock lock(&mutex_);
    const auto there = [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return heard_.size() >= messages; };
    return mutex_.AwaitWithTimeout(absl::Condition(&there), kPatience) ? heard_.back() : "nothing came";
  }
  absl::Status AwaitEnd() {
    absl::MutexLock lock(&mutex_);
    const auto ended = [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return end_.has_value(); };
    return mutex_.AwaitWithTimeout(absl::Condition(&ended), kPatience) ? *end_ : absl::UnknownError("no end");
  }
  size_t count() {
    absl::MutexLock lock(&mutex_);
    return heard_.size();
  }

 private:
  absl::Mutex mutex_;
  std::vector<std::string> heard_ ABSL_GUARDED_BY(mutex_);
  std::optional<absl::Status> end_ ABSL_GUARDED_BY(mutex_);
};

// A number that a test sets, as what is watched.
struct Number {
  std::atomic<int> value{0};
  std::atomic<int> reads{0};
};

class WatchedNumber final : public Watched {
 public:
  WatchedNumber(Number& number, std::string run_id) : number_(number), run_id_(std::move(run_id)) {}
  absl::StatusOr<News> Read(RequestContext&) override {
    ++number_.reads;
    const int now = number_.value;
    if (now < 0) return absl::NotFoundError("it is gone");
    auto message = std::make_shared<const std::string>(absl::StrCat(now));
    const bool changed = whole_.empty() || *whole_[0] != *message;
    whole_ = {message};
    return News{changed ? message : nullptr, false};
  }
  const std::vector<WatchMessage>& Whole() override { return whole_; }
  int64_t bytes() const override { return 1; }
  const std::string& run_id() const override { return run_id_; }

 private:
  Number& number_;
  const std::string run_id_;
  std::vector<WatchMessage> whole_;
};

class RunWatchTest : public ServerTest {
 protected:
  void SetUp() override {
    ServerTest::SetUp();
    if (store_ == nullptr) return;  // skipped
    operations_ = RunOperationsService::NewStub(channel_);
    statuses_ = RunStatusService::NewStub(channel_);
    version_ = Upload("p");
    context_.set_deadline(absl::ToChronoTime(absl::Now() + kPatience));
  }

  std::string Create(const std::string& name, const std::map<std::string, std::string>& tags = {}) {
    penstock::v1::CreateRunRequest request;
    request.set_request_id("new-" + name);
    *request.mutable_run() = RunOf(version_).run();
    request.mutable_run()->set_display_name(name);
    request.mutable_tags()->insert(tags.begin(), tags.end());
    api::Run run;
    const grpc::Status status = Call(*operations_, &Stub::CreateRun, request, &run);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return run.run_id();
  }
  void Move(const std::string& run_id, RunState from, RunState to) {
    Write([&](db::Tx& tx) { return RunSetState(tx, run_id, from, {to, clock_.Now(), 0, ""}); });
  }
  TaskRow Task(const std::string& run_id, const std::string& name) {
    TaskRow row;
    row.run_id = run_id;
    row.task_id = name;
    row.name = name;
    row.created_at = clock_.Now();
    return row;
  }
  // Tells the hub of `server_`, and any other, as a commit would.
  void Hint(const std::string& run_id) { store_->notifier().Notify(Topic::kRunChanges, run_id); }

  std::unique_ptr<Stub> operations_;
  std::unique_ptr<RunStatusService::Stub> statuses_;
  api::PipelineVersion version_;
  grpc::ClientContext context_;
};
INSTANTIATE_TEST_SUITE_P(Databases, RunWatchTest, ServedDatabases());

TEST_P(RunWatchTest, AWatchedRunIsSentWheneverItHasChanged) {
  const std::string id = Create("a");
  penstock::v1::WatchRunRequest request;
  request.set_run_id(id);
  const auto reader = operations_->WatchRun(&context_, request);
  api::Run run;
  ASSERT_TRUE(reader->Read(&run));
  EXPECT_EQ(run.state(), api::PENDING);
  penstock::v1::UpdateRunRequest update;
  update.set_run_id(id);
  update.set_description("seen");
  penstock::v1::RunRecord record;
  ASSERT_TRUE(Call(*operations_, &Stub::UpdateRun, update, &record).ok());
  ASSERT_TRUE(reader->Read(&run));
  EXPECT_EQ(run.description(), "seen");
  Write([&](db::Tx& tx) -> absl::Status {
    RETURN_IF_ERROR(RunSetState(tx, id, RunState::kPending, {RunState::kRunning, clock_.Now(), 0, ""}));
    return RunSetState(tx, id, RunState::kRunning, {RunState::kSucceeded, clock_.Now(), 0, ""});
  });
  ASSERT_TRUE(reader->Read(&run));
  EXPECT_EQ(run.state(), api::SUCCEEDED);
  EXPECT_FALSE(reader->Read(&run));
  EXPECT_TRUE(reader->Finish().ok());
}

TEST_P(RunWatchTest, AWatchedListTellsWhatComesAndGoes) {
  const std::string a = Create("a", {{"team", "blue"}});
  Create("other");
  penstock::v1::WatchRunsRequest request;
  request.set_filter(R"({"predicates":[{"operation":"EQUALS","key":"tags.team","string_value":"blue"}]})");
  const auto reader = operations_->WatchRuns(&context_, request);
  penstock::v1::RunListChange change;
  ASSERT_TRUE(reader->Read(&change));
  ASSERT_EQ(change.changed_size(), 1);
  EXPECT_EQ(change.changed(0).run_id(), a);
  EXPECT_EQ(change.total_size(), 1);
  const std::string b = Create("b", {{"team", "blue"}});
  ASSERT_TRUE(reader->Read(&change));
  ASSERT_EQ(change.changed_size(), 1);
  EXPECT_EQ(change.changed(0).run_id(), b);
  EXPECT_EQ(change.removed_run_ids_size(), 0);
  api::DeleteRunRequest remove;
  remove.set_run_id(a);
  google::protobuf::Empty empty;
  ASSERT_TRUE(Call(*runs_, &api::RunService::Stub::DeleteRun, remove, &empty).ok());
  ASSERT_TRUE(reader->Read(&change));
  EXPECT_EQ(change.changed_size(), 0);
  EXPECT_THAT(change.removed_run_ids(), ElementsAre(a));
  context_.TryCancel();
  EXPECT_FALSE(reader->Read(&change));
}

TEST_P(RunWatchTest, AWatchedStatusBringsOnlyTheTasksThatChange) {
  const std::string id = Create("a");
  Write([&](db::Tx& tx) -> absl::Status {
    RETURN_IF_ERROR(RunSetState(tx, id, RunState::kPending, {RunState::kRunning, clock_.Now(), 0, ""}));
    RETURN_IF_ERROR(TaskInsert(tx, Task(id, "first")));
    return TaskInsert(tx, Task(id, "second"));
  });
  penstock::v1::WatchRunStatusRequest request;
  request.set_run_id(id);
  const auto reader = statuses_->WatchRunStatus(&context_, request);
  penstock::v1::RunStatusChange change;
  ASSERT_TRUE(reader->Read(&change));
  EXPECT_EQ(change.status().state(), "RUNNING");
  ASSERT_EQ(change.status().tasks_size(), 2);

  TaskRow second = Task(id, "second");
  second.state = TaskState::kRunning;
  Write([&](db::Tx& tx) { return TaskSetState(tx, TaskState::kPending, second, clock_.Now()); });
  ASSERT_TRUE(reader->Read(&change));
  ASSERT_EQ(change.status().tasks_size(), 1);
  EXPECT_EQ(change.status().tasks(0).task_id(), "second");
  EXPECT_EQ(change.status().tasks(0).state(), "RUNNING");

  Write([&](db::Tx& tx) { return TaskDelete(tx, id, "first"); });
  ASSERT_TRUE(reader->Read(&change));
  EXPECT_THAT(change.status().tasks(), IsEmpty());
  EXPECT_THAT(change.removed_task_ids(), ElementsAre("first"));

  Move(id, RunState::kRunning, RunState::kSucceeded);
  ASSERT_TRUE(reader->Read(&change));
  EXPECT_EQ(change.status().state(), "SUCCEEDED");
  EXPECT_FALSE(reader->Read(&change));
  EXPECT_TRUE(reader->Finish().ok());
}

TEST_P(RunWatchTest, AStatusOfManyTasksComesInParts) {
  const std::string id = Create("a");
  const int count = limits::kWatchedTasksFirst + limits::kWatchedTasksNext + 1;
  Write([&](db::Tx& tx) -> absl::Status {
    RETURN_IF_ERROR(RunSetState(tx, id, RunState::kPending, {RunState::kRunning, clock_.Now(), 0, ""}));
    for (int i = 0; i < count; ++i) RETURN_IF_ERROR(TaskInsert(tx, Task(id, absl::StrCat("task ", i))));
    return absl::OkStatus();
  });
  penstock::v1::WatchRunStatusRequest request;
  request.set_run_id(id);
  const auto reader = statuses_->WatchRunStatus(&context_, request);
  penstock::v1::RunStatusChange part;
  int seen = 0;
  do {
    ASSERT_TRUE(reader->Read(&part));
    EXPECT_EQ(part.status().display_name(), "a");
    seen += part.status().tasks_size();
    EXPECT_EQ(part.tasks_to_come(), count - seen);
  } while (part.tasks_to_come() > 0);
  EXPECT_EQ(part.status().tasks_size(), 1);
}

TEST_P(RunWatchTest, AWatchOfNothingOrOfNonsenseIsRefused) {
  penstock::v1::WatchRunRequest request;
  request.set_run_id("nobody");
  const auto reader = operations_->WatchRun(&context_, request);
  api::Run run;
  EXPECT_FALSE(reader->Read(&run));
  EXPECT_EQ(reader->Finish().error_code(), grpc::StatusCode::NOT_FOUND);

  grpc::ClientContext context;
  penstock::v1::WatchRunsRequest list;
  list.set_filter("no filter");
  const auto of_list = operations_->WatchRuns(&context, list);
  penstock::v1::RunListChange change;
  EXPECT_FALSE(of_list->Read(&change));
  EXPECT_EQ(of_list->Finish().error_code(), grpc::StatusCode::INVALID_ARGUMENT);
}

TEST_P(RunWatchTest, WatchesEndWithTheServer) {
  penstock::v1::WatchRunRequest request;
  request.set_run_id(Create("a"));
  const auto reader = operations_->WatchRun(&context_, request);
  api::Run run;
  ASSERT_TRUE(reader->Read(&run));
  EXPECT_TRUE(server_->Stop(absl::Seconds(20), absl::Seconds(20)));
  EXPECT_FALSE(reader->Read(&run));
  EXPECT_EQ(reader->Finish().error_code(), grpc::StatusCode::UNAVAILABLE);
}

TEST_P(RunWatchTest, AThousandWhoWatchTheSameShareOneRead) {
  WatchHub hub(*deps_);
  Number number;
  const auto make = [&] { return std::make_unique<WatchedNumber>(number, "run"); };
  std::vector<std::shared_ptr<Hearer>> all;
  for (int i = 0; i < 1000; ++i) {
    all.push_back(std::make_shared<Hearer>());
    ASSERT_EQ(hub.Join("it", make, all.back()), absl::OkStatus());
  }
  for (const auto& one : all) EXPECT_EQ(one->Await(1), "0");
  const int reads = number.reads;
  EXPECT_LT(reads, 100);
  number.value = 1;
  Hint("run");
  for (const auto& one : all) EXPECT_EQ(one->Await(2), "1");
  EXPECT_LT(number.reads, reads + 100);
  hub.Stop();
  for (const auto& one : all) EXPECT_EQ(one->AwaitEnd().code(), absl::StatusCode::kUnavailable);
}

TEST_P(RunWatchTest, HintsOfOtherRunsReadNothingButLists) {
  WatchHub hub(*deps_);
  Number of_run;
  Number of_list;
  const auto run = std::make_shared<Hearer>();
  const auto list = std::make_shared<Hearer>();
  const auto of = [](Number& number, const char* id) {
    return [&number, id] { return std::make_unique<WatchedNumber>(number, id); };
  };
  ASSERT_EQ(hub.Join("run", of(of_run, "mine"), run), absl::OkStatus());
  ASSERT_EQ(hub.Join("list", of(of_list, ""), list), absl::OkStatus());
  EXPECT_EQ(run->Await(1), "0");
  EXPECT_EQ(list->Await(1), "0");
  of_run.value = of_list.value = 1;
  Hint("another");
  EXPECT_EQ(list->Await(2), "1");
  EXPECT_EQ(run->count(), 1U);
  Hint("");  // any run
  EXPECT_EQ(run->Await(2), "1");
}

TEST_P(RunWatchTest, WhatGoesAwayEndsItsWatches) {
  WatchHub hub(*deps_);
  Number number;
  const auto make = [&] { return std::make_unique<WatchedNumber>(number, "run"); };
  const auto one = std::make_shared<Hearer>();
  const auto gone = std::make_shared<Hearer>();
  ASSERT_EQ(hub.Join("it", make, one), absl::OkStatus());
  ASSERT_EQ(hub.Join("it", make, gone), absl::OkStatus());
  EXPECT_EQ(one->Await(1), "0");
  EXPECT_EQ(gone->Await(1), "0");
  hub.Leave("it", *gone);
  number.value = -1;
  Hint("run");
  EXPECT_EQ(one->AwaitEnd().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(gone->count(), 1U);
  // What comes back is watched anew.
  number.value = 5;
  const auto late = std::make_shared<Hearer>();
  ASSERT_EQ(hub.Join("it", make, late), absl::OkStatus());
  EXPECT_EQ(late->Await(1), "5");
}

TEST_P(RunWatchTest, WatchesAreBounded) {
  WatchHub hub(*deps_);
  Number number;
  const auto make = [&] { return std::make_unique<WatchedNumber>(number, "run"); };
  for (int i = 0; i < limits::kWatchers; ++i) {
    ASSERT_EQ(hub.Join("it", make, std::make_shared<Hearer>()), absl::OkStatus());
  }
  const auto more = std::make_shared<Hearer>();
  EXPECT_EQ(hub.Join("it", make, more).code(), absl::StatusCode::kResourceExhausted);
}

}  // namespace
}  // namespace penstock
