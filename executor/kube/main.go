// penstock-kube makes attempts of tasks pods in Kubernetes, and tells the server beside it what becomes of them.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"k8s.io/client-go/kubernetes"
	"k8s.io/klog/v2"

	"github.com/penstock/penstock/kube/cluster"
	"github.com/penstock/penstock/kube/limits"
	"github.com/penstock/penstock/kube/logging"
	"github.com/penstock/penstock/kube/podspec"
	"github.com/penstock/penstock/kube/service"
	"github.com/penstock/penstock/kube/settings"
)

// Set by the linker.
var version = "dev"

const (
	exitOK    = 0
	exitError = 1
	exitUsage = 2
)

// quieter is the level of client-go's own lines, which tell of each watch.
var quieter = map[string]string{"trace": "trace", "debug": "warn", "info": "warn", "warn": "warn", "error": "error", "off": "off"}

const usage = `penstock-kube serve --socket=PATH --settings=FILE [--data_dir=DIR] [--server_id=ID] [--log_level=LEVEL]
                    [--kubeconfig=FILE] [--context=NAME] [--namespace=NS] [--pending_timeout_s=N] [--max_pods=N]
                                   runs attempts for the server, until standard input ends
penstock-kube check --settings=FILE [--kubeconfig=FILE] [--context=NAME] [--namespace=NS]
                                   tells which rights are there, and whether a pod would be taken
penstock-kube version
`

type flags struct {
	socket, settings, kubeconfig, context, namespace, dataDir, serverID, logLevel, logFormat string
	pendingTimeoutS                                                                          int64
	maxPods                                                                                  int
}

func main() {
	os.Exit(run(os.Args[1:]))
}

func run(arguments []string) int {
	if len(arguments) == 0 {
		fmt.Fprint(os.Stderr, usage)
		return exitUsage
	}
	command := arguments[0]
	if command == "version" && len(arguments) == 1 {
		fmt.Println("penstock-kube", version)
		return exitOK
	}
	f, err := parse(arguments[1:])
	if err != nil || command != "serve" && command != "check" || f.settings == "" || command == "serve" && f.socket == "" {
		fmt.Fprint(os.Stderr, usage)
		return exitUsage
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if err := do(ctx, command, f); err != nil {
		fmt.Fprintln(os.Stderr, "penstock-kube:", err)
		return exitError
	}
	return exitOK
}

func parse(arguments []string) (*flags, error) {
	f := &flags{}
	set := flag.NewFlagSet("penstock-kube", flag.ContinueOnError)
	set.SetOutput(io.Discard)
	set.StringVar(&f.socket, "socket", "", "")
	set.StringVar(&f.settings, "settings", "", "")
	set.StringVar(&f.kubeconfig, "kubeconfig", "", "")
	set.StringVar(&f.context, "context", "", "")
	set.StringVar(&f.namespace, "namespace", "", "")
	set.StringVar(&f.dataDir, "data_dir", ".", "")
	set.StringVar(&f.serverID, "server_id", "penstock", "")
	set.StringVar(&f.logLevel, "log_level", "info", "")
	set.StringVar(&f.logFormat, "log_format", "text", "")
	set.Int64Var(&f.pendingTimeoutS, "pending_timeout_s", int64(limits.PendingTimeout/time.Second), "")
	set.IntVar(&f.maxPods, "max_pods", limits.MaxPods, "")
	err := set.Parse(arguments)
	if err == nil && set.NArg() > 0 {
		err = fmt.Errorf("%q is no flag", set.Arg(0))
	}
	return f, err
}

func do(ctx context.Context, command string, f *flags) error {
	if _, err := logging.ParseLevel(f.logLevel); err != nil {
		return err
	}
	log := logging.New(f.logFormat, f.logLevel, os.Stderr)
	klog.SetSlogLogger(logging.New(f.logFormat, quieter[f.logLevel], os.Stderr))
	if f.serverID == "" || podspec.LabelValue(f.serverID) != f.serverID {
		return fmt.Errorf("--server_id must be a label's value: at most 63 letters, digits, dots, dashes and underscores, not %q",
			f.serverID)
	}
	s, err := settings.Read(f.settings)
	if err != nil {
		return err
	}
	s.PendingTimeoutS, s.MaxPods = &f.pendingTimeoutS, f.maxPods
	client, namespace, err := cluster.Connect(cluster.Options{Kubeconfig: f.kubeconfig, Context: f.context,
		Namespace: f.namespace, QPS: s.QPS, Burst: s.Burst, Version: version})
	if err != nil {
		return err
	}
	if command == "check" {
		return check(ctx, client, s, namespace, f.serverID)
	}
	return service.Serve(ctx, service.Options{Socket: f.socket, DataDir: f.dataDir, ServerID: f.serverID,
		Namespace: namespace, Client: client, Settings: s, Log: log}, os.Stdin)
}

func check(ctx context.Context, client kubernetes.Interface, s *settings.Settings, namespace, serverID string) error {
	if !service.Check(ctx, client, s, namespace, serverID, os.Stdout) {
		return fmt.Errorf("something is missing in the namespace %s", namespace)
	}
	return nil
}
