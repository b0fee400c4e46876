// Package commands has the words that a user types, one file each.
package commands

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/penstock/penstock/cli/api"
	"github.com/penstock/penstock/cli/home"
	"github.com/penstock/penstock/cli/runref"
	"github.com/penstock/penstock/cli/terminal"
	"github.com/penstock/penstock/cli/text"
)

// Exit codes.
const (
	exitFailed      = 1 // the run failed, or the server said no
	exitUsage       = 2
	exitInterrupted = 130

	defaultServer = "http://127.0.0.1:8888"
)

// App is what all commands share. Constant after Run has begun.
type App struct {
	Out, Err *terminal.Out
	In       *os.File
	Getenv   func(string) string
	Version  string

	server  string // flags of all commands
	dataDir string
	asJSON  bool
}

// usageError is a command that was typed wrong.
type usageError struct{ error }

// inputError is a file or a value that is wrong, which the help of the command says nothing of.
type inputError struct{ error }

// toldError is a failure that the user has read already.
type toldError struct{ code int }

func (t toldError) Error() string { return fmt.Sprintf("exit code %d", t.code) }

func wrongUsage(format string, values ...any) error {
	return usageError{fmt.Errorf(format, values...)}
}

// Run does what the words say and returns the exit code.
func (a *App) Run(words []string) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	context.AfterFunc(ctx, stop) // the second Ctrl-C ends the process whatever it does
	root := a.root()
	root.SetArgs(words)
	command, err := root.ExecuteContextC(ctx)
	return a.exitCode(ctx, command, err)
}

func (a *App) exitCode(ctx context.Context, command *cobra.Command, err error) int {
	var told toldError
	var usage usageError
	var input inputError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &told):
		return told.code
	case errors.Is(err, context.Canceled) && ctx.Err() != nil:
		return exitInterrupted
	case errors.As(err, &usage):
		a.Err.Printf("penstock: %s\n", text.Lines(err.Error()))
		a.Err.Printf("`%s --help` tells how it is used.\n", command.CommandPath())
		return exitUsage
	}
	a.Err.Printf("penstock: %s\n", text.Lines(err.Error()))
	if errors.As(err, &input) {
		return exitUsage
	}
	return exitFailed
}

func (a *App) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "penstock",
		Short: "Runs pipelines and shows what became of them",
		Long: "Runs pipelines and shows what became of them. `penstock --help` tells of the server itself: without a word,\n" +
			"penstock serves.\n\n" + runref.Forms,
		Version:       a.Version,
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.SetOut(a.Out)
	root.SetErr(a.Err)
	flags := root.PersistentFlags()
	flags.StringVar(&a.server, "server", "", "`URL` of the server [PENSTOCK_SERVER, else the one that `penstock up` started,\n"+
		"else "+defaultServer+"]")
	flags.StringVar(&a.dataDir, "data_dir", "", "`DIR`, the data directory of `penstock up` [PENSTOCK_DATA_DIR, else ~/.penstock]")
	flags.BoolVar(&a.asJSON, "json", false, "print JSON: one document, or one a line of what goes on")
	// --data-dir is understood too.
	root.SetGlobalNormalizationFunc(func(_ *pflag.FlagSet, name string) pflag.NormalizedName {
		return pflag.NormalizedName(strings.ReplaceAll(name, "-", "_"))
	})
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	root.Args = cobra.ArbitraryArgs
	root.RunE = func(command *cobra.Command, arguments []string) error {
		if len(arguments) == 0 {
			return command.Help()
		}
		return unknownWord(command, arguments[0])
	}
	root.AddCommand(a.upCommand(), a.downCommand(), a.runCommand(), a.listCommand(), a.statusCommand(), a.logsCommand(),
		a.diffCommand("diff"), a.openCommand(), a.runsCommand())
	return root
}

// client of the server that is meant.
func (a *App) client() (*api.Client, error) {
	for _, address := range []string{a.server, a.Getenv("PENSTOCK_SERVER")} {
		if address == "" {
			continue
		}
		client, err := api.New(address)
		if err != nil {
			return nil, usageError{err}
		}
		return client, nil
	}
	if dir, err := home.Find(a.dataDir, a.Getenv); err == nil {
		if server, runs := dir.Running(); runs && server.URL() != "" {
			return api.New(server.URL())
		}
	}
	return api.New(defaultServer)
}

// printJSON writes a document, or a line of a stream.
func (a *App) printJSON(document any) error {
	written, err := json.Marshal(document)
	if err != nil {
		return err
	}
	a.Out.Print(string(written), "\n")
	return nil
}

// note is for what is no result: to standard error, for people.
func (a *App) note(format string, values ...any) {
	if !a.asJSON {
		a.Err.Printf(format+"\n", values...)
	}
}

// unknownWord is the error of a word that no command below this one has.
func unknownWord(command *cobra.Command, word string) error {
	var words []string
	for _, one := range command.Commands() {
		if one.IsAvailableCommand() {
			words = append(words, one.Name())
		}
	}
	return wrongUsage("there is no command `%s %s`%s", command.CommandPath(), text.Plain(word), text.Suggest(word, words))
}

// argumentsBetween makes a check of how many arguments there are; form is what is right.
func argumentsBetween(least, most int, form string) cobra.PositionalArgs {
	return func(_ *cobra.Command, arguments []string) error {
		if len(arguments) < least || most >= 0 && len(arguments) > most {
			return wrongUsage("the form is: penstock %s", form)
		}
		return nil
	}
}

type resolver func(ctx context.Context, server runref.Server, reference string) (string, error)

// resolved is the client, and the ids of the runs that are meant: all are found before anything is done to one.
func (a *App) resolved(ctx context.Context, references []string, resolve resolver) (*api.Client, []string, error) {
	client, err := a.client()
	if err != nil {
		return nil, nil, err
	}
	ids := make([]string, len(references))
	for i, reference := range references {
		if ids[i], err = resolve(ctx, client, reference); err != nil {
			return nil, nil, err
		}
	}
	return client, ids, nil
}
