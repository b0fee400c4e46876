// A run whose tasks are written as the engine would, for tests of what shows them.
#pragma once

#include <string>
#include <utility>

#include "common/status_macros.h"
#include "storage/artifact_store.h"
#include "storage/run_store.h"
#include "storage/task_attempt_store.h"
#include "storage/task_store.h"
#include "tests/api/server_fixture.h"

namespace penstock {

class TaskServerTest : public ServerTest {
 protected:
  // Creates a run of the pipeline; its tasks are yet to come.
  api::Run MakeRun(const TestPipeline& pipeline, const std::string& name = "a run") {
    api::CreateRunRequest request;
    request.mutable_run()->set_display_name(name);
    JsonToStruct(SpecOf(pipeline), request.mutable_run()->mutable_pipeline_spec());
    api::Run run;
    const grpc::Status status = Call(*runs_, &api::RunService::Stub::CreateRun, request, &run);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return run;
  }

  template <typename Body>
  void Write(Body body) {
    const absl::Status written = store_->Write(body);
    EXPECT_TRUE(written.ok()) << written;
  }

  // A task of the run, part of the task `parent` if that is not empty; its id.
  std::string AddTask(const std::string& run_id, const std::string& parent, const std::string& name,
                      TaskState state = TaskState::kSucceeded, int iteration = -1,
                      const std::string& decision = "") {
    TaskRow row;
    row.run_id = run_id;
    row.task_id = ids_.NewId();
    row.parent_task_id = parent;
    row.name = name;
    row.display_name = name + " shown";
    row.state = state;
    row.created_at = clock_.Now();
    row.started_at = row.finished_at = absl::UnixEpoch();
    if (IsFinal(state)) row.started_at = row.finished_at = clock_.Now() + absl::Seconds(1);
    row.iteration = iteration;
    row.cache_decision = decision;
    TaskHistory history = {{TaskState::kPending, row.created_at}};
    if (state != TaskState::kPending && state != TaskState::kSkipped) {
      history.emplace_back(TaskState::kRunning, row.created_at);
    }
    if (history.back().first != state) history.emplace_back(state, row.created_at);
    Write([&](db::Tx& tx) { return TaskInsert(tx, row, history); });
    return row.task_id;
  }

  void AddParameter(const std::string& run_id, const std::string& task_id, Direction direction,
                    const std::string& name, const std::string& json) {
    Write([&](db::Tx& tx) { return TaskParameterInsert(tx, run_id, {task_id, direction, name, json}); });
  }

  void AddAttempt(const std::string& run_id, const std::string& task_id, int number, const std::string& id) {
    TaskAttemptRow row;
    row.run_id = run_id;
    row.task_id = task_id;
    row.number = number;
    row.attempt_id = id;
    row.created_at = clock_.Now();
    Write([&](db::Tx& tx) { return TaskAttemptInsert(tx, row); });
  }

  // An artifact that the task puts out.
  ArtifactRow AddOutput(const std::string& run_id, const std::string& task_id, const std::string& name,
                        const std::string& title, const std::string& metadata = "{}") {
    ArtifactRow row;
    row.uuid = ids_.NewId();
    row.run_id = run_id;
    row.name = name;
    row.schema_title = title;
    row.uri = "penstock://artifacts/" + name;
    row.metadata = metadata;
    row.created_at = clock_.Now();
    Write([&](db::Tx& tx) -> absl::Status {
      ASSIGN_OR_RETURN(row.artifact_id, ArtifactIdReserve(tx, 1));
      return ArtifactInsert(tx, row);
    });
    AddLink(run_id, task_id, Direction::kOutput, name, row.artifact_id, "OUTPUT", "");
    return row;
  }

  void AddLink(const std::string& run_id, const std::string& task_id, Direction direction,
               const std::string& name, int64_t artifact_id, const std::string& io_type,
               const std::string& producer) {
    ArtifactTaskRow link;
    link.run_id = run_id;
    link.task_id = task_id;
    link.direction = direction;
    link.name = name;
    link.artifact_id = artifact_id;
    link.io_type = io_type;
    link.producer_task = producer;
    Write([&](db::Tx& tx) { return ArtifactTaskInsert(tx, link); });
  }

  int64_t NumberOf(const std::string& run_id, const std::string& task_id) {
    int64_t number = 0;
    const absl::Status read = store_->Read([&](db::Tx& tx) -> absl::Status {
      if (task_id.empty()) {
        ASSIGN_OR_RETURN(const RunRow run, RunGet(tx, run_id));
        number = run.number;
      } else {
        ASSIGN_OR_RETURN(const TaskRow task, TaskGet(tx, run_id, task_id));
        number = task.number;
      }
      return absl::OkStatus();
    });
    EXPECT_TRUE(read.ok()) << read;
    return number;
  }
};

}  // namespace penstock
