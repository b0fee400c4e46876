#include "server/services.h"

#include "common/errors.h"
#include "common/status_macros.h"
#include "kubeflow/pipelines/v2beta1/artifact.grpc.pb.h"
#include "kubeflow/pipelines/v2beta1/auth.grpc.pb.h"
#include "kubeflow/pipelines/v2beta1/experiment.grpc.pb.h"
#include "kubeflow/pipelines/v2beta1/filter.grpc.pb.h"
#include "kubeflow/pipelines/v2beta1/healthz.grpc.pb.h"
#include "kubeflow/pipelines/v2beta1/pipeline.grpc.pb.h"
#include "kubeflow/pipelines/v2beta1/recurring_run.grpc.pb.h"
#include "kubeflow/pipelines/v2beta1/report.grpc.pb.h"
#include "kubeflow/pipelines/v2beta1/run.grpc.pb.h"
#include "kubeflow/pipelines/v2beta1/visualization.grpc.pb.h"
#include "ml_metadata/metadata_store.grpc.pb.h"
#include "penstock/v1/artifact_content.grpc.pb.h"
#include "penstock/v1/attempt_record.grpc.pb.h"
#include "penstock/v1/content_removal.grpc.pb.h"
#include "penstock/v1/lineage.grpc.pb.h"
#include "penstock/v1/metric.grpc.pb.h"
#include "penstock/v1/metrics_exposition.grpc.pb.h"
#include "penstock/v1/package_upload.grpc.pb.h"
#include "penstock/v1/rerun.grpc.pb.h"
#include "penstock/v1/retention.grpc.pb.h"
#include "penstock/v1/run_bundle.grpc.pb.h"
#include "penstock/v1/run_comparison.grpc.pb.h"
#include "penstock/v1/run_log.grpc.pb.h"
#include "penstock/v1/run_operations.grpc.pb.h"
#include "penstock/v1/run_search.grpc.pb.h"
#include "penstock/v1/run_status.grpc.pb.h"
#include "penstock/v1/schedule.grpc.pb.h"
#include "penstock/v1/user_metadata.grpc.pb.h"
#include "server/bind.h"
#include "server/handlers/artifact.h"
#include "server/handlers/attempt_record.h"
#include "server/handlers/content.h"
#include "server/handlers/content_removal.h"
#include "server/handlers/experiment.h"
#include "server/handlers/lineage.h"
#include "server/handlers/log.h"
#include "server/handlers/metric.h"
#include "server/handlers/ml_metadata.h"
#include "server/handlers/pipeline.h"
#include "server/handlers/pipeline_package.h"
#include "server/handlers/recurring_run.h"
#include "server/handlers/report.h"
#include "server/handlers/rerun.h"
#include "server/handlers/retention.h"
#include "server/handlers/run.h"
#include "server/handlers/run_bundle.h"
#include "server/handlers/run_comparison.h"
#include "server/handlers/run_operations.h"
#include "server/handlers/run_search.h"
#include "server/handlers/run_status.h"
#include "server/handlers/schedule.h"
#include "server/handlers/task.h"
#include "server/handlers/task_write.h"
#include "server/handlers/user_metadata.h"
#include "server/health.h"
#include "server/memory.h"
#include "server/mlflow_services.h"
#include "server/rpc.h"
#include "server/watch/watch_call.h"
#include "server/watch/watched_runs.h"

namespace penstock {
namespace {

using google::protobuf::Empty;
using grpc::ServerContext;

// The gateway says by this header that a PATCH carried an empty map of tags.
bool ClearTags(const ServerContext& context) {
  const auto found = context.client_metadata().find("x-clear-tags");
  return found != context.client_metadata().end() && found->second == "true";
}

absl::Status RunRead(RequestContext& context, const api::GetRunRequest& request, api::Run* reply) {
  RETURN_IF_ERROR(TakeMemoryForRun(context, request.run_id()));
  RETURN_IF_ERROR(RunGet(context, request, reply));
  if (request.view() == api::GetRunRequest::FULL) {
    RETURN_IF_ERROR(TakeMemoryForRun(context, request.run_id()));
    RETURN_IF_ERROR(RunTasksRead(context, request.run_id(), reply->mutable_tasks()));
  }
  NoteRunTasks(context, request.run_id(), reply->run_details().task_details_size());
  return absl::OkStatus();
}

class Experiments final : public Bound<api::ExperimentService::Service> {
 public:
  using Bound::Bound;
  PENSTOCK_RPC(ExperimentService, CreateExperiment, api::CreateExperimentRequest, api::Experiment,
               ExperimentCreate(context, *request, reply))
  PENSTOCK_RPC(ExperimentService, GetExperiment, api::GetExperimentRequest, api::Experiment,
               ExperimentGet(context, *request, reply))
  PENSTOCK_RPC(ExperimentService, ListExperiments, api::ListExperimentsRequest, api::ListExperimentsResponse,
               ExperimentList(context, *request, reply))
  PENSTOCK_RPC(ExperimentService, ArchiveExperiment, api::ArchiveExperimentRequest, Empty,
               ExperimentArchive(context, *request, reply))
  PENSTOCK_RPC(ExperimentService, UnarchiveExperiment, api::UnarchiveExperimentRequest, Empty,
               ExperimentUnarchive(context, *request, reply))
  PENSTOCK_RPC(ExperimentService, DeleteExperiment, api::DeleteExperimentRequest, Empty,
               ExperimentDelete(context, *request, reply))
};

class Pipelines final : public Bound<api::PipelineService::Service> {
 public:
  using Bound::Bound;
  PENSTOCK_RPC(PipelineService, CreatePipeline, api::CreatePipelineRequest, api::Pipeline,
               PipelineCreate(context, *request, reply))
  PENSTOCK_RPC(PipelineService, GetPipeline, api::GetPipelineRequest, api::Pipeline,
               PipelineGet(context, *request, reply))
  PENSTOCK_RPC(PipelineService, GetPipelineByName, api::GetPipelineByNameRequest, api::Pipeline,
               PipelineGetByName(context, *request, reply))
  PENSTOCK_RPC(PipelineService, ListPipelines, api::ListPipelinesRequest, api::ListPipelinesResponse,
               PipelineList(context, *request, reply))
  PENSTOCK_RPC(PipelineService, UpdatePipeline, api::UpdatePipelineRequest, api::Pipeline,
               PipelineUpdate(context, *request, ClearTags(*call), reply))
  PENSTOCK_RPC(PipelineService, DeletePipeline, api::DeletePipelineRequest, Empty,
               PipelineDelete(context, *request, reply))
  PENSTOCK_RPC(PipelineService, CreatePipelineAndVersion, api::CreatePipelineAndVersionRequest, api::Pipeline,
               PipelineAndVersionCreate(context, *request, reply))
  PENSTOCK_RPC(PipelineService, CreatePipelineVersion, api::CreatePipelineVersionRequest,
               api::PipelineVersion, PipelineVersionCreate(context, *request, reply))
  PENSTOCK_RPC(PipelineService, GetPipelineVersion, api::GetPipelineVersionRequest, api::PipelineVersion,
               PipelineVersionGet(context, *request, reply))
  PENSTOCK_RPC(PipelineService, ListPipelineVersions, api::ListPipelineVersionsRequest,
               api::ListPipelineVersionsResponse, PipelineVersionList(context, *request, reply))
  PENSTOCK_RPC(PipelineService, UpdatePipelineVersion, api::UpdatePipelineVersionRequest,
               api::PipelineVersion, PipelineVersionUpdate(context, *request, ClearTags(*call), reply))
  PENSTOCK_RPC(PipelineService, DeletePipelineVersion, api::DeletePipelineVersionRequest, Empty,
               PipelineVersionDelete(context, *request, reply))
};

class Runs final : public Bound<api::RunService::Service> {
 public:
  using Bound::Bound;
  PENSTOCK_RPC(RunService, CreateRun, api::CreateRunRequest, api::Run, RunCreate(context, *request, reply))
  PENSTOCK_RPC(RunService, GetRun, api::GetRunRequest, api::Run, RunRead(context, *request, reply))
  PENSTOCK_RPC(RunService, ListRuns, api::ListRunsRequest, api::ListRunsResponse,
               RunList(context, *request, reply))
  PENSTOCK_RPC(RunService, ArchiveRun, api::ArchiveRunRequest, Empty, RunArchive(context, *request, reply))
  PENSTOCK_RPC(RunService, UnarchiveRun, api::UnarchiveRunRequest, Empty,
               RunUnarchive(context, *request, reply))
  PENSTOCK_RPC(RunService, DeleteRun, api::DeleteRunRequest, Empty, RunDelete(context, *request, reply))
  PENSTOCK_RPC(RunService, TerminateRun, api::TerminateRunRequest, Empty,
               RunTerminate(context, *request, reply))
  PENSTOCK_RPC(RunService, RetryRun, api::RetryRunRequest, Empty, RunRetry(context, *request, reply))
  PENSTOCK_RPC(RunService, CreateTask, api::CreateTaskRequest, api::PipelineTask,
               TaskCreate(context, *request, reply))
  PENSTOCK_RPC(RunService, UpdateTask, api::UpdateTaskRequest, api::PipelineTask,
               TaskUpdate(context, *request, reply))
  PENSTOCK_RPC(RunService, UpdateTasksBulk, api::UpdateTasksBulkRequest, api::UpdateTasksBulkResponse,
               TasksUpdate(context, *request, reply))
  PENSTOCK_RPC(RunService, GetTask, api::GetTaskRequest, api::PipelineTask, TaskGet(context, *request, reply))
  PENSTOCK_RPC(RunService, ListTasks, api::ListTasksRequest, api::ListTasksResponse,
               TaskList(context, *request, reply))
  PENSTOCK_RPC(RunService, FindCachedTask, api::FindCachedTaskRequest, api::PipelineTask,
               TaskFindCached(context, *request, reply))
};

class Artifacts final : public Bound<api::ArtifactService::Service> {
 public:
  using Bound::Bound;
  PENSTOCK_RPC(ArtifactService, ListArtifacts, api::ListArtifactsRequest, api::ListArtifactsResponse,
               ArtifactList(context, *request, reply))
  PENSTOCK_RPC(ArtifactService, GetArtifact, api::GetArtifactRequest, api::Artifact,
               ArtifactGet(context, *request, reply))
  PENSTOCK_RPC(ArtifactService, CreateArtifact, api::CreateArtifactRequest, api::Artifact,
               ArtifactCreate(context, *request, reply))
  PENSTOCK_RPC(ArtifactService, CreateArtifactsBulk, api::CreateArtifactsBulkRequest,
               api::CreateArtifactsBulkResponse, ArtifactsCreate(context, *request, reply))
  PENSTOCK_RPC(ArtifactService, ListArtifactTasks, api::ListArtifactTasksRequest,
               api::ListArtifactTasksResponse, ArtifactTaskList(context, *request, reply))
  PENSTOCK_RPC(ArtifactService, CreateArtifactTask, api::CreateArtifactTaskRequest, api::ArtifactTask,
               ArtifactTaskCreate(context, *request, reply))
  PENSTOCK_RPC(ArtifactService, CreateArtifactTasksBulk, api::CreateArtifactTasksBulkRequest,
               api::CreateArtifactTasksBulkResponse, ArtifactTasksCreate(context, *request, reply))
};

class RecurringRuns final : public Bound<api::RecurringRunService::Service> {
 public:
  using Bound::Bound;
  PENSTOCK_RPC(RecurringRunService, CreateRecurringRun, api::CreateRecurringRunRequest, api::RecurringRun,
               RecurringRunCreate(context, *request, reply))
  PENSTOCK_RPC(RecurringRunService, GetRecurringRun, api::GetRecurringRunRequest, api::RecurringRun,
               RecurringRunGet(context, *request, reply))
  PENSTOCK_RPC(RecurringRunService, ListRecurringRuns, api::ListRecurringRunsRequest,
               api::ListRecurringRunsResponse, RecurringRunList(context, *request, reply))
  PENSTOCK_RPC(RecurringRunService, EnableRecurringRun, api::EnableRecurringRunRequest, Empty,
               RecurringRunEnable(context, *request, reply))
  PENSTOCK_RPC(RecurringRunService, DisableRecurringRun, api::DisableRecurringRunRequest, Empty,
               RecurringRunDisable(context, *request, reply))
  PENSTOCK_RPC(RecurringRunService, DeleteRecurringRun, api::DeleteRecurringRunRequest, Empty,
               RecurringRunDelete(context, *request, reply))
};

class Schedules final : public Bound<penstock::v1::ScheduleService::Service> {
 public:
  using Bound::Bound;
  PENSTOCK_RPC(ScheduleService, CreateSchedule, penstock::v1::CreateScheduleRequest, penstock::v1::Schedule,
               ScheduleCreate(context, *request, reply))
  PENSTOCK_RPC(ScheduleService, GetSchedule, penstock::v1::GetScheduleRequest, penstock::v1::Schedule,
               ScheduleGet(context, *request, reply))
  PENSTOCK_RPC(ScheduleService, UpdateRecurringRun, penstock::v1::UpdateRecurringRunRequest,
               penstock::v1::Schedule, ScheduleUpdate(context, *request, reply))
  PENSTOCK_RPC(ScheduleService, PreviewSchedule, penstock::v1::PreviewScheduleRequest,
               penstock::v1::PreviewScheduleResponse, SchedulePreview(context, *request, reply))
  PENSTOCK_RPC(ScheduleService, ListScheduleTicks, penstock::v1::ListScheduleTicksRequest,
               penstock::v1::ListScheduleTicksResponse, ScheduleTickList(context, *request, reply))
};

class Reports final : public Bound<api::ReportService::Service> {
 public:
  using Bound::Bound;
  PENSTOCK_RPC(ReportService, ReportWorkflow, api::ReportWorkflowRequest, Empty,
               WorkflowReport(context, *request, reply))
  PENSTOCK_RPC(ReportService, ReportScheduledWorkflow, api::ReportScheduledWorkflowRequest, Empty,
               ScheduledWorkflowReport(context, *request, reply))
};

class Auth final : public Bound<api::AuthService::Service> {
 public:
  using Bound::Bound;
  PENSTOCK_RPC(AuthService, Authorize, api::AuthorizeRequest, Empty,
               error::NotServedAsInKfp("AuthService.Authorize"))
};

class Visualizations final : public Bound<api::VisualizationService::Service> {
 public:
  using Bound::Bound;
  PENSTOCK_RPC(VisualizationService, CreateVisualizationV1, api::CreateVisualizationRequest,
               api::Visualization, error::NotServedAsInKfp("VisualizationService.CreateVisualizationV1"))
};

absl::Status Health(Deps& deps, api::GetHealthzResponse* reply) {
  reply->set_multi_user(false);
  reply->set_pipeline_store("database");
  return deps.store.Read(
      [](db::Tx& tx) { return tx.Query("SELECT 1", {}, [](const db::Row&) { return absl::OkStatus(); }); });
}

class Healthz final : public Bound<api::HealthzService::Service> {
 public:
  using Bound::Bound;
  PENSTOCK_RPC(HealthzService, GetHealthz, Empty, api::GetHealthzResponse, Health(context.deps, reply))
};

class PackageUploads final : public Bound<penstock::v1::PackageUploadService::Service> {
 public:
  using Bound::Bound;
  PENSTOCK_RPC(PackageUploadService, UploadPipeline, penstock::v1::UploadPipelineRequest, api::Pipeline,
               PipelineUpload(context, *request, reply))
  PENSTOCK_RPC(PackageUploadService, UploadPipelineVersion, penstock::v1::UploadPipelineVersionRequest,
               api::PipelineVersion, PipelineVersionUpload(context, *request, reply))
};

template <typename Chunk>
std::function<bool(const Chunk&)> SinkOf(grpc::ServerWriter<Chunk>* writer) {
  return [writer](const Chunk& chunk) { return writer->Write(chunk); };
}

class RunLogs final : public Bound<penstock::v1::RunLogService::Service> {
 public:
  using Bound::Bound;
  grpc::Status ReadTaskLog(ServerContext* call, const penstock::v1::ReadTaskLogRequest* request,
                           grpc::ServerWriter<penstock::v1::LogChunk>* writer) override {
    RequestContext context = ContextOf(deps_, *call);
    return HandleRpc(context, "RunLogService/ReadTaskLog",
                     [&] { return TaskLogRead(context, *request, SinkOf(writer)); });
  }
  PENSTOCK_RPC(RunLogService, SearchTaskLog, penstock::v1::SearchTaskLogRequest,
               penstock::v1::SearchTaskLogResponse, TaskLogSearch(context, *request, reply))
};

class ArtifactContents final : public Bound<penstock::v1::ArtifactContentService::Service> {
 public:
  using Bound::Bound;
  grpc::Status ReadArtifact(ServerContext* call, const penstock::v1::ReadArtifactRequest* request,
                            grpc::ServerWriter<penstock::v1::ArtifactChunk>* writer) override {
    RequestContext context = ContextOf(deps_, *call);
    return HandleRpc(context, "ArtifactContentService/ReadArtifact",
                     [&] { return ArtifactRead(context, *request, SinkOf(writer)); });
  }
  PENSTOCK_RPC(ArtifactContentService, ListArtifactContents, penstock::v1::ListArtifactContentsRequest,
               penstock::v1::ListArtifactContentsResponse, ArtifactContentsList(context, *request, reply))
};

// Watches hold no thread, and pass on bytes that many calls share.
using WatchedRunOperations = penstock::v1::RunOperationsService::WithRawCallbackMethod_WatchRun<
    penstock::v1::RunOperationsService::WithRawCallbackMethod_WatchRuns<
        penstock::v1::RunOperationsService::Service>>;
using WatchedRunStatuses = penstock::v1::RunStatusService::WithRawCallbackMethod_WatchRunStatus<
    penstock::v1::RunStatusService::Service>;

class RunOperations final : public Bound<WatchedRunOperations> {
 public:
  RunOperations(Deps& deps, WatchHub& hub) : Bound(deps), hub_(hub) {}
  PENSTOCK_RPC(RunOperationsService, CreateRun, penstock::v1::CreateRunRequest, api::Run,
               RunCreateOnce(context, *request, reply))
  PENSTOCK_RPC(RunOperationsService, GetRunRecord, penstock::v1::GetRunRecordRequest, penstock::v1::RunRecord,
               RunRecordGet(context, *request, reply))
  PENSTOCK_RPC(RunOperationsService, UpdateRun, penstock::v1::UpdateRunRequest, penstock::v1::RunRecord,
               RunUpdate(context, *request, reply))
  PENSTOCK_RPC(RunOperationsService, ApplyToRuns, penstock::v1::ApplyToRunsRequest,
               penstock::v1::ApplyToRunsResponse, RunsApply(context, *request, reply))
  WatchStream* WatchRun(grpc::CallbackServerContext*, const grpc::ByteBuffer* request) override {
    return Watch(deps_, hub_, "RunOperationsService/WatchRun", *request, &WatchedRun, WatchBacklog::kNewest);
  }
  WatchStream* WatchRuns(grpc::CallbackServerContext*, const grpc::ByteBuffer* request) override {
    return Watch(deps_, hub_, "RunOperationsService/WatchRuns", *request, &WatchedRuns, WatchBacklog::kAll);
  }

 private:
  WatchHub& hub_;
};

class RunStatuses final : public Bound<WatchedRunStatuses> {
 public:
  RunStatuses(Deps& deps, WatchHub& hub) : Bound(deps), hub_(hub) {}
  PENSTOCK_RPC(RunStatusService, GetRunStatus, penstock::v1::GetRunStatusRequest, penstock::v1::RunStatus,
               RunStatusGet(context, *request, reply))
  WatchStream* WatchRunStatus(grpc::CallbackServerContext*, const grpc::ByteBuffer* request) override {
    return Watch(deps_, hub_, "RunStatusService/WatchRunStatus", *request, &WatchedRunStatus,
                 WatchBacklog::kAll);
  }

 private:
  WatchHub& hub_;
};

class MetricsOfRuns final : public Bound<penstock::v1::MetricService::Service> {
 public:
  using Bound::Bound;
  PENSTOCK_RPC(MetricService, LogMetrics, penstock::v1::LogMetricsRequest, penstock::v1::LogMetricsResponse,
               MetricsLog(context, *request, reply))
  PENSTOCK_RPC(MetricService, ListMetrics, penstock::v1::ListMetricsRequest,
               penstock::v1::ListMetricsResponse, MetricList(context, *request, reply))
  PENSTOCK_RPC(MetricService, ReadMetric, penstock::v1::ReadMetricRequest, penstock::v1::ReadMetricResponse,
               MetricRead(context, *request, reply))
  PENSTOCK_RPC(MetricService, ListClassificationMetrics, penstock::v1::ListClassificationMetricsRequest,
               penstock::v1::ListClassificationMetricsResponse,
               ClassificationMetricList(context, *request, reply))
};

class RunSearches final : public Bound<penstock::v1::RunSearchService::Service> {
 public:
  using Bound::Bound;
  PENSTOCK_RPC(RunSearchService, SearchRuns, penstock::v1::SearchRunsRequest,
               penstock::v1::SearchRunsResponse, RunsSearch(context, *request, reply))
};

class Lineages final : public Bound<penstock::v1::LineageService::Service> {
 public:
  using Bound::Bound;
  PENSTOCK_RPC(LineageService, GetLineage, penstock::v1::GetLineageRequest, penstock::v1::Lineage,
               LineageGet(context, *request, reply))
  PENSTOCK_RPC(LineageService, ListArtifactRuns, penstock::v1::ListArtifactRunsRequest,
               penstock::v1::ListArtifactRunsResponse, ArtifactRunList(context, *request, reply))
  PENSTOCK_RPC(LineageService, ListRunArtifacts, penstock::v1::ListRunArtifactsRequest,
               penstock::v1::ListRunArtifactsResponse, RunArtifactList(context, *request, reply))
};

class MetadataOfUsers final : public Bound<penstock::v1::UserMetadataService::Service> {
 public:
  using Bound::Bound;
  PENSTOCK_RPC(UserMetadataService, GetUserMetadata, penstock::v1::GetUserMetadataRequest,
               penstock::v1::UserMetadata, UserMetadataGet(context, *request, reply))
  PENSTOCK_RPC(UserMetadataService, UpdateUserMetadata, penstock::v1::UpdateUserMetadataRequest,
               penstock::v1::UserMetadata, UserMetadataUpdate(context, *request, reply))
  PENSTOCK_RPC(UserMetadataService, FindByUserMetadata, penstock::v1::FindByUserMetadataRequest,
               penstock::v1::FindByUserMetadataResponse, UserMetadataFind(context, *request, reply))
};

class AttemptRecords final : public Bound<penstock::v1::AttemptRecordService::Service> {
 public:
  using Bound::Bound;
  PENSTOCK_RPC(AttemptRecordService, ListAttemptRecords, penstock::v1::ListAttemptRecordsRequest,
               penstock::v1::ListAttemptRecordsResponse, AttemptRecordList(context, *request, reply))
  PENSTOCK_RPC(AttemptRecordService, GetAttemptRecord, penstock::v1::GetAttemptRecordRequest,
               penstock::v1::AttemptRecord, AttemptRecordGet(context, *request, reply))
};

class RunComparisons final : public Bound<penstock::v1::RunComparisonService::Service> {
 public:
  using Bound::Bound;
  PENSTOCK_RPC(RunComparisonService, CompareRuns, penstock::v1::CompareRunsRequest,
               penstock::v1::RunComparison, RunsCompare(context, *request, reply))
};

class Reruns final : public Bound<penstock::v1::RerunService::Service> {
 public:
  using Bound::Bound;
  PENSTOCK_RPC(RerunService, RerunRun, penstock::v1::RerunRunRequest, api::Run,
               RunRerun(context, *request, reply))
  PENSTOCK_RPC(RerunService, GetRerunReport, penstock::v1::GetRerunReportRequest, penstock::v1::RerunReport,
               RerunReportGet(context, *request, reply))
};

class RunBundles final : public Bound<penstock::v1::RunBundleService::Service> {
 public:
  using Bound::Bound;
  grpc::Status ExportRun(ServerContext* call, const penstock::v1::ExportRunRequest* request,
                         grpc::ServerWriter<penstock::v1::BundleChunk>* writer) override {
    RequestContext context = ContextOf(deps_, *call);
    return HandleRpc(context, "RunBundleService/ExportRun", [&] {
      return RunExport(context, *request, [writer](absl::string_view bytes) {
        penstock::v1::BundleChunk chunk;
        chunk.set_data(bytes.data(), bytes.size());
        return writer->Write(chunk);
      });
    });
  }
  grpc::Status ImportRun(ServerContext* call, grpc::ServerReader<penstock::v1::ImportRunRequest>* reader,
                         penstock::v1::ImportRunResponse* reply) override {
    RequestContext context = ContextOf(deps_, *call);
    penstock::v1::ImportRunRequest part;
    const bool begun = reader->Read(&part);
    const penstock::v1::ImportRunOptions options = part.options();
    const ByteSource source = [&, first = begun]() mutable -> absl::StatusOr<std::string> {
      std::string data = first ? std::move(*part.mutable_data()) : std::string();
      first = false;
      while (data.empty() && reader->Read(&part)) data = std::move(*part.mutable_data());
      return data;
    };
    return HandleRpc(context, "RunBundleService/ImportRun",
                     [&] { return RunImport(context, options, source, reply); });
  }
};

class MlMetadata final : public Bound<mlmd::MetadataStoreService::Service> {
 public:
  using Bound::Bound;
  PENSTOCK_RPC(MetadataStoreService, GetArtifactTypes, mlmd::GetArtifactTypesRequest,
               mlmd::GetArtifactTypesResponse, MlmdArtifactTypes(context, *request, reply))
  PENSTOCK_RPC(MetadataStoreService, GetArtifactTypesByID, mlmd::GetArtifactTypesByIDRequest,
               mlmd::GetArtifactTypesByIDResponse, MlmdArtifactTypesById(context, *request, reply))
  PENSTOCK_RPC(MetadataStoreService, GetExecutionTypes, mlmd::GetExecutionTypesRequest,
               mlmd::GetExecutionTypesResponse, MlmdExecutionTypes(context, *request, reply))
  PENSTOCK_RPC(MetadataStoreService, GetExecutionTypesByID, mlmd::GetExecutionTypesByIDRequest,
               mlmd::GetExecutionTypesByIDResponse, MlmdExecutionTypesById(context, *request, reply))
  PENSTOCK_RPC(MetadataStoreService, GetContextType, mlmd::GetContextTypeRequest,
               mlmd::GetContextTypeResponse, MlmdContextType(context, *request, reply))
  PENSTOCK_RPC(MetadataStoreService, GetArtifacts, mlmd::GetArtifactsRequest, mlmd::GetArtifactsResponse,
               MlmdArtifacts(context, *request, reply))
  PENSTOCK_RPC(MetadataStoreService, GetArtifactsByID, mlmd::GetArtifactsByIDRequest,
               mlmd::GetArtifactsByIDResponse, MlmdArtifactsById(context, *request, reply))
  PENSTOCK_RPC(MetadataStoreService, GetArtifactsByURI, mlmd::GetArtifactsByURIRequest,
               mlmd::GetArtifactsByURIResponse, MlmdArtifactsByUri(context, *request, reply))
  PENSTOCK_RPC(MetadataStoreService, GetArtifactsByContext, mlmd::GetArtifactsByContextRequest,
               mlmd::GetArtifactsByContextResponse, MlmdArtifactsByContext(context, *request, reply))
  PENSTOCK_RPC(MetadataStoreService, GetExecutions, mlmd::GetExecutionsRequest, mlmd::GetExecutionsResponse,
               MlmdExecutions(context, *request, reply))
  PENSTOCK_RPC(MetadataStoreService, GetExecutionsByID, mlmd::GetExecutionsByIDRequest,
               mlmd::GetExecutionsByIDResponse, MlmdExecutionsById(context, *request, reply))
  PENSTOCK_RPC(MetadataStoreService, GetExecutionsByContext, mlmd::GetExecutionsByContextRequest,
               mlmd::GetExecutionsByContextResponse, MlmdExecutionsByContext(context, *request, reply))
  PENSTOCK_RPC(MetadataStoreService, GetContextByTypeAndName, mlmd::GetContextByTypeAndNameRequest,
               mlmd::GetContextByTypeAndNameResponse, MlmdContextByName(context, *request, reply))
  PENSTOCK_RPC(MetadataStoreService, GetContextsByArtifact, mlmd::GetContextsByArtifactRequest,
               mlmd::GetContextsByArtifactResponse, MlmdContextsOfArtifact(context, *request, reply))
  PENSTOCK_RPC(MetadataStoreService, GetContextsByExecution, mlmd::GetContextsByExecutionRequest,
               mlmd::GetContextsByExecutionResponse, MlmdContextsOfExecution(context, *request, reply))
  PENSTOCK_RPC(MetadataStoreService, GetEventsByArtifactIDs, mlmd::GetEventsByArtifactIDsRequest,
               mlmd::GetEventsByArtifactIDsResponse, MlmdEventsOfArtifacts(context, *request, reply))
  PENSTOCK_RPC(MetadataStoreService, GetEventsByExecutionIDs, mlmd::GetEventsByExecutionIDsRequest,
               mlmd::GetEventsByExecutionIDsResponse, MlmdEventsOfExecutions(context, *request, reply))
};

class ContentRemovals final : public Bound<penstock::v1::ContentRemovalService::Service> {
 public:
  using Bound::Bound;
  PENSTOCK_RPC(ContentRemovalService, ListContentRemovals, penstock::v1::ListContentRemovalsRequest,
               penstock::v1::ListContentRemovalsResponse, ContentRemovalList(context, *request, reply))
  PENSTOCK_RPC(ContentRemovalService, GetContentRemoval, penstock::v1::GetContentRemovalRequest,
               penstock::v1::ContentRemoval, ContentRemovalGet(context, *request, reply))
};

class Retentions final : public Bound<penstock::v1::RetentionService::Service> {
 public:
  using Bound::Bound;
  PENSTOCK_RPC(RetentionService, SetRetentionPolicy, penstock::v1::SetRetentionPolicyRequest,
               penstock::v1::RetentionPolicy, RetentionPolicySet(context, *request, reply))
  PENSTOCK_RPC(RetentionService, GetRetentionPolicy, penstock::v1::GetRetentionPolicyRequest,
               penstock::v1::RetentionPolicy, RetentionPolicyGet(context, *request, reply))
  PENSTOCK_RPC(RetentionService, ListRetentionPolicies, penstock::v1::ListRetentionPoliciesRequest,
               penstock::v1::ListRetentionPoliciesResponse, RetentionPolicyList(context, *request, reply))
  PENSTOCK_RPC(RetentionService, DeleteRetentionPolicy, penstock::v1::DeleteRetentionPolicyRequest, Empty,
               RetentionPolicyDelete(context, *request, reply))
  PENSTOCK_RPC(RetentionService, PreviewRetentionPolicy, penstock::v1::PreviewRetentionPolicyRequest,
               penstock::v1::PreviewRetentionPolicyResponse, RetentionPolicyPreview(context, *request, reply))
};

absl::Status Exposition(Deps& deps, penstock::v1::GetMetricsResponse* reply) {
  reply->set_text(deps.metrics.Text());
  return absl::OkStatus();
}

class MetricsExposition final : public Bound<penstock::v1::MetricsExpositionService::Service> {
 public:
  using Bound::Bound;
  PENSTOCK_RPC(MetricsExpositionService, GetMetrics, penstock::v1::GetMetricsRequest,
               penstock::v1::GetMetricsResponse, Exposition(context.deps, reply))
};

// Makes services, and keeps their names.
class Maker {
 public:
  explicit Maker(Deps& deps) : deps_(deps) {}

  template <typename Ours, typename Declared, typename... More>
  void Add(More&... more) {
    services_.push_back(std::make_unique<Ours>(deps_, more...));
    names_.insert(Declared::service_full_name());
  }

  void AddMlflow() { AddMlflowServices(deps_, &services_, &names_); }

  Services Done() {
    services_.push_back(MakeHealth(std::move(names_)));
    return std::move(services_);
  }

 private:
  Deps& deps_;
  Services services_;
  std::set<std::string> names_;
};

}  // namespace

Services MakeServices(Deps& deps, WatchHub& hub) {
  Maker maker(deps);
  maker.Add<Experiments, api::ExperimentService>();
  maker.Add<Pipelines, api::PipelineService>();
  maker.Add<Runs, api::RunService>();
  maker.Add<Artifacts, api::ArtifactService>();
  maker.Add<RecurringRuns, api::RecurringRunService>();
  maker.Add<Schedules, penstock::v1::ScheduleService>();
  maker.Add<Reports, api::ReportService>();
  maker.Add<Auth, api::AuthService>();
  maker.Add<Visualizations, api::VisualizationService>();
  maker.Add<Healthz, api::HealthzService>();
  maker.Add<PackageUploads, penstock::v1::PackageUploadService>();
  maker.Add<RunLogs, penstock::v1::RunLogService>();
  maker.Add<RunOperations, penstock::v1::RunOperationsService>(hub);
  maker.Add<RunStatuses, penstock::v1::RunStatusService>(hub);
  maker.Add<ContentRemovals, penstock::v1::ContentRemovalService>();
  maker.Add<Retentions, penstock::v1::RetentionService>();
  maker.Add<AttemptRecords, penstock::v1::AttemptRecordService>();
  maker.Add<RunComparisons, penstock::v1::RunComparisonService>();
  maker.Add<Reruns, penstock::v1::RerunService>();
  maker.Add<RunBundles, penstock::v1::RunBundleService>();
  maker.Add<ArtifactContents, penstock::v1::ArtifactContentService>();
  maker.Add<MetricsOfRuns, penstock::v1::MetricService>();
  maker.Add<RunSearches, penstock::v1::RunSearchService>();
  maker.Add<Lineages, penstock::v1::LineageService>();
  maker.Add<MetadataOfUsers, penstock::v1::UserMetadataService>();
  maker.Add<MlMetadata, mlmd::MetadataStoreService>();
  maker.Add<MetricsExposition, penstock::v1::MetricsExpositionService>();
  maker.AddMlflow();
  return maker.Done();
}

}  // namespace penstock
