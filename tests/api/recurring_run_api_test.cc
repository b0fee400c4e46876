// Recurring runs through gRPC, on every database. No scheduler: what is due stays due.
#include "common/limits.h"
#include "tests/api/server_fixture.h"

namespace penstock {
namespace {

using ::testing::HasSubstr;

using Schedules = penstock::v1::ScheduleService::Stub;
using RecurringRuns = api::RecurringRunService::Stub;

class RecurringRunApiTest : public ServerTest {
 protected:
  void SetUp() override {
    ServerTest::SetUp();
    if (store_ == nullptr) return;  // skipped
    recurring_runs_ = api::RecurringRunService::NewStub(channel_);
    schedules_ = penstock::v1::ScheduleService::NewStub(channel_);
  }

  // A daily one of a version.
  api::RecurringRun Daily(const api::PipelineVersion& version) {
    api::RecurringRun given;
    given.set_display_name("daily");
    given.set_max_concurrency(2);
    given.set_mode(api::RecurringRun::ENABLE);
    given.mutable_trigger()->mutable_cron_schedule()->set_cron("0 0 3 * * *");
    given.mutable_pipeline_version_reference()->set_pipeline_id(version.pipeline_id());
    given.mutable_pipeline_version_reference()->set_pipeline_version_id(version.pipeline_version_id());
    return given;
  }
  grpc::Status Create(const api::RecurringRun& given, api::RecurringRun* reply) {
    api::CreateRecurringRunRequest request;
    *request.mutable_recurring_run() = given;
    return Call(*recurring_runs_, &RecurringRuns::CreateRecurringRun, request, reply);
  }
  grpc::Status Update(const penstock::v1::UpdateRecurringRunRequest& request, penstock::v1::Schedule* reply) {
    return Call(*schedules_, &Schedules::UpdateRecurringRun, request, reply);
  }

  std::unique_ptr<RecurringRuns> recurring_runs_;
  std::unique_ptr<Schedules> schedules_;
};
INSTANTIATE_TEST_SUITE_P(Databases, RecurringRunApiTest, ServedDatabases());

TEST_P(RecurringRunApiTest, WhatIsCreatedIsWhatIsReadAndListed) {
  const api::PipelineVersion version = Upload("p");
  api::RecurringRun created;
  ASSERT_TRUE(Create(Daily(version), &created).ok());
  EXPECT_EQ(created.status(), api::RecurringRun::ENABLED);
  EXPECT_EQ(created.service_account(), "pipeline-runner");
  EXPECT_EQ(created.namespace_(), "kubeflow");
  api::GetRecurringRunRequest get;
  get.set_recurring_run_id(created.recurring_run_id());
  api::RecurringRun read;
  ASSERT_TRUE(Call(*recurring_runs_, &RecurringRuns::GetRecurringRun, get, &read).ok());
  EXPECT_EQ(read.SerializeAsString(), created.SerializeAsString());
  api::ListRecurringRunsResponse list;
  ASSERT_TRUE(
      Call(*recurring_runs_, &RecurringRuns::ListRecurringRuns, api::ListRecurringRunsRequest(), &list).ok());
  ASSERT_EQ(list.recurringruns_size(), 1);
  EXPECT_EQ(list.total_size(), 1);
  EXPECT_EQ(list.recurringruns(0).SerializeAsString(), created.SerializeAsString());
}

// Over HTTP the gateway makes the mask and checks times; here they are what the caller says.
TEST_P(RecurringRunApiTest, AnEditChangesWhatTheMaskNames) {
  api::RecurringRun created;
  ASSERT_TRUE(Create(Daily(Upload("p")), &created).ok());
  penstock::v1::UpdateRecurringRunRequest request;
  request.mutable_recurring_run()->set_recurring_run_id(created.recurring_run_id());
  request.mutable_recurring_run()->set_display_name("renamed");
  request.mutable_recurring_run()->set_description("left out");
  penstock::v1::Schedule edited;
  EXPECT_THAT(Update(request, &edited).error_message(), HasSubstr("update_mask"));
  request.mutable_update_mask()->add_paths("display_name");
  ASSERT_TRUE(Update(request, &edited).ok());
  EXPECT_EQ(edited.recurring_run().display_name(), "renamed");
  EXPECT_EQ(edited.recurring_run().description(), "");
  EXPECT_EQ(edited.recurring_run().max_concurrency(), 2);
  request.set_time_zone("Asia/Tokyo");
  const int64_t due_utc = edited.next_due_at().seconds();
  ASSERT_TRUE(Update(request, &edited).ok());
  EXPECT_EQ(edited.time_zone(), "Asia/Tokyo");
  EXPECT_EQ((due_utc - edited.next_due_at().seconds() + 86400) % 86400, 9 * 3600);
  request.mutable_update_mask()->add_paths("created_at");
  EXPECT_EQ(Update(request, &edited).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  request.mutable_recurring_run()->set_recurring_run_id("none");
  request.mutable_update_mask()->clear_paths();
  request.mutable_update_mask()->add_paths("display_name");
  EXPECT_EQ(Update(request, &edited).error_code(), grpc::StatusCode::NOT_FOUND);
}

TEST_P(RecurringRunApiTest, AMaskMayNameAFieldWithinAField) {
  api::RecurringRun given = Daily(Upload("p"));
  given.mutable_trigger()->mutable_cron_schedule()->mutable_start_time()->set_seconds(1'600'000'000);
  given.set_no_catchup(true);
  api::RecurringRun created;
  ASSERT_TRUE(Create(given, &created).ok());
  penstock::v1::UpdateRecurringRunRequest request;
  request.mutable_recurring_run()->set_recurring_run_id(created.recurring_run_id());
  request.mutable_recurring_run()->mutable_trigger()->mutable_cron_schedule()->set_cron("0 0 4 * * *");
  request.mutable_update_mask()->add_paths("trigger.cron_schedule.cron");
  penstock::v1::Schedule edited;
  ASSERT_TRUE(Update(request, &edited).ok());
  EXPECT_EQ(edited.recurring_run().trigger().cron_schedule().cron(), "0 0 4 * * *");
  EXPECT_EQ(edited.recurring_run().trigger().cron_schedule().start_time().seconds(), 1'600'000'000);
  request.mutable_update_mask()->set_paths(0, "trigger");
  ASSERT_TRUE(Update(request, &edited).ok());
  EXPECT_FALSE(edited.recurring_run().trigger().cron_schedule().has_start_time()) << "the whole field";
  request.mutable_update_mask()->set_paths(0, "trigger.cron_schedule.corn");
  EXPECT_THAT(Update(request, &edited).error_message(),
              HasSubstr("'trigger.cron_schedule.corn' is no field"));
}

TEST_P(RecurringRunApiTest, TheTimeZoneComesBackInTheExpression) {
  penstock::v1::CreateScheduleRequest request;
  *request.mutable_recurring_run() = Daily(Upload("p"));
  request.set_time_zone("Asia/Tokyo");
  penstock::v1::Schedule created;
  ASSERT_TRUE(Call(*schedules_, &Schedules::CreateSchedule, request, &created).ok());
  api::GetRecurringRunRequest get;
  get.set_recurring_run_id(created.recurring_run().recurring_run_id());
  api::RecurringRun read;
  ASSERT_TRUE(Call(*recurring_runs_, &RecurringRuns::GetRecurringRun, get, &read).ok());
  EXPECT_EQ(read.trigger().cron_schedule().cron(), "CRON_TZ=Asia/Tokyo 0 0 3 * * *");
  api::RecurringRun again;
  read.clear_recurring_run_id();
  ASSERT_TRUE(Create(read, &again).ok()) << "what is read can be sent";
  EXPECT_EQ(again.trigger().cron_schedule().cron(), read.trigger().cron_schedule().cron());
}

TEST_P(RecurringRunApiTest, NumbersThatAnEnumDoesNotHaveAreRefused) {
  api::RecurringRun given = Daily(Upload("p"));
  given.set_mode(static_cast<api::RecurringRun::Mode>(77));
  api::RecurringRun reply;
  EXPECT_THAT(Create(given, &reply).error_message(),
              HasSubstr("recurring_run.mode: 77 is none of its values"));
}

TEST_P(RecurringRunApiTest, WhatIsForPluginsComesBackWithinItsBounds) {
  api::RecurringRun given = Daily(Upload("p"));
  auto& plugins = *given.mutable_plugins_input();
  (*plugins["mlflow"].mutable_fields())["experiment"].set_string_value("e");
  (*plugins["penstock_cache"].mutable_fields())["max_age_s"].set_number_value(60);
  api::RecurringRun created;
  ASSERT_TRUE(Create(given, &created).ok());
  ASSERT_EQ(created.plugins_input_size(), 2);
  EXPECT_EQ(created.plugins_input().at("mlflow").fields().at("experiment").string_value(), "e");

  const auto refused = [&](absl::string_view what) {
    api::RecurringRun none;
    const grpc::Status status = Create(given, &none);
    EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
    EXPECT_THAT(status.error_message(), HasSubstr(std::string(what)));
  };
  (*plugins["penstock_cache"].mutable_fields())["max_age_s"].set_number_value(0.5);
  refused("recurring_run.plugins_input.penstock_cache.max_age_s must be a whole number");
  plugins.clear();
  for (int i = 0; i < limits::kPlugins + 1; ++i) plugins[absl::StrCat("p", i)];
  refused("at most 16 are allowed");

  penstock::v1::UpdateRecurringRunRequest request;
  request.mutable_recurring_run()->set_recurring_run_id(created.recurring_run_id());
  (*request.mutable_recurring_run()->mutable_plugins_input())["other"];
  request.mutable_update_mask()->add_paths("display_name");
  request.mutable_recurring_run()->set_display_name("renamed");
  penstock::v1::Schedule edited;
  ASSERT_TRUE(Update(request, &edited).ok());
  EXPECT_EQ(edited.recurring_run().plugins_input_size(), 2) << "the mask does not name it";
  request.mutable_update_mask()->add_paths("plugins_input");
  ASSERT_TRUE(Update(request, &edited).ok());
  EXPECT_EQ(edited.recurring_run().plugins_input_size(), 1);
  EXPECT_EQ(edited.recurring_run().plugins_input().count("other"), 1u);
}

TEST_P(RecurringRunApiTest, TimesBeyondTheCalendarAreRefused) {
  api::RecurringRun given = Daily(Upload("p"));
  api::RecurringRun reply;
  given.mutable_trigger()->mutable_cron_schedule()->mutable_start_time()->set_seconds(INT64_MAX);
  EXPECT_THAT(Create(given, &reply).error_message(), HasSubstr("years 1 to 9999"));
  given.mutable_trigger()->mutable_cron_schedule()->mutable_start_time()->set_seconds(253'402'300'799);
  EXPECT_TRUE(Create(given, &reply).ok()) << "it never comes, but it is a time";
  penstock::v1::PreviewScheduleRequest preview;
  *preview.mutable_trigger() = given.trigger();
  preview.mutable_from_time()->set_seconds(INT64_MIN);
  penstock::v1::PreviewScheduleResponse ticks;
  EXPECT_THAT(Call(*schedules_, &Schedules::PreviewSchedule, preview, &ticks).error_message(),
              HasSubstr("from_time"));
}

TEST_P(RecurringRunApiTest, AVersionThatIsGoneIsNotFound) {
  const api::PipelineVersion version = Upload("p");
  api::RecurringRun reply;
  ASSERT_TRUE(Create(Daily(version), &reply).ok());
  api::DeletePipelineVersionRequest remove;
  remove.set_pipeline_version_id(version.pipeline_version_id());
  google::protobuf::Empty empty;
  ASSERT_TRUE(Call(*pipelines_, &api::PipelineService::Stub::DeletePipelineVersion, remove, &empty).ok());
  EXPECT_EQ(Create(Daily(version), &reply).error_code(), grpc::StatusCode::NOT_FOUND);
}

}  // namespace
}  // namespace penstock
