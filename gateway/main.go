// penstock-gateway serves the HTTP API of Kubeflow Pipelines and passes the calls on, as gRPC, to a Penstock server.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"syscall"
	"time"

	"google.golang.org/grpc"

	"github.com/penstock/penstock/gateway/config"
	"github.com/penstock/penstock/gateway/httpserver"
	"github.com/penstock/penstock/gateway/limits"
	"github.com/penstock/penstock/gateway/logging"
	"github.com/penstock/penstock/gateway/memory"
	"github.com/penstock/penstock/gateway/upstream"
)

// Set by the linker.
var version, commit = "dev", "unknown"

const (
	exitOK    = 0
	exitError = 1
	exitUsage = 2 // also a port that is taken: the command line must change
)

func main() {
	os.Exit(run(os.Args[1:], os.Getenv, os.Stdin, os.Stdout, os.Stderr))
}

func run(args []string, getenv func(string) string, stdin io.Reader, stdout, stderr io.Writer) int {
	cfg, err := config.Parse(args, getenv, stdout, config.Build{Version: version, Commit: commit})
	if errors.Is(err, flag.ErrHelp) {
		return exitOK
	}
	if err != nil {
		fmt.Fprintln(stderr, "penstock-gateway:", err)
		return exitUsage
	}
	if cfg.ShowVersion {
		fmt.Fprintf(stdout, "penstock-gateway %s (%s)\n", version, commit)
		return exitOK
	}
	tuneRuntime(getenv, cfg.MemoryBytes)
	log := logging.New(cfg.LogFormat, cfg.LogLevel, stderr)

	listener, err := httpserver.Listen(cfg.Listen, cfg.ListenFD)
	if err != nil {
		fmt.Fprintln(stderr, "penstock-gateway:", err)
		return exitUsage
	}
	conn, err := upstream.Dial(cfg.Server, version)
	if err != nil {
		fmt.Fprintf(stderr, "penstock-gateway: --server %s: %v\n", cfg.Server, err)
		return exitUsage
	}
	defer conn.Close()

	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if cfg.ExitOnStdinEOF {
		ctx = untilEOF(ctx, stdin, log)
	}
	if err := httpserver.WriteReadyFile(cfg.ReadyFile, listener.Addr()); err != nil {
		fmt.Fprintln(stderr, "penstock-gateway: --ready_file:", err)
		return exitUsage
	}
	log.Info("listening", "address", listener.Addr().String(), "server", cfg.Server, "version", version)
	if err := serve(ctx, cfg, log, listener, conn); err != nil {
		log.Error("stopped", "error", err)
		return exitError
	}
	log.Info("stopped")
	return exitOK
}

// serve answers requests until ctx ends. Owns the listener.
func serve(ctx context.Context, cfg *config.Config, log *slog.Logger, listener net.Listener, conn *grpc.ClientConn) error {
	stopping, stopStreams := context.WithCancel(context.Background())
	defer stopStreams()
	g, err := newGateway(stopping, cfg, log, listener.Addr(), conn)
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	go freeMemory(stopping, g.memory)
	conn.Connect() // rather than with the first request
	server := httpserver.Server{Handler: g.handler, StopStreams: stopStreams, ShutdownGrace: cfg.ShutdownGrace, Log: log}
	return server.Serve(ctx, listener)
}

// tuneRuntime fits Go's runtime to a small process beside a server that does the other half of the work; GOGC,
// GOMEMLIMIT and GOMAXPROCS still win.
func tuneRuntime(getenv func(string) string, memoryBytes int64) {
	if getenv("GOGC") == "" {
		debug.SetGCPercent(200) // with less, a heap of a few MiB is collected every few calls
	}
	if getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(memoryBytes + limits.RuntimeMemoryBytes)
	}
	if getenv("GOMAXPROCS") == "" {
		// A thread woken to look for work that another has found costs as much as a small call.
		runtime.GOMAXPROCS(max(1, runtime.GOMAXPROCS(0)/2))
	}
}

// freeMemory gives memory back to the system whenever a budget that was in use is not any more: Go itself takes minutes.
func freeMemory(stopping context.Context, budget *memory.Budget) {
	ticker := time.NewTicker(limits.MemoryLook)
	defer ticker.Stop()
	for {
		select {
		case <-stopping.Done():
			return
		case <-ticker.C:
			if budget.TakeQuiet() {
				runtime.GC() // pools keep what they have over one collection
				debug.FreeOSMemory()
			}
		}
	}
}

// untilEOF returns a context that also ends when in does.
func untilEOF(ctx context.Context, in io.Reader, log *slog.Logger) context.Context {
	ctx, cancel := context.WithCancel(ctx)
	go func() {
		_, _ = io.Copy(io.Discard, in)
		log.Info("standard input closed")
		cancel()
	}()
	return ctx
}
