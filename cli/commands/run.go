package commands

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/penstock/penstock/cli/api"
	"github.com/penstock/penstock/cli/spec"
	"github.com/penstock/penstock/cli/text"
)

// What `penstock run` was told.
type runOptions struct {
	parameters []string
	file       string // of parameters
	experiment string
	name       string
	pipeline   string
	python     string
	cache      bool
	wait       bool
	follow     bool
}

const runForm = "run FILE|PIPELINE [--param NAME=VALUE]... [--wait|--follow]"

func (a *App) runCommand() *cobra.Command {
	var options runOptions
	command := &cobra.Command{
		Use:   "run FILE|PIPELINE",
		Short: "Runs a pipeline: a .py file, a compiled package, or one that was uploaded",
		Long: "Runs a pipeline: a .py file, which is compiled (what stands under `if __name__ == '__main__'` is left out), a\n" +
			"compiled package (.yaml, .json), or the name or id of an uploaded pipeline, of which the latest version is taken.",
		Example: "  penstock run train.py --param lr=0.1 -f\n" +
			"  penstock run pipeline.yaml --params values.yaml --experiment sweep --wait",
		Args:              argumentsBetween(1, 1, runForm),
		ValidArgsFunction: a.completePipeline,
		RunE: func(command *cobra.Command, arguments []string) error {
			return a.runPipeline(command.Context(), arguments[0], options)
		},
	}
	flags := command.Flags()
	flags.StringArrayVarP(&options.parameters, "param", "p", nil, "`NAME=VALUE` of a parameter; lists and objects as JSON")
	flags.StringVar(&options.file, "params", "", "`FILE` with parameters, as YAML or JSON; --param goes before it")
	flags.StringVarP(&options.experiment, "experiment", "e", "", "`NAME` of the experiment, which is made if there is none")
	flags.StringVarP(&options.name, "name", "n", "", "`NAME` of the run [that of the pipeline, with the time]")
	flags.StringVar(&options.pipeline, "pipeline", "", "`NAME` of the pipeline in a .py file that has several")
	flags.StringVar(&options.python, "python", "", "`FILE`, the interpreter that compiles a .py file [PENSTOCK_PYTHON, else that\n"+
		"of the active virtual environment, else python3]")
	flags.BoolVar(&options.cache, "cache", true, "take results from equal tasks that succeeded before; --cache=false runs all")
	flags.BoolVarP(&options.wait, "wait", "w", false, "stay until the run has ended; exit code 1 if it fails")
	flags.BoolVarP(&options.follow, "follow", "f", false, "the same, and show what the tasks print")
	_ = command.RegisterFlagCompletionFunc("experiment", a.completeExperiment)
	return command
}

func (a *App) runPipeline(ctx context.Context, what string, options runOptions) error {
	given, err := readGiven(options)
	if err != nil {
		return err
	}
	client, err := a.client()
	if err != nil {
		return err
	}
	source, err := a.findSource(ctx, client, what, options)
	if err != nil {
		return err
	}
	parameters, err := spec.Parameters(spec.Inputs(source.spec), given)
	if err != nil {
		return inputError{err}
	}
	body, err := a.runBody(ctx, client, source, options, parameters)
	if err != nil {
		return err
	}
	made, answer, err := client.CreateRun(ctx, newRequestID(), body)
	if err != nil {
		return err
	}
	return a.afterCreate(ctx, client, made, answer, options)
}

func (a *App) afterCreate(ctx context.Context, client *api.Client, made api.Run, answer json.RawMessage,
	options runOptions) error {
	stays := options.wait || options.follow
	switch {
	case a.asJSON && options.follow:
		if err := a.printJSON(map[string]any{"event": "created", "run": answer}); err != nil {
			return err
		}
	case a.asJSON && !stays:
		return a.printJSON(answer)
	case !a.asJSON:
		a.Out.Printf("Run %s  %s\n", a.Out.Bold(made.RunID), text.Plain(made.DisplayName))
		a.Out.Printf("%s\n", a.Out.Soft(client.RunPage(made.RunID)))
	}
	if !stays {
		return nil
	}
	return a.stay(ctx, client, made.RunID, options.follow)
}

func newRequestID() string {
	bytes := make([]byte, 16)
	_, _ = rand.Read(bytes)
	return hex.EncodeToString(bytes)
}

func (a *App) runBody(ctx context.Context, client *api.Client, source *source, options runOptions,
	parameters map[string]any) (map[string]any, error) {
	name := options.name
	if name == "" {
		name = fmt.Sprintf("%s-%s", source.name, time.Now().Format("20060102-150405"))
	}
	body := map[string]any{"display_name": name, "runtime_config": map[string]any{"parameters": parameters}}
	if source.reference != nil {
		body["pipeline_version_reference"] = source.reference
	} else {
		body["pipeline_spec"] = source.body
	}
	if !options.cache {
		body["plugins_input"] = map[string]any{"penstock_cache": map[string]any{"enabled": false}}
	}
	if options.experiment != "" {
		id, err := experimentID(ctx, client, options.experiment)
		if err != nil {
			return nil, err
		}
		body["experiment_id"] = id
	}
	return body, nil
}

// experimentID is that of the name; it is made if there is none.
func experimentID(ctx context.Context, client *api.Client, name string) (string, error) {
	found, err := client.ExperimentsNamed(ctx, name)
	if err == nil && len(found) == 0 {
		var made api.Experiment
		if made, err = client.CreateExperiment(ctx, name); err == nil {
			return made.ID, nil
		}
		// Somebody else may have made it meanwhile.
		if again, lookErr := client.ExperimentsNamed(ctx, name); lookErr == nil && len(again) > 0 {
			return again[0].ID, nil
		}
	}
	if err != nil {
		return "", err
	}
	return found[0].ID, nil
}
