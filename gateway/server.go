package main

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"

	"golang.org/x/net/netutil"
	"google.golang.org/grpc"

	"github.com/penstock/penstock/gateway/limits"
)

// serve answers requests until ctx ends, then lets those in work finish within the grace period. Owns the listener.
func serve(ctx context.Context, cfg *config, log *slog.Logger, listener net.Listener, conn *grpc.ClientConn) error {
	stopping, stopStreams := context.WithCancel(context.Background())
	defer stopStreams()
	g, err := newGateway(stopping, cfg, log, listener.Addr(), conn)
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	server := &http.Server{
		Handler:           g.handler(),
		ReadHeaderTimeout: limits.ReadHeaderTimeout,
		IdleTimeout:       limits.IdleTimeout,
		MaxHeaderBytes:    limits.MaxHeaderBytes,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug), // clients that break off, mostly
	}
	conn.Connect() // rather than with the first request

	failed := make(chan error, 1)
	go func() { failed <- server.Serve(netutil.LimitListener(listener, limits.MaxConnections)) }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	stopStreams()
	grace, cancel := context.WithTimeout(context.Background(), cfg.shutdownGrace)
	defer cancel()
	if err := server.Shutdown(grace); err != nil {
		log.Warn("requests were cut off", "shutdown_grace", cfg.shutdownGrace)
		return server.Close()
	}
	return nil
}
