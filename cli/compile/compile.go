package compile

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/penstock/penstock/cli/spec"
	"github.com/penstock/penstock/cli/text"
)

//go:embed compile_pipeline.py
var script string

// What the script says.
type told struct {
	Package string      `json:"package"`
	Problem string      `json:"problem"`
	Message string      `json:"message"`
	Names   [][2]string `json:"names"` // of variable and pipeline
}

// File compiles the pipeline of that name of a Python file; without a name the only one. What the file prints when it is
// imported goes to notes.
func File(ctx context.Context, interpreter, path, name string, notes io.Writer) (*spec.Package, error) {
	folder, err := os.MkdirTemp("", "penstock-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(folder)
	output := filepath.Join(folder, "told.json")
	words := []string{"-c", script, path, output}
	if name != "" {
		words = append(words, name)
	}
	command := exec.CommandContext(ctx, interpreter, words...)
	command.Stdout, command.Stderr = notes, notes
	failed := command.Run()
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	answer, err := os.ReadFile(output)
	if err != nil {
		return nil, fmt.Errorf("%s cannot be compiled: %s ended with %v", path, interpreter, failed)
	}
	var answered told
	if err := json.Unmarshal(answer, &answered); err != nil {
		return nil, fmt.Errorf("%s cannot be compiled: %s gave no answer that can be read", path, interpreter)
	}
	if answered.Problem != "" {
		return nil, answered.err(interpreter, path, name)
	}
	return spec.ParsePackage(path, []byte(answered.Package))
}

func (t told) err(interpreter, path, wanted string) error {
	switch t.Problem {
	case "no_kfp":
		return fmt.Errorf("%s has to be compiled, and %s has no kfp (%s). Install it with `%s -m pip install kfp`, or name "+
			"another interpreter with --python or PENSTOCK_PYTHON", path, interpreter, text.Plain(t.Message), interpreter)
	case "choose":
		return t.choice(path, wanted)
	}
	return fmt.Errorf("%s cannot be compiled: %s", path, text.Lines(t.Message))
}

func (t told) choice(path, wanted string) error {
	if len(t.Names) == 0 {
		return fmt.Errorf("%s has no pipeline: it needs a function under @dsl.pipeline (or one @dsl.component)", path)
	}
	names := make([]string, len(t.Names))
	for i, both := range t.Names {
		names[i] = text.Plain(both[0])
	}
	if wanted != "" {
		return fmt.Errorf("%s has no pipeline '%s'%s; it has %s", path, text.Plain(wanted), text.Suggest(wanted, names),
			strings.Join(names, ", "))
	}
	return fmt.Errorf("%s has several pipelines; choose one with --pipeline: %s", path, strings.Join(names, ", "))
}
