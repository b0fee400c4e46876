package main

import (
	"context"
	_ "embed"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"google.golang.org/grpc"

	"github.com/penstock/penstock/gateway/admission"
	"github.com/penstock/penstock/gateway/apierror"
	"github.com/penstock/penstock/gateway/config"
	"github.com/penstock/penstock/gateway/gen/kfp"
	"github.com/penstock/penstock/gateway/gen/penstock"
	"github.com/penstock/penstock/gateway/guard"
	"github.com/penstock/penstock/gateway/legacy"
	"github.com/penstock/penstock/gateway/limits"
	"github.com/penstock/penstock/gateway/marshal"
	"github.com/penstock/penstock/gateway/metadata"
	"github.com/penstock/penstock/gateway/metrics"
	"github.com/penstock/penstock/gateway/openapi"
	"github.com/penstock/penstock/gateway/request"
	"github.com/penstock/penstock/gateway/streams"
	"github.com/penstock/penstock/gateway/upload"
)

// What the protos bind to HTTP, as protoc-gen-openapiv2 writes it at build time.
//
//go:embed gen/openapi/rpc.swagger.json
var rpcDocument []byte

// gateway translates HTTP requests into calls of the server. Constant after newGateway; safe for concurrent use.
type gateway struct {
	cfg      *config.Config
	log      *slog.Logger
	browsers *guard.Browsers
	headers  *metadata.Headers
	conn     *grpc.ClientConn
	stopping context.Context // ends when streams must

	uploads *upload.Uploads
	legacy  *legacy.Legacy
	nodes   *streams.Streams

	fixed       map[string]http.HandlerFunc // what exists only over HTTP, by path
	openAPI     []byte
	rpcs        http.Handler // what the protos bind to HTTP
	calls       http.Handler // both, admitted in bounded number
	metrics     *metrics.Metrics
	requests    admission.Slots
	streams     admission.Slots
	largeBodies admission.Slots
}

func newGateway(stopping context.Context, cfg *config.Config, log *slog.Logger, address net.Addr,
	conn *grpc.ClientConn) (*gateway, error) {
	g := &gateway{
		cfg: cfg, log: log, stopping: stopping, conn: conn,
		browsers: &guard.Browsers{LoopbackOnly: isLoopback(address), AllowedHosts: cfg.AllowedHosts,
			TrustedOrigins: cfg.TrustedOrigins},
		headers:     metadata.NewHeaders(cfg.UserIDHeader),
		metrics:     metrics.New(),
		requests:    make(admission.Slots, limits.MaxRequests),
		streams:     make(admission.Slots, limits.MaxStreams),
		largeBodies: make(admission.Slots, limits.MaxLargeBodies),
	}
	mux, err := g.newRPCMux(conn)
	if err != nil {
		return nil, err
	}
	if g.openAPI, err = openapi.Document(rpcDocument, cfg.TagName); err != nil {
		return nil, err
	}
	g.uploads = upload.New(conn, g.headers, cfg.MaxUploadBytes, g.largeBodies, log)
	g.legacy = legacy.New(conn, g.headers)
	g.nodes = streams.New(stopping, conn, g.headers, log)
	g.fixed = g.fixedPaths()
	g.rpcs = withRoutingPath(admission.LargeBodies(g.largeBodies, bounded(metadata.WithClearTags(mux))))
	g.calls = admission.Limited(g.requests, "requests", http.HandlerFunc(g.routeCall))
	return g, nil
}

// newRPCMux serves the RPCs that have HTTP bindings in their protos.
func (g *gateway) newRPCMux(conn *grpc.ClientConn) (*runtime.ServeMux, error) {
	mux := runtime.NewServeMux(
		runtime.WithMarshalerOption(runtime.MIMEWildcard, marshal.JSON),
		runtime.WithIncomingHeaderMatcher(g.headers.Key),
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

func isLoopback(address net.Addr) bool {
	tcp, ok := address.(*net.TCPAddr)
	return ok && tcp.IP.IsLoopback()
}
