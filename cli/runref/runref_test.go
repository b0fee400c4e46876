package runref

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/penstock/penstock/cli/api"
)

type fakeServer struct {
	runs  []Named // the newest first
	calls int
}

func (f *fakeServer) SearchRuns(_ context.Context, search api.Search) (api.FoundRuns, error) {
	f.calls++
	var page api.FoundRuns
	for _, run := range f.runs {
		if search.Filter != "" && search.Filter != "run_name = "+api.Quoted(run.Name) {
			continue
		}
		text, _ := json.Marshal(map[string]string{"run_id": run.ID, "display_name": run.Name})
		page.Runs = append(page.Runs, text)
	}
	page.Runs = page.Runs[:min(len(page.Runs), search.PageSize)]
	return page, nil
}

func (f *fakeServer) RunsBetween(_ context.Context, from, to string, size int) ([]api.Run, error) {
	f.calls++
	var found []api.Run
	for _, run := range f.runs {
		if run.ID >= from && run.ID < to && len(found) < size {
			found = append(found, api.Run{RunID: run.ID, DisplayName: run.Name})
		}
	}
	return found, nil
}

func id(number int) string { return fmt.Sprintf("0190abcd-0000-7000-8000-%012x", number) }

func TestResolve(t *testing.T) {
	server := &fakeServer{runs: []Named{{id(0xb3), "third"}, {id(0xb2), "twice"}, {id(0xa1), "twice"},
		{"0190ffff-0000-7000-8000-000000000001", "it's"}}}
	for reference, want := range map[string]string{
		"@last": id(0xb3), "-": id(0xb3), id(7): id(7), strings.ToUpper(id(0xa1)): id(0xa1),
		id(0xa1)[:35]: id(0xa1), "0190ff": "0190ffff-0000-7000-8000-000000000001", "third": id(0xb3),
		"it's": "0190ffff-0000-7000-8000-000000000001",
	} {
		got, err := Resolve(context.Background(), server, reference)
		if err != nil || got != want {
			t.Errorf("%s: %q %v, want %q", reference, got, err, want)
		}
	}
	for reference, wrong := range map[string]string{
		"0190a": "there is no run '0190a'", "none": "there is no run 'none'", "0190abcd": "may mean several runs:\n  " + id(0xb3),
		"twice": "several runs", "": "no run ''",
	} {
		if _, err := Resolve(context.Background(), server, reference); err == nil || !strings.Contains(err.Error(), wrong) {
			t.Errorf("%s: %v, want %q", reference, err, wrong)
		}
	}
}

func TestWholeIDsAskNobody(t *testing.T) {
	server := &fakeServer{}
	if _, err := Resolve(context.Background(), server, id(1)); err != nil || server.calls != 0 {
		t.Errorf("%v, %d calls", err, server.calls)
	}
	if _, err := Resolve(context.Background(), server, "@last"); err == nil || !strings.Contains(err.Error(), "no run yet") {
		t.Error(err)
	}
}

func TestManyAreNotAllListed(t *testing.T) {
	server := &fakeServer{}
	for i := range 20 {
		server.runs = append(server.runs, Named{id(i), "same"})
	}
	_, err := Resolve(context.Background(), server, "same")
	var ambiguous *Ambiguous
	if !errors.As(err, &ambiguous) || len(ambiguous.Runs) != listed || !strings.Contains(err.Error(), "and others") {
		t.Error(err)
	}
}

func TestResolveIDTakesNoNames(t *testing.T) {
	server := &fakeServer{runs: []Named{{id(1), "train"}}}
	for _, reference := range []string{"train", "@last", "-"} {
		if _, err := ResolveID(context.Background(), server, reference); err == nil {
			t.Errorf("%s is taken", reference)
		}
	}
	if got, err := ResolveID(context.Background(), server, "0190abcd"); err != nil || got != id(1) {
		t.Error(got, err)
	}
}
