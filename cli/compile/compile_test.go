package compile

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestInterpreterByPrecedence(t *testing.T) {
	folder := t.TempDir()
	program := func(name string) string {
		path := filepath.Join(folder, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte("#!/bin/sh\n"), 0o700); err != nil {
			t.Fatal(err)
		}
		return path
	}
	named, ofVariable, ofVenv, ofPath := program("named"), program("variable"), program("venv/bin/python"), program("python3")
	t.Setenv("PATH", folder)
	variables := map[string]string{"PENSTOCK_PYTHON": ofVariable, "VIRTUAL_ENV": filepath.Join(folder, "venv")}
	getenv := func(name string) string { return variables[name] }
	expect := func(given, want string) {
		t.Helper()
		if got, err := FindInterpreter(given, getenv); err != nil || got != want {
			t.Errorf("%q %v, want %q", got, err, want)
		}
	}
	expect(named, named)
	expect("", ofVariable)
	delete(variables, "PENSTOCK_PYTHON")
	expect("", ofVenv)
	variables["VIRTUAL_ENV"] = filepath.Join(folder, "gone")
	expect("", ofPath)
	t.Setenv("PATH", "")
	expect("", "")
	if _, err := FindInterpreter("missing", getenv); err == nil || !strings.Contains(err.Error(), "--python is 'missing'") {
		t.Error(err)
	}
}
