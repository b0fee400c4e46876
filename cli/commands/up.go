package commands

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/penstock/penstock/cli/compile"
	"github.com/penstock/penstock/cli/home"
	"github.com/penstock/penstock/cli/text"
)

const (
	endPatience  = 15 * time.Second // the server takes 5 s at most
	defaultPort  = "8888"
	defaultGRPC  = "8887"
	serverWord   = "penstock"
	portSetting  = "PENSTOCK_HTTP_LISTEN"
	grpcSetting  = "PENSTOCK_GRPC_LISTEN"
	kfpPatience  = 5 * time.Second
	noKFPMessage = "Note: %s has no kfp, which Python components need. Install it with `%s -m pip install kfp`, or name another " +
		"interpreter with --python."
)

type upOptions struct {
	port, grpcPort string
	python         string
	open, detach   bool
}

func (a *App) upCommand() *cobra.Command {
	var options upOptions
	command := &cobra.Command{
		Use:   "up [-- FLAGS OF THE SERVER]",
		Short: "Starts a server for this user, and its dashboard",
		Long: "Starts a server for this user on a data directory, and serves until Ctrl-C; with --detach in the background, until\n" +
			"`penstock down`. Python components run on the interpreter of --python. What stands behind -- is given to the\n" +
			"server: `penstock --help` lists its settings.",
		Example: "  penstock up\n  penstock up --detach --port 9000 -- --max_parallel_tasks=4",
		Args: func(command *cobra.Command, arguments []string) error {
			if len(arguments) > 0 && command.ArgsLenAtDash() != 0 {
				return wrongUsage("'%s' is no argument of up; flags of the server stand behind --", text.Plain(arguments[0]))
			}
			return nil
		},
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(command *cobra.Command, arguments []string) error {
			return a.up(command.Context(), options, arguments)
		},
	}
	flags := command.Flags()
	flags.StringVar(&options.port, "port", "", "`PORT` of HTTP and the dashboard, on 127.0.0.1; 0 takes a free one ["+defaultPort+"]")
	flags.StringVar(&options.grpcPort, "grpc_port", "", "`PORT` of gRPC; 0 takes a free one ["+defaultGRPC+"]")
	flags.StringVar(&options.python, "python", "", "`FILE`, the interpreter of Python components [PENSTOCK_PYTHON, else that of the\n"+
		"active virtual environment, else python3]")
	flags.BoolVar(&options.open, "open", false, "open the dashboard in a browser")
	flags.BoolVarP(&options.detach, "detach", "d", false, "go on in the background, with the log in DATA_DIR/server.log")
	return command
}

func (a *App) up(ctx context.Context, options upOptions, more []string) error {
	dir, err := home.Find(a.dataDir, a.Getenv)
	if err != nil {
		return usageError{err}
	}
	if server, runs := dir.Running(); runs {
		return a.tellRunning(ctx, dir, server, options)
	}
	start, err := a.startOptions(options, more)
	if err != nil {
		return err
	}
	// Whoever asks while the interpreter is looked at gets the server at once.
	kfp := make(chan bool, 1)
	looking, cancel := context.WithTimeout(ctx, kfpPatience)
	defer cancel()
	go func() { kfp <- start.Python == "" || compile.HasKFP(looking, start.Python) }()
	started, err := dir.Start(ctx, start)
	if err != nil {
		cancel()
		<-kfp // which leaves no process behind
	}
	var taken *home.PortTaken
	if errors.As(err, &taken) {
		return inputError{err}
	}
	if err != nil {
		return err
	}
	if err := a.tellStarted(ctx, dir, started.Server, start, options); err != nil {
		return err
	}
	if !<-kfp {
		a.note(noKFPMessage, start.Python, start.Python)
	}
	if options.detach {
		return nil
	}
	return a.serve(dir, started)
}

func (a *App) startOptions(options upOptions, more []string) (home.Options, error) {
	start := home.Options{Port: options.port, GRPCPort: options.grpcPort, Detach: options.detach, More: more}
	for _, one := range []struct {
		port                    *string
		flag, setting, fallback string
	}{{&start.Port, "--port", portSetting, defaultPort}, {&start.GRPCPort, "--grpc_port", grpcSetting, defaultGRPC}} {
		if *one.port == "" && a.Getenv(one.setting) == "" {
			*one.port = one.fallback
		}
		if *one.port == "" {
			continue
		}
		if err := home.CheckPort(one.flag, *one.port); err != nil {
			return start, usageError{err}
		}
	}
	var err error
	if start.Program, err = home.Sibling(serverWord); err != nil {
		return start, usageError{err}
	}
	if start.Python, err = compile.FindInterpreter(options.python, a.Getenv); err != nil {
		return start, usageError{err}
	}
	return start, nil
}

func (a *App) tellRunning(ctx context.Context, dir home.Dir, server home.Server, options upOptions) error {
	address := server.URL()
	if options.open && address != "" {
		a.openBrowser(ctx, address+"/")
	}
	if a.asJSON {
		return a.printJSON(upDocument(dir, server, "", true))
	}
	if address == "" {
		a.Out.Printf("A server runs on %s already (process %d). `penstock up` did not start it, so where it listens is not known.\n",
			a.tilde(dir.Path), server.PID)
		return nil
	}
	a.Out.Printf("A server runs on %s already: %s (process %d)\n", a.tilde(dir.Path), a.Out.Bold(address), server.PID)
	return nil
}

func upDocument(dir home.Dir, server home.Server, python string, wasRunning bool) map[string]any {
	return map[string]any{"url": server.URL(), "grpc_address": server.GRPCAddress, "pid": server.PID, "data_dir": dir.Path,
		"log": dir.Log(), "python": python, "was_running": wasRunning}
}

func (a *App) tellStarted(ctx context.Context, dir home.Dir, server home.Server, start home.Options, options upOptions) error {
	if options.open {
		a.openBrowser(ctx, server.URL()+"/")
	}
	if a.asJSON {
		return a.printJSON(upDocument(dir, server, start.Python, false))
	}
	out := a.Out
	python := start.Python
	if python == "" {
		python = "none on PATH, so Python components cannot run: name one with --python"
	}
	out.Printf("Penstock is ready: %s\n", out.Bold(server.URL()))
	out.Printf("  data    %s\n  log     %s\n  python  %s\n\n", a.tilde(dir.Path), a.tilde(dir.Log()), a.tilde(python))
	next := "Next, in another terminal:"
	if options.detach {
		next = "Next:"
	}
	out.Printf("%s\n  penstock run train.py -f   runs a pipeline and shows what its tasks print\n"+
		"  penstock list              the newest runs\n  penstock open              the dashboard\n", next)
	if options.detach {
		out.Printf("  penstock down              ends the server\n")
	} else {
		out.Printf("\n%s\n", out.Soft("Ctrl-C ends the server. A task that runs goes on, and the next start finds it."))
	}
	return nil
}

// tilde shortens a path as people write it.
func (a *App) tilde(path string) string {
	if rest, isIn := strings.CutPrefix(path, a.Getenv("HOME")+"/"); isIn && a.Getenv("HOME") != "" {
		return "~/" + rest
	}
	return path
}

// serve stays until the server ends, or the user wants it to.
func (a *App) serve(dir home.Dir, started *home.Started) error {
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	isAsked := false
	for {
		select {
		case <-signals:
			if !isAsked {
				a.note("\nStopping. Runs, artifacts and logs stay in %s.", a.tilde(dir.Path))
			}
			isAsked = true
			// The second one ends it at once.
			_ = syscall.Kill(started.PID, syscall.SIGTERM)
		case err := <-started.Ended:
			if isAsked || err == nil {
				return nil
			}
			return fmt.Errorf("the server ended by itself (%w); the end of %s:\n%s", err, dir.Log(),
				text.Indent(dir.LogEnd(0), "  "))
		}
	}
}

func (a *App) downCommand() *cobra.Command {
	return &cobra.Command{
		Use:               "down",
		Short:             "Ends the server that runs on the data directory",
		Args:              argumentsBetween(0, 0, "down [--data_dir DIR]"),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(*cobra.Command, []string) error {
			dir, err := home.Find(a.dataDir, a.Getenv)
			if err != nil {
				return usageError{err}
			}
			return a.down(dir)
		},
	}
}

func (a *App) down(dir home.Dir) error {
	server, runs := dir.Running()
	if !runs {
		if a.asJSON {
			return a.printJSON(map[string]any{"data_dir": dir.Path, "ended": false})
		}
		a.Out.Printf("No server runs on %s.\n", a.tilde(dir.Path))
		return nil
	}
	hasEnded, err := server.End(endPatience)
	if err != nil {
		return fmt.Errorf("process %d cannot be ended: %w", server.PID, err)
	}
	if !hasEnded {
		return fmt.Errorf("the server was asked to end and still runs after %s; its log is %s", text.Duration(endPatience), dir.Log())
	}
	if a.asJSON {
		return a.printJSON(map[string]any{"data_dir": dir.Path, "pid": server.PID, "ended": true})
	}
	a.Out.Printf("The server on %s has ended (process %d).\n", a.tilde(dir.Path), server.PID)
	return nil
}
