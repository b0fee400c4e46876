package main

import (
	"archive/tar"
	"compress/gzip"
	"crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"
)

const (
	registryVariable = "NPM_CONFIG_REGISTRY"
	packageBytes     = 64 << 20 // of one, packed
	fetchTime        = 2 * time.Minute
)

// lockedPackage is an entry of package-lock.json.
type lockedPackage struct {
	Version   string   `json:"version"`
	Integrity string   `json:"integrity"` // "sha512-..." in Base64
	CPU       []string `json:"cpu"`
	OS        []string `json:"os"`
}

// fetchPackages puts the packages that package-lock.json names into node_modules, each if it is the one of that hash. It
// does what `npm ci` would do for them, none of which runs anything when it is installed.
func fetchPackages(root string) error {
	text, err := os.ReadFile(filepath.Join(root, "package-lock.json"))
	if err != nil {
		return err
	}
	var lock struct {
		Packages map[string]lockedPackage `json:"packages"`
	}
	if err := json.Unmarshal(text, &lock); err != nil {
		return fmt.Errorf("package-lock.json: %w", err)
	}
	for place, locked := range lock.Packages {
		name, isPackage := strings.CutPrefix(place, "node_modules/")
		if !isPackage || !locked.fits() {
			continue
		}
		folder := filepath.Join(root, place)
		stamp := filepath.Join(folder, ".integrity")
		if have, err := os.ReadFile(stamp); err == nil && string(have) == locked.Integrity {
			continue
		}
		if err := fetch(name, locked, folder); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if err := os.WriteFile(stamp, []byte(locked.Integrity), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// fits tells packages for every machine, and those for this one, from others.
func (p lockedPackage) fits() bool {
	cpu := map[string]string{"amd64": "x64", "arm64": "arm64"}[runtime.GOARCH]
	return (p.CPU == nil || slices.Contains(p.CPU, cpu)) && (p.OS == nil || slices.Contains(p.OS, runtime.GOOS))
}

// registry is where npm would ask, if there is one, or what the variable says.
func registry() (string, error) {
	if given := os.Getenv(registryVariable); given != "" {
		return given, nil
	}
	told, err := exec.Command("npm", "config", "get", "registry").Output()
	if err != nil {
		return "", fmt.Errorf("no registry of packages is known: install npm, or set %s", registryVariable)
	}
	return strings.TrimSpace(string(told)), nil
}

func fetch(name string, locked lockedPackage, folder string) error {
	registry, err := registry()
	if err != nil {
		return err
	}
	url := fmt.Sprintf("%s/%s/-/%s-%s.tgz", strings.TrimSuffix(registry, "/"), name, path.Base(name), locked.Version)
	client := http.Client{Timeout: fetchTime}
	answer, err := client.Get(url)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", url, answer.Status)
	}
	packed, err := io.ReadAll(io.LimitReader(answer.Body, packageBytes+1))
	if err != nil {
		return err
	}
	sum := sha512.Sum512(packed)
	if have := "sha512-" + base64.StdEncoding.EncodeToString(sum[:]); have != locked.Integrity {
		return fmt.Errorf("%s has the hash %s, and package-lock.json names %s", url, have, locked.Integrity)
	}
	if err := os.RemoveAll(folder); err != nil {
		return err
	}
	return unpack(packed, folder)
}

// unpack leaves out the first folder of the names, as npm does. Nothing lands outside of the folder.
func unpack(packed []byte, folder string) error {
	unzipped, err := gzip.NewReader(strings.NewReader(string(packed)))
	if err != nil {
		return err
	}
	for files := tar.NewReader(unzipped); ; {
		header, err := files.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		_, name, hasFolder := strings.Cut(header.Name, "/")
		if header.Typeflag != tar.TypeReg || !hasFolder || !filepath.IsLocal(name) {
			continue
		}
		place := filepath.Join(folder, name)
		if err := os.MkdirAll(filepath.Dir(place), 0o755); err != nil {
			return err
		}
		file, err := os.OpenFile(place, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, os.FileMode(header.Mode&0o755)|0o644)
		if err != nil {
			return err
		}
		_, err = io.Copy(file, files)
		if closed := file.Close(); err == nil {
			err = closed
		}
		if err != nil {
			return err
		}
	}
}
