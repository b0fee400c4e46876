package api

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

const (
	kfp = "/apis/v2beta1"
	own = "/apis/penstock/v1"
)

// Quoted is a text in the language of searches.
func Quoted(text string) string { return "'" + strings.ReplaceAll(text, "'", "''") + "'" }

// Predicate of a filter of KFP's lists.
type Predicate struct {
	Key       string `json:"key"`
	Operation string `json:"operation"`
	Text      string `json:"string_value"`
}

func listQuery(size int, predicates ...Predicate) url.Values {
	query := url.Values{"page_size": {strconv.Itoa(size)}}
	if len(predicates) > 0 {
		filter, _ := json.Marshal(map[string]any{"predicates": predicates})
		query.Set("filter", string(filter))
	}
	return query
}

func runPath(runID string) string { return kfp + "/runs/" + url.PathEscape(runID) }

func ownRunPath(runID string) string { return own + "/runs/" + url.PathEscape(runID) }

// GetRun asks for a run as KFP has it.
func (c *Client) GetRun(ctx context.Context, runID string) (json.RawMessage, error) {
	return c.Get(ctx, runPath(runID), nil, nil)
}

// CreateRun starts a run, once for each request id.
func (c *Client) CreateRun(ctx context.Context, requestID string, run any) (Run, json.RawMessage, error) {
	var made Run
	answer, err := c.CallSafely(ctx, Request{Method: http.MethodPost, Path: own + "/runs",
		Body: map[string]any{"request_id": requestID, "run": run}}, &made)
	return made, answer, err
}

// DoToRun does one of KFP's verbs to a run: archive, unarchive, terminate, retry.
func (c *Client) DoToRun(ctx context.Context, runID, verb string) error {
	_, err := c.Call(ctx, Request{Method: http.MethodPost, Path: runPath(runID) + ":" + verb, Body: struct{}{}}, nil)
	return err
}

// DeleteRun deletes a run.
func (c *Client) DeleteRun(ctx context.Context, runID string) error {
	_, err := c.Call(ctx, Request{Method: http.MethodDelete, Path: runPath(runID)}, nil)
	return err
}

// Search is a search of runs.
type Search struct {
	ExperimentIDs []string `json:"experiment_ids,omitempty"`
	Filter        string   `json:"filter,omitempty"`
	Archived      bool     `json:"include_archived,omitempty"`
	PageSize      int      `json:"page_size"`
	PageToken     string   `json:"page_token,omitempty"`
}

// FoundRuns is a page of what was found, the newest first.
type FoundRuns struct {
	Runs          []json.RawMessage `json:"runs"`
	NextPageToken string            `json:"next_page_token,omitempty"`
}

// Typed gives the runs in the form that is read.
func (f FoundRuns) Typed() ([]FoundRun, error) {
	runs := make([]FoundRun, len(f.Runs))
	for i, text := range f.Runs {
		if err := json.Unmarshal(text, &runs[i]); err != nil {
			return nil, err
		}
	}
	return runs, nil
}

// SearchRuns asks for a page of runs.
func (c *Client) SearchRuns(ctx context.Context, search Search) (FoundRuns, error) {
	found := FoundRuns{}
	_, err := c.Call(ctx, Request{Method: http.MethodPost, Path: own + "/runs:search", Body: search}, &found)
	return found, err
}

// RunsBetween lists runs whose id is from on, and before to, the last first. Ids begin with the time.
func (c *Client) RunsBetween(ctx context.Context, from, to string, size int) ([]Run, error) {
	var found struct {
		Runs []Run `json:"runs"`
	}
	query := listQuery(size, Predicate{"run_id", "GREATER_THAN_EQUALS", from}, Predicate{"run_id", "LESS_THAN", to})
	query.Set("sort_by", "run_id desc")
	_, err := c.Get(ctx, kfp+"/runs", query, &found)
	return found.Runs, err
}

// CountRuns counts runs in a state.
func (c *Client) CountRuns(ctx context.Context, state string) (int, error) {
	var found struct {
		Total int `json:"total_size"`
	}
	_, err := c.Get(ctx, kfp+"/runs", listQuery(1, Predicate{"state", "EQUALS", state}), &found)
	return found.Total, err
}

// RunStatus explains a run.
func (c *Client) RunStatus(ctx context.Context, runID string, unfinishedOnly bool) (RunStatus, json.RawMessage, error) {
	query := url.Values{}
	if unfinishedOnly {
		query.Set("unfinished_only", "true")
	}
	var status RunStatus
	answer, err := c.Get(ctx, ownRunPath(runID)+"/status", query, &status)
	return status, answer, err
}

// WatchRun gives the run at once and each time it has changed, until it has ended.
func (c *Client) WatchRun(ctx context.Context, runID string, take func(Run, json.RawMessage) error) error {
	return c.Stream(ctx, Request{Path: ownRunPath(runID) + ":watch"}, func(message json.RawMessage) error {
		var run Run
		if err := json.Unmarshal(message, &run); err != nil {
			return err
		}
		return take(run, message)
	})
}

// LogPart says what of a log is wanted.
type LogPart struct {
	Attempt int // 0: the latest
	Follow  bool
	Offset  int64
	Tail    int64 // instead: the last so many bytes, from the beginning of a line
}

// OpenLog opens the log of a task's attempt; its body is the caller's to read and close.
func (c *Client) OpenLog(ctx context.Context, runID, task string, part LogPart) (*http.Response, error) {
	query := url.Values{}
	if part.Attempt > 0 {
		query.Set("attempt", strconv.Itoa(part.Attempt))
	}
	if part.Follow {
		query.Set("follow", "true")
	}
	if part.Offset > 0 {
		query.Set("offset_bytes", strconv.FormatInt(part.Offset, 10))
	}
	if part.Tail > 0 {
		query.Set("tail_bytes", strconv.FormatInt(part.Tail, 10))
	}
	return c.Open(ctx, Request{Path: runPath(runID) + "/nodes/" + url.PathEscape(task) + "/log", Query: query})
}

// LogOffset is where in the log an answer begins.
func LogOffset(answer *http.Response) int64 {
	offset, _ := strconv.ParseInt(answer.Header.Get("X-Log-Offset"), 10, 64)
	return offset
}

// CompareRuns tells what differs between runs.
func (c *Client) CompareRuns(ctx context.Context, runIDs []string, all bool) (Comparison, json.RawMessage, error) {
	query := url.Values{"run_ids": runIDs}
	if all {
		query.Set("all", "true")
	}
	var comparison Comparison
	answer, err := c.Get(ctx, own+"/runs:compare", query, &comparison)
	return comparison, answer, err
}

// RerunRun does a run again.
func (c *Client) RerunRun(ctx context.Context, runID, name string, pinPackages bool) (Run, json.RawMessage, error) {
	var made Run
	answer, err := c.Call(ctx, Request{Method: http.MethodPost, Path: ownRunPath(runID) + ":rerun",
		Body: map[string]any{"display_name": name, "pin_packages": pinPackages}}, &made)
	return made, answer, err
}

// RerunReport says what a rerun gave, beside its original.
func (c *Client) RerunReport(ctx context.Context, runID string) (RerunReport, json.RawMessage, error) {
	var report RerunReport
	answer, err := c.Get(ctx, ownRunPath(runID)+"/rerun_report", nil, &report)
	return report, answer, err
}

// ExportRun opens a run as a file, with the content of its artifacts.
func (c *Client) ExportRun(ctx context.Context, runID string) (*http.Response, error) {
	return c.Open(ctx, Request{Path: ownRunPath(runID) + ":export", Query: url.Values{"include_contents": {"true"}}})
}

// Health asks whether the server, not just its gateway, can work.
func (c *Client) Health(ctx context.Context) (Health, error) {
	var health Health
	_, err := c.Get(ctx, kfp+"/healthz", nil, &health)
	return health, err
}
