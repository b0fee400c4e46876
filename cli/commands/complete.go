package commands

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/penstock/penstock/cli/api"
	"github.com/penstock/penstock/cli/runref"
	"github.com/penstock/penstock/cli/text"
)

const (
	completionPatience = 700 * time.Millisecond // somebody waits with a finger on the key
	completions        = 40
)

type completer = func(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective)

// completeRuns offers the ids of the newest runs, for so many arguments; -1: for all.
func (a *App) completeRuns(most int) completer {
	return func(_ *cobra.Command, arguments []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
		if most >= 0 && len(arguments) >= most {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return a.newestRuns(), cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveKeepOrder
	}
}

func (a *App) newestRuns() []cobra.Completion {
	ctx, cancel := context.WithTimeout(context.Background(), completionPatience)
	defer cancel()
	client, err := a.client()
	if err != nil {
		return nil
	}
	page, err := client.SearchRuns(ctx, api.Search{PageSize: completions})
	if err != nil {
		return nil
	}
	runs, _ := page.Typed()
	offered := make([]cobra.Completion, len(runs))
	for i, run := range runs {
		about := text.Plain(run.DisplayName) + ", " + text.State(run.Status) + ", " + text.Ago(run.CreatedAt, time.Now())
		offered[i] = cobra.CompletionWithDesc(run.RunID, about)
	}
	return offered
}

// completeTask offers runs, and then the tasks of the run.
func (a *App) completeTask(command *cobra.Command, arguments []string, _ string) ([]cobra.Completion,
	cobra.ShellCompDirective) {
	if len(arguments) != 1 {
		return a.completeRuns(1)(command, arguments, "")
	}
	ctx, cancel := context.WithTimeout(context.Background(), completionPatience)
	defer cancel()
	client, ids, err := a.resolved(ctx, arguments, runref.Resolve)
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	status, _, err := client.RunStatus(ctx, ids[0], false)
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var offered []cobra.Completion
	for _, task := range status.Tasks {
		if len(task.Attempts) > 0 {
			offered = append(offered, cobra.CompletionWithDesc(task.Name, text.State(task.State)))
		}
	}
	return offered, cobra.ShellCompDirectiveNoFileComp
}

// completePipeline offers files that can be run.
func (a *App) completePipeline(_ *cobra.Command, arguments []string, _ string) ([]cobra.Completion,
	cobra.ShellCompDirective) {
	if len(arguments) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return []cobra.Completion{"py", "yaml", "yml", "json"}, cobra.ShellCompDirectiveFilterFileExt
}

func (a *App) completeExperiment(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
	ctx, cancel := context.WithTimeout(context.Background(), completionPatience)
	defer cancel()
	var names []cobra.Completion
	if client, err := a.client(); err == nil {
		experiments, _ := client.Experiments(ctx, completions)
		for _, experiment := range experiments {
			names = append(names, text.Plain(experiment.Name))
		}
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}
