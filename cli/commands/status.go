package commands

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/penstock/penstock/cli/api"
	"github.com/penstock/penstock/cli/runref"
	"github.com/penstock/penstock/cli/terminal"
	"github.com/penstock/penstock/cli/text"
)

const titleWidth = 40

func (a *App) statusCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "status [RUN]",
		Short: "Says how the server is, or how a run and each of its tasks are, and why",
		Long: "Without RUN: version and health of the server, what runs and waits, and who has the room. With RUN: the state of the\n" +
			"run and of each of its tasks, and why.\n\n" + runref.Forms,
		Args:              argumentsBetween(0, 1, "status [RUN]"),
		ValidArgsFunction: a.completeRuns(1),
		RunE: func(command *cobra.Command, arguments []string) error {
			if len(arguments) == 0 {
				return a.serverStatus(command.Context())
			}
			client, ids, err := a.resolved(command.Context(), arguments, runref.Resolve)
			if err != nil {
				return err
			}
			status, document, err := client.RunStatus(command.Context(), ids[0], false)
			if err != nil {
				return err
			}
			if a.asJSON {
				return a.printJSON(document)
			}
			a.showStatus(status, time.Now())
			return nil
		},
	}
}

func (a *App) showStatus(status api.RunStatus, now time.Time) {
	out := a.Out
	state := out.State(status.State)(terminal.Mark(status.State) + " " + text.State(status.State))
	out.Printf("Run %s  %s\n", out.Bold(status.RunID), state)
	if reason := waitText(status.Wait, now); reason != "" {
		out.Printf("%s\n", reason)
	}
	if status.Error != nil {
		out.Printf("%s\n", out.Bad(text.Lines(withoutLog(status.Error.Message))))
	}
	for _, note := range status.Notes {
		out.Printf("%s\n", out.Soft("Note: "+text.Lines(note)))
	}
	if len(status.Tasks) == 0 {
		return
	}
	table := text.Table{Columns: []text.Column{{Title: "TASK"}, {Title: "STATE"}, {Title: "TOOK", Right: true},
		{Title: "WHY", Gives: true}}}
	titles, depths := statusTitles(status), depthsOf(status)
	for _, task := range status.Tasks {
		state := shownState(task)
		title := text.Shorten(text.Plain(titles[task.TaskID]), titleWidth)
		table.Add(text.Cell{Text: strings.Repeat("  ", depths[task.TaskID]) + title},
			text.Cell{Text: terminal.Mark(state) + " " + text.State(state), Paint: out.State(state)},
			text.Cell{Text: tookText(task, now)}, text.Cell{Text: reasonOf(task, now)})
	}
	out.Print("\n", table.String(out.Columns()))
	if status.LeftOut > 0 {
		out.Printf("and %s that are not shown\n", text.Plural(status.LeftOut, "task"))
	}
	for _, task := range status.Tasks {
		if task.Wait != nil && len(task.Wait.Holders) > 0 {
			a.showRoom(task.Wait.Holders, []string{task.Wait.Setting}, now)
			break
		}
	}
}

// statusTitles are as those of follow.Titles, of another answer.
func statusTitles(status api.RunStatus) map[string]string {
	byID := map[string]api.TaskStatus{}
	for _, task := range status.Tasks {
		byID[task.TaskID] = task
	}
	titles := map[string]string{}
	for _, task := range status.Tasks {
		numbers := ""
		for at, depth := task, 0; at.TaskID != "" && depth < len(byID); at, depth = byID[at.ParentTaskID], depth+1 {
			if at.Iteration != nil {
				numbers = fmt.Sprintf(" #%d", *at.Iteration) + numbers
			}
		}
		name := task.DisplayName
		if name == "" {
			name = task.Name
		}
		titles[task.TaskID] = name + numbers
	}
	return titles
}

// A task comes before those in it.
func depthsOf(status api.RunStatus) map[string]int {
	depths := map[string]int{}
	for _, task := range status.Tasks {
		if depth, isIn := depths[task.ParentTaskID]; isIn {
			depths[task.TaskID] = depth + 1
		} else {
			depths[task.TaskID] = 0
		}
	}
	return depths
}

func shownState(task api.TaskStatus) string {
	if task.State == api.Succeeded && task.Cache != nil && task.Cache.Result == "HIT" {
		return api.Cached
	}
	return task.State
}

func tookText(task api.TaskStatus, now time.Time) string {
	if len(task.Attempts) == 0 {
		return ""
	}
	last := task.Attempts[len(task.Attempts)-1]
	if last.StartedAt == nil {
		return ""
	}
	if last.FinishedAt != nil {
		now = *last.FinishedAt
	}
	return text.Duration(now.Sub(*last.StartedAt))
}

// reasonOf is why the task is in its state, on a line.
func reasonOf(task api.TaskStatus, now time.Time) string {
	switch {
	case shownState(task) == api.Cached:
		return "its results were in the cache"
	case waitText(task.Wait, now) != "":
		return waitText(task.Wait, now)
	case task.SkippedFor != nil:
		return fmt.Sprintf("because %s is %s", text.Plain(task.SkippedFor.Name), text.State(task.SkippedFor.State))
	case task.Error != nil && (task.State == api.Failed || task.State == api.Skipped || task.State == api.Canceled):
		return attemptsText(task) + text.FirstLine(task.Error.Message)
	}
	return strings.TrimSuffix(attemptsText(task), ": ")
}

func attemptsText(task api.TaskStatus) string {
	if len(task.Attempts) < 2 {
		return ""
	}
	return fmt.Sprintf("attempt %d: ", task.Attempts[len(task.Attempts)-1].Number)
}

func waitText(wait *api.Wait, now time.Time) string {
	if wait == nil || wait.Message == "" {
		return ""
	}
	words := text.FirstLine(wait.Message)
	if wait.Until != nil && wait.Until.After(now) {
		words += ", in " + text.Duration(wait.Until.Sub(now))
	}
	return words
}

func (a *App) showRoom(holders []api.RoomHolder, settings []string, now time.Time) {
	table := text.Table{Columns: []text.Column{{Title: "WHO HAS THE ROOM", Gives: true}, {Title: "TASK", Gives: true},
		{Title: "CPUS", Right: true}, {Title: "MEMORY", Right: true}, {Title: "FOR", Right: true}}}
	for _, holder := range holders {
		cpu, memory, since := "", "", ""
		if holder.CPU > 0 {
			cpu = fmt.Sprintf("%g", float64(holder.CPU)/1000)
		}
		if holder.Memory > 0 {
			memory = text.Bytes(int64(holder.Memory))
		}
		if holder.Since != nil {
			since = text.Duration(now.Sub(*holder.Since))
		}
		table.Add(text.Cell{Text: text.Plain(holder.RunName)}, text.Cell{Text: text.Plain(holder.Task)}, text.Cell{Text: cpu},
			text.Cell{Text: memory}, text.Cell{Text: since})
	}
	a.Out.Print("\n", table.String(a.Out.Columns()))
	for _, setting := range slices.Compact(slices.Sorted(slices.Values(settings))) {
		if setting != "" {
			a.Out.Printf("How much room there is: %s\n", text.Plain(setting))
		}
	}
}

const (
	runsLookedAt = 12 // whose tasks are read
	unfinished   = "status != 'SUCCEEDED' and status != 'FAILED' and status != 'CANCELED'"
)

// serverWork is what runs and waits on a server.
type serverWork struct {
	Server  string           `json:"server"`
	Version string           `json:"version"`
	Commit  string           `json:"commit,omitempty"`
	Running int              `json:"runs_running"`
	Pending int              `json:"runs_pending"`
	Waits   []waitCount      `json:"waits"`
	Room    []api.RoomHolder `json:"room"`
	Setting []string         `json:"settings,omitempty"` // that say how much room there is
}

type waitCount struct {
	What    string `json:"what"` // run or task
	Reason  string `json:"reason"`
	Message string `json:"message"`
	Count   int    `json:"count"`
}

func (a *App) serverStatus(ctx context.Context) error {
	client, err := a.client()
	if err != nil {
		return err
	}
	work, err := readWork(ctx, client)
	if err != nil {
		return err
	}
	if a.asJSON {
		return a.printJSON(work)
	}
	out := a.Out
	out.Printf("%s  %s, Penstock %s\n", out.Bold(client.Address), out.Good("answers, and reads its database"),
		text.Plain(work.Version))
	out.Printf("%s at work, %s waiting to begin\n", text.Plural(work.Running, "run"), text.Plural(work.Pending, "run"))
	for _, wait := range work.Waits {
		out.Printf("%s %s\n", text.Plural(wait.Count, wait.What), text.Plain(wait.Message))
	}
	if len(work.Room) > 0 {
		a.showRoom(work.Room, work.Setting, time.Now())
	}
	return nil
}

func readWork(ctx context.Context, client *api.Client) (serverWork, error) {
	work := serverWork{Server: client.Address, Waits: []waitCount{}, Room: []api.RoomHolder{}}
	health, err := client.Health(ctx)
	if err != nil {
		return work, err
	}
	work.Version, work.Commit = health.Version, health.Commit
	if work.Running, err = client.CountRuns(ctx, "RUNNING"); err != nil {
		return work, err
	}
	if work.Pending, err = client.CountRuns(ctx, "PENDING"); err != nil || work.Running+work.Pending == 0 {
		return work, err
	}
	page, err := client.SearchRuns(ctx, api.Search{Filter: unfinished, Archived: true, PageSize: runsLookedAt})
	if err != nil {
		return work, err
	}
	runs, err := page.Typed()
	for _, run := range runs {
		// One that was deleted meanwhile is left out.
		if status, _, err := client.RunStatus(ctx, run.RunID, true); err == nil {
			work.take(run, status)
		}
	}
	slices.SortStableFunc(work.Waits, func(a, b waitCount) int { return b.Count - a.Count })
	slices.SortStableFunc(work.Room, func(a, b api.RoomHolder) int { return int(b.CPU - a.CPU) })
	return work, err
}
