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
	"runtime/debug"
	"syscall"
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
	tuneMemory(getenv)
	log := newLogger(cfg, stderr)

	listener, err := net.Listen("tcp", cfg.listen)
	if err != nil {
		fmt.Fprintln(stderr, "penstock-gateway:", explainListenError(cfg.listen, err))
		return exitUsage
	}
	conn, err := dialServer(cfg)
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
	log.Info("listening", "address", listener.Addr().String(), "server", cfg.server, "version", version)
	if err := serve(ctx, cfg, log, listener, conn); err != nil {
		log.Error("stopped", "error", err)
		return exitError
	}
	log.Info("stopped")
	return exitOK
}

// tuneMemory trades a little CPU for a small process; GOGC and GOMEMLIMIT still win.
func tuneMemory(getenv func(string) string) {
	if getenv("GOGC") == "" {
		debug.SetGCPercent(50)
	}
	if getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(256 << 20)
	}
}

func explainListenError(address string, err error) string {
	_, port, _ := net.SplitHostPort(address)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return fmt.Sprintf("port %s is already in use: stop the program that holds it (`ss -ltnp 'sport = :%s'` names it), "+
			"or choose another with --listen host:port.", port, port)
	case errors.Is(err, syscall.EACCES):
		return fmt.Sprintf("no permission to listen on port %s: choose one above 1023 with --listen host:port.", port)
	}
	return fmt.Sprintf("cannot listen on %s: %v. Choose another address with --listen host:port.", address, err)
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
