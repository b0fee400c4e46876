package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func TestTheProgramCopiesItself(t *testing.T) {
	defer syscall.Umask(syscall.Umask(0o077))
	path := filepath.Join(t.TempDir(), "penstock-launch")
	for range 2 { // over what is there too
		if code := run([]string{"copy", path}); code != exitOK {
			t.Fatalf("exit code %d", code)
		}
	}
	own, _ := os.ReadFile("/proc/self/exe")
	copied, _ := os.ReadFile(path)
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o755 || len(own) == 0 || !bytes.Equal(own, copied) {
		t.Errorf("%v, %v, %d bytes of %d", info, err, len(copied), len(own))
	}
}

func TestWhereItCannotBeCopiedThereIsNothing(t *testing.T) {
	folder := t.TempDir()
	for path, words := range map[string]string{
		filepath.Join(folder, "none", "x"): "no such file or directory",
		folder:                             "file exists",
	} {
		if err := copyProgram(path); err == nil || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), words) {
			t.Errorf("%s: %v", path, err)
		}
		if _, err := os.Stat(path + ".part"); err == nil {
			t.Errorf("%s.part is left", path)
		}
	}
}
