package commands

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"

	"github.com/spf13/cobra"

	"github.com/penstock/penstock/cli/api"
	"github.com/penstock/penstock/cli/follow"
	"github.com/penstock/penstock/cli/runref"
	"github.com/penstock/penstock/cli/text"
)

const (
	prefixWidth    = 24      // most columns of a task's name before its lines
	tailBytesFirst = 8 << 10 // where the last lines are looked for; each next time four times as much
)

type logOptions struct {
	follow  bool
	attempt int
	tail    int
}

func (a *App) logsCommand() *cobra.Command {
	options := logOptions{}
	command := &cobra.Command{
		Use:   "logs RUN [TASK]",
		Short: "Shows what the tasks of a run print",
		Long: "Shows what a task of a run has printed; without TASK what all have, each line behind its task.\n\n" +
			runref.Forms,
		Example:           "  penstock logs @last train --tail 20\n  penstock logs @last -f",
		Args:              argumentsBetween(1, 2, "logs RUN [TASK] [-f] [--attempt N] [--tail N]"),
		ValidArgsFunction: a.completeTask,
		RunE: func(command *cobra.Command, arguments []string) error {
			if options.attempt < 0 || options.tail < 0 {
				return wrongUsage("--attempt and --tail have to be numbers from 1")
			}
			client, ids, err := a.resolved(command.Context(), arguments[:1], runref.Resolve)
			if err != nil {
				return err
			}
			if len(arguments) == 1 {
				if options.attempt > 0 {
					return wrongUsage("--attempt is of one task: name it behind the run")
				}
				return a.runLogs(command.Context(), client, ids[0], options)
			}
			return a.taskLog(command.Context(), client, ids[0], arguments[1], options)
		},
	}
	flags := command.Flags()
	flags.BoolVarP(&options.follow, "follow", "f", false, "go on until the run, or the task's attempt, has ended")
	flags.IntVar(&options.attempt, "attempt", 0, "`N`th attempt of the task, from 1 [the latest]")
	flags.IntVar(&options.tail, "tail", 0, "begin with the last `N` lines of each log [all]")
	return command
}

func (a *App) runLogs(ctx context.Context, client *api.Client, runID string, options logOptions) error {
	if options.follow {
		shown := a.newLogView(client, runID)
		shown.quiet = true
		shown.logs.Tail = func(ctx context.Context, task string, attempt int) (int64, error) {
			return tailOffset(ctx, client, runID, task, attempt, options.tail)
		}
		_, _, err := follow.Watch(ctx, client, runID, shown.Away, func(run api.Run) error {
			shown.Update(ctx, run)
			return nil
		})
		shown.End()
		return err
	}
	status, _, err := client.RunStatus(ctx, runID, false)
	if err != nil {
		return err
	}
	tasks := withAttempts(status)
	if len(tasks) == 0 {
		a.note("No task of the run has begun, so there is no log yet. -f waits for one.")
	}
	printer := a.newLinePrinter()
	titles := statusTitles(status)
	for _, task := range tasks {
		for _, attempt := range task.Attempts {
			answer, err := openTail(ctx, client, runID, task.TaskID, attempt.Number, options.tail)
			if api.IsNotFound(err) {
				continue
			}
			if err != nil {
				return err
			}
			reader := follow.LineReader{Take: func(line []byte) { printer.print(task.TaskID, titles[task.TaskID], line) }}
			if err := reader.Copy(answer); err != nil {
				return err
			}
			reader.Flush()
		}
	}
	return nil
}

// In the order in which they began.
func withAttempts(status api.RunStatus) []api.TaskStatus {
	var tasks []api.TaskStatus
	for _, task := range status.Tasks {
		if len(task.Attempts) > 0 {
			tasks = append(tasks, task)
		}
	}
	slices.SortStableFunc(tasks, func(a, b api.TaskStatus) int {
		first, second := a.Attempts[0].StartedAt, b.Attempts[0].StartedAt
		if first == nil || second == nil {
			return 0
		}
		return first.Compare(*second)
	})
	return tasks
}

// taskLog is the log of one task, without anything before its lines.
func (a *App) taskLog(ctx context.Context, client *api.Client, runID, task string, options logOptions) error {
	offset, err := tailOffset(ctx, client, runID, task, options.attempt, options.tail)
	if err != nil {
		return a.logRefusal(ctx, client, runID, task, err)
	}
	reader := follow.LineReader{Offset: offset, Take: func(line []byte) {
		if a.asJSON {
			_ = a.printJSON(map[string]any{"task": task, "line": text.LogLine(string(line), false)})
			return
		}
		a.Out.Print(text.LogLine(string(line), a.Out.Colours), "\n")
	}}
	defer reader.Flush()
	var pause api.Pause
	isAway := false
	for {
		answer, err := client.OpenLog(ctx, runID, task,
			api.LogPart{Attempt: options.attempt, Follow: options.follow, Offset: reader.Offset})
		if err == nil {
			pause.Reset()
			if isAway {
				isAway = false
				a.tellAway(nil)
			}
			err = reader.Copy(answer)
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err == nil || !options.follow || reader.Offset == 0 && errors.Is(err, context.Canceled) || !canGoOn(err) {
			return a.logRefusal(ctx, client, runID, task, err)
		}
		if !isAway {
			isAway = true
			a.tellAway(err)
		}
		if err := pause.Wait(ctx); err != nil {
			return err
		}
	}
}

// What broke off, or was refused for now.
func canGoOn(err error) bool {
	var refused *api.Refused
	return !errors.As(err, &refused) || api.IsPassing(err)
}

// logRefusal names the tasks that there are, where the one that was asked for is none.
func (a *App) logRefusal(ctx context.Context, client *api.Client, runID, task string, err error) error {
	if !api.IsNotFound(err) {
		return err
	}
	status, _, statusErr := client.RunStatus(ctx, runID, false)
	if statusErr != nil {
		return statusErr
	}
	var names []string
	for _, one := range status.Tasks {
		if one.Name == task || one.TaskID == task {
			return fmt.Errorf("%w. The task is %s", err, describeTask(one))
		}
		if !slices.Contains(names, one.Name) && len(one.Attempts) > 0 {
			names = append(names, one.Name)
		}
	}
	return fmt.Errorf("the run has no task '%s' with a log%s", text.Plain(task),
		text.Plain(text.SuggestOrList(task, names, "there are")))
}

func describeTask(task api.TaskStatus) string {
	words := text.State(task.State)
	if task.Wait != nil && task.Wait.Message != "" {
		words += ": " + task.Wait.Message
	}
	return words
}

func openTail(ctx context.Context, client *api.Client, runID, task string, attempt, lines int) (*http.Response, error) {
	offset, err := tailOffset(ctx, client, runID, task, attempt, lines)
	if err != nil {
		return nil, err
	}
	return client.OpenLog(ctx, runID, task, api.LogPart{Attempt: attempt, Offset: offset})
}

// tailOffset is where the last so many lines begin; 0 lines: all.
func tailOffset(ctx context.Context, client *api.Client, runID, task string, attempt, lines int) (int64, error) {
	if lines == 0 {
		return 0, nil
	}
	for size := int64(tailBytesFirst); ; size *= 4 {
		answer, err := client.OpenLog(ctx, runID, task, api.LogPart{Attempt: attempt, Tail: size})
		if err != nil {
			return 0, err
		}
		begin := api.LogOffset(answer)
		end, err := io.ReadAll(answer.Body)
		_ = answer.Body.Close()
		if err != nil {
			return 0, err
		}
		if at := lastLines(end, lines); at > 0 || begin == 0 {
			return begin + int64(at), nil
		}
	}
}

// lastLines is where in the text its last so many lines begin; 0 if it has no more.
func lastLines(end []byte, lines int) int {
	at := len(bytes.TrimSuffix(end, []byte("\n")))
	for ; lines > 0; lines-- {
		at = bytes.LastIndexByte(end[:at], '\n')
		if at < 0 {
			return 0
		}
	}
	return at + 1
}
