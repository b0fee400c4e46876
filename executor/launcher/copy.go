package main

import (
	"fmt"
	"io"
	"os"
)

// copyProgram puts this program at the path, for containers whose images lack it: as a whole or not at all.
func copyProgram(path string) error {
	err := copyTo(path + ".part")
	if err == nil {
		err = os.Rename(path+".part", path)
	}
	if err != nil {
		_ = os.Remove(path + ".part")
		return fmt.Errorf("this program cannot be copied to %s: %w", path, err)
	}
	return nil
}

func copyTo(path string) error {
	from, err := os.Open("/proc/self/exe")
	if err != nil {
		return err
	}
	defer from.Close()
	to, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o755)
	if err != nil {
		return err
	}
	_, err = io.Copy(to, from)
	if err == nil {
		err = to.Chmod(0o755) // whatever the umask
	}
	if closeErr := to.Close(); err == nil {
		err = closeErr
	}
	return err
}
