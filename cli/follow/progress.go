package follow

import (
	"slices"
	"time"

	"github.com/penstock/penstock/cli/api"
)

// Progress knows how far the tasks of a run are. Pure.
type Progress struct {
	states map[string]string
}

// Change of a task's state.
type Change struct {
	Task  api.Task
	Title string
	State string
	Took  time.Duration // of one that has ended
}

// Update tells what has changed since the last one, in the order in which it did. Tasks that only hold others are left
// out, and so are those that have not begun.
func (p *Progress) Update(run api.Run) []Change {
	if p.states == nil {
		p.states = map[string]string{}
	}
	titles, groups := Titles(run), Groups(run)
	var changes []Change
	for _, task := range run.Details.Tasks {
		state := run.Shown(task)
		if state == p.states[task.TaskID] || groups[task.TaskID] || state == "PENDING" || state == "" {
			continue
		}
		p.states[task.TaskID] = state
		changes = append(changes, Change{task, titles[task.TaskID], state, Took(task, task.EndTime)})
	}
	slices.SortStableFunc(changes, func(a, b Change) int { return a.at().Compare(b.at()) })
	return changes
}

func (c Change) at() time.Time {
	if c.Task.EndTime.IsZero() {
		return c.Task.Begun()
	}
	return c.Task.EndTime
}

// Took is how long a task has run at a time, or until it ended.
func Took(task api.Task, now time.Time) time.Duration {
	begun := task.Begun()
	if begun.IsZero() {
		begun = task.CreateTime
	}
	if !task.EndTime.IsZero() {
		now = task.EndTime
	}
	if begun.IsZero() || now.Before(begun) {
		return 0
	}
	return now.Sub(begun)
}
