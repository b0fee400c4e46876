#include "common/state.h"

#include <gtest/gtest.h>

namespace penstock {
namespace {

template <typename State, typename FromName>
void ExpectNamesRoundTrip(int count, FromName from_name) {
  for (int i = 0; i < count; ++i) {
    const State state = static_cast<State>(i);
    EXPECT_EQ(from_name(Name(state)), state) << i;
  }
  EXPECT_EQ(from_name("NO_SUCH_STATE"), std::nullopt);
}

TEST(State, NamesRoundTrip) {
  ExpectNamesRoundTrip<RunState>(6, RunStateFromName);
  ExpectNamesRoundTrip<TaskState>(7, TaskStateFromName);
  ExpectNamesRoundTrip<WaitReason>(5, WaitReasonFromName);
  ExpectNamesRoundTrip<StorageState>(2, StorageStateFromName);
}

TEST(State, FinalStatesAllowNoMoveAndOthersAllowOne) {
  for (int from = 0; from < 6; ++from) {
    bool any = false;
    for (int to = 0; to < 6; ++to) any |= MayMove(static_cast<RunState>(from), static_cast<RunState>(to));
    EXPECT_EQ(any, !IsFinal(static_cast<RunState>(from))) << Name(static_cast<RunState>(from));
  }
  for (int from = 0; from < 7; ++from) {
    bool any = false;
    for (int to = 0; to < 7; ++to) any |= MayMove(static_cast<TaskState>(from), static_cast<TaskState>(to));
    EXPECT_EQ(any, !IsFinal(static_cast<TaskState>(from))) << Name(static_cast<TaskState>(from));
  }
}

TEST(State, OnlyARunThatDidNotSucceedIsReopenedAndOnlyFinalStatesAre) {
  for (int from = 0; from < 6; ++from) {
    const RunState state = static_cast<RunState>(from);
    EXPECT_EQ(MayReopen(state, RunState::kPending), IsFinal(state) && state != RunState::kSucceeded);
    EXPECT_FALSE(MayReopen(state, RunState::kRunning)) << Name(state);
  }
  for (int from = 0; from < 7; ++from) {
    const TaskState state = static_cast<TaskState>(from);
    EXPECT_EQ(MayReopen(state, TaskState::kPending), IsFinal(state)) << Name(state);
    EXPECT_EQ(MayReopen(state, TaskState::kRunning),
              state == TaskState::kFailed || state == TaskState::kCanceled);
  }
}

}  // namespace
}  // namespace penstock
