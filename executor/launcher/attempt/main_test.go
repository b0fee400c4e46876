package attempt

import (
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/penstock/penstock/launcher/internal/s3test"
)

// The test program is the launcher too, and a command that needs nothing.
const (
	beLauncher = "PENSTOCK_TEST_BE_LAUNCHER"
	beBare     = "be-bare"
)

func TestMain(m *testing.M) {
	if as := os.Getenv(beLauncher); as != "" {
		os.Unsetenv(beLauncher)
		if as == "pod" {
			os.Exit(RunPod("1.2.3", os.Args[1:]))
		}
		os.Exit(Run(os.Args[1]))
	}
	if len(os.Args) == 2 && os.Args[1] == beBare {
		os.Exit(bare())
	}
	os.Exit(m.Run())
}

// launch is one attempt in a directory of its own.
type launch struct {
	t       *testing.T
	dir     string
	request Request
	command *exec.Cmd
	out     strings.Builder
	err     strings.Builder
}

func newLaunch(t *testing.T, script string, arguments ...string) *launch {
	t.Helper()
	l := &launch{t: t, dir: t.TempDir()}
	l.request.Command = append([]string{"sh", "-c", script, "sh"}, arguments...)
	return l
}

// withStore has outputs kept in the store at the address, and files in dir.
func (l *launch) withStore(address string) *launch {
	l.request.StoresFile = s3test.Settings(l.t, address)
	return l
}

func (l *launch) withOutputs(place string) *launch {
	out := filepath.Join(l.dir, "out")
	if err := os.MkdirAll(out, 0o777); err != nil {
		l.t.Fatal(err)
	}
	l.request.Outputs = &Outputs{Directory: out, URI: uriOf(place), RootURI: uriOf("root")}
	return l
}

func uriOf(key string) string { return "s3://" + s3test.Bucket + "/" + key }

func (l *launch) start() *launch {
	l.t.Helper()
	l.prepare()
	if err := l.command.Start(); err != nil {
		l.t.Fatal(err)
	}
	return l
}

func (l *launch) prepare() {
	l.t.Helper()
	text, err := json.Marshal(l.request)
	if err != nil {
		l.t.Fatal(err)
	}
	path := filepath.Join(l.dir, "request.json")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		l.t.Fatal(err)
	}
	program, err := os.Executable()
	if err != nil {
		l.t.Fatal(err)
	}
	l.command = exec.Command(program, path)
	l.command.Dir = l.dir
	l.command.Env = append(os.Environ(), beLauncher+"=1")
	l.out.Reset()
	l.err.Reset()
	l.command.Stdout, l.command.Stderr, l.command.Stdin = &l.out, &l.err, strings.NewReader("from stdin")
}

// end waits, and tells the exit code, or minus the signal.
func (l *launch) end() int {
	l.t.Helper()
	err := l.command.Wait()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		l.t.Fatal(err)
	}
	status := l.command.ProcessState.Sys().(syscall.WaitStatus)
	if status.Signaled() {
		return -int(status.Signal())
	}
	return status.ExitStatus()
}

func (l *launch) run() int {
	l.t.Helper()
	return l.start().end()
}

func (l *launch) file(name string) string {
	text, err := os.ReadFile(filepath.Join(l.dir, name))
	if err != nil {
		return "(" + err.Error() + ")"
	}
	return string(text)
}

func (l *launch) has(name string) bool {
	_, err := os.Stat(filepath.Join(l.dir, name))
	return err == nil
}

func (l *launch) result() map[string]Output {
	l.t.Helper()
	var result Result
	if err := json.Unmarshal([]byte(l.file(ResultFile)), &result); err != nil {
		l.t.Fatalf("%s: %v", l.file(ResultFile), err)
	}
	byURI := map[string]Output{}
	for _, output := range result.Outputs {
		byURI[output.URI] = output
	}
	return byURI
}
