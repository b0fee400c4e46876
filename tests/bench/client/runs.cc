// Runs that are executed: a pipeline's throughput and the time to a first task.
#include <spawn.h>
#include <sys/wait.h>

#include <fstream>
#include <iterator>

#include "kubeflow/pipelines/v2beta1/pipeline.grpc.pb.h"
#include "penstock/v1/package_upload.grpc.pb.h"
#include "tests/bench/client/commands.h"
#include "tests/bench/client/connection.h"

namespace penstock::bench {
namespace {

constexpr int kPollMillis = 20;       // rarely, so that waiting takes next to nothing from what is measured
constexpr int kFirstTaskMillis = 15;  // left alone for as long before it is asked whether the run has ended
constexpr double kNanosPerMilli = 1e6;

void CreateOne(api::RunService::Stub& runs, const api::CreateRunRequest& request) {
  grpc::ClientContext context;
  api::Run run;
  Check(runs.CreateRun(&context, request, &run), "CreateRun");
}

// Without `file` the program has no argument.
void SpawnAndWait(const std::string& program, const std::string& file) {
  char* const argument = file.empty() ? nullptr : const_cast<char*>(file.c_str());
  char* const arguments[] = {const_cast<char*>(program.c_str()), argument, nullptr};
  char* const environment[] = {nullptr};
  pid_t pid = -1;
  int status = 0;
  if (posix_spawn(&pid, program.c_str(), nullptr, nullptr, arguments, environment) != 0 ||
      waitpid(pid, &status, 0) != pid || status != 0) {
    Fail("cannot run " + program);
  }
}

// What the program appended last.
int64_t LastStart(const std::string& file, int expected_lines) {
  std::ifstream in(file);
  int64_t start = 0;
  int lines = 0;
  for (int64_t next = 0; in >> next; ++lines) start = next;
  if (lines != expected_lines) {
    Fail(std::to_string(lines) + " starts where there should be " + std::to_string(expected_lines));
  }
  return start;
}

}  // namespace

Json Upload(const std::string& target, const std::string& name, const std::string& file) {
  std::ifstream in(file, std::ios::binary);
  penstock::v1::UploadPipelineRequest request;
  request.set_file_name("pipeline.json");
  request.set_name(name);
  request.set_content(std::string(std::istreambuf_iterator<char>(in), {}));
  const auto channel = Connect(target);
  const auto uploads = penstock::v1::PackageUploadService::NewStub(channel);
  const auto pipelines = api::PipelineService::NewStub(channel);
  api::Pipeline pipeline;
  {
    grpc::ClientContext context;
    Check(uploads->UploadPipeline(&context, request, &pipeline), "UploadPipeline");
  }
  api::ListPipelineVersionsRequest list;
  list.set_pipeline_id(pipeline.pipeline_id());
  api::ListPipelineVersionsResponse versions;
  grpc::ClientContext context;
  Check(pipelines->ListPipelineVersions(&context, list, &versions), "ListPipelineVersions");
  if (versions.pipeline_versions_size() != 1) Fail("the uploaded pipeline has no version");
  return {{"version_id", versions.pipeline_versions(0).pipeline_version_id()}};
}

Json RunOnce(const std::string& target, const std::string& version_id) {
  const auto runs = api::RunService::NewStub(Connect(target));
  CreateOne(*runs, RunOf(version_id, "all at once"));
  const int64_t answered = WallNanos();
  const api::Run run = WaitForLastRun(*runs, kPollMillis);
  const int64_t finished = run.finished_at().seconds() * int64_t{1'000'000'000} + run.finished_at().nanos();
  return {{"seconds", static_cast<double>(finished - answered) / 1e9}};
}

Json RunSeen(const std::string& target, const std::string& version_id, int poll_millis) {
  const auto runs = api::RunService::NewStub(Connect(target));
  const int64_t called = WallNanos();
  CreateOne(*runs, RunOf(version_id, "all at once"));
  (void)WaitForLastRun(*runs, poll_millis);
  return {{"seconds", static_cast<double>(WallNanos() - called) / 1e9}};
}

Json Spawns(const std::string& program, int count) {
  const int64_t begun = WallNanos();
  for (int i = 0; i < count; ++i) SpawnAndWait(program, "");
  return {{"seconds", static_cast<double>(WallNanos() - begun) / 1e9}};
}

Json FirstTask(const std::string& target, const std::string& version_id, int count,
               const std::string& program, const std::string& file) {
  const auto runs = api::RunService::NewStub(Connect(target));
  const api::CreateRunRequest request = RunOf(version_id, "one of many");
  Samples task;
  Samples spawn;
  for (int i = 0; i < count; ++i) {
    CreateOne(*runs, request);
    const int64_t answered = WallNanos();
    SleepMillis(kFirstTaskMillis);
    (void)WaitForLastRun(*runs, kPollMillis);
    task.Add(static_cast<double>(LastStart(file, 2 * i + 1) - answered) / kNanosPerMilli);
    const int64_t called = WallNanos();
    SpawnAndWait(program, file);
    spawn.Add(static_cast<double>(LastStart(file, 2 * i + 2) - called) / kNanosPerMilli);
  }
  return {{"task", task.Summary()}, {"spawn", spawn.Summary()}};
}

}  // namespace penstock::bench
