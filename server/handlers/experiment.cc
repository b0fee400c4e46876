#include "server/handlers/experiment.h"

#include "common/limits.h"
#include "common/status_macros.h"
#include "server/convert/experiment.h"
#include "server/handlers/list.h"
#include "server/validate.h"
#include "storage/experiment_archive.h"
#include "storage/experiment_store.h"

namespace penstock {

absl::Status ExperimentCreate(RequestContext& context, const api::CreateExperimentRequest& request,
                              api::Experiment* reply) {
  const api::Experiment& given = request.experiment();
  RETURN_IF_ERROR(CheckName("experiment.display_name", given.display_name(), limits::kNameBytes));
  RETURN_IF_ERROR(CheckDescription(given.description()));
  ExperimentRow row;
  row.experiment_id = context.deps.ids.NewId();
  row.name = given.display_name();
  row.description = given.description();
  row.created_at = context.deps.clock.Now();
  row.last_run_created_at = absl::UnixEpoch();
  RETURN_IF_ERROR(context.deps.store.Write([&](db::Tx& tx) { return ExperimentInsert(tx, row); }));
  ToApi(row, reply);
  return absl::OkStatus();
}

absl::Status ExperimentGet(RequestContext& context, const api::GetExperimentRequest& request,
                           api::Experiment* reply) {
  return context.deps.store.Read([&](db::Tx& tx) -> absl::Status {
    ASSIGN_OR_RETURN(const ExperimentRow row, ExperimentGet(tx, request.experiment_id()));
    ToApi(row, reply);
    return absl::OkStatus();
  });
}

absl::Status ExperimentList(RequestContext& context, const api::ListExperimentsRequest& request,
                            api::ListExperimentsResponse* reply) {
  ASSIGN_OR_RETURN(const ListQuery query,
                   MakeListQuery(context, ExperimentResource(), request, std::nullopt));
  Page<ExperimentRow> page;
  RETURN_IF_ERROR(context.deps.store.Read([&](db::Tx& tx) { return ExperimentList(tx, query, page); }));
  for (const ExperimentRow& row : page.rows) ToApi(row, reply->add_experiments());
  reply->set_total_size(static_cast<int32_t>(page.total_size));
  reply->set_next_page_token(page.next_page_token);
  return absl::OkStatus();
}

absl::Status ExperimentArchive(RequestContext& context, const api::ArchiveExperimentRequest& request,
                               google::protobuf::Empty*) {
  const absl::Time now = context.deps.clock.Now();
  return context.deps.store.Write(
      [&](db::Tx& tx) { return ExperimentArchive(tx, request.experiment_id(), now); });
}

absl::Status ExperimentUnarchive(RequestContext& context, const api::UnarchiveExperimentRequest& request,
                                 google::protobuf::Empty*) {
  return context.deps.store.Write(
      [&](db::Tx& tx) { return ExperimentUnarchive(tx, request.experiment_id()); });
}

absl::Status ExperimentDelete(RequestContext& context, const api::DeleteExperimentRequest& request,
                              google::protobuf::Empty*) {
  return context.deps.store.Write([&](db::Tx& tx) { return ExperimentDelete(tx, request.experiment_id()); });
}

absl::StatusOr<std::string> EnsureDefaultExperiment(Store& store, const Clock& clock, IdGenerator& ids) {
  ExperimentRow row;
  row.experiment_id = ids.NewId();
  row.name = "Default";
  row.description = "Runs that were created without an experiment";
  row.created_at = clock.Now();
  row.last_run_created_at = absl::UnixEpoch();
  std::string id;
  RETURN_IF_ERROR(store.Write([&](db::Tx& tx) -> absl::Status {
    ASSIGN_OR_RETURN(id, ExperimentEnsureDefault(tx, row));
    return absl::OkStatus();
  }));
  return id;
}

}  // namespace penstock
