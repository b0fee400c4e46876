#include "server/mlflow_services.h"

#include "mlflow/artifacts.grpc.pb.h"
#include "mlflow/model_registry.grpc.pb.h"
#include "mlflow/tracking.grpc.pb.h"
#include "server/bind.h"
#include "server/handlers/mlflow_artifact.h"
#include "server/handlers/mlflow_experiment.h"
#include "server/handlers/mlflow_log.h"
#include "server/handlers/mlflow_model.h"
#include "server/handlers/mlflow_registry.h"
#include "server/handlers/mlflow_run.h"
#include "server/handlers/mlflow_search.h"
#include "server/mlflow_errors.h"

namespace penstock {
namespace {

class Tracking final : public Bound<mlflow::TrackingService::Service> {
 public:
  using Bound::Bound;
  PENSTOCK_RPC(TrackingService, CreateExperiment, mlflow::CreateExperimentRequest,
               mlflow::CreateExperimentResponse, MlflowExperimentCreate(context, *request, reply))
  PENSTOCK_RPC(TrackingService, SearchExperiments, mlflow::SearchExperimentsRequest,
               mlflow::SearchExperimentsResponse, MlflowExperimentSearch(context, *request, reply))
  PENSTOCK_RPC(TrackingService, GetExperiment, mlflow::GetExperimentRequest, mlflow::GetExperimentResponse,
               MlflowExperimentGet(context, *request, reply))
  PENSTOCK_RPC(TrackingService, GetExperimentByName, mlflow::GetExperimentByNameRequest,
               mlflow::GetExperimentByNameResponse, MlflowExperimentGetByName(context, *request, reply))
  PENSTOCK_RPC(TrackingService, UpdateExperiment, mlflow::UpdateExperimentRequest,
               mlflow::UpdateExperimentResponse, MlflowExperimentUpdate(context, *request))
  PENSTOCK_RPC(TrackingService, DeleteExperiment, mlflow::DeleteExperimentRequest,
               mlflow::DeleteExperimentResponse, MlflowExperimentDelete(context, *request))
  PENSTOCK_RPC(TrackingService, RestoreExperiment, mlflow::RestoreExperimentRequest,
               mlflow::RestoreExperimentResponse, MlflowExperimentRestore(context, *request))
  PENSTOCK_RPC(TrackingService, SetExperimentTag, mlflow::SetExperimentTagRequest,
               mlflow::SetExperimentTagResponse, MlflowExperimentTagSet(context, *request))
  PENSTOCK_RPC(TrackingService, DeleteExperimentTag, mlflow::DeleteExperimentTagRequest,
               mlflow::DeleteExperimentTagResponse, MlflowExperimentTagDelete(context, *request))
  PENSTOCK_RPC(TrackingService, SearchDatasets, mlflow::SearchDatasetsRequest, mlflow::SearchDatasetsResponse,
               MlflowDatasetSearch(context, *request, reply))
  PENSTOCK_RPC(TrackingService, CreateRun, mlflow::CreateRunRequest, mlflow::CreateRunResponse,
               MlflowRunCreate(context, *request, reply))
  PENSTOCK_RPC(TrackingService, UpdateRun, mlflow::UpdateRunRequest, mlflow::UpdateRunResponse,
               MlflowRunUpdate(context, *request, reply))
  PENSTOCK_RPC(TrackingService, GetRun, mlflow::GetRunRequest, mlflow::GetRunResponse,
               MlflowRunGet(context, *request, reply))
  PENSTOCK_RPC(TrackingService, SearchRuns, mlflow::SearchRunsRequest, mlflow::SearchRunsResponse,
               MlflowRunSearch(context, *request, reply))
  PENSTOCK_RPC(TrackingService, DeleteRun, mlflow::DeleteRunRequest, mlflow::DeleteRunResponse,
               MlflowRunDelete(context, *request))
  PENSTOCK_RPC(TrackingService, RestoreRun, mlflow::RestoreRunRequest, mlflow::RestoreRunResponse,
               MlflowRunRestore(context, *request))
  PENSTOCK_RPC(TrackingService, LogMetric, mlflow::LogMetricRequest, mlflow::LogMetricResponse,
               MlflowMetricLog(context, *request))
  PENSTOCK_RPC(TrackingService, LogParameter, mlflow::LogParameterRequest, mlflow::LogParameterResponse,
               MlflowParameterLog(context, *request))
  PENSTOCK_RPC(TrackingService, LogBatch, mlflow::LogBatchRequest, mlflow::LogBatchResponse,
               MlflowBatchLog(context, *request))
  PENSTOCK_RPC(TrackingService, SetTag, mlflow::SetTagRequest, mlflow::SetTagResponse,
               MlflowTagSet(context, *request))
  PENSTOCK_RPC(TrackingService, DeleteTag, mlflow::DeleteTagRequest, mlflow::DeleteTagResponse,
               MlflowTagDelete(context, *request))
  PENSTOCK_RPC(TrackingService, LogInputs, mlflow::LogInputsRequest, mlflow::LogInputsResponse,
               MlflowInputsLog(context, *request))
  PENSTOCK_RPC(TrackingService, LogOutputs, mlflow::LogOutputsRequest, mlflow::LogOutputsResponse,
               MlflowOutputsLog(context, *request))
  PENSTOCK_RPC(TrackingService, LogModel, mlflow::LogModelRequest, mlflow::LogModelResponse,
               MlflowModelRecord(context, *request))
  PENSTOCK_RPC(TrackingService, GetMetricHistory, mlflow::GetMetricHistoryRequest,
               mlflow::GetMetricHistoryResponse, MlflowHistoryGet(context, *request, reply))
  PENSTOCK_RPC(TrackingService, GetMetricHistoryBulkInterval, mlflow::GetMetricHistoryBulkIntervalRequest,
               mlflow::GetMetricHistoryBulkIntervalResponse, MlflowHistoriesGet(context, *request, reply))
  PENSTOCK_RPC(TrackingService, ListArtifacts, mlflow::ListArtifactsRequest, mlflow::ListArtifactsResponse,
               MlflowRunArtifacts(context, *request, reply))
  PENSTOCK_RPC(TrackingService, CreateLoggedModel, mlflow::CreateLoggedModelRequest,
               mlflow::CreateLoggedModelResponse, LoggedModelCreate(context, *request, reply))
  PENSTOCK_RPC(TrackingService, SearchLoggedModels, mlflow::SearchLoggedModelsRequest,
               mlflow::SearchLoggedModelsResponse, LoggedModelSearch(context, *request, reply))
  PENSTOCK_RPC(TrackingService, GetLoggedModel, mlflow::GetLoggedModelRequest, mlflow::GetLoggedModelResponse,
               LoggedModelGet(context, *request, reply))
  PENSTOCK_RPC(TrackingService, FinalizeLoggedModel, mlflow::FinalizeLoggedModelRequest,
               mlflow::FinalizeLoggedModelResponse, LoggedModelFinalize(context, *request, reply))
  PENSTOCK_RPC(TrackingService, DeleteLoggedModel, mlflow::DeleteLoggedModelRequest,
               mlflow::DeleteLoggedModelResponse, LoggedModelDelete(context, *request))
  PENSTOCK_RPC(TrackingService, SetLoggedModelTags, mlflow::SetLoggedModelTagsRequest,
               mlflow::SetLoggedModelTagsResponse, LoggedModelTagsSet(context, *request, reply))
  PENSTOCK_RPC(TrackingService, DeleteLoggedModelTag, mlflow::DeleteLoggedModelTagRequest,
               mlflow::DeleteLoggedModelTagResponse, LoggedModelTagDelete(context, *request))
  PENSTOCK_RPC(TrackingService, LogLoggedModelParams, mlflow::LogLoggedModelParamsRequest,
               mlflow::LogLoggedModelParamsResponse, LoggedModelParamsLog(context, *request))
  PENSTOCK_RPC(TrackingService, ListLoggedModelArtifacts, mlflow::ListLoggedModelArtifactsRequest,
               mlflow::ListLoggedModelArtifactsResponse, MlflowModelArtifacts(context, *request, reply))
};

class Artifacts final : public Bound<mlflow::ArtifactService::Service> {
 public:
  using Bound::Bound;
  PENSTOCK_RPC(ArtifactService, ListArtifactFiles, mlflow::ListArtifactFilesRequest,
               mlflow::ListArtifactFilesResponse, MlflowArtifactFiles(context, *request, reply))
  PENSTOCK_RPC(ArtifactService, DeleteArtifact, mlflow::DeleteArtifactRequest, mlflow::DeleteArtifactResponse,
               MlflowArtifactDelete(context, *request))
  grpc::Status WriteArtifact(grpc::ServerContext* call,
                             grpc::ServerReader<mlflow::WriteArtifactRequest>* reader,
                             mlflow::WriteArtifactResponse*) override {
    RequestContext context = ContextOf(deps_, *call);
    return HandleRpc(context, "ArtifactService/WriteArtifact", [&] {
      return MlflowArtifactWrite(
          context, [reader](mlflow::WriteArtifactRequest* request) { return reader->Read(request); });
    });
  }
  grpc::Status ReadArtifact(grpc::ServerContext* call, const mlflow::ReadArtifactRequest* request,
                            grpc::ServerWriter<mlflow::ReadArtifactChunk>* writer) override {
    RequestContext context = ContextOf(deps_, *call);
    return HandleRpc(context, "ArtifactService/ReadArtifact", [&] {
      return MlflowArtifactRead(context, *request, [writer](const mlflow::ReadArtifactChunk& chunk) {
        return writer->Write(chunk);
      });
    });
  }
};

class Registry final : public Bound<mlflow::ModelRegistryService::Service> {
 public:
  using Bound::Bound;
  PENSTOCK_RPC(ModelRegistryService, CreateRegisteredModel, mlflow::CreateRegisteredModelRequest,
               mlflow::CreateRegisteredModelResponse, RegisteredModelCreate(context, *request, reply))
  PENSTOCK_RPC(ModelRegistryService, GetRegisteredModel, mlflow::GetRegisteredModelRequest,
               mlflow::GetRegisteredModelResponse, RegisteredModelGet(context, *request, reply))
  PENSTOCK_RPC(ModelRegistryService, SearchRegisteredModels, mlflow::SearchRegisteredModelsRequest,
               mlflow::SearchRegisteredModelsResponse, RegisteredModelSearch(context, *request, reply))
  PENSTOCK_RPC(ModelRegistryService, UpdateRegisteredModel, mlflow::UpdateRegisteredModelRequest,
               mlflow::UpdateRegisteredModelResponse, RegisteredModelUpdate(context, *request, reply))
  PENSTOCK_RPC(ModelRegistryService, RenameRegisteredModel, mlflow::RenameRegisteredModelRequest,
               mlflow::RenameRegisteredModelResponse, RegisteredModelRename(context, *request, reply))
  PENSTOCK_RPC(ModelRegistryService, DeleteRegisteredModel, mlflow::DeleteRegisteredModelRequest,
               mlflow::DeleteRegisteredModelResponse, RegisteredModelDelete(context, *request))
  PENSTOCK_RPC(ModelRegistryService, GetLatestVersions, mlflow::GetLatestVersionsRequest,
               mlflow::GetLatestVersionsResponse, LatestVersionsGet(context, *request, reply))
  PENSTOCK_RPC(ModelRegistryService, SetRegisteredModelTag, mlflow::SetRegisteredModelTagRequest,
               mlflow::SetRegisteredModelTagResponse, RegisteredModelTagSet(context, *request))
  PENSTOCK_RPC(ModelRegistryService, DeleteRegisteredModelTag, mlflow::DeleteRegisteredModelTagRequest,
               mlflow::DeleteRegisteredModelTagResponse, RegisteredModelTagDelete(context, *request))
  PENSTOCK_RPC(ModelRegistryService, SetRegisteredModelAlias, mlflow::SetRegisteredModelAliasRequest,
               mlflow::SetRegisteredModelAliasResponse, RegisteredModelAliasSet(context, *request))
  PENSTOCK_RPC(ModelRegistryService, DeleteRegisteredModelAlias, mlflow::DeleteRegisteredModelAliasRequest,
               mlflow::DeleteRegisteredModelAliasResponse, RegisteredModelAliasDelete(context, *request))
  PENSTOCK_RPC(ModelRegistryService, GetModelVersionByAlias, mlflow::GetModelVersionByAliasRequest,
               mlflow::GetModelVersionByAliasResponse, ModelVersionGetByAlias(context, *request, reply))
  PENSTOCK_RPC(ModelRegistryService, CreateModelVersion, mlflow::CreateModelVersionRequest,
               mlflow::CreateModelVersionResponse, ModelVersionCreate(context, *request, reply))
  PENSTOCK_RPC(ModelRegistryService, GetModelVersion, mlflow::GetModelVersionRequest,
               mlflow::GetModelVersionResponse, ModelVersionGet(context, *request, reply))
  PENSTOCK_RPC(ModelRegistryService, SearchModelVersions, mlflow::SearchModelVersionsRequest,
               mlflow::SearchModelVersionsResponse, ModelVersionSearch(context, *request, reply))
  PENSTOCK_RPC(ModelRegistryService, UpdateModelVersion, mlflow::UpdateModelVersionRequest,
               mlflow::UpdateModelVersionResponse, ModelVersionUpdate(context, *request, reply))
  PENSTOCK_RPC(ModelRegistryService, DeleteModelVersion, mlflow::DeleteModelVersionRequest,
               mlflow::DeleteModelVersionResponse, ModelVersionDelete(context, *request))
  PENSTOCK_RPC(ModelRegistryService, GetModelVersionDownloadUri, mlflow::GetModelVersionDownloadUriRequest,
               mlflow::GetModelVersionDownloadUriResponse, ModelVersionUriGet(context, *request, reply))
  PENSTOCK_RPC(ModelRegistryService, SetModelVersionTag, mlflow::SetModelVersionTagRequest,
               mlflow::SetModelVersionTagResponse, ModelVersionTagSet(context, *request))
  PENSTOCK_RPC(ModelRegistryService, DeleteModelVersionTag, mlflow::DeleteModelVersionTagRequest,
               mlflow::DeleteModelVersionTagResponse, ModelVersionTagDelete(context, *request))
};

}  // namespace

void AddMlflowServices(Deps& deps, std::vector<std::unique_ptr<grpc::Service>>* services,
                       std::set<std::string>* names) {
  services->push_back(std::make_unique<Tracking>(deps));
  names->insert(mlflow::TrackingService::service_full_name());
  services->push_back(std::make_unique<Artifacts>(deps));
  names->insert(mlflow::ArtifactService::service_full_name());
  services->push_back(std::make_unique<Registry>(deps));
  names->insert(mlflow::ModelRegistryService::service_full_name());
}

}  // namespace penstock
