// The macros that KFP replaces in the string parameters of runs. Pure.
//
//   [[RunUUID]]                                      the run's id
//   [[CurrentTime]]   [[CurrentTime.LAYOUT]]         when the run was made
//   [[ScheduledTime]] [[ScheduledTime.LAYOUT]]       the slot of a recurring run
//   [[Index]]                                        the number of the recurring run's run, from 1
//   {{$.currentTime.strftime('FORMAT')}}, {{$.scheduledTime.strftime('FORMAT')}}
//
// LAYOUT is Go's ("2006-01-02 15:04:05"), FORMAT strftime's. Times are UTC. What is not known stays as it is.
#pragma once

#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "common/json.h"

namespace penstock {

struct MacroValues {
  std::string run_id;
  absl::Time current_time;
  std::optional<absl::Time> scheduled_time;  // of a recurring run only
  std::optional<int64_t> index;              // likewise
};

// One pass from left to right; what is put in is not looked at again.
std::string ReplaceMacros(absl::string_view text, const MacroValues& values);

// In each string among the values of an object.
void ReplaceMacros(const MacroValues& values, Json* parameters);

// `time` in a layout of Go's package time.
std::string FormatGoLayout(absl::string_view layout, absl::Time time);

}  // namespace penstock
