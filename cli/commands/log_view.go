package commands

import (
	"context"
	"strings"
	"sync"

	"github.com/penstock/penstock/cli/api"
	"github.com/penstock/penstock/cli/follow"
	"github.com/penstock/penstock/cli/text"
)

// linePrinter prints lines of several tasks, each behind its task.
type linePrinter struct {
	app     *App
	numbers map[string]int // of tasks, for their colours
	width   int
	sdk     map[string]*sdkLines
	brief   bool // without what the SDK says itself
}

func (a *App) newLinePrinter() *linePrinter {
	return &linePrinter{app: a, numbers: map[string]int{}, sdk: map[string]*sdkLines{}}
}

func (p *linePrinter) print(taskID, title string, line []byte) {
	a := p.app
	if p.sdk[taskID] == nil {
		p.sdk[taskID] = &sdkLines{}
	}
	isOfSDK := p.sdk[taskID].has(string(line))
	if isOfSDK && p.brief {
		return
	}
	if a.asJSON {
		_ = a.printJSON(map[string]any{"event": "log", "task_id": taskID, "task": title,
			"line": text.LogLine(string(line), false)})
		return
	}
	if _, isKnown := p.numbers[taskID]; !isKnown {
		p.numbers[taskID] = len(p.numbers)
	}
	name := text.Shorten(text.Plain(title), prefixWidth)
	p.width = max(p.width, text.Width(name))
	shown := text.LogLine(string(line), a.Out.Colours)
	if isOfSDK {
		shown = a.Out.Soft(shown)
	}
	a.Out.Print(a.Out.Nth(p.numbers[taskID], text.Pad(name, p.width, false)+" | "), shown, "\n")
}

// sdkLines tells what the SDK itself says in the log of a Python component: that it begins, with the inputs over many
// lines, and that it has ended.
type sdkLines struct {
	head bool // the line before ended in the announcement of the inputs
	left int  // lines of the inputs that may come
}

const inputLines = 100_000

func (s *sdkLines) has(line string) bool {
	if strings.HasPrefix(line, "[KFP Executor ") && strings.Contains(line, " INFO]: ") {
		s.head, s.left = strings.HasSuffix(line, "Got executor_input:"), 0
		return true
	}
	if s.head && line == "{" {
		s.left = inputLines
	}
	s.head = false
	if s.left == 0 {
		return false
	}
	s.left--
	if line == "}" {
		s.left = 0
	}
	return true
}

// logView shows the logs of all tasks, and between them how the tasks go.
type logView struct {
	app      *App
	logs     *follow.Logs
	progress follow.Progress
	printer  *linePrinter
	quiet    bool // only the logs
	ended    bool

	mutex  sync.Mutex
	titles map[string]string
}

func (a *App) newLogView(client *api.Client, runID string) *logView {
	view := &logView{app: a, printer: a.newLinePrinter()}
	view.logs = follow.NewLogs(client, runID, func(task api.Task, line []byte) {
		view.mutex.Lock()
		defer view.mutex.Unlock()
		view.printer.print(task.TaskID, view.titles[task.TaskID], line)
	})
	return view
}

func (v *logView) Update(ctx context.Context, run api.Run) {
	v.mutex.Lock()
	v.titles = follow.Titles(run)
	v.mutex.Unlock()
	v.ended = api.HasEnded(run.State)
	changes := v.progress.Update(run)
	if v.quiet {
		changes = nil
	}
	for _, change := range changes {
		if !api.HasEnded(change.Task.State) {
			v.tell(change)
		}
	}
	v.logs.Update(ctx, run)
	// What a task has printed comes before it is told that it has ended.
	for _, change := range changes {
		if api.HasEnded(change.Task.State) {
			v.logs.WaitFor(ctx, change.Task.TaskID)
			v.tell(change)
		}
	}
}

func (v *logView) tell(change follow.Change) {
	if v.app.asJSON {
		_ = v.app.printJSON(map[string]any{"event": "task", "task_id": change.Task.TaskID, "task": change.Title,
			"state": change.State})
		return
	}
	v.mutex.Lock()
	defer v.mutex.Unlock()
	v.app.tellChange(change)
}

func (v *logView) Away(err error) { v.app.tellAway(err) }

func (v *logView) End() {
	if v.ended {
		v.logs.Wait()
	}
}
