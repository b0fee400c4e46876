package commands

import (
	"context"
	"os/exec"
	"runtime"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/penstock/penstock/cli/runref"
)

func (a *App) openCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "open [RUN]",
		Short: "Opens the dashboard in a browser, at a run if one is named",
		Long: "Opens the dashboard in a browser ($BROWSER, else the desktop's), at a run if one is named, and prints the address.\n" +
			"Without a display it only prints it.\n\n" + runref.Forms,
		Args:              argumentsBetween(0, 1, "open [RUN]"),
		ValidArgsFunction: a.completeRuns(1),
		RunE: func(command *cobra.Command, arguments []string) error {
			client, ids, err := a.resolved(command.Context(), arguments, runref.Resolve)
			if err != nil {
				return err
			}
			if _, err := client.Health(command.Context()); err != nil {
				return err
			}
			address := client.Dashboard()
			if len(ids) > 0 {
				address = client.RunPage(ids[0])
			}
			isOpened := a.openBrowser(command.Context(), address)
			if a.asJSON {
				return a.printJSON(map[string]any{"url": address, "opened": isOpened})
			}
			a.Out.Print(address, "\n")
			return nil
		},
	}
}

// openBrowser tells whether there was a program to open the address with. It does not wait for it.
func (a *App) openBrowser(_ context.Context, address string) bool {
	for _, words := range a.browsers() {
		path, err := exec.LookPath(words[0])
		if err != nil {
			continue
		}
		command := exec.Command(path, append(words[1:], address)...)
		// It outlives this program, and is not ended by its Ctrl-C.
		command.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
		if command.Start() == nil {
			return true
		}
	}
	return false
}

func (a *App) browsers() [][]string {
	if named := a.Getenv("BROWSER"); named != "" {
		var all [][]string
		for _, one := range strings.Split(named, ":") {
			if words := strings.Fields(strings.ReplaceAll(one, "%s", "")); len(words) > 0 {
				all = append(all, words)
			}
		}
		return all
	}
	if runtime.GOOS == "darwin" {
		return [][]string{{"open"}}
	}
	if a.Getenv("DISPLAY") == "" && a.Getenv("WAYLAND_DISPLAY") == "" {
		return nil
	}
	return [][]string{{"xdg-open"}}
}
