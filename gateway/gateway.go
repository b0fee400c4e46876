package main

import (
	"context"
	_ "embed"
	"log/slog"
	"net"
	"net/http"

	"google.golang.org/grpc"

	"github.com/penstock/penstock/gateway/admission"
	"github.com/penstock/penstock/gateway/config"
	"github.com/penstock/penstock/gateway/dashboard"
	"github.com/penstock/penstock/gateway/grpcweb"
	"github.com/penstock/penstock/gateway/guard"
	"github.com/penstock/penstock/gateway/health"
	"github.com/penstock/penstock/gateway/httpserver"
	"github.com/penstock/penstock/gateway/legacy"
	"github.com/penstock/penstock/gateway/memory"
	"github.com/penstock/penstock/gateway/metadata"
	"github.com/penstock/penstock/gateway/metrics"
	"github.com/penstock/penstock/gateway/mlflow"
	"github.com/penstock/penstock/gateway/observe"
	"github.com/penstock/penstock/gateway/openapi"
	"github.com/penstock/penstock/gateway/passthrough"
	"github.com/penstock/penstock/gateway/routes"
	"github.com/penstock/penstock/gateway/streams"
	"github.com/penstock/penstock/gateway/upload"
)

// What the protos bind to HTTP, as protoc-gen-openapiv2 writes it at build time.
//
//go:embed gen/openapi/rpc.swagger.json
var rpcDocument []byte

// gateway translates HTTP requests into calls of the server. Constant after newGateway; safe for concurrent use.
type gateway struct {
	routes  *routes.Table
	memory  *memory.Budget
	handler http.Handler // the whole: the routes behind what is done for each request
}

// newGateway makes all parts, and gives each what it needs. Streams end when stopping does; the address is the one that
// requests come in by.
func newGateway(stopping context.Context, cfg *config.Config, log *slog.Logger, address net.Addr,
	conn *grpc.ClientConn) (*gateway, error) {
	document, err := openapi.Document(rpcDocument, cfg.TagName)
	if err != nil {
		return nil, err
	}
	headers := metadata.NewHeaders(cfg.UserIDHeader)
	rpcs, err := routes.RPCs(conn, headers)
	if err != nil {
		return nil, err
	}
	tracking, err := mlflow.New(stopping, conn, headers, log)
	if err != nil {
		return nil, err
	}
	pages, err := dashboard.New()
	if err != nil {
		return nil, err
	}
	counted := metrics.New()
	table := routes.New(routes.Parts{
		Dashboard:  pages,
		RPCs:       rpcs,
		GRPC:       passthrough.Handler(cfg.Server, log),
		GRPCWeb:    grpcweb.Handler(conn, headers),
		MLflow:     tracking,
		Legacy:     legacy.New(conn, headers),
		Uploads:    upload.New(conn, headers, cfg.MaxUploadBytes, log),
		Streams:    streams.New(stopping, conn, headers, log),
		Health:     health.Handler(conn, headers, cfg.CommitSHA, cfg.TagName),
		HealthText: health.TextHandler(conn, headers),
		Metrics:    counted.Handler(conn),
		OpenAPI:    openapi.Handler(document),
		TagName:    cfg.TagName,
		Stopping:   stopping,
	})
	browsers := &guard.Browsers{LoopbackOnly: isLoopback(address), AllowedHosts: cfg.AllowedHosts,
		TrustedOrigins: cfg.TrustedOrigins, OnlyReads: grpcweb.Accepts} // metadata is all that is read so
	served := admission.Spared(httpserver.IsSurplus, routes.IsHealth, table)
	budget := memory.NewBudget(cfg.MemoryBytes)
	return &gateway{table, budget, observe.Handler(counted, log, budget, browsers.Guard(served))}, nil
}

// isLoopback: a socket file, too, is reached from this machine only, and by web pages through a port that is forwarded
// to it.
func isLoopback(address net.Addr) bool {
	tcp, ok := address.(*net.TCPAddr)
	return (ok && tcp.IP.IsLoopback()) || address.Network() == "unix"
}
