package attempt

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// bare prints its surroundings and ends with 4.
func bare() int {
	folder, _ := os.Getwd()
	fmt.Println(strings.Join(os.Environ(), " "), folder)
	return 4
}

// podLaunch is one attempt in a pod, whose volume is dir.
type podLaunch struct {
	t       *testing.T
	dir     string
	request Request
	command *exec.Cmd
	out     bytes.Buffer
	// What command gets besides.
	attributes syscall.SysProcAttr
}

func newPod(t *testing.T, script string) *podLaunch {
	t.Helper()
	l := &podLaunch{t: t, dir: t.TempDir()}
	if err := os.WriteFile(l.path("termination"), nil, 0o666); err != nil {
		t.Fatal(err)
	}
	l.request = Request{Command: []string{"sh", "-c", "cd " + l.dir + "; " + script}, Pod: &Pod{StateDir: l.path("state"),
		LogBytes: 1 << 20, GraceMs: 20_000, TerminationPath: l.path("termination")}}
	return l
}

func (l *podLaunch) path(name string) string { return filepath.Join(l.dir, name) }

func (l *podLaunch) withLog() *podLaunch {
	l.request.Log = &Log{Path: l.path("logs/log")}
	return l
}

func packed(text []byte) string {
	var zipped bytes.Buffer
	writer := gzip.NewWriter(&zipped)
	_, _ = writer.Write(text)
	_ = writer.Close()
	return base64.StdEncoding.EncodeToString(zipped.Bytes())
}

func (l *podLaunch) prepare() *podLaunch {
	l.t.Helper()
	text, err := json.Marshal(l.request)
	if err != nil {
		l.t.Fatal(err)
	}
	all := packed(text)
	l.prepareWith(all[:len(all)/2], all[len(all)/2:])
	return l
}

func (l *podLaunch) prepareWith(chunks ...string) {
	program, err := os.Executable()
	if err != nil {
		l.t.Fatal(err)
	}
	l.command = exec.Command(program, chunks...)
	l.command.Dir = "/proc" // where nobody can write
	l.command.Env = append(os.Environ(), beLauncher+"=pod")
	l.command.SysProcAttr = &l.attributes
	l.out.Reset()
	l.command.Stdout, l.command.Stderr = &l.out, &l.out
}

func (l *podLaunch) start() *podLaunch {
	l.t.Helper()
	l.prepare()
	if err := l.command.Start(); err != nil {
		l.t.Fatal(err)
	}
	return l
}

// end waits for the exit code, or minus the signal.
func (l *podLaunch) end() int {
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

func (l *podLaunch) run() int {
	l.t.Helper()
	return l.start().end()
}

func (l *podLaunch) file(name string) string {
	text, err := os.ReadFile(l.path(name))
	if err != nil {
		return "(" + err.Error() + ")"
	}
	return string(text)
}

func (l *podLaunch) has(name string) bool {
	_, err := os.Stat(l.path(name))
	return err == nil
}

// termination is what the kubelet would read.
func (l *podLaunch) termination() Termination {
	l.t.Helper()
	text := l.file("termination")
	if len(text) > TerminationBytes {
		l.t.Errorf("the termination message has %d bytes", len(text))
	}
	var termination Termination
	if err := json.Unmarshal([]byte(text), &termination); err != nil {
		l.t.Fatalf("%q: %v; it printed %s", text, err, l.out.String())
	}
	return termination
}

// result is what the termination message itself holds.
func (l *podLaunch) result() Result {
	l.t.Helper()
	termination := l.termination()
	text := []byte(termination.Result)
	if termination.Gzipped != nil {
		unzipped, err := gzip.NewReader(bytes.NewReader(termination.Gzipped))
		if err == nil {
			text, err = io.ReadAll(unzipped)
		}
		if err != nil {
			l.t.Fatal(err)
		}
	}
	return resultOf(l.t, text)
}

func resultOf(t *testing.T, text []byte) Result {
	t.Helper()
	var result Result
	if err := json.Unmarshal(text, &result); err != nil || result.Ended == nil {
		t.Fatalf("%s: %v", text, err)
	}
	return result
}

func (l *podLaunch) ended() Ended {
	l.t.Helper()
	return *l.result().Ended
}

// door is the one at which attempts report.
type door struct {
	*httptest.Server
	mutex    sync.Mutex
	progress []Progress
	times    []time.Time
	results  [][]byte
	// How a result is answered; nil: with 200.
	answer func(count int, w http.ResponseWriter)
}

func openDoor(t *testing.T, l *podLaunch) *door {
	d := &door{}
	d.Server = httptest.NewServer(d)
	t.Cleanup(d.Close)
	l.request.Pod.Report = &Report{URL: d.URL, ID: "an-attempt", Token: "a-token"}
	return d
}

func (d *door) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	text, _ := io.ReadAll(r.Body)
	if r.Header.Get("Authorization") != "Bearer a-token" || r.Method != http.MethodPost {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	d.mutex.Lock()
	defer d.mutex.Unlock()
	switch r.URL.Path {
	case "/attempts/an-attempt/progress":
		var progress Progress
		_ = json.Unmarshal(text, &progress)
		d.progress, d.times = append(d.progress, progress), append(d.times, time.Now())
	case "/attempts/an-attempt/result":
		d.results = append(d.results, text)
		if d.answer != nil {
			d.answer(len(d.results), w)
		}
	default:
		w.WriteHeader(http.StatusNotFound)
	}
}

// answers says how results are answered from now on.
func (d *door) answers(answer func(count int, w http.ResponseWriter)) {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	d.answer = answer
}

func (d *door) told() (progress []Progress, results [][]byte) {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	return append([]Progress(nil), d.progress...), append([][]byte(nil), d.results...)
}

func httptestServer(t *testing.T, handler http.HandlerFunc) (address string) {
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return server.URL
}
