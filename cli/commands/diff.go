package commands

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/penstock/penstock/cli/api"
	"github.com/penstock/penstock/cli/runref"
	"github.com/penstock/penstock/cli/terminal"
	"github.com/penstock/penstock/cli/text"
)

const (
	mostCompared = 20
	valueWidth   = 60
)

func (a *App) diffCommand(word string) *cobra.Command {
	all := false
	command := &cobra.Command{
		Use:   word + " RUN RUN [RUN...]",
		Short: "Says in what runs differ: parameters, metrics, inputs, outputs, code, packages",
		Long: "Says in what runs differ: parameters, metrics, tags, inputs, outputs, code, packages and machines.\n\n" +
			runref.Forms,
		Args:              argumentsBetween(2, mostCompared, word+" RUN RUN [RUN...] [--all], with 2 to 20 runs"),
		ValidArgsFunction: a.completeRuns(-1),
		RunE: func(command *cobra.Command, arguments []string) error {
			client, ids, err := a.resolved(command.Context(), arguments, runref.Resolve)
			if err != nil {
				return err
			}
			comparison, document, err := client.CompareRuns(command.Context(), ids, all)
			if err != nil {
				return err
			}
			if a.asJSON {
				return a.printJSON(document)
			}
			a.Out.Print(comparisonText(a.Out, comparison, a.Out.Columns()))
			return nil
		},
	}
	command.Flags().BoolVar(&all, "all", false, "also what is the same, and times and resources")
	return command
}

// comparisonText has a line for each row and a column for each run, under the name of its section.
func comparisonText(out *terminal.Out, comparison api.Comparison, columns int) string {
	table := text.Table{Columns: []text.Column{{}, {Gives: true}}}
	head, ids := []text.Cell{{}, {}}, []text.Cell{{}, {}}
	for _, run := range comparison.Runs {
		table.Columns = append(table.Columns, text.Column{Gives: true})
		head = append(head, text.Cell{Text: text.Plain(run.DisplayName), Paint: out.Bold})
		ids = append(ids, text.Cell{Text: run.RunID, Paint: out.Soft})
	}
	table.Add(head...)
	table.Add(ids...)
	for _, section := range comparison.Sections {
		if len(section.Rows) == 0 {
			continue
		}
		words := section.Name + ": for information"
		if !section.ForInformation {
			words = section.Name + ": " + text.Thousands(section.Differing) + " of " + text.Thousands(section.InAll) + " differ"
		}
		table.Note(text.Cell{Text: words, Paint: out.Bold})
		for _, row := range section.Rows {
			table.Add(comparedRow(out, row, len(comparison.Runs))...)
		}
	}
	written := table.String(columns)
	if !comparison.Differ {
		written += "Nothing differs.\n"
	}
	if comparison.Truncated {
		written += "There is more than one answer holds.\n"
	}
	return written
}

func comparedRow(out *terminal.Out, row api.Row, runs int) []text.Cell {
	label := text.Plain(row.Key)
	if row.Task != "" {
		label = text.Plain(row.Task) + ": " + label
	}
	mark := text.Cell{}
	if row.Differs {
		mark = text.Cell{Text: "*", Paint: out.Busy}
	}
	cells := []text.Cell{mark, {Text: label}}
	for i := range runs {
		value := "-"
		if i < len(row.Values) && row.Values[i].Value != nil {
			value = strings.TrimSpace(text.Plain(*row.Values[i].Value))
		}
		cells = append(cells, text.Cell{Text: text.Shorten(value, valueWidth)})
	}
	return cells
}
