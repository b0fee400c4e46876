package commands

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/penstock/penstock/cli/runref"
	"github.com/penstock/penstock/cli/text"
)

// notThere is the error of a name that no such thing has.
func notThere(kind, name string, names []string) error {
	return fmt.Errorf("there is no %s '%s'%s", kind, text.Plain(name), text.Plain(text.SuggestOrList(name, names, "there are")))
}

func (a *App) runsCommand() *cobra.Command {
	command := &cobra.Command{Use: "runs", Short: "Lists runs, or does one of its words to some",
		Long: "Without a word it is `penstock list`.\n\n" + runref.Forms}
	a.makeList(command)
	command.Args = func(command *cobra.Command, arguments []string) error {
		if len(arguments) == 0 {
			return nil
		}
		return unknownWord(command, arguments[0])
	}
	command.AddCommand(a.diffCommand("compare"), a.rerunCommand(), a.reportCommand(), a.exportCommand(), a.importCommand(),
		a.verbCommand("terminate", "Ends runs before their time", runref.ResolveID),
		a.verbCommand("archive", "Takes runs out of the lists", runref.Resolve),
		a.verbCommand("unarchive", "Puts runs into the lists again", runref.Resolve), a.deleteCommand())
	return command
}

func (a *App) rerunCommand() *cobra.Command {
	var pins bool
	var name string
	var options runOptions
	command := &cobra.Command{
		Use:   "rerun RUN",
		Short: "Does a run again as it was recorded, with nothing from the cache; prints the new run's id",
		Long: "Does a run again as it was recorded, with nothing from the cache, and prints the new run's id.\n\n" +
			runref.Forms,
		Args:              argumentsBetween(1, 1, "runs rerun RUN [--pin_packages] [--wait|--follow]"),
		ValidArgsFunction: a.completeRuns(1),
		RunE: func(command *cobra.Command, arguments []string) error {
			client, ids, err := a.resolved(command.Context(), arguments, runref.Resolve)
			if err != nil {
				return err
			}
			made, document, err := client.RerunRun(command.Context(), ids[0], name, pins)
			if err != nil {
				return err
			}
			if options.wait || options.follow {
				return a.afterCreate(command.Context(), client, made, document, options)
			}
			if a.asJSON {
				return a.printJSON(document)
			}
			a.Out.Print(made.RunID, "\n")
			return nil
		},
	}
	command.Flags().BoolVar(&pins, "pin_packages", false, "with packages in the versions that the run had")
	command.Flags().StringVarP(&name, "name", "n", "", "`NAME` of the new run [that of the old one, with (rerun)]")
	command.Flags().BoolVarP(&options.wait, "wait", "w", false, "stay until the run has ended; exit code 1 if it fails")
	command.Flags().BoolVarP(&options.follow, "follow", "f", false, "the same, and show what the tasks print")
	return command
}

func (a *App) reportCommand() *cobra.Command {
	return &cobra.Command{
		Use:               "report RERUN",
		Short:             "Says whether each output of a rerun is the same as that of the run that it does again",
		Args:              argumentsBetween(1, 1, "runs report RERUN"),
		ValidArgsFunction: a.completeRuns(1),
		RunE: func(command *cobra.Command, arguments []string) error {
			client, ids, err := a.resolved(command.Context(), arguments, runref.Resolve)
			if err != nil {
				return err
			}
			report, document, err := client.RerunReport(command.Context(), ids[0])
			if err != nil {
				return err
			}
			if a.asJSON {
				return a.printJSON(document)
			}
			a.Out.Printf("%s: %d identical, %d different, %d missing, %d not comparable, %d pending\n", report.Verdict,
				report.Identical, report.Different, report.Missing, report.NotComparable, report.Pending)
			for _, output := range report.Outputs {
				a.Out.Printf("  %-15s %s: %s", output.Result, text.Plain(output.Task), text.Plain(output.Name))
				if output.Reason != "" {
					a.Out.Printf(" (%s)", text.Plain(output.Reason))
				}
				a.Out.Print("\n")
			}
			return nil
		},
	}
}

func (a *App) exportCommand() *cobra.Command {
	return &cobra.Command{
		Use:               "export RUN FILE",
		Short:             "Writes a run with its logs and artifacts into a file",
		Args:              argumentsBetween(2, 2, "runs export RUN FILE"),
		ValidArgsFunction: a.completeRuns(1),
		RunE: func(command *cobra.Command, arguments []string) error {
			client, ids, err := a.resolved(command.Context(), arguments[:1], runref.Resolve)
			if err != nil {
				return err
			}
			answer, err := client.ExportRun(command.Context(), ids[0])
			if err != nil {
				return err
			}
			size, err := writeWhole(arguments[1], answer)
			if err != nil {
				return err
			}
			if a.asJSON {
				return a.printJSON(map[string]any{"run_id": ids[0], "file": arguments[1], "size_bytes": size})
			}
			a.note("%s: %s", arguments[1], text.Bytes(size))
			return nil
		},
	}
}

// writeWhole leaves no file that is not whole.
func writeWhole(path string, answer *http.Response) (int64, error) {
	defer answer.Body.Close()
	draft := path + ".part"
	file, err := os.OpenFile(draft, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return 0, fmt.Errorf("%s cannot be written: %w", path, errors.Unwrap(err))
	}
	size, err := io.Copy(file, answer.Body)
	if closeErr := file.Close(); err == nil {
		err = closeErr
	}
	if err == nil {
		err = os.Rename(draft, path)
	}
	if err != nil {
		_ = os.Remove(draft)
		return 0, fmt.Errorf("%s cannot be written as a whole: %w", path, err)
	}
	return size, nil
}

func (a *App) importCommand() *cobra.Command {
	var newID bool
	command := &cobra.Command{
		Use:   "import FILE",
		Short: "Makes a run of the file that `runs export` wrote; prints its id",
		Args:  argumentsBetween(1, 1, "runs import FILE"),
		RunE: func(command *cobra.Command, arguments []string) error {
			client, err := a.client()
			if err != nil {
				return err
			}
			file, err := os.Open(arguments[0])
			if err != nil {
				return wrongUsage("%s cannot be read: %w", arguments[0], errors.Unwrap(err))
			}
			defer file.Close()
			runID, document, err := client.ImportRun(command.Context(), file, newID)
			if err != nil {
				return err
			}
			if a.asJSON {
				return a.printJSON(document)
			}
			a.Out.Print(runID, "\n")
			return nil
		},
	}
	command.Flags().BoolVar(&newID, "new_id", false, "under an id of its own, if there is a run of the file's id")
	return command
}

func (a *App) verbCommand(verb, short string, resolve resolver) *cobra.Command {
	return &cobra.Command{
		Use:               verb + " RUN...",
		Short:             short,
		Args:              argumentsBetween(1, -1, "runs "+verb+" RUN..."),
		ValidArgsFunction: a.completeRuns(-1),
		RunE: func(command *cobra.Command, arguments []string) error {
			client, ids, err := a.resolved(command.Context(), arguments, resolve)
			if err != nil {
				return err
			}
			return a.each(ids, func(id string) error { return client.DoToRun(command.Context(), id, verb) })
		},
	}
}

// each goes on after a failure, and says which failed.
func (a *App) each(ids []string, do func(id string) error) error {
	done := []string{}
	var failed error
	for _, id := range ids {
		if err := do(id); err != nil {
			if failed != nil {
				a.Err.Printf("penstock: %s\n", text.Lines(failed.Error()))
			}
			failed = err
			continue
		}
		done = append(done, id)
	}
	if a.asJSON {
		if err := a.printJSON(map[string]any{"run_ids": done}); err != nil {
			return err
		}
	} else {
		for _, id := range done {
			a.Out.Print(id, "\n")
		}
	}
	return failed
}

func (a *App) deleteCommand() *cobra.Command {
	var isSure bool
	command := &cobra.Command{
		Use:               "delete ID...",
		Short:             "Deletes the records of runs; their logs and artifacts stay on disk",
		Args:              argumentsBetween(1, -1, "runs delete ID... [--yes]"),
		ValidArgsFunction: a.completeRuns(-1),
		RunE: func(command *cobra.Command, arguments []string) error {
			client, ids, err := a.resolved(command.Context(), arguments, runref.ResolveID)
			if err != nil {
				return err
			}
			if !isSure {
				if err := a.ask(command.Context(), fmt.Sprintf("Delete %s for good?", text.Plural(len(ids), "run"))); err != nil {
					return err
				}
			}
			return a.each(ids, func(id string) error { return client.DeleteRun(command.Context(), id) })
		},
	}
	command.Flags().BoolVarP(&isSure, "yes", "y", false, "do not ask")
	return command
}

// ask wants a yes at a terminal.
func (a *App) ask(ctx context.Context, question string) error {
	if a.In == nil || !term.IsTerminal(int(a.In.Fd())) || a.asJSON {
		return wrongUsage("--yes is needed where nobody can be asked")
	}
	a.Err.Print(question, " [y/N] ")
	answers := make(chan string, 1)
	go func() {
		answer, _ := bufio.NewReader(a.In).ReadString('\n')
		answers <- answer
	}()
	answer := ""
	select {
	case answer = <-answers:
	case <-ctx.Done():
		a.Err.Print("\n")
		return ctx.Err()
	}
	if word := strings.ToLower(strings.TrimSpace(answer)); word != "y" && word != "yes" {
		return errors.New("nothing was deleted")
	}
	return nil
}
