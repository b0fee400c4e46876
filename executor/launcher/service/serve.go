package service

import (
	"context"
	"io"
	"net"
	"os"
	"runtime/debug"
	"syscall"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/keepalive"

	pb "github.com/penstock/penstock/launcher/gen/content"
	"github.com/penstock/penstock/launcher/limits"
	"github.com/penstock/penstock/launcher/settings"
	"github.com/penstock/penstock/launcher/stores"
)

// Serve answers at a socket that only this user reaches, until ctx or in ends.
func Serve(ctx context.Context, socket, storesFile string, in io.Reader) error {
	s, err := settings.Read(storesFile)
	if err != nil {
		return err
	}
	debug.SetMemoryLimit(limits.ServiceMemoryBytes)
	_ = os.Remove(socket) // of one that was killed
	before := syscall.Umask(0o177)
	listener, err := net.Listen("unix", socket)
	syscall.Umask(before)
	if err != nil {
		return err
	}
	places := make(chan struct{}, limits.ServiceCalls)
	server := grpc.NewServer(
		grpc.MaxRecvMsgSize(limits.ServiceMessageBytes),
		grpc.MaxConcurrentStreams(2*limits.ServiceCalls),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: time.Second, PermitWithoutStream: true}),
		grpc.UnaryInterceptor(func(ctx context.Context, request any, _ *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
			if err := enter(ctx, places); err != nil {
				return nil, err
			}
			defer func() { <-places }()
			return next(ctx, request)
		}),
		grpc.StreamInterceptor(func(srv any, stream grpc.ServerStream, _ *grpc.StreamServerInfo, next grpc.StreamHandler) error {
			if err := enter(stream.Context(), places); err != nil {
				return err
			}
			defer func() { <-places }()
			return next(srv, stream)
		}),
	)
	pb.RegisterRemoteContentServer(server, &service{settings: s, opener: stores.NewOpener(s, stores.Options{}),
		writes: make(chan struct{}, limits.ServiceWrites)})
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		_, _ = io.Copy(io.Discard, in)
		cancel()
	}()
	go func() {
		<-ctx.Done()
		hard := time.AfterFunc(limits.ShutdownGrace, server.Stop)
		defer hard.Stop()
		server.GracefulStop()
	}()
	return server.Serve(listener)
}

func enter(ctx context.Context, places chan struct{}) error {
	select {
	case places <- struct{}{}:
		return nil
	case <-ctx.Done():
		return rpcError(ctx.Err())
	}
}
