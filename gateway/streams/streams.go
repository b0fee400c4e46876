// Package streams passes on the logs of tasks, the content of artifacts and runs as files, as they come from the server. An answer that
// is not whole does not end like one that is.
package streams

import (
	"context"
	"log/slog"

	"google.golang.org/grpc"

	"github.com/penstock/penstock/gateway/apierror"
	"github.com/penstock/penstock/gateway/gen/kfp"
	"github.com/penstock/penstock/gateway/gen/penstock"
	"github.com/penstock/penstock/gateway/metadata"
)

// Node is what the paths of logs and artifacts name.
type Node struct {
	RunID, NodeID, Artifact string
}

// Streams reads them from the server. Constant after New; safe for concurrent use.
type Streams struct {
	pipe      Pipe
	headers   *metadata.Headers
	logs      penstock.RunLogServiceClient
	artifacts penstock.ArtifactContentServiceClient
	bundles   penstock.RunBundleServiceClient
	statuses  penstock.RunStatusServiceClient
	runs      kfp.RunServiceClient
}

// New reads over conn. All streams end when stopping does.
func New(stopping context.Context, conn grpc.ClientConnInterface, headers *metadata.Headers, log *slog.Logger) *Streams {
	return &Streams{pipe: Pipe{stopping, log, apierror.WriteHTTPFrom}, headers: headers,
		logs: penstock.NewRunLogServiceClient(conn), artifacts: penstock.NewArtifactContentServiceClient(conn),
		bundles: penstock.NewRunBundleServiceClient(conn), statuses: penstock.NewRunStatusServiceClient(conn),
		runs: kfp.NewRunServiceClient(conn)}
}
