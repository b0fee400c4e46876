package commands

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/penstock/penstock/cli/api"
	"github.com/penstock/penstock/cli/terminal"
	"github.com/penstock/penstock/cli/text"
)

func run(words ...string) (code int, out, errs string) {
	var written, said bytes.Buffer
	app := App{Out: terminal.Plain(&written), Err: terminal.Plain(&said), Getenv: func(string) string { return "" }, Version: "1"}
	code = app.Run(words)
	return code, written.String(), said.String()
}

func TestWrongWordsAreCodeTwo(t *testing.T) {
	for _, one := range []struct{ words, said string }{
		{"lst", "did you mean 'list'"}, {"run", "the form is: penstock run FILE|PIPELINE"}, {"run a b", "the form is"},
		{"list --nothing", "unknown flag: --nothing"}, {"runs nothing", "no command `penstock runs nothing`"},
		{"logs", "the form is: penstock logs RUN [TASK]"}, {"diff a", "with 2 to 20 runs"}, {"list --limit x", "invalid argument"},
		{"run nothing.yaml", "there is no file nothing.yaml"}, {"run ./folder/", "no file"}, {"run x -p y", "NAME=VALUE"},
		{"logs x --tail -1", "--tail"}, {"list --state done", "it has to be one of pending"},
	} {
		code, out, errs := run(strings.Fields(one.words)...)
		if code != exitUsage || out != "" || !strings.Contains(errs, one.said) || !strings.HasPrefix(errs, "penstock: ") {
			t.Errorf("%s: %d %q %q", one.words, code, out, errs)
		}
	}
}

func TestHelp(t *testing.T) {
	for _, words := range []string{"", "--help", "help", "run --help", "runs --help", "runs compare -h", "completion bash"} {
		if code, out, errs := run(strings.Fields(words)...); code != 0 || out == "" || errs != "" {
			t.Errorf("%s: %d %q", words, code, errs)
		}
	}
	// Both ways to write a flag.
	if code, _, errs := run("down", "--data-dir", t.TempDir()); code != 0 {
		t.Error(errs)
	}
}

func TestTheSDKsOwnLines(t *testing.T) {
	log := []string{"before", "[KFP Executor 2026-11-29 16:06:44,211 INFO]: Got executor_input:", "{", "    \"a\": {", "    }", "}",
		"{", "user's", "[KFP Executor 2026-11-29 16:06:45 INFO]: Wrote executor output file to x.",
		"[KFP Executor 2026-11-29 16:06:45 ERROR]: broken", "after"}
	var lines sdkLines
	var kept []string
	for _, line := range log {
		if !lines.has(line) {
			kept = append(kept, line)
		}
	}
	want := []string{"before", "{", "user's", "[KFP Executor 2026-11-29 16:06:45 ERROR]: broken", "after"}
	if !slices.Equal(kept, want) {
		t.Errorf("%q", kept)
	}
}

func TestLastLines(t *testing.T) {
	for _, one := range []struct {
		text  string
		lines int
		want  string
	}{
		{"a\nb\nc\n", 2, "b\nc\n"}, {"a\nb\nc", 2, "b\nc"}, {"a\nb\n", 5, "a\nb\n"}, {"", 1, ""}, {"a\n\n\n", 2, "\n\n"},
	} {
		if got := one.text[lastLines([]byte(one.text), one.lines):]; got != one.want {
			t.Errorf("%q %d: %q, want %q", one.text, one.lines, got, one.want)
		}
	}
}

func TestTheEndOfALogBeginsAtItsTraceback(t *testing.T) {
	if got := endOfLog("noise\nTraceback (most recent call last):\n  x\nError\n"); got != "Traceback (most recent call last):\n  x\nError" {
		t.Error(got)
	}
	if got := endOfLog(strings.Repeat("line\n", 100)); strings.Count(got, "line") != logEndLines {
		t.Error(got)
	}
}

func TestWhatDoesNotFitIsCounted(t *testing.T) {
	var run api.Run
	run.RunID = "r"
	start := time.Unix(1000, 0)
	for i := range 100 {
		state := api.Succeeded
		if i == 3 || i == 50 {
			state = "RUNNING"
		}
		run.Details.Tasks = append(run.Details.Tasks, api.Task{TaskID: fmt.Sprint(i), DisplayName: fmt.Sprintf("task-%d", i),
			State: state, StartTime: start.Add(time.Duration(i) * time.Second), EndTime: start.Add(time.Duration(i+1) * time.Second)})
	}
	lines := taskLines(terminal.Plain(nil), run, 80, 10, start)
	whole := strings.Join(lines, "\n")
	if len(lines) != 10 || !strings.Contains(whole, "task-3 ") || !strings.Contains(whole, "task-50 ") ||
		!strings.Contains(whole, "task-99 ") || !strings.Contains(whole, "and 91 other tasks") {
		t.Errorf("%d lines\n%s", len(lines), whole)
	}
	for _, line := range lines {
		if text.Width(line) > 80 {
			t.Errorf("%q", line)
		}
	}
}

func TestFirstFailedIsTheFirstToEnd(t *testing.T) {
	var status api.RunStatus
	err := json.Unmarshal([]byte(`{"tasks": [
		{"name": "group", "state": "FAILED"},
		{"name": "late", "state": "FAILED", "attempts": [{"number": 1, "finished_at": "2026-01-01T00:00:02Z"}]},
		{"name": "early", "state": "FAILED", "attempts": [{"number": 1, "finished_at": "2026-01-01T00:00:01Z"}]}]}`), &status)
	if err != nil {
		t.Fatal(err)
	}
	if got := firstFailed(status); got == nil || got.Name != "early" {
		t.Error(got)
	}
	if got := firstFailed(api.RunStatus{}); got != nil {
		t.Error(got)
	}
}

func TestWhoHasTheRoomIsToldOnce(t *testing.T) {
	var status api.RunStatus
	err := json.Unmarshal([]byte(`{"tasks": [
		{"name": "runs", "attempts": [{"number": 1}]},
		{"name": "a", "wait": {"reason": "WAITING_FOR_CAPACITY", "message": "a waits", "setting": "--max_parallel_tasks=1",
			"holders": [{"run_id": "r", "task": "runs", "cpu_millicores": "1000"}]}},
		{"name": "b", "wait": {"reason": "WAITING_FOR_CAPACITY", "message": "b waits", "holders": []}}]}`), &status)
	if err != nil {
		t.Fatal(err)
	}
	var work serverWork
	work.take(api.FoundRun{RunID: "r"}, status)
	if len(work.Room) != 1 || work.Room[0].CPU != 1000 || len(work.Waits) != 1 || work.Waits[0].Count != 2 ||
		!slices.Equal(work.Setting, []string{"--max_parallel_tasks=1"}) {
		t.Errorf("%+v", work)
	}
}
