package routes

import (
	"context"
	"errors"
	"net/http"

	"google.golang.org/grpc"

	"github.com/penstock/penstock/gateway/apierror"
	"github.com/penstock/penstock/gateway/gen/kfp"
	"github.com/penstock/penstock/gateway/gen/penstock"
	"github.com/penstock/penstock/gateway/marshal"
	"github.com/penstock/penstock/gateway/metadata"
	"github.com/penstock/penstock/gateway/rpcmux"
)

// RPCs serves what the protos of Kubeflow Pipelines, and our own, bind to HTTP. Fails if two bindings clash.
func RPCs(conn *grpc.ClientConn, headers *metadata.Headers) (http.Handler, error) {
	dialect := rpcmux.Dialect{Marshaler: marshal.JSON, WriteError: apierror.WriteRPC}
	mux := rpcmux.New(dialect, headers)
	unparsed := marshal.UnparsedAnswers{ClientConn: conn}
	ctx := context.Background()
	err := errors.Join(
		kfp.RegisterArtifactServiceHandlerClient(ctx, mux, kfp.NewArtifactServiceClient(unparsed)),
		kfp.RegisterExperimentServiceHandlerClient(ctx, mux, kfp.NewExperimentServiceClient(unparsed)),
		kfp.RegisterPipelineServiceHandlerClient(ctx, mux, kfp.NewPipelineServiceClient(unparsed)),
		kfp.RegisterRecurringRunServiceHandlerClient(ctx, mux, kfp.NewRecurringRunServiceClient(unparsed)),
		kfp.RegisterReportServiceHandlerClient(ctx, mux, kfp.NewReportServiceClient(unparsed)),
		kfp.RegisterRunServiceHandlerClient(ctx, mux, kfp.NewRunServiceClient(unparsed)),
		penstock.RegisterArtifactContentServiceHandlerClient(ctx, mux, penstock.NewArtifactContentServiceClient(unparsed)),
		penstock.RegisterAttemptRecordServiceHandlerClient(ctx, mux, penstock.NewAttemptRecordServiceClient(unparsed)),
		penstock.RegisterContentRemovalServiceHandlerClient(ctx, mux, penstock.NewContentRemovalServiceClient(unparsed)),
		penstock.RegisterLineageServiceHandlerClient(ctx, mux, penstock.NewLineageServiceClient(unparsed)),
		penstock.RegisterMetricServiceHandlerClient(ctx, mux, penstock.NewMetricServiceClient(unparsed)),
		penstock.RegisterRerunServiceHandlerClient(ctx, mux, penstock.NewRerunServiceClient(unparsed)),
		penstock.RegisterRetentionServiceHandlerClient(ctx, mux, penstock.NewRetentionServiceClient(unparsed)),
		penstock.RegisterRunComparisonServiceHandlerClient(ctx, mux, penstock.NewRunComparisonServiceClient(unparsed)),
		penstock.RegisterRunLogServiceHandlerClient(ctx, mux, penstock.NewRunLogServiceClient(unparsed)),
		penstock.RegisterRunOperationsServiceHandlerClient(ctx, mux, penstock.NewRunOperationsServiceClient(unparsed)),
		penstock.RegisterRunSearchServiceHandlerClient(ctx, mux, penstock.NewRunSearchServiceClient(unparsed)),
		penstock.RegisterRunStatusServiceHandlerClient(ctx, mux, penstock.NewRunStatusServiceClient(unparsed)),
		penstock.RegisterScheduleServiceHandlerClient(ctx, mux, penstock.NewScheduleServiceClient(unparsed)),
		penstock.RegisterUserMetadataServiceHandlerClient(ctx, mux, penstock.NewUserMetadataServiceClient(unparsed)))
	if err != nil {
		return nil, err
	}
	return dialect.Bounded(metadata.WithClearTags(mux)), nil
}
