// Recurring runs and their ticks between the wire and storage.
#pragma once

#include "absl/status/statusor.h"
#include "kubeflow/pipelines/v2beta1/recurring_run.pb.h"
#include "penstock/v1/schedule.pb.h"
#include "server/convert/api.h"
#include "storage/model.h"

namespace penstock {

// Without pipeline_spec. DATA_LOSS if what is stored of parameters or plugins cannot be read.
absl::Status ToApi(const RecurringRunRow& row, api::RecurringRun* out);

// What a client asks for. `time_zone` is that of cron expressions which name none. INVALID_ARGUMENT if a time
// is out of range; what the trigger means is not checked here.
absl::StatusOr<TriggerSpec> TriggerFrom(const api::Trigger& given, const std::string& time_zone);

void ToApi(const ScheduleTickRow& row, penstock::v1::ScheduleTick* out);

}  // namespace penstock
