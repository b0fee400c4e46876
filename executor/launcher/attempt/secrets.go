package attempt

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/penstock/penstock/launcher/limits"
)

// Other files of the directory are there for settings to name.
var variableName = regexp.MustCompile(`^[A-Z_][A-Z0-9_]*$`)

// setEnvironment gives this process the variables that are for it alone.
func (request *Request) setEnvironment() error {
	if err := setSecrets(request.SecretsDir); err != nil {
		return err
	}
	for name, value := range request.Environment {
		if err := os.Setenv(name, value); err != nil {
			return fmt.Errorf("the variable %q of the launcher cannot be set: %w", name, err)
		}
	}
	return nil
}

func setSecrets(directory string) error {
	if directory == "" {
		return nil
	}
	entries, err := os.ReadDir(directory)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // a secret need not be there
	}
	if err != nil {
		return fmt.Errorf("the secrets of the launcher cannot be read: %w", err)
	}
	total := int64(0)
	for _, entry := range entries {
		path := filepath.Join(directory, entry.Name())
		if !variableName.MatchString(entry.Name()) {
			continue
		}
		// Looked at before it is opened: no pipe is waited for.
		if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
			continue
		}
		text, err := readBounded(path, limits.SecretsBytes-total)
		if errors.Is(err, errTooLarge) {
			return fmt.Errorf("the secrets of the launcher in %s have more than %d bytes", directory, limits.SecretsBytes)
		}
		if err != nil {
			return fmt.Errorf("a secret of the launcher cannot be read: %w", err)
		}
		total += int64(len(text))
		if err := os.Setenv(entry.Name(), strings.TrimSuffix(string(text), "\n")); err != nil {
			return fmt.Errorf("the secret %s cannot be a variable: %w", path, err)
		}
	}
	return nil
}

// storesFile is empty if none was given: the secret that would bring it need not have it.
func (request *Request) storesFile() string {
	if below, err := filepath.Rel(request.SecretsDir, request.StoresFile); request.SecretsDir != "" && err == nil && filepath.IsLocal(below) {
		if _, err := os.Stat(request.StoresFile); errors.Is(err, fs.ErrNotExist) {
			return ""
		}
	}
	return request.StoresFile
}
