// One step of one run. For use by plan*.cc only.
#pragma once

#include <deque>
#include <string>
#include <vector>

#include "common/ids.h"
#include "scheduler/plan/run_tree.h"
#include "scheduler/plan/types.h"

namespace penstock::plan_internal {

inline constexpr int kCancelled = static_cast<int>(absl::StatusCode::kCancelled);
inline constexpr int kUnknown = static_cast<int>(absl::StatusCode::kUnknown);
inline constexpr int kResourceExhausted = static_cast<int>(absl::StatusCode::kResourceExhausted);
inline constexpr int kInternal = static_cast<int>(absl::StatusCode::kInternal);

class Stepper {
 public:
  Stepper(RunSnapshot& run, absl::Time now, IdGenerator& ids) : run_(run), now_(now), ids_(ids) {}

  void operator()(const RunTaken& event);
  void operator()(const RunCancelAsked& event);
  void operator()(const TaskStarting& event);
  void operator()(const TaskUnstartable& event);
  void operator()(const TaskFoundInCache& event);
  void operator()(const AttemptEnded& event);
  void operator()(const TimePassed& event);
  void operator()(const RunRestored& event);

  // Follows up on everything that the event touched.
  Decision Finish();

 private:
  const std::string& NameOf(int task) const { return PlannedOf(run_, task).name; }

  void Move(int task, TaskState to);
  void MoveRun(RunState to, int error_code, std::string error_message);
  void Create(int task);
  void CreateScope(int dag, int owner);
  void Start(int task);
  absl::StatusOr<bool> ConditionHolds(int task);
  bool HasRoom(int tasks) const;
  static absl::Status NoRoom();
  void StartGraph(int task, TaskInputs inputs);
  void StartLoop(int task);
  void OpenNext(int loop);
  bool OpenWaiting();
  void MakeReady(int task);
  void Wait(int task, absl::Time until);
  void StopWaiting(int task);
  bool TryAgain(int task);
  bool BeginAgain(int task);
  void End(int task, TaskState to, int error_code, std::string error_message);
  void EndWith(int task, const absl::Status& status);
  void EndGraph(int task);
  void EndLoop(int loop);
  void Propagate(int ended);
  void TellSuccessor(int ended, int task);
  void CountInScope(int ended);
  void CountInLoop(int ended);
  void FinishRun();
  void Reopen();

  RunSnapshot& run_;
  const absl::Time now_;
  IdGenerator& ids_;
  Decision decision_;
  // Work that is left; lists, since chains are long and what starts may end at once.
  std::vector<int> ended_;     // tasks whose end is still to be told
  std::deque<int> startable_;  // tasks that wait for no other task
};

}  // namespace penstock::plan_internal
