package main

import (
	"cmp"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/url"
	"strings"
	"time"

	"github.com/penstock/penstock/gateway/limits"
)

// config is constant after parseConfig.
type config struct {
	listen         string
	listenFD       int
	readyFile      string
	server         string
	exitOnStdinEOF bool
	maxUploadBytes int64
	shutdownGrace  time.Duration
	logFormat      string
	logLevel       string
	userIDHeader   string
	trustedOrigins []string
	allowedHosts   []string
	commitSHA      string
	tagName        string
	showVersion    bool
}

const envPrefix = "PENSTOCK_GATEWAY_"

const usageHeader = `penstock-gateway serves the HTTP API of Kubeflow Pipelines before a Penstock server.

Usage: penstock-gateway [flags]

Each flag can also be given by environment: --listen is PENSTOCK_GATEWAY_LISTEN, and so on. Flags win.

`

// parseConfig reads flags, then the environment for what the flags leave out. Asked for help, it prints it to out and
// returns flag.ErrHelp.
func parseConfig(args []string, getenv func(string) string, out io.Writer) (*config, error) {
	cfg := &config{}
	var trustedOrigins, allowedHosts string
	fs := flag.NewFlagSet("penstock-gateway", flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	fs.Usage = func() {}
	fs.StringVar(&cfg.listen, "listen", "127.0.0.1:8888", "`address` and port to serve HTTP on; port 0 takes a free one")
	fs.IntVar(&cfg.listenFD, "listen_fd", -1,
		"serve on this inherited listening `socket` rather than open --listen; for parent processes")
	fs.StringVar(&cfg.readyFile, "ready_file", "",
		"write http_address, http_port and pid to this `file`, as JSON, once the port is open")
	fs.StringVar(&cfg.server, "server", "127.0.0.1:8887",
		"gRPC `address` of the Penstock server: host:port or unix:/path/to/socket")
	fs.BoolVar(&cfg.exitOnStdinEOF, "exit_on_stdin_eof", false,
		"stop when standard input closes, as it does when the parent process ends")
	fs.Int64Var(&cfg.maxUploadBytes, "max_upload_bytes", limits.DefaultMaxUploadBytes, "largest pipeline package, in `bytes`")
	fs.DurationVar(&cfg.shutdownGrace, "shutdown_grace", limits.DefaultShutdownGrace,
		"`time` that requests have to finish when the gateway stops")
	fs.StringVar(&cfg.logFormat, "log_format", "text", "`format` of the log on standard error: text or json")
	fs.StringVar(&cfg.logLevel, "log_level", "info", "lowest `level` to log: trace, debug (every request), info, warn, error or off")
	fs.StringVar(&cfg.userIDHeader, "user_id_header", defaultUserIDHeader(getenv),
		"request `header` that names the user in multi-user mode")
	fs.StringVar(&trustedOrigins, "trusted_origins", "",
		"comma-separated `origins` (https://ui.example.org) whose web pages may call this API from a browser")
	fs.StringVar(&allowedHosts, "allowed_hosts", "",
		"comma-separated host `names` to answer to besides localhost; empty: checked on a loopback address only; * allows all")
	fs.BoolVar(&cfg.showVersion, "version", false, "print the version and exit")

	if err := fs.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			printUsage(fs, out)
			return nil, err
		}
		return nil, fmt.Errorf("%w; see --help", err)
	}
	if fs.NArg() > 0 {
		return nil, fmt.Errorf("unexpected argument %q; see --help", fs.Arg(0))
	}
	if err := applyEnvironment(fs, getenv); err != nil {
		return nil, err
	}
	cfg.trustedOrigins = splitList(trustedOrigins)
	cfg.allowedHosts = splitList(allowedHosts)
	cfg.commitSHA = cmp.Or(getenv("COMMIT_SHA"), commit)
	cfg.tagName = cmp.Or(getenv("TAG_NAME"), version)
	return cfg, cfg.validate()
}

// The second name is the one that Kubeflow Pipelines deployments set.
func defaultUserIDHeader(getenv func(string) string) string {
	return cmp.Or(getenv("KUBEFLOW_USERID_HEADER"), "x-goog-authenticated-user-email")
}

func applyEnvironment(fs *flag.FlagSet, getenv func(string) string) error {
	given := map[string]bool{}
	fs.Visit(func(f *flag.Flag) { given[f.Name] = true })
	var failed error
	fs.VisitAll(func(f *flag.Flag) {
		name := envPrefix + strings.ToUpper(f.Name)
		value := getenv(name)
		if value == "" || given[f.Name] || failed != nil {
			return
		}
		if err := f.Value.Set(value); err != nil {
			failed = fmt.Errorf("environment variable %s: invalid value %q: %w", name, value, err)
		}
	})
	return failed
}

func (c *config) validate() error {
	if _, _, err := net.SplitHostPort(c.listen); err != nil {
		return fmt.Errorf("--listen must be host:port, such as 127.0.0.1:8888, not %q", c.listen)
	}
	if c.server == "" {
		return fmt.Errorf("--server must not be empty")
	}
	if c.maxUploadBytes < 1 || c.maxUploadBytes > limits.LargestMaxUploadBytes {
		return fmt.Errorf("--max_upload_bytes must be from 1 to %d, not %d", limits.LargestMaxUploadBytes, c.maxUploadBytes)
	}
	if c.shutdownGrace < 0 {
		return fmt.Errorf("--shutdown_grace must not be negative")
	}
	if c.logFormat != "text" && c.logFormat != "json" {
		return fmt.Errorf("--log_format must be text or json, not %q", c.logFormat)
	}
	if _, err := parseLevel(c.logLevel); err != nil {
		return err
	}
	for _, origin := range c.trustedOrigins {
		u, err := url.Parse(origin)
		if err != nil || u.Scheme == "" || u.Host == "" || u.Path != "" {
			return fmt.Errorf("--trusted_origins: %q is not an origin such as https://ui.example.org", origin)
		}
	}
	return nil
}

func printUsage(fs *flag.FlagSet, out io.Writer) {
	fmt.Fprint(out, usageHeader)
	fs.VisitAll(func(f *flag.Flag) {
		kind, help := flag.UnquoteUsage(f)
		head := "--" + f.Name
		if kind != "" {
			head += " <" + kind + ">"
		}
		if f.DefValue != "" && f.DefValue != "false" && f.DefValue != "-1" {
			help += " (default " + f.DefValue + ")"
		}
		fmt.Fprintf(out, "  %s\n        %s\n", head, help)
	})
}

func splitList(text string) []string {
	var items []string
	for item := range strings.SplitSeq(text, ",") {
		if item = strings.TrimSpace(item); item != "" {
			items = append(items, item)
		}
	}
	return items
}
