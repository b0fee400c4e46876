package attempt

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/penstock/penstock/launcher/internal/s3test"
)

func TestWithoutOutputsItBecomesTheCommand(t *testing.T) {
	l := newLaunch(t, `echo $$ "$SECRET" "$1"; cat; exit 3`, "an argument")
	l.request.Environment = map[string]string{"SECRET": "for the launcher alone"}
	if code := l.run(); code != 3 {
		t.Errorf("exit code %d", code)
	}
	if want := fmt.Sprintf("%d  an argument\nfrom stdin", l.command.Process.Pid); l.out.String() != want {
		t.Errorf("%q is not %q", l.out.String(), want)
	}
	if !l.has(StartedFile) {
		t.Error("nothing says that the command began")
	}
}

func TestACommandThatCannotRun(t *testing.T) {
	plain := filepath.Join(t.TempDir(), "plain")
	if err := os.WriteFile(plain, []byte("echo"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, keeping := range []bool{false, true} {
		for command, c := range map[string]struct {
			code int
			why  string
		}{
			"no-such-program": {127, "penstock: the program 'no-such-program' cannot be run: No such file or directory\n"},
			plain:             {126, "penstock: the program '" + plain + "' cannot be run: Permission denied\n"},
			"/":               {126, "penstock: the program '/' cannot be run: Permission denied\n"},
		} {
			l := newLaunch(t, "")
			l.request.Command = []string{command}
			if keeping {
				l.withOutputs("none")
			}
			if code := l.run(); code != c.code || l.err.String() != c.why || l.has(StartedFile) {
				t.Errorf("%s: exit code %d, %q", command, code, l.err.String())
			}
		}
	}
}

func TestAScriptWithoutAnInterpreterIsTheShells(t *testing.T) {
	l := newLaunch(t, "")
	script := filepath.Join(l.dir, "script")
	if err := os.WriteFile(script, []byte("echo $0 $1"), 0o777); err != nil {
		t.Fatal(err)
	}
	l.request.Command = []string{script, "x"}
	if code := l.run(); code != 0 || l.out.String() != script+" x\n" {
		t.Errorf("exit code %d, %q, %q", code, l.out.String(), l.err.String())
	}
}

func TestTheEndOfAChildIsTheLaunchers(t *testing.T) {
	for script, want := range map[string]int{"exit 7": 7, "kill -9 $$": -9, "kill -SEGV $$": -11, "kill -TERM $$": -15, "kill -QUIT $$": -3, "cat; exit 0": 0} {
		l := newLaunch(t, script).withStore("127.0.0.1:1").withOutputs("none")
		if code := l.run(); code != want {
			t.Errorf("%s: %d, %s", script, code, l.err.String())
		}
		if strings.Contains(l.err.String(), "goroutine") {
			t.Errorf("%s: %s", script, l.err.String())
		}
		if want == 0 && (l.out.String() != "from stdin" || l.file(ResultFile) != `{"outputs":[]}`) {
			t.Errorf("%q, %s", l.out.String(), l.file(ResultFile))
		}
		if want != 0 && l.has(ResultFile) {
			t.Errorf("%s: there is a result", script)
		}
	}
}

func TestSignalsGoToTheChild(t *testing.T) {
	for name, signal := range map[string]syscall.Signal{"TERM": syscall.SIGTERM, "INT": syscall.SIGINT, "HUP": syscall.SIGHUP, "USR1": syscall.SIGUSR1, "USR2": syscall.SIGUSR2} {
		l := newLaunch(t, `trap "echo got it; exit 5" `+name+`; touch ready; while :; do sleep 0.02; done`).withOutputs("none").start()
		s3test.Until(t, "the command to be ready", func() bool { return l.has("ready") })
		_ = l.command.Process.Signal(signal)
		if code := l.end(); code != 5 || l.out.String() != "got it\n" {
			t.Errorf("%s: exit code %d, %q", name, code, l.out.String())
		}
	}
}

func TestTheChildDiesWithTheLauncher(t *testing.T) {
	l := newLaunch(t, "echo $$ > pid.new; mv pid.new pid; exec sleep 600").withOutputs("none").start()
	s3test.Until(t, "the command to be ready", func() bool { return l.has("pid") })
	pid, err := strconv.Atoi(strings.TrimSpace(l.file("pid")))
	if err != nil || pid == l.command.Process.Pid {
		t.Fatalf("%d, %v", pid, err)
	}
	_ = l.command.Process.Kill()
	l.end()
	s3test.Until(t, "the child to be gone", func() bool {
		state, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		return err != nil || strings.Contains(string(state), ") Z ")
	})
}

func TestARequestThatMakesNoSense(t *testing.T) {
	for text, words := range map[string]string{"{": "makes no sense", `{"comand": []}`: `unknown field "comand"`, "{}": "has no command"} {
		l := newLaunch(t, "")
		path := filepath.Join(l.dir, "request")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := readRequest(path); err == nil || !strings.Contains(err.Error(), words) {
			t.Errorf("%s: %v", text, err)
		}
	}
}
