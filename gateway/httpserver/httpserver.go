// Package httpserver takes the port and serves HTTP on it, within bounds, until it is told to stop.
package httpserver

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/penstock/penstock/gateway/limits"
)

// Server serves a Handler.
type Server struct {
	Handler       http.Handler
	StopStreams   func()        // called before the grace period: streams may have no end of their own
	ShutdownGrace time.Duration // that requests in work have to finish
	Log           *slog.Logger
}

// Serve answers requests until ctx ends, then lets those in work finish within the grace period. Owns the listener.
// Fails only if the listener does, or if connections that are cut off cannot be closed.
func (s *Server) Serve(ctx context.Context, listener net.Listener) error {
	bounded := newConnections(listener, limits.MaxConnections, limits.MaxSurplusConnections)
	var protocols http.Protocols
	protocols.SetHTTP1(true)
	protocols.SetUnencryptedHTTP2(true) // with prior knowledge, as gRPC has it
	server := &http.Server{
		Protocols:         &protocols,
		HTTP2:             &http.HTTP2Config{MaxConcurrentStreams: limits.MaxConcurrentStreams, WriteByteTimeout: limits.WriteByteTimeout},
		Handler:           s.Handler,
		ConnState:         bounded.changed,
		ConnContext:       bounded.context,
		ReadHeaderTimeout: limits.ReadHeaderTimeout,
		IdleTimeout:       limits.IdleTimeout,
		MaxHeaderBytes:    limits.MaxHeaderBytes,
		ErrorLog:          slog.NewLogLogger(s.Log.Handler(), slog.LevelDebug), // clients that break off, mostly
	}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(bounded) }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	s.StopStreams()
	grace, cancel := context.WithTimeout(context.Background(), s.ShutdownGrace)
	defer cancel()
	if err := server.Shutdown(grace); err != nil {
		s.Log.Warn("requests were cut off", "shutdown_grace", s.ShutdownGrace)
		return server.Close()
	}
	return nil
}
