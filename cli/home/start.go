package home

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/penstock/penstock/cli/text"
)

const (
	readyLooks = 5 * time.Millisecond
	readyLimit = 90 * time.Second // a database may take its time
	largestLog = 16 << 20         // before a new one is begun
	wordsOfEnd = 15               // lines of its log that are shown of a server that does not start
	tailBytes  = 64 << 10
)

// Options of a server.
type Options struct {
	Program  string // `penstock`
	Python   string // empty: its own choice
	Port     string // empty: what environment or file say
	GRPCPort string
	Detach   bool     // goes on when this process ends
	More     []string // flags of the server itself
}

// Started is a server that this process has begun.
type Started struct {
	Server
	Ended <-chan error // gets how it ended
}

// Start begins a server, and returns once it serves.
func (d Dir) Start(ctx context.Context, options Options) (*Started, error) {
	if err := options.checkPorts(); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(d.Path, 0o700); err != nil {
		return nil, fmt.Errorf("the data directory %s cannot be made: %w", d.Path, errors.Unwrap(err))
	}
	_ = os.Remove(d.record())
	log, begin, err := d.openLog()
	if err != nil {
		return nil, err
	}
	defer log.Close()
	command := exec.Command(options.Program, options.words(d)...)
	command.Stdout, command.Stderr = log, log
	// Ctrl-C is for this process, which then asks the server to end.
	command.SysProcAttr = &syscall.SysProcAttr{Setsid: options.Detach, Setpgid: !options.Detach}
	if err := command.Start(); err != nil {
		return nil, fmt.Errorf("%s cannot be started: %w", options.Program, err)
	}
	ended := make(chan error, 1)
	go func() { ended <- command.Wait() }()
	server, err := d.awaitReady(ctx, command.Process.Pid, ended)
	if err == nil {
		return &Started{Server: server, Ended: ended}, nil
	}
	if ctx.Err() == nil {
		err = d.explain(err, begin)
	}
	return nil, err
}

func (o Options) words(d Dir) []string {
	words := []string{"--data_dir=" + d.Path, "--ready_file=" + d.record()}
	if o.Port != "" {
		words = append(words, "--http_listen=127.0.0.1:"+o.Port)
	}
	if o.GRPCPort != "" {
		words = append(words, "--grpc_listen=127.0.0.1:"+o.GRPCPort)
	}
	if o.Python != "" {
		words = append(words, "--python="+o.Python)
	}
	return append(words, o.More...)
}

// PortTaken is a port that another program listens on.
type PortTaken struct{ Port, Flag string }

func (p *PortTaken) Error() string {
	return fmt.Sprintf("port %s is taken by another program: choose another with %s=N, or any free one with %s=0", p.Port,
		p.Flag, p.Flag)
}

func (o Options) checkPorts() error {
	for _, one := range []PortTaken{{o.Port, "--port"}, {o.GRPCPort, "--grpc_port"}} {
		if one.Port == "" || one.Port == "0" {
			continue
		}
		listener, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", one.Port))
		if errors.Is(err, syscall.EADDRINUSE) {
			return &one
		}
		if err == nil {
			_ = listener.Close()
		}
	}
	return nil
}

// CheckPort says what is wrong with a port.
func CheckPort(flag, port string) error {
	if number, err := strconv.Atoi(port); err != nil || number < 0 || number > 65535 {
		return fmt.Errorf("%s is '%s'; it has to be a port from 0 to 65535, of which 0 takes a free one", flag,
			text.Plain(port))
	}
	return nil
}

func (d Dir) openLog() (*os.File, int64, error) {
	if info, err := os.Stat(d.Log()); err == nil && info.Size() > largestLog {
		_ = os.Rename(d.Log(), d.Log()+".1")
	}
	log, err := os.OpenFile(d.Log(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, 0, fmt.Errorf("the log %s cannot be written: %w", d.Log(), errors.Unwrap(err))
	}
	info, err := log.Stat()
	if err != nil {
		return nil, 0, err
	}
	return log, info.Size(), nil
}

func (d Dir) awaitReady(ctx context.Context, pid int, ended <-chan error) (Server, error) {
	limit := time.NewTimer(readyLimit)
	defer limit.Stop()
	look := time.NewTicker(readyLooks)
	defer look.Stop()
	for {
		select {
		case <-ended:
			return Server{}, errors.New("the server did not start")
		case <-limit.C:
			_ = syscall.Kill(pid, syscall.SIGTERM)
			return Server{}, fmt.Errorf("the server is not ready after %s", text.Duration(readyLimit))
		case <-ctx.Done():
			_ = syscall.Kill(pid, syscall.SIGTERM)
			<-ended
			return Server{}, ctx.Err()
		case <-look.C:
			if server, ok := d.recorded(); ok && server.PID == pid {
				return server, nil
			}
		}
	}
}

// The server's own last words, which say why.
func (d Dir) explain(err error, begin int64) error {
	words := d.LogEnd(begin)
	for _, line := range strings.Split(words, "\n") {
		if said, isReason := strings.CutPrefix(line, "penstock: "); isReason {
			return fmt.Errorf("%w: %s", err, said)
		}
	}
	return fmt.Errorf("%w; the end of %s:\n%s", err, d.Log(), text.Indent(words, "  "))
}

// LogEnd is the last lines of the server's log from an offset on, clean.
func (d Dir) LogEnd(begin int64) string {
	file, err := os.Open(d.Log())
	if err != nil {
		return ""
	}
	defer file.Close()
	if info, err := file.Stat(); err == nil {
		begin = max(begin, info.Size()-tailBytes)
	}
	var words bytes.Buffer
	_, _ = io.Copy(&words, io.NewSectionReader(file, begin, tailBytes))
	return text.Lines(text.LastLines(words.String(), wordsOfEnd))
}

// Sibling is the program of that name beside this one.
func Sibling(name string) (string, error) {
	self, err := os.Executable()
	if err == nil {
		self, err = filepath.EvalSymlinks(self)
	}
	if err != nil {
		return "", err
	}
	path := filepath.Join(filepath.Dir(self), name)
	if _, err := os.Stat(path); err != nil {
		return "", fmt.Errorf("the program %s is missing: it lies beside %s, as the build puts it (target penstock_programs)",
			path, filepath.Base(self))
	}
	return path, nil
}
