package commands

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/penstock/penstock/cli/api"
	"github.com/penstock/penstock/cli/terminal"
	"github.com/penstock/penstock/cli/text"
)

const (
	listedRuns = 20
	pageMost   = 200   // runs of one request
	listMost   = 10000 // of all
	pagesMost  = 100   // a search may give empty pages
)

type listOptions struct {
	experiment string
	state      string
	filter     string
	limit      int
	archived   bool
}

func (a *App) listCommand() *cobra.Command {
	command := &cobra.Command{Use: "list", Short: "Shows the newest runs, and why those failed that did"}
	a.makeList(command)
	return command
}

// makeList makes the command one that lists runs.
func (a *App) makeList(command *cobra.Command) {
	var options listOptions
	command.Example = "  penstock list --state failed\n" +
		"  penstock list --filter \"metrics.accuracy > 0.9 and params.optimizer = 'adam'\""
	command.Args = argumentsBetween(0, 0, command.Use+" [--experiment NAME] [--state STATE] [--filter TEXT] [--limit N]")
	command.ValidArgsFunction = cobra.NoFileCompletions
	command.RunE = func(command *cobra.Command, _ []string) error { return a.list(command.Context(), options) }
	flags := command.Flags()
	flags.StringVarP(&options.experiment, "experiment", "e", "", "only runs of the experiment `NAME`")
	flags.StringVar(&options.state, "state", "", "only runs in `STATE`: "+strings.ToLower(strings.Join(api.States, ", ")))
	flags.StringVar(&options.filter, "filter", "", "only runs that match `TEXT`, such as \"metrics.loss < 0.1\"")
	flags.IntVarP(&options.limit, "limit", "l", listedRuns, "at most `N` runs")
	flags.BoolVar(&options.archived, "archived", false, "archived runs too")
	_ = command.RegisterFlagCompletionFunc("experiment", a.completeExperiment)
	_ = command.RegisterFlagCompletionFunc("state", cobra.FixedCompletions(api.States, cobra.ShellCompDirectiveNoFileComp))
}

func (a *App) list(ctx context.Context, options listOptions) error {
	search, err := searchOf(options)
	if err != nil {
		return err
	}
	client, err := a.client()
	if err != nil {
		return err
	}
	if options.experiment != "" {
		found, err := client.ExperimentsNamed(ctx, options.experiment)
		if err != nil {
			return err
		}
		if len(found) == 0 {
			return a.noExperiment(ctx, client, options.experiment)
		}
		search.ExperimentIDs = []string{found[0].ID}
	}
	found, err := searchUpTo(ctx, client, search, options.limit)
	if err != nil {
		return err
	}
	if a.asJSON {
		return a.printJSON(found)
	}
	runs, err := found.Typed()
	if err != nil {
		return err
	}
	if len(runs) == 0 {
		a.note("%s", nothingFound(options))
		return nil
	}
	a.Out.Print(runTable(a.Out, runs, time.Now()).String(a.Out.Columns()))
	if found.NextPageToken != "" {
		a.note("There are more; --limit N shows them.")
	}
	return nil
}

func nothingFound(options listOptions) string {
	if options.experiment != "" || options.state != "" || options.filter != "" {
		return "No run matches."
	}
	return "There is no run yet. `penstock run FILE` makes one."
}

func searchOf(options listOptions) (api.Search, error) {
	search := api.Search{Archived: options.archived}
	if options.limit < 1 || options.limit > listMost {
		return search, wrongUsage("--limit is %d; it has to be a number from 1 to %d", options.limit, listMost)
	}
	var parts []string
	if options.state != "" {
		state := strings.ToUpper(options.state)
		if !slices.Contains(api.States, state) {
			return search, wrongUsage("--state is '%s'%s; it has to be one of %s", text.Plain(options.state),
				strings.ToLower(text.Suggest(state, api.States)), strings.ToLower(strings.Join(api.States, ", ")))
		}
		parts = append(parts, "status = "+api.Quoted(state))
	}
	if filter := strings.TrimSpace(options.filter); filter != "" {
		parts = append(parts, filter)
	}
	search.Filter = strings.Join(parts, " and ")
	return search, nil
}

func searchUpTo(ctx context.Context, client *api.Client, search api.Search, limit int) (api.FoundRuns, error) {
	all := api.FoundRuns{Runs: []json.RawMessage{}}
	for range pagesMost {
		search.PageSize = min(pageMost, limit-len(all.Runs))
		page, err := client.SearchRuns(ctx, search)
		if err != nil {
			return all, err
		}
		all.Runs = append(all.Runs, page.Runs...)
		all.NextPageToken = page.NextPageToken
		if page.NextPageToken == "" || len(all.Runs) >= limit {
			break
		}
		search.PageToken = page.NextPageToken
	}
	return all, nil
}

func (a *App) noExperiment(ctx context.Context, client *api.Client, name string) error {
	others, err := client.Experiments(ctx, pipelinesListed)
	if err != nil {
		return err
	}
	names := make([]string, len(others))
	for i, other := range others {
		names[i] = other.Name
	}
	return notThere("experiment", name, names)
}

// runTable has a row for each run, and below it why it failed.
func runTable(out *terminal.Out, runs []api.FoundRun, now time.Time) *text.Table {
	table := &text.Table{Columns: []text.Column{{Title: "ID"}, {Title: "NAME", Gives: true}, {Title: "STATE"},
		{Title: "EXPERIMENT", Gives: true}, {Title: "STARTED"}, {Title: "TOOK", Right: true}}}
	for _, run := range runs {
		took := ""
		switch {
		case !run.FinishedAt.IsZero():
			took = text.Duration(run.FinishedAt.Sub(run.CreatedAt))
		case !api.HasEnded(run.Status):
			took = text.Duration(now.Sub(run.CreatedAt))
		}
		name := text.Plain(run.DisplayName)
		if run.Archived {
			name += " (archived)"
		}
		// For a program the moment, for people how long ago it was.
		started := run.CreatedAt.UTC().Format(time.RFC3339)
		if out.IsTerminal {
			started = text.Ago(run.CreatedAt, now)
		}
		table.Add(text.Cell{Text: run.RunID}, text.Cell{Text: name},
			text.Cell{Text: terminal.Mark(run.Status) + " " + text.State(run.Status), Paint: out.State(run.Status)},
			text.Cell{Text: text.Plain(run.ExperimentName)}, text.Cell{Text: started, Paint: out.Soft}, text.Cell{Text: took})
		if run.Failure != nil {
			table.Note(text.Cell{Text: "  " + failureLine(*run.Failure), Paint: out.Bad})
		}
	}
	return table
}

func failureLine(failure api.FoundFailed) string {
	message := text.FirstLine(failure.Message)
	if failure.Task == "" {
		return message
	}
	task := text.Plain(failure.Task)
	// The message of the run begins with the task.
	message = strings.TrimPrefix(message, "Task '"+task+"' failed: ")
	return task + ": " + message
}
