// Package compile makes packages of pipelines in Python, with an interpreter that has kfp.
package compile

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// FindInterpreter is the named one, else that of $PENSTOCK_PYTHON, of the virtual environment that is active, or python3
// of PATH. Empty if there is none.
func FindInterpreter(named string, getenv func(string) string) (string, error) {
	for _, one := range []struct{ path, source string }{{named, "--python"}, {getenv("PENSTOCK_PYTHON"), "PENSTOCK_PYTHON"}} {
		if one.path == "" {
			continue
		}
		found, err := exec.LookPath(one.path)
		if err != nil {
			return "", fmt.Errorf("%s is '%s', which is no program that can be run; it has to be a Python interpreter, such "+
				"as .venv/bin/python", one.source, one.path)
		}
		return filepath.Abs(found)
	}
	if environment := getenv("VIRTUAL_ENV"); environment != "" {
		path := filepath.Join(environment, "bin", "python")
		if _, err := os.Stat(path); err == nil {
			return path, nil
		}
	}
	found, err := exec.LookPath("python3")
	if err != nil {
		return "", nil
	}
	return filepath.Abs(found)
}

// HasKFP tells whether the interpreter has the SDK.
func HasKFP(ctx context.Context, interpreter string) bool {
	const look = "import importlib.util, sys; sys.exit(importlib.util.find_spec('kfp') is None)"
	return exec.CommandContext(ctx, interpreter, "-c", look).Run() == nil
}
