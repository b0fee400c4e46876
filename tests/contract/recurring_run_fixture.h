// A store with an experiment, a spec, and what recurring runs are made of.
#pragma once

#include <string>
#include <vector>

#include "common/status_macros.h"
#include "storage/recurring_run_store.h"
#include "tests/support/store_fixture.h"

namespace penstock {

class RecurringRunStoreTest : public StoreTest {
 protected:
  void SetUp() override {
    StoreTest::SetUp();
    if (store_ != nullptr) AddBasics();
  }
  RecurringRunRow NewRecurringRun(absl::string_view id) {
    RecurringRunRow row;
    row.recurring_run_id = std::string(id);
    row.experiment_id = "exp";
    row.display_name = absl::StrCat("name of ", id);
    row.run_name = std::string(id);
    row.spec_sha256 = "spec";
    row.parameters = "{}";
    row.enabled = true;
    row.trigger.kind = TriggerKind::kInterval;
    row.trigger.interval_seconds = 60;
    row.created_at = row.updated_at = clock_.Now();
    row.next_due_at = clock_.Now() + absl::Seconds(60);
    return row;
  }
  std::vector<DueRecurringRun> Due(int limit = 10'000) {
    std::vector<DueRecurringRun> due;
    const absl::Status status = store_->Read([&](db::Tx& tx) -> absl::Status {
      ASSIGN_OR_RETURN(due, RecurringRunsDue(tx, clock_.Now(), limit));
      return absl::OkStatus();
    });
    EXPECT_TRUE(status.ok()) << status;
    return due;
  }
};

}  // namespace penstock
