package commands

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/penstock/penstock/cli/api"
	"github.com/penstock/penstock/cli/compile"
	"github.com/penstock/penstock/cli/spec"
	"github.com/penstock/penstock/cli/text"
)

// source is what a run is made of.
type source struct {
	name      string            // of the pipeline
	spec      map[string]any    // with its inputs
	body      map[string]any    // the package; nil with a reference
	reference map[string]string // to a version of an uploaded pipeline
}

var (
	uuid         = regexp.MustCompile(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`)
	fileEndings  = []string{".py", ".yaml", ".yml", ".json"}
	knownArchive = []string{".zip", ".tar.gz", ".tgz"}
)

// A name that looks like a file, or is one, is no uploaded pipeline.
func (a *App) findSource(ctx context.Context, client *api.Client, what string, options runOptions) (*source, error) {
	ending := filepath.Ext(what)
	info, err := os.Stat(what)
	isFile := err == nil && !info.IsDir()
	switch {
	case err == nil && info.IsDir() && strings.Contains(what, "/"):
		return nil, wrongUsage("%s is a folder; name the .py file or the compiled package in it", what)
	case !isFile && (slices.Contains(fileEndings, ending) || strings.Contains(what, "/")):
		return nil, wrongUsage("there is no file %s", what)
	case !isFile:
		return findUploaded(ctx, client, what, options)
	case ending == ".py":
		return a.compileFile(ctx, what, options)
	}
	for _, archive := range knownArchive {
		if strings.HasSuffix(what, archive) {
			return nil, wrongUsage("%s is an archive: unpack it and name the package in it", what)
		}
	}
	if options.pipeline != "" {
		return nil, wrongUsage("--pipeline chooses one of a .py file, and %s is a package of one", what)
	}
	made, err := spec.ReadPackage(what)
	if err != nil {
		return nil, inputError{err}
	}
	return packageSource(made, what), nil
}

func packageSource(made *spec.Package, path string) *source {
	name := made.Name()
	if name == "" {
		name = strings.TrimSuffix(filepath.Base(path), filepath.Ext(path))
	}
	return &source{name: name, spec: made.Pipeline, body: made.Body()}
}

func (a *App) compileFile(ctx context.Context, path string, options runOptions) (*source, error) {
	interpreter, err := compile.FindInterpreter(options.python, a.Getenv)
	if err != nil {
		return nil, usageError{err}
	}
	if interpreter == "" {
		return nil, wrongUsage("%s has to be compiled, and there is no python3 on PATH: name an interpreter that has kfp with "+
			"--python or PENSTOCK_PYTHON", path)
	}
	made, err := compile.File(ctx, interpreter, path, options.pipeline, a.Err)
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if err != nil {
		return nil, inputError{err}
	}
	return packageSource(made, path), nil
}

const pipelinesListed = 20

func findUploaded(ctx context.Context, client *api.Client, what string, options runOptions) (*source, error) {
	if options.pipeline != "" {
		return nil, wrongUsage("--pipeline chooses one of a .py file, and %s is none", text.Plain(what))
	}
	pipeline, err := uploadedPipeline(ctx, client, what)
	if err != nil {
		return nil, err
	}
	version, err := client.LatestVersion(ctx, pipeline.ID)
	if err != nil {
		return nil, err
	}
	if version == nil {
		return nil, fmt.Errorf("the pipeline '%s' has no version that could be run", text.Plain(pipeline.Name))
	}
	inner, isPair := version.Spec["pipeline_spec"].(map[string]any)
	if !isPair {
		inner = version.Spec
	}
	return &source{name: pipeline.Name, spec: inner,
		reference: map[string]string{"pipeline_id": pipeline.ID, "pipeline_version_id": version.ID}}, nil
}

func uploadedPipeline(ctx context.Context, client *api.Client, what string) (api.Pipeline, error) {
	if uuid.MatchString(what) {
		return client.PipelineByID(ctx, what)
	}
	found, err := client.PipelinesNamed(ctx, what)
	if err != nil || len(found) > 0 {
		return append(found, api.Pipeline{})[0], err
	}
	others, err := client.Pipelines(ctx, pipelinesListed)
	if err != nil {
		return api.Pipeline{}, err
	}
	names := make([]string, len(others))
	for i, other := range others {
		names[i] = other.Name
	}
	return api.Pipeline{}, fmt.Errorf("there is no file and no uploaded pipeline '%s'%s", text.Plain(what),
		text.Plain(text.SuggestOrList(what, names, "uploaded are")))
}

// readGiven reads what the user says of parameters.
func readGiven(options runOptions) (spec.Given, error) {
	given := spec.Given{Texts: map[string]string{}}
	for _, parameter := range options.parameters {
		name, value, isPair := strings.Cut(parameter, "=")
		name = strings.TrimSpace(name)
		if !isPair || name == "" {
			return given, wrongUsage("--param is '%s'; it has to be NAME=VALUE, for example --param lr=0.1", text.Plain(parameter))
		}
		if _, twice := given.Texts[name]; twice {
			return given, wrongUsage("--param %s is given twice", text.Plain(name))
		}
		given.Texts[name] = value
	}
	if options.file == "" {
		return given, nil
	}
	values, err := spec.ReadValues(options.file)
	if err != nil {
		return given, wrongUsage("--params: %w", err)
	}
	given.Values = values
	return given, nil
}
