// Package service serves Pods to the server beside it.
package service

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"runtime/debug"
	"sync"
	"syscall"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/keepalive"
	"k8s.io/client-go/kubernetes"

	"github.com/penstock/penstock/kube/attempts"
	pb "github.com/penstock/penstock/kube/gen/pods"
	"github.com/penstock/penstock/kube/limits"
	"github.com/penstock/penstock/kube/metrics"
	"github.com/penstock/penstock/kube/reports"
	"github.com/penstock/penstock/kube/settings"
)

// Options are what Serve works with.
type Options struct {
	Socket    string
	DataDir   string
	ServerID  string
	Namespace string
	Client    kubernetes.Interface
	Settings  *settings.Settings
	Log       *slog.Logger
}

// Serve answers at a socket that only this user reaches, until ctx or in ends.
func Serve(ctx context.Context, options Options, in io.Reader) error {
	debug.SetMemoryLimit(limits.ServiceMemoryBytes)
	store, err := reports.Open(options.DataDir)
	if err != nil {
		return err
	}
	listener, err := listen(options.Socket)
	if err != nil {
		return err
	}
	door, err := listenForReports(options.Settings)
	if err != nil {
		_ = listener.Close()
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	counts := metrics.New()
	driver := attempts.New(attempts.Config{Metrics: counts, Client: options.Client, Store: store, Settings: options.Settings,
		ServerID: options.ServerID, Namespace: options.Namespace, Times: attempts.TimesOf(options.Settings), Log: options.Log})
	defer driver.Close()
	counts.Ask(driver.Waiting)
	var running sync.WaitGroup // of what calls the driver
	defer running.Wait()
	defer cancel()
	if door != nil {
		running.Go(func() {
			if err := reports.NewDoor(store, driver, options.Log, counts.Handler()).Serve(ctx, door); err != nil {
				options.Log.Error("reports of attempts are not taken any more", "error", err)
			}
		})
	}
	server := newServer()
	pb.RegisterPodsServer(server, &service{ctx: ctx, driver: driver, client: options.Client, namespace: options.Namespace})
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
	options.Log.Info("serving", "socket", options.Socket, "namespace", options.Namespace, "server", options.ServerID)
	return server.Serve(listener)
}

func listen(socket string) (net.Listener, error) {
	_ = os.Remove(socket) // of one that was killed
	before := syscall.Umask(0o177)
	defer syscall.Umask(before)
	return net.Listen("unix", socket)
}

func listenForReports(s *settings.Settings) (net.Listener, error) {
	if s.Report.Listen == "" {
		return nil, nil
	}
	listener, err := net.Listen("tcp", s.Report.Listen)
	if err != nil {
		return nil, fmt.Errorf("report.listen %s cannot be listened at: %v", s.Report.Listen, err)
	}
	return listener, nil
}

func newServer() *grpc.Server {
	places := make(chan struct{}, limits.Calls)
	return grpc.NewServer(
		grpc.WaitForHandlers(true),
		grpc.MaxRecvMsgSize(limits.OrderBytes),
		grpc.MaxConcurrentStreams(2*limits.Calls),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: time.Second, PermitWithoutStream: true}),
		grpc.StreamInterceptor(func(srv any, stream grpc.ServerStream, info *grpc.StreamServerInfo, next grpc.StreamHandler) error {
			if info.FullMethod == pb.Pods_Drive_FullMethodName {
				return next(srv, stream) // never waits behind readers of logs
			}
			select {
			case places <- struct{}{}:
			case <-stream.Context().Done():
				return context.Cause(stream.Context())
			}
			defer func() { <-places }()
			return next(srv, stream)
		}),
	)
}

// superseded tells whether a stream was ended by another.
func superseded(err error) bool { return errors.Is(err, attempts.ErrSuperseded) }
