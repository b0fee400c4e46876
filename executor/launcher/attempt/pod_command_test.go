package attempt

import (
	"bufio"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/penstock/penstock/launcher/internal/s3test"
	"github.com/penstock/penstock/launcher/limits"
)

func TestInAPodBothStreamsArriveAsTheyWerePrinted(t *testing.T) {
	l := newPod(t, `printf 'a\000b\r\n'; printf err >&2; printf '\377end'; test -z "$(cat)"`).withLog()
	if code := l.run(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	const want = "a\x00b\r\nerr\xffend"
	if l.out.String() != want || l.file("logs/log") != want {
		t.Errorf("%q, %q", l.out.String(), l.file("logs/log"))
	}
	e := l.ended()
	if e.StartedAtUs == 0 || e.FinishedAtUs < e.StartedAtUs || e.CPUUs <= 0 || e.MaxRSSBytes <= 0 || e.LogTail != nil || e.Error != "" {
		t.Errorf("%+v", e)
	}
	if m := e.Machine; m == nil || m.Hostname == "" || m.CPUs < 1 || m.MemoryBytes <= 0 || !strings.HasPrefix(m.Kernel, "Linux ") {
		t.Errorf("%+v", m)
	}
	if !l.has("state/" + StartedFile) {
		t.Error("nothing says that the command began")
	}
}

func TestInAPodALineIsSeenAtOnce(t *testing.T) {
	l := newPod(t, "echo first; while [ ! -e go ]; do sleep 0.01; done; echo second").withLog().prepare()
	reader, writer, _ := os.Pipe()
	l.command.Stdout = writer
	if err := l.command.Start(); err != nil {
		t.Fatal(err)
	}
	writer.Close()
	lines := bufio.NewScanner(reader)
	if !lines.Scan() || lines.Text() != "first" {
		t.Errorf("%q", lines.Text())
	}
	s3test.Until(t, "the file to have it", func() bool { return l.file("logs/log") == "first\n" })
	_ = os.WriteFile(l.path("go"), nil, 0o666)
	if !lines.Scan() || lines.Text() != "second" || l.end() != 0 {
		t.Errorf("%q", lines.Text())
	}
}

func TestInAPodTheLogIsBoundedAndTheOutputIsNot(t *testing.T) {
	l := newPod(t, `head -c 1000000 /dev/zero | tr '\0' x; exit 3`).withLog()
	l.request.Pod.LogBytes = 10_000
	if code := l.run(); code != 3 || l.out.Len() != 1_000_000 {
		t.Errorf("exit code %d, %d bytes", code, l.out.Len())
	}
	want := strings.Repeat("x", 10_000) + "\n[penstock] The log ends here: its limit is 10000 bytes, 990000 more were dropped.\n"
	if l.file("logs/log") != want {
		t.Errorf("%q", l.file("logs/log")[9_990:])
	}
	if e := l.ended(); e.ExitCode != 3 || len(e.LogTail) != limits.LogTailBytes {
		t.Errorf("%d, %d bytes", e.ExitCode, len(e.LogTail))
	}
}

func TestInAPodTheEndOfTheLogIsTold(t *testing.T) {
	l := newPod(t, `echo about to fail; exit 7`)
	if code := l.run(); code != 7 {
		t.Errorf("exit code %d", code)
	}
	if e := l.ended(); e.ExitCode != 7 || string(e.LogTail) != "about to fail\n" {
		t.Errorf("%+v", e)
	}
	l = newPod(t, `i=0; while [ $i -lt 3000 ]; do echo line $i; i=$((i+1)); done; exit 1`)
	l.run()
	if tail := string(l.ended().LogTail); !strings.HasSuffix(l.out.String(), tail) || !strings.HasSuffix(tail, "line 2999\n") || len(tail) < 4<<10 {
		t.Errorf("%d bytes: %q", len(tail), tail)
	}
}

func TestInAPodNobodyNeedReadTheOutput(t *testing.T) {
	l := newPod(t, "for i in 1 2 3 4 5; do echo $i; sleep 0.05; done; exit 6").withLog().prepare()
	reader, writer, _ := os.Pipe()
	l.command.Stdout, l.command.Stderr = writer, writer
	if err := l.command.Start(); err != nil {
		t.Fatal(err)
	}
	reader.Close()
	writer.Close()
	if code := l.end(); code != 6 || l.file("logs/log") != "1\n2\n3\n4\n5\n" {
		t.Errorf("exit code %d, %q", code, l.file("logs/log"))
	}
}

func TestInAPodTheLogMayNotBeWritten(t *testing.T) {
	l := newPod(t, "echo hello; exit 3")
	l.request.Log = &Log{Path: "/dev/full"}
	if code := l.run(); code != 3 || string(l.ended().LogTail) != "hello\n" || l.out.String() != "hello\n" {
		t.Errorf("exit code %d, %q", code, l.out.String())
	}
	l.request.Log = &Log{Path: "/proc/none/log"}
	if code := l.run(); code != ExitFailed || !strings.Contains(l.ended().Error, "the log cannot be written: mkdir /proc/none") {
		t.Errorf("exit code %d, %+v", code, l.ended())
	}
}

func TestInAPodSignalsReachTheWholeGroup(t *testing.T) {
	for name, signal := range map[string]syscall.Signal{"TERM": syscall.SIGTERM, "INT": syscall.SIGINT, "QUIT": syscall.SIGQUIT, "HUP": syscall.SIGHUP} {
		// The shell waits for its child, which has to be told too.
		l := newPod(t, `sh -c 'trap "echo child; exit 0" `+name+`; touch ready; while :; do sleep 0.02; done'; echo shell; exit 5`).withLog()
		l.request.Command[2] = "trap : " + name + "; " + l.request.Command[2]
		l.start()
		s3test.Until(t, "the command to be ready", func() bool { return l.has("ready") })
		_ = l.command.Process.Signal(signal)
		code := l.end()
		if e := l.ended(); code != 5 || !e.Stopped || e.TimedOut || e.ExitCode != 5 || !strings.HasSuffix(l.out.String(), "child\nshell\n") {
			t.Errorf("%s: exit code %d, %q, %+v", name, code, l.out.String(), e)
		}
	}
	l := newPod(t, `trap "echo got it; exit 5" USR1; touch ready; while :; do sleep 0.02; done`).start()
	s3test.Until(t, "the command to be ready", func() bool { return l.has("ready") })
	_ = l.command.Process.Signal(syscall.SIGUSR1)
	if code := l.end(); code != 5 || l.ended().Stopped || !strings.HasSuffix(l.out.String(), "got it\n") {
		t.Errorf("USR1: exit code %d, %q, %+v", code, l.out.String(), l.ended())
	}
}

func TestInAPodAStubbornCommandIsKilled(t *testing.T) {
	l := newPod(t, `trap "" TERM; touch ready; while :; do sleep 0.02; done`)
	l.request.Pod.GraceMs = 100
	l.start()
	s3test.Until(t, "the command to be ready", func() bool { return l.has("ready") })
	for range 3 {
		_ = l.command.Process.Signal(syscall.SIGTERM)
	}
	code := l.end()
	if e := l.ended(); code != 137 || !e.Stopped || e.Signal != 9 || e.ExitCode != 0 {
		t.Errorf("exit code %d, %+v", code, e)
	}
}

func TestInAPodTimePasses(t *testing.T) {
	t.Parallel()
	for script, signal := range map[string]int{"exec sleep 1000": 15, `trap "" TERM; while :; do sleep 0.02; done`: 9} {
		l := newPod(t, script)
		l.request.Pod.TimeoutMs, l.request.Pod.GraceMs = 200, 100
		code := l.run()
		e := l.ended()
		if took := e.FinishedAtUs - e.StartedAtUs; code != 128+signal || !e.TimedOut || e.Stopped || e.Signal != signal || took < 200_000 {
			t.Errorf("%s: exit code %d, %+v", script, code, e)
		}
	}
	l := newPod(t, "exit 0")
	l.request.Pod.TimeoutMs = 3_600_000
	if code := l.run(); code != 0 || l.ended().TimedOut {
		t.Errorf("exit code %d, %+v", code, l.ended())
	}
}

func TestInAPodItEndsWhileInputsAreBrought(t *testing.T) {
	asked := make(chan struct{}, 1)
	release := make(chan struct{})
	web := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked <- struct{}{}; <-release }))
	defer web.Close()
	defer close(release)
	l := newPod(t, "touch ran")
	l.request.Inputs = []Input{{Name: "data", Need: NeedFetched, URI: web.URL, Path: l.path("in/data")}}
	l.start()
	<-asked
	_ = l.command.Process.Signal(syscall.SIGTERM)
	code := l.end()
	if e := l.ended(); code != 143 || !e.Stopped || e.Error != "" || e.StartedAtUs != 0 || e.FinishedAtUs == 0 || l.has("ran") || l.has("in/data.part") {
		t.Errorf("exit code %d, %+v", code, e)
	}
}

func TestInAPodEndsAreTold(t *testing.T) {
	for script, signal := range map[string]int{"kill -9 $$": 9, "kill -SEGV $$": 11, "kill -QUIT $$": 3} {
		l := newPod(t, script)
		if code := l.run(); code != 128+signal || l.ended().Signal != signal || l.ended().ExitCode != 0 {
			t.Errorf("%s: exit code %d, %+v", script, code, l.ended())
		}
	}
	plain := filepath.Join(t.TempDir(), "plain")
	if err := os.WriteFile(plain, []byte("echo"), 0o644); err != nil {
		t.Fatal(err)
	}
	for command, want := range map[string]Ended{
		"no-such-program": {ExitCode: 127, Error: "The program 'no-such-program' cannot be run: No such file or directory"},
		plain:             {ExitCode: 126, Error: "The program '" + plain + "' cannot be run: Permission denied"},
	} {
		l := newPod(t, "")
		l.request.Command = []string{command}
		code := l.run()
		if e := l.ended(); code != want.ExitCode || e.ExitCode != want.ExitCode || e.Error != want.Error || e.StartedAtUs != 0 || l.has("state/"+StartedFile) {
			t.Errorf("exit code %d, %+v", code, e)
		}
	}
}

func gone(pid int) bool {
	state, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err != nil || strings.Contains(string(state), ") Z ")
}

func TestInAPodWhatIsLeftRunningIsEnded(t *testing.T) {
	t.Parallel()
	for name, script := range map[string]string{
		"of the group":    "sleep 1000 & echo $! > pid",
		"of no group":     "setsid sh -c 'echo $$ > pid; exec sleep 1000' & while [ ! -s pid ]; do sleep 0.01; done",
		"quietly":         "sleep 1000 > /dev/null 2>&1 & echo $! > pid",
		"quietly, groups": "setsid sh -c 'sleep 1000 & echo $! > pid' > /dev/null 2>&1; while [ ! -s pid ]; do sleep 0.01; done",
	} {
		l := newPod(t, script+"; echo done").withLog()
		began := time.Now()
		if code := l.run(); code != 0 || l.file("logs/log") != "done\n" {
			t.Errorf("%s: exit code %d, %q", name, code, l.file("logs/log"))
		}
		if took := time.Since(began); took > limits.LogDrainTimeout+10*time.Second || (took > limits.LogDrainTimeout && strings.HasPrefix(name, "quietly")) {
			t.Errorf("%s: it took %v", name, took)
		}
		pid, err := strconv.Atoi(strings.TrimSpace(l.file("pid")))
		if err != nil || !gone(pid) {
			t.Errorf("%s: %d runs on, %v", name, pid, err)
		}
	}
	// Last words have a moment.
	l := newPod(t, "(sleep 0.3; echo late) & echo done").withLog()
	if code := l.run(); code != 0 || l.file("logs/log") != "done\nlate\n" {
		t.Errorf("exit code %d, %q", code, l.file("logs/log"))
	}
}

func TestAsTheFirstProcessItReapsAndEndsAll(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("NOT TESTED: only root makes a namespace of processes")
	}
	l := newPod(t, `test $PPID = 1; echo $?; for i in 1 2 3 4 5; do setsid sh -c 'sleep 0.05 &' ; done; sleep 0.3; setsid sleep 1000 & echo end; exit 9`)
	l.attributes.Cloneflags = syscall.CLONE_NEWPID
	began := time.Now()
	code := l.run()
	if e := l.ended(); code != 9 || e.ExitCode != 9 || string(e.LogTail) != "0\nend\n" || time.Since(began) > 10*time.Second {
		t.Errorf("exit code %d, %q, %+v", code, l.out.String(), e)
	}
	l = newPod(t, `touch ready; exec sleep 1000`)
	l.attributes.Cloneflags = syscall.CLONE_NEWPID
	l.start()
	s3test.Until(t, "the command to be ready", func() bool { return l.has("ready") })
	_ = l.command.Process.Signal(syscall.SIGTERM)
	if code := l.end(); code != 143 || !l.ended().Stopped {
		t.Errorf("exit code %d, %+v", code, l.ended())
	}
}

func TestInABareImageNothingElseIsNeeded(t *testing.T) {
	l := newPod(t, "")
	program, _ := os.Executable()
	l.request.Command = []string{program, beBare}
	l.request.Environment = map[string]string{"SECRET": "for the launcher alone"}
	l.prepare()
	l.command.Env = []string{"ONLY=this", beLauncher + "=pod"}
	if err := l.command.Start(); err != nil {
		t.Fatal(err)
	}
	if code := l.end(); code != 4 || l.out.String() != "ONLY=this /proc\n" {
		t.Errorf("exit code %d, %q", code, l.out.String())
	}
}

func TestKilledItLeavesNoTermination(t *testing.T) {
	l := newPod(t, "touch ready; exec sleep 1000").start()
	s3test.Until(t, "the command to be ready", func() bool { return l.has("ready") })
	_ = l.command.Process.Kill()
	if code := l.end(); code != -9 || l.file("termination") != "" {
		t.Errorf("%d, %q", code, l.file("termination"))
	}
}

func TestKilledAtAnyTimeATerminationIsWholeOrNone(t *testing.T) {
	for delay := time.Duration(0); delay < 60*time.Millisecond; delay += 3 * time.Millisecond {
		l := newPod(t, "exit 3").start()
		time.Sleep(delay)
		_ = l.command.Process.Kill()
		if l.end(); l.file("termination") != "" && l.ended().ExitCode != 3 {
			t.Errorf("%q", l.file("termination"))
		}
	}
}
