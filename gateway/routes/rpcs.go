package routes

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"google.golang.org/grpc"

	"github.com/penstock/penstock/gateway/apierror"
	"github.com/penstock/penstock/gateway/gen/kfp"
	"github.com/penstock/penstock/gateway/gen/penstock"
	"github.com/penstock/penstock/gateway/guard"
	"github.com/penstock/penstock/gateway/limits"
	"github.com/penstock/penstock/gateway/marshal"
	"github.com/penstock/penstock/gateway/metadata"
	"github.com/penstock/penstock/gateway/request"
)

// RPCs serves what the protos bind to HTTP. Bodies are bounded by limits.MaxJSONBodyBytes and limits.MaxJSONValues. Fails
// if two bindings clash.
func RPCs(conn *grpc.ClientConn, headers *metadata.Headers) (http.Handler, error) {
	mux, err := newRPCMux(conn, headers)
	if err != nil {
		return nil, err
	}
	return withRoutingPath(bounded(metadata.WithClearTags(mux))), nil
}

// newRPCMux serves the RPCs that have HTTP bindings in their protos.
func newRPCMux(conn *grpc.ClientConn, headers *metadata.Headers) (*runtime.ServeMux, error) {
	mux := runtime.NewServeMux(
		runtime.WithMarshalerOption(runtime.MIMEWildcard, marshal.JSON),
		runtime.WithIncomingHeaderMatcher(headers.Key),
		runtime.WithOutgoingHeaderMatcher(func(string) (string, bool) { return "", false }),
		runtime.WithOutgoingTrailerMatcher(func(string) (string, bool) { return "", false }),
		runtime.WithErrorHandler(writeError),
		runtime.WithDisablePathLengthFallback(),
		runtime.WithDisableHTTPMethodOverride(),
		runtime.WithWriteContentLength(), // rather than in chunks, which is one more write
		runtime.WithMiddlewares(noteRoute),
		runtime.SetQueryParameterParser(&guard.StrictQuery{}),
	)
	unparsed := marshal.UnparsedAnswers{ClientConn: conn}
	ctx := context.Background()
	return mux, errors.Join(
		kfp.RegisterExperimentServiceHandlerClient(ctx, mux, kfp.NewExperimentServiceClient(unparsed)),
		kfp.RegisterPipelineServiceHandlerClient(ctx, mux, kfp.NewPipelineServiceClient(unparsed)),
		kfp.RegisterRecurringRunServiceHandlerClient(ctx, mux, kfp.NewRecurringRunServiceClient(unparsed)),
		kfp.RegisterReportServiceHandlerClient(ctx, mux, kfp.NewReportServiceClient(unparsed)),
		kfp.RegisterRunServiceHandlerClient(ctx, mux, kfp.NewRunServiceClient(unparsed)),
		penstock.RegisterRunOperationsServiceHandlerClient(ctx, mux, penstock.NewRunOperationsServiceClient(unparsed)),
		penstock.RegisterRunStatusServiceHandlerClient(ctx, mux, penstock.NewRunStatusServiceClient(unparsed)),
		penstock.RegisterScheduleServiceHandlerClient(ctx, mux, penstock.NewScheduleServiceClient(unparsed)))
}

func writeError(_ context.Context, _ *runtime.ServeMux, _ runtime.Marshaler, w http.ResponseWriter, r *http.Request,
	err error) {
	apierror.WriteRPC(w, r, err)
}

func noteRoute(next runtime.HandlerFunc) runtime.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request, params map[string]string) {
		if pattern, ok := runtime.HTTPPattern(r.Context()); ok {
			request.InfoOf(r.Context()).Route = strings.ReplaceAll(pattern.String(), "=*}", "}")
		}
		if err := guard.CheckNoQuery(r, request.InfoOf(r.Context()).Route); err != nil {
			apierror.WriteRPC(w, r, err)
			return
		}
		for name, value := range params {
			// Never fails: withRoutingPath has left nothing else that is encoded.
			params[name], _ = url.PathUnescape(value)
		}
		next(w, r, params)
	}
}

// bounded limits the body of an RPC.
func bounded(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if failed := request.BoundBody(w, r, limits.MaxJSONBodyBytes); failed != nil {
			apierror.WriteRPC(w, r, failed.Status())
			return
		}
		request.InfoOf(r.Context()).BoundJSONValues()
		// Else grpc-gateway tells them the server, which has no use for them.
		r = r.WithContext(r.Context())
		r.RemoteAddr, r.Host = "", ""
		next.ServeHTTP(w, r)
	})
}
