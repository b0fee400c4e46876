// RecurringRunService, one function an RPC.
#pragma once

#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "google/protobuf/empty.pb.h"
#include "kubeflow/pipelines/v2beta1/recurring_run.pb.h"
#include "server/context.h"
#include "server/convert/api.h"
#include "storage/model.h"

namespace penstock {

absl::Status RecurringRunCreate(RequestContext& context, const api::CreateRecurringRunRequest& request,
                                api::RecurringRun* reply);
absl::Status RecurringRunGet(RequestContext& context, const api::GetRecurringRunRequest& request,
                             api::RecurringRun* reply);
absl::Status RecurringRunList(RequestContext& context, const api::ListRecurringRunsRequest& request,
                              api::ListRecurringRunsResponse* reply);
absl::Status RecurringRunEnable(RequestContext& context, const api::EnableRecurringRunRequest& request,
                                google::protobuf::Empty*);
absl::Status RecurringRunDisable(RequestContext& context, const api::DisableRecurringRunRequest& request,
                                 google::protobuf::Empty*);
// Its propagation policy is about objects in Kubernetes, of which there are none.
absl::Status RecurringRunDelete(RequestContext& context, const api::DeleteRecurringRunRequest& request,
                                google::protobuf::Empty*);

// --- For ScheduleService, which is about the same objects ---

struct ScheduleOptions {
  std::string time_zone;  // of cron expressions that name none
  bool force = false;     // accept a trigger that starts very many runs
};

// Checks and stores what a client asks for; the stored row.
absl::StatusOr<RecurringRunRow> RecurringRunInsertFrom(RequestContext& context,
                                                       const api::RecurringRun& given,
                                                       const ScheduleOptions& options);

// Adds recurring runs to a reply, with the pipeline of those that came with their own.
absl::Status RecurringRunsToApi(db::Tx& tx, const std::vector<RecurringRunRow>& rows,
                                absl::FunctionRef<api::RecurringRun*()> add);

// Reads what is for plugins into `row`.
absl::Status ReadPlugins(const Deps& deps, const api::RecurringRun& given, RecurringRunRow& row);

absl::Status CheckRecurringRunFields(const api::RecurringRun& given);

// Reads the trigger of `given` into `row`, with the first slot when it counts from `reference`.
// INVALID_ARGUMENT if it cannot be, or starts more than limits::kScheduleRunsPerHour runs an hour and is not
// forced.
absl::Status ReadTrigger(const api::RecurringRun& given, const ScheduleOptions& options, absl::Time reference,
                         RecurringRunRow& row);

// Reads the pipeline and the parameters of `given` into `row`; `own_spec` is the text to store if the
// pipeline came along, or empty.
absl::Status ReadSource(RequestContext& context, const api::RecurringRun& given, RecurringRunRow& row,
                        std::string* own_spec);

}  // namespace penstock
