package follow

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/penstock/penstock/cli/api"
)

const looped = `{"state": "RUNNING", "run_details": {"task_details": [
	{"task_id": "L", "display_name": "loop", "state": "RUNNING", "child_tasks": [{"task_id": "i0"}, {"task_id": "i1"}]},
	{"task_id": "i0", "display_name": "loop", "parent_task_id": "L", "state": "RUNNING"},
	{"task_id": "i1", "display_name": "loop", "parent_task_id": "L", "state": "RUNNING"},
	{"task_id": "a", "display_name": "train", "parent_task_id": "i0", "state": "SUCCEEDED",
		"start_time": "2026-01-01T00:00:00Z", "end_time": "2026-01-01T00:00:02Z"},
	{"task_id": "b", "display_name": "train", "parent_task_id": "i1", "state": "RUNNING"},
	{"task_id": "c", "display_name": "load", "state": "SUCCEEDED"}]},
	"plugins_output": {"penstock_cache": {"entries": {"c": {"value": {"result": "HIT"}}}}}}`

func runOf(t *testing.T, text string) api.Run {
	t.Helper()
	var run api.Run
	if err := json.Unmarshal([]byte(text), &run); err != nil {
		t.Fatal(err)
	}
	return run
}

func TestTitlesHaveTheIteration(t *testing.T) {
	titles := Titles(runOf(t, looped))
	for id, want := range map[string]string{"a": "train #0", "b": "train #1", "c": "load", "L": "loop", "i1": "loop #1"} {
		if titles[id] != want {
			t.Errorf("%s is %q, want %q", id, titles[id], want)
		}
	}
}

func TestProgressTellsChangesOnce(t *testing.T) {
	var progress Progress
	run := runOf(t, looped)
	words := func(changes []Change) string {
		var texts []string
		for _, change := range changes {
			texts = append(texts, change.Title+" "+change.State)
		}
		return strings.Join(texts, ", ")
	}
	first := progress.Update(run)
	if got, want := words(first), "train #1 RUNNING, load CACHED, train #0 SUCCEEDED"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if first[2].Took != 2*time.Second {
		t.Error(first[2].Took)
	}
	if got := words(progress.Update(run)); got != "" {
		t.Error(got)
	}
	run.Details.Tasks[4].State = "FAILED"
	if got := words(progress.Update(run)); got != "train #1 FAILED" {
		t.Error(got)
	}
}

func TestATaskThatNeverBeganTookWhatItWaited(t *testing.T) {
	run := runOf(t, `{"run_details": {"task_details": [{"task_id": "a", "state": "FAILED",
		"create_time": "2026-01-01T00:00:00Z", "start_time": "1970-01-01T00:00:00Z", "end_time": "2026-01-01T00:00:03Z"}]}}`)
	if took := Took(run.Details.Tasks[0], time.Now()); took != 3*time.Second {
		t.Error(took)
	}
}
