package follow

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/penstock/penstock/cli/api"
)

func serve(t *testing.T, handler http.HandlerFunc) *api.Client {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	client, err := api.New(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	return client
}

func TestWatchSurvivesAServerThatRestarts(t *testing.T) {
	var asked atomic.Int32
	client := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		switch asked.Add(1) {
		case 1: // breaks off in the middle of a message
			fmt.Fprint(w, `{"result": {"run_id": "r", "state": "RUNNING"}}`+"\n"+`{"resu`)
		case 2:
			w.WriteHeader(http.StatusServiceUnavailable)
		case 3:
			fmt.Fprint(w, `{"error": {"code": 14, "message": "stopping"}}`)
		default:
			fmt.Fprint(w, `{"result": {"run_id": "r", "state": "SUCCEEDED"}}`)
		}
	})
	var states, moves []string
	last, text, err := Watch(context.Background(), client, "r", func(err error) { moves = append(moves, fmt.Sprint(err == nil)) },
		func(run api.Run) error { states = append(states, run.State); return nil })
	if err != nil || last.State != api.Succeeded || !strings.Contains(string(text), "SUCCEEDED") {
		t.Error(last, text, err)
	}
	if !slices.Equal(states, []string{"RUNNING", "SUCCEEDED"}) || !slices.Equal(moves, []string{"false", "true"}) {
		t.Error(states, moves)
	}
}

func TestWatchEndsWithWhatStays(t *testing.T) {
	client := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusNotFound)
		fmt.Fprint(w, `{"code": 5, "message": "There is no run r."}`)
	})
	_, _, err := Watch(context.Background(), client, "r", func(error) { t.Error("away") }, nil)
	if err == nil || err.Error() != "There is no run r." {
		t.Error(err)
	}
}

func TestWatchEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	client := serve(t, func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, `{"result": {"run_id": "r", "state": "RUNNING"}}`)
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	})
	_, _, err := Watch(ctx, client, "r", nil, func(api.Run) error { cancel(); return nil })
	if !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestLogsOfAllAttemptsAndOverBreaks(t *testing.T) {
	var reads atomic.Int32
	client := serve(t, func(w http.ResponseWriter, r *http.Request) {
		query := r.URL.Query()
		switch {
		case query.Get("attempt") == "1" && reads.Add(1) == 1:
			fmt.Fprint(w, "one\ntw")
			w.(http.Flusher).Flush()
			panic(http.ErrAbortHandler)
		case query.Get("attempt") == "1":
			if query.Get("offset_bytes") != "6" {
				t.Error(r.URL)
			}
			fmt.Fprint(w, "o\n")
		case query.Get("attempt") == "2":
			fmt.Fprint(w, "three")
		default:
			w.WriteHeader(http.StatusNotFound)
			fmt.Fprint(w, `{"error_message": "none"}`)
		}
	})
	var lines []string
	logs := NewLogs(client, "r", func(task api.Task, line []byte) { lines = append(lines, task.DisplayName+" "+string(line)) })
	task := api.Task{TaskID: "t", DisplayName: "train", State: "RUNNING"}
	run := api.Run{}
	run.Details.Tasks = []api.Task{task}
	logs.Update(context.Background(), run)
	run.Details.Tasks = []api.Task{{TaskID: "t", DisplayName: "train", State: api.Succeeded}}
	logs.Update(context.Background(), run)
	logs.Wait()
	if !slices.Equal(lines, []string{"train one", "train two", "train three"}) {
		t.Errorf("%q", lines)
	}
}

func TestLogsOfGroupsAreNotAskedFor(t *testing.T) {
	client := serve(t, func(_ http.ResponseWriter, r *http.Request) { t.Error(r.URL) })
	logs := NewLogs(client, "r", nil)
	run := api.Run{}
	run.Details.Tasks = []api.Task{{TaskID: "loop", State: "RUNNING"}, {TaskID: "in", ParentTaskID: "loop", State: "PENDING"}}
	logs.Update(context.Background(), run)
	logs.Wait()
}
