package commands

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/penstock/penstock/cli/api"
	"github.com/penstock/penstock/cli/follow"
	"github.com/penstock/penstock/cli/terminal"
	"github.com/penstock/penstock/cli/text"
)

const redraws = 200 * time.Millisecond

// liveView draws the tasks anew, again and again.
type liveView struct {
	out   *terminal.Out
	block *terminal.Block
	stop  func()
	done  sync.WaitGroup

	mutex sync.Mutex
	run   api.Run
	away  bool
}

func newLiveView(out *terminal.Out) *liveView {
	ctx, stop := context.WithCancel(context.Background())
	view := &liveView{out: out, block: terminal.NewBlock(out), stop: stop}
	view.done.Add(1)
	go func() {
		defer view.done.Done()
		ticker := time.NewTicker(redraws)
		defer ticker.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
				view.draw()
			}
		}
	}()
	return view
}

func (v *liveView) Update(_ context.Context, run api.Run) {
	v.mutex.Lock()
	v.run = run
	v.mutex.Unlock()
	v.draw()
}

func (v *liveView) Away(err error) {
	v.mutex.Lock()
	v.away = err != nil
	v.mutex.Unlock()
	v.draw()
}

// End leaves what was drawn last.
func (v *liveView) End() {
	v.stop()
	v.done.Wait()
	v.draw()
}

func (v *liveView) draw() {
	v.mutex.Lock()
	defer v.mutex.Unlock()
	if v.run.RunID == "" {
		return
	}
	lines := taskLines(v.out, v.run, v.out.Columns(), v.out.Rows()-2, time.Now())
	if v.away {
		lines = append(lines, v.out.Bad("The server does not answer; waiting until it does."))
	}
	v.block.Draw(lines)
}

// taskLines has a line for each task, those that began first before others; what does not fit is counted.
func taskLines(out *terminal.Out, run api.Run, columns, rows int, now time.Time) []string {
	titles, groups := follow.Titles(run), follow.Groups(run)
	var tasks []api.Task
	widest := 0
	for _, task := range run.Details.Tasks {
		if !groups[task.TaskID] {
			tasks = append(tasks, task)
			widest = max(widest, text.Width(text.Plain(titles[task.TaskID])))
		}
	}
	slices.SortStableFunc(tasks, func(a, b api.Task) int { return rank(a).Compare(rank(b)) })
	tasks, hidden := fitting(tasks, max(rows, 3))
	if columns > 0 {
		widest = min(widest, max(10, columns-24))
	}
	lines := make([]string, 0, len(tasks)+1)
	for _, task := range tasks {
		lines = append(lines, taskLine(out, run, task, titles[task.TaskID], widest, now))
	}
	if hidden > 0 {
		lines = append(lines, out.Soft(fmt.Sprintf("  and %s", text.Plural(hidden, "other task"))))
	}
	if len(lines) == 0 {
		lines = append(lines, out.Soft("  "+text.State(run.State)))
	}
	return lines
}

// When a task began; those that have not come last.
func rank(task api.Task) time.Time {
	if task.State == "PENDING" || task.State == "" || task.Begun().IsZero() {
		return time.Unix(1<<40, 0)
	}
	return task.StartTime
}

// Those that run or failed stay before others.
func fitting(tasks []api.Task, rows int) ([]api.Task, int) {
	if len(tasks) <= rows {
		return tasks, 0
	}
	var shown []api.Task
	matters := func(task api.Task) bool { return task.State == "RUNNING" || task.State == api.Failed }
	count := 0
	for _, task := range tasks {
		if matters(task) {
			count++
		}
	}
	others := max(0, rows-1-count)
	// Of the others the last that began.
	skip := len(tasks) - count - others
	for _, task := range tasks {
		if !matters(task) && skip > 0 {
			skip--
			continue
		}
		if len(shown) < rows-1 {
			shown = append(shown, task)
		}
	}
	return shown, len(tasks) - len(shown)
}

func taskLine(out *terminal.Out, run api.Run, task api.Task, title string, width int, now time.Time) string {
	state := run.Shown(task)
	name := text.Pad(text.Shorten(text.Plain(title), width), width, false)
	detail := text.State(state)
	if state == "RUNNING" || api.HasEnded(state) && state != api.Skipped {
		detail = text.Duration(follow.Took(task, now))
	}
	if state == api.Cached || state == api.Failed || state == api.Canceled {
		detail += " " + text.State(state)
	}
	return "  " + out.State(state)(terminal.Mark(state)) + " " + name + "  " + out.Soft(detail)
}
