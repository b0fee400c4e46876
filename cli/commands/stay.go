package commands

import (
	"context"
	"encoding/json"
	"fmt"
	"sort"
	"strings"
	"time"

	"github.com/penstock/penstock/cli/api"
	"github.com/penstock/penstock/cli/follow"
	"github.com/penstock/penstock/cli/terminal"
	"github.com/penstock/penstock/cli/text"
)

const logEndLines = 20 // of a failed task

// view is what somebody sees who stays until a run has ended.
type view interface {
	Update(ctx context.Context, run api.Run)
	Away(err error)
	End() // of what is drawn; logs are told first if the run has ended
}

// stay follows a run to its end.
func (a *App) stay(ctx context.Context, client *api.Client, runID string, withLogs bool) error {
	var shown view
	switch {
	case withLogs:
		logs := a.newLogView(client, runID)
		logs.printer.brief = true
		shown = logs
	case a.asJSON:
		shown = silentView{}
	case a.Out.IsTerminal:
		shown = newLiveView(a.Out)
	default:
		shown = &lineView{app: a}
	}
	last, document, err := follow.Watch(ctx, client, runID, shown.Away, func(run api.Run) error {
		shown.Update(ctx, run)
		return nil
	})
	shown.End()
	if ctx.Err() != nil {
		a.note("\nThe run goes on.\n  penstock logs -f %s           follows it\n  penstock runs terminate %s    ends it", runID, runID)
		return toldError{exitInterrupted}
	}
	if err != nil {
		return err
	}
	return a.tellEnd(ctx, client, last, document, withLogs)
}

func (a *App) tellEnd(ctx context.Context, client *api.Client, run api.Run, document json.RawMessage, withLogs bool) error {
	var err error
	switch {
	case a.asJSON && withLogs:
		err = a.printJSON(map[string]any{"event": "ended", "run": document})
	case a.asJSON:
		err = a.printJSON(document)
	case run.State == api.Succeeded:
		a.Out.Printf("%s in %s\n", a.Out.Good("Succeeded"), text.Duration(run.FinishedAt.Sub(run.CreatedAt)))
		a.tellMetrics(ctx, client, run.RunID)
	default:
		a.explainFailure(ctx, client, run, withLogs)
	}
	if err == nil && run.State != api.Succeeded {
		err = toldError{exitFailed}
	}
	return err
}

// What the run gave, which is what its user wants to know next.
func (a *App) tellMetrics(ctx context.Context, client *api.Client, runID string) {
	page, err := client.SearchRuns(ctx, api.Search{Filter: "run_id = " + api.Quoted(runID), PageSize: 1})
	if err != nil {
		return
	}
	runs, err := page.Typed()
	if err != nil || len(runs) == 0 || len(runs[0].Metrics) == 0 {
		return
	}
	table := text.Table{Columns: []text.Column{{}, {}}}
	names := make([]string, 0, len(runs[0].Metrics))
	for name := range runs[0].Metrics {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		table.Add(text.Cell{Text: "  " + text.Plain(name)}, text.Cell{Text: numberText(runs[0].Metrics[name])})
	}
	a.Out.Print(table.String(a.Out.Columns()))
}

func numberText(value any) string {
	if number, isNumber := value.(float64); isNumber {
		return fmt.Sprintf("%.6g", number)
	}
	return text.Plain(fmt.Sprint(value))
}

// explainFailure says which task failed, why, and how its log ends.
func (a *App) explainFailure(ctx context.Context, client *api.Client, run api.Run, logsAreTold bool) {
	a.Out.Printf("%s after %s\n", a.Out.Bad(strings.ToUpper(run.State[:1])+strings.ToLower(run.State[1:])),
		text.Duration(run.FinishedAt.Sub(run.CreatedAt)))
	status, _, err := client.RunStatus(ctx, run.RunID, false)
	failed := firstFailed(status)
	if err != nil || failed == nil {
		if run.Error != nil {
			a.Out.Printf("%s\n", text.Lines(withoutLog(run.Error.Message)))
		}
		return
	}
	last := failed.Attempts[len(failed.Attempts)-1]
	a.Out.Printf("\nTask %s failed", a.Out.Bold(text.Plain(failed.DisplayName)))
	if last.Number > 1 {
		a.Out.Printf(", the last time in attempt %d", last.Number)
	}
	a.Out.Printf(": %s\n", text.Lines(last.Message))
	if last.LogTail != "" && !logsAreTold {
		a.Out.Printf("\nThe end of its log:\n%s\n", text.Indent(text.Lines(endOfLog(last.LogTail)), "  "))
	}
	a.Out.Printf("\n%s\n", a.Out.Soft(fmt.Sprintf("penstock logs %s %s    shows all of it", run.RunID, text.Plain(failed.Name))))
}

// The task that failed first, of those that ran something.
func firstFailed(status api.RunStatus) *api.TaskStatus {
	var first *api.TaskStatus
	ended := func(task *api.TaskStatus) time.Time {
		if at := task.Attempts[len(task.Attempts)-1].FinishedAt; at != nil {
			return *at
		}
		return time.Time{}
	}
	for i := range status.Tasks {
		task := &status.Tasks[i]
		if task.State != api.Failed || len(task.Attempts) == 0 {
			continue
		}
		if first == nil || ended(task).Before(ended(first)) {
			first = task
		}
	}
	return first
}

// Messages of failed tasks end with what is shown apart.
func withoutLog(message string) string {
	before, _, _ := strings.Cut(message, "\nLast lines of its log:\n")
	return before
}

// From the last traceback on, if there is one.
func endOfLog(tail string) string {
	lines := strings.Split(strings.TrimRight(tail, "\n"), "\n")
	for i := len(lines) - 1; i >= 0; i-- {
		if strings.HasPrefix(lines[i], "Traceback (most recent call last)") {
			lines = lines[i:]
			break
		}
	}
	return strings.Join(lines[max(0, len(lines)-logEndLines):], "\n")
}

// silentView is for programs, which want the end.
type silentView struct{}

func (silentView) Update(context.Context, api.Run) {}
func (silentView) Away(error)                      {}
func (silentView) End()                            {}

// lineView has a line for each change.
type lineView struct {
	app      *App
	progress follow.Progress
}

func (v *lineView) Update(_ context.Context, run api.Run) {
	for _, change := range v.progress.Update(run) {
		v.app.tellChange(change)
	}
}

func (a *App) tellChange(change follow.Change) {
	out := a.Out
	took := ""
	if api.HasEnded(change.Task.State) && change.Task.State != api.Skipped {
		took = " in " + text.Duration(change.Took)
	}
	out.Print(out.State(change.State)(terminal.Mark(change.State)+" "+text.Plain(change.Title)+" "+text.State(change.State)+took), "\n")
}

func (v *lineView) Away(err error) { v.app.tellAway(err) }
func (v *lineView) End()           {}

func (a *App) tellAway(err error) {
	if err == nil {
		a.note("The server answers again.")
		return
	}
	a.note("The server does not answer; waiting until it does.")
}
