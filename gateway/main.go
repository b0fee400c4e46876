// penstock-gateway serves the HTTP API of Kubeflow Pipelines and passes the calls on, as gRPC, to a Penstock server.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"syscall"

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
	cfg, err := parseConfig(args, getenv, stdout)
	if errors.Is(err, flag.ErrHelp) {
		return exitOK
	}
	if err != nil {
		fmt.Fprintln(stderr, "penstock-gateway:", err)
		return exitUsage
	}
	if cfg.showVersion {
		fmt.Fprintf(stdout, "penstock-gateway %s (%s)\n", version, commit)
		return exitOK
	}
	tuneRuntime(getenv)
	log := newLogger(cfg, stderr)

	listener, err := listen(cfg)
	if err != nil {
		fmt.Fprintln(stderr, "penstock-gateway:", err)
		return exitUsage
	}
	conn, err := upstream.Dial(cfg.server, version)
	if err != nil {
		fmt.Fprintf(stderr, "penstock-gateway: --server %s: %v\n", cfg.server, err)
		return exitUsage
	}
	defer conn.Close()

	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if cfg.exitOnStdinEOF {
		ctx = untilEOF(ctx, stdin, log)
	}
	if err := writeReadyFile(cfg.readyFile, listener.Addr()); err != nil {
		fmt.Fprintln(stderr, "penstock-gateway: --ready_file:", err)
		return exitUsage
	}
	log.Info("listening", "address", listener.Addr().String(), "server", cfg.server, "version", version)
	if err := serve(ctx, cfg, log, listener, conn); err != nil {
		log.Error("stopped", "error", err)
		return exitError
	}
	log.Info("stopped")
	return exitOK
}

// tuneRuntime fits Go's runtime to a small process beside a server that does the other half of the work; GOGC,
// GOMEMLIMIT and GOMAXPROCS still win.
func tuneRuntime(getenv func(string) string) {
	if getenv("GOGC") == "" {
		debug.SetGCPercent(200) // with less, a heap of a few MiB is collected every few calls
	}
	if getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(256 << 20)
	}
	if getenv("GOMAXPROCS") == "" {
		// A thread woken to look for work that another has found costs as much as a small call.
		runtime.GOMAXPROCS(max(1, runtime.GOMAXPROCS(0)/2))
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
