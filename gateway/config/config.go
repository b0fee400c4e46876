// Package config has the settings of the gateway, from flags and the environment.
package config

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
	"github.com/penstock/penstock/gateway/logging"
)

// Config is constant after Parse. The help of each flag tells what its field means.
type Config struct {
	Listen         string
	ListenFD       int
	ReadyFile      string
	Server         string
	ExitOnStdinEOF bool
	MaxUploadBytes int64
	MemoryBytes    int64
	ShutdownGrace  time.Duration
	LogFormat      string
	LogLevel       string
	UserIDHeader   string
	TrustedOrigins []string
	AllowedHosts   []string
	CommitSHA      string
	TagName        string
	ShowVersion    bool
}

const envPrefix = "PENSTOCK_GATEWAY_"

const usageHeader = `penstock-gateway serves the HTTP API of Kubeflow Pipelines before a Penstock server.

Usage: penstock-gateway [flags]

Each flag can also be given by environment: --listen is PENSTOCK_GATEWAY_LISTEN, and so on. Flags win.

`

// Build says which program this is, where the environment does not.
type Build struct {
	Version, Commit string
}

// Parse reads flags, then the environment for what the flags leave out, and checks what it has. Its errors name the flag
// or the variable and what would be right. Asked for help, it prints it to out and returns flag.ErrHelp.
func Parse(args []string, getenv func(string) string, out io.Writer, build Build) (*Config, error) {
	cfg := &Config{}
	var trustedOrigins, allowedHosts string
	fs := flag.NewFlagSet("penstock-gateway", flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	fs.Usage = func() {}
	fs.StringVar(&cfg.Listen, "listen", "127.0.0.1:8888", "`address` and port to serve HTTP on; port 0 takes a free one; or unix:/path/to/socket")
	fs.IntVar(&cfg.ListenFD, "listen_fd", -1,
		"serve on this inherited listening `socket` rather than open --listen; for parent processes")
	fs.StringVar(&cfg.ReadyFile, "ready_file", "",
		"write http_address, http_port and pid to this `file`, as JSON, once the port is open")
	fs.StringVar(&cfg.Server, "server", "127.0.0.1:8887",
		"gRPC `address` of the Penstock server: host:port or unix:/path/to/socket")
	fs.BoolVar(&cfg.ExitOnStdinEOF, "exit_on_stdin_eof", false,
		"stop when standard input closes, as it does when the parent process ends")
	fs.Int64Var(&cfg.MaxUploadBytes, "max_upload_bytes", limits.DefaultMaxUploadBytes, "largest pipeline package, in `bytes`")
	fs.Int64Var(&cfg.MemoryBytes, "memory_budget", limits.DefaultMemoryBytes,
		"`bytes` that request bodies and large answers in work may take together; more of them wait")
	fs.DurationVar(&cfg.ShutdownGrace, "shutdown_grace", limits.DefaultShutdownGrace,
		"`time` that requests have to finish when the gateway stops")
	fs.StringVar(&cfg.LogFormat, "log_format", "text", "`format` of the log on standard error: text or json")
	fs.StringVar(&cfg.LogLevel, "log_level", "info", "lowest `level` to log: trace, debug (every request), info, warn, error or off")
	fs.StringVar(&cfg.UserIDHeader, "user_id_header", defaultUserIDHeader(getenv),
		"request `header` that names the user in multi-user mode")
	fs.StringVar(&trustedOrigins, "trusted_origins", "",
		"comma-separated `origins` (https://ui.example.org) whose web pages may call this API from a browser")
	fs.StringVar(&allowedHosts, "allowed_hosts", "",
		"comma-separated host `names` to answer to besides localhost; empty: checked on a loopback address only; * allows all")
	fs.BoolVar(&cfg.ShowVersion, "version", false, "print the version and exit")

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
	cfg.TrustedOrigins = splitList(trustedOrigins)
	cfg.AllowedHosts = splitList(allowedHosts)
	cfg.CommitSHA = cmp.Or(getenv("COMMIT_SHA"), build.Commit)
	cfg.TagName = cmp.Or(getenv("TAG_NAME"), build.Version)
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

func (c *Config) validate() error {
	path, isPath := strings.CutPrefix(c.Listen, "unix:")
	if _, _, err := net.SplitHostPort(c.Listen); (err != nil && !isPath) || (isPath && path == "") {
		return fmt.Errorf("--listen must be host:port, such as 127.0.0.1:8888, or unix:/path/to/socket, not %q", c.Listen)
	}
	if c.Server == "" {
		return fmt.Errorf("--server must not be empty")
	}
	if c.MaxUploadBytes < 1 || c.MaxUploadBytes > limits.LargestMaxUploadBytes {
		return fmt.Errorf("--max_upload_bytes must be from 1 to %d, not %d", limits.LargestMaxUploadBytes, c.MaxUploadBytes)
	}
	if c.MemoryBytes < limits.SmallestMemoryBytes {
		return fmt.Errorf("--memory_budget must be at least %d, not %d", limits.SmallestMemoryBytes, c.MemoryBytes)
	}
	if c.ShutdownGrace < 0 {
		return fmt.Errorf("--shutdown_grace must not be negative")
	}
	if c.LogFormat != "text" && c.LogFormat != "json" {
		return fmt.Errorf("--log_format must be text or json, not %q", c.LogFormat)
	}
	if _, err := logging.ParseLevel(c.LogLevel); err != nil {
		return err
	}
	for _, origin := range c.TrustedOrigins {
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
