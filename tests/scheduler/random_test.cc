// Random pipelines, outcomes, terminations, restarts and lost starts, in an engine on a real store. The seed
// is printed; give it again with PENSTOCK_SEED, and more steps with PENSTOCK_STEPS.
#include <random>

#include "tests/scheduler/engine_fixture.h"
#include "tests/scheduler/random_model.h"

namespace penstock {
namespace {

class EngineRandom : public EngineTest {
 protected:
  int Pick(int bound) { return model_.Pick(bound); }

  void Succeed(const std::string& attempt, bool tell) {
    AttemptOutputs outputs;
    const LaunchSpec& spec = executor_.specs[attempt];
    const int value = model_.AttemptSucceeded(spec.task_id);
    for (const OutputFile& file : spec.parameter_files) {
      outputs.parameter_files[file.name] = absl::StrCat(value);
    }
    executor_.Finish(attempt, AttemptOutcome::kSucceeded, tell, std::move(outputs));
  }

  void RandomEvent(const std::string& run) {
    executor_.lose_starts = Pick(8) == 0;
    executor_.unavailable = Pick(10) == 0;
    const int choice = Pick(20);
    if (choice < 12 && !executor_.running.empty()) {
      auto attempt = executor_.running.begin();
      std::advance(attempt, Pick(static_cast<int>(executor_.running.size())));
      const std::string id = *attempt;
      const bool tell = Pick(4) != 0;
      if (Pick(6) == 0) {
        model_.AttemptFailed(executor_.specs[id].task_id);
        executor_.Finish(id, AttemptOutcome::kFailed, tell);
      } else {
        Succeed(id, tell);
      }
    } else if (choice == 12 && Pick(4) == 0) {
      model_.terminated |= Terminate(run).ok();
    } else if (choice < 15) {
      Restart();
    } else {
      clock_.Advance(absl::Seconds(Pick(20)));
    }
    (void)engine_->RunOnce();  // ABORTED is allowed here
    if (executor_.lose_starts) Restart();
  }

  // Retries a run that has ended without success. What it does again has no outcome yet.
  void RetryRun(const std::string& run) {
    ASSERT_TRUE(store_->Write([&](db::Tx& tx) { return RunReopen(tx, run, clock_.Now()); }).ok());
    for (int i = 0; i < 10 && StateOf(run) == RunState::kPending; ++i) {
      clock_.Advance(absl::Seconds(1));
      (void)engine_->RunOnce();
    }
    ASSERT_NE(StateOf(run), RunState::kPending) << "the run was not taken again";
    model_.Retried(TaskRowsOf(run));
  }

  // Lets everything that still runs succeed, told or not, until the run has ended.
  void Drain(const std::string& run) {
    executor_.lose_starts = executor_.unavailable = false;
    for (int i = 0; i < 100 && !IsFinal(StateOf(run)); ++i) {
      Restart();
      clock_.Advance(absl::Seconds(2));
      (void)engine_->RunOnce();
      const std::set<std::string> running = executor_.running;
      for (const std::string& id : running) {
        if (executor_.cancelled.count(id) > 0) {
          executor_.Finish(id, AttemptOutcome::kCancelled);
        } else {
          Succeed(id, /*tell=*/true);
        }
      }
      (void)engine_->RunOnce();
    }
  }

  RandomModel model_;
};
INSTANTIATE_TEST_SUITE_P(Databases, EngineRandom, ServedDatabases());

TEST_P(EngineRandom, HoldsTheInvariantsWhateverHappensBetweenTwoSteps) {
  const int64_t first = FromEnvironment("PENSTOCK_SEED", std::random_device()());
  const int64_t steps_max = FromEnvironment("PENSTOCK_STEPS", 4'000);
  std::printf("PENSTOCK_SEED=%lld\n", static_cast<long long>(first));
  std::fflush(stdout);  // before anything can end the program
  int64_t steps = 0;
  for (int64_t seed = first; steps < steps_max; ++seed) {
    SCOPED_TRACE(absl::StrCat("PENSTOCK_SEED=", seed));
    const std::string run = CreateRunOf(model_.Start(seed));
    executor_.starts.clear();
    for (int retries = Pick(4); retries >= 0; --retries) {
      const int events = 5 + Pick(40);
      for (int i = 0; i < events && !IsFinal(StateOf(run)); ++i, ++steps) RandomEvent(run);
      Drain(run);
      for (const auto& [attempt, starts] : executor_.starts) {
        EXPECT_EQ(starts, 1) << attempt;
      }
      model_.Check(TaskRowsOf(run), StateOf(run));
      if (HasFailure() || StateOf(run) == RunState::kSucceeded || retries == 0) break;
      RetryRun(run);
    }
    if (HasFailure()) break;
    ++steps;
  }
  std::printf("steps=%lld\n", static_cast<long long>(steps));
}

}  // namespace
}  // namespace penstock
