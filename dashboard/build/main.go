// Command build makes the dashboard's assets of its sources: bundles the scripts, and puts the style sheet and the names of
// the scripts into the page. The same sources give the same bytes.
//
//	go -C dashboard/build run . [FOLDER]
//	go -C dashboard/build run . --test FILE
//
// FOLDER is where the assets go; without one it is gateway/dashboard/assets. The second form makes one script of the unit
// tests in dashboard/test, which a browser runs. The packages that package-lock.json names are fetched to
// dashboard/node_modules if they are not there, from where npm would ask.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/evanw/esbuild/pkg/api"
)

const (
	sources = ".."
	outputs = "out"
	prefix  = "/dashboard/" // of the assets' URLs
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "dashboard:", err)
		os.Exit(1)
	}
}

func run(arguments []string) error {
	root, err := filepath.Abs(sources)
	if err != nil {
		return err
	}
	if err := fetchPackages(root); err != nil {
		return err
	}
	switch {
	case len(arguments) == 2 && arguments[0] == "--test":
		return buildTests(root, arguments[1])
	case len(arguments) == 1:
		return build(root, arguments[0])
	}
	return build(root, filepath.Join(root, "..", "gateway", "dashboard", "assets"))
}

// buildTests makes one script of all unit tests.
func buildTests(root, file string) error {
	paths, err := filepath.Glob(filepath.Join(root, "test", "*_test.ts"))
	if err != nil {
		return err
	}
	var all strings.Builder
	for _, path := range paths {
		fmt.Fprintf(&all, "import %q;\n", path)
	}
	result := api.Build(api.BuildOptions{
		Stdin:         &api.StdinOptions{Contents: all.String(), ResolveDir: root},
		AbsWorkingDir: root,
		Bundle:        true,
		Format:        api.FormatESModule,
		Target:        api.ES2022,
		Outfile:       file,
		Write:         true,
		JSX:           api.JSXAutomatic, JSXImportSource: "preact",
	})
	return failure(result.Errors)
}

func failure(errors []api.Message) error {
	if len(errors) == 0 {
		return nil
	}
	return fmt.Errorf("%s", strings.Join(api.FormatMessages(errors, api.FormatMessagesOptions{}), ""))
}

func build(root, folder string) error {
	scripts, err := bundle(root, "src/main.tsx", "src/run/layout_worker.ts")
	if err != nil {
		return err
	}
	style, err := styleSheet(root)
	if err != nil {
		return err
	}
	page, err := os.ReadFile(filepath.Join(root, "index.html"))
	if err != nil {
		return err
	}
	var preloads strings.Builder
	for _, name := range scripts.first {
		fmt.Fprintf(&preloads, "<link rel=\"modulepreload\" href=\"%s\">\n", prefix+name)
	}
	files := map[string][]byte{"index.html": []byte(strings.NewReplacer("{{style}}", style, "{{script}}", prefix+scripts.main,
		"{{worker}}", prefix+scripts.worker, "{{preloads}}", preloads.String()).Replace(string(page)))}
	for _, file := range scripts.files {
		files[filepath.Base(file.Path)] = file.Contents
	}
	return write(folder, files)
}

type bundled struct {
	main, worker string   // file names
	first        []string // those that main cannot begin without
	files        []api.OutputFile
}

// bundle gives each page of the dashboard that is not in main a script of its own, which is loaded with the page.
func bundle(root, main, worker string) (*bundled, error) {
	result := api.Build(api.BuildOptions{
		AbsWorkingDir:     root,
		EntryPoints:       []string{main, worker},
		EntryNames:        "[name]-[hash]",
		ChunkNames:        "[name]-[hash]",
		Outdir:            outputs,
		Bundle:            true,
		Splitting:         true,
		Format:            api.FormatESModule,
		Target:            api.ES2022,
		MinifyWhitespace:  true,
		MinifyIdentifiers: true,
		MinifySyntax:      true,
		LegalComments:     api.LegalCommentsEndOfFile,
		JSX:               api.JSXAutomatic,
		JSXImportSource:   "preact",
		Metafile:          true,
	})
	if err := failure(result.Errors); err != nil {
		return nil, err
	}
	found := &bundled{files: result.OutputFiles}
	for _, file := range result.OutputFiles {
		switch name := filepath.Base(file.Path); {
		case strings.HasPrefix(name, "main-"):
			found.main = name
		case strings.HasPrefix(name, "layout_worker-"):
			found.worker = name
		}
	}
	var err error
	found.first, err = importedBy(result.Metafile, found.main)
	return found, err
}

// importedBy gives the scripts that a script imports before it begins, and those that they import.
func importedBy(metafile, script string) ([]string, error) {
	var made struct {
		Outputs map[string]struct {
			Imports []struct{ Path, Kind string }
		}
	}
	if err := json.Unmarshal([]byte(metafile), &made); err != nil {
		return nil, err
	}
	found := []string{script}
	for at := 0; at < len(found); at++ {
		for _, imported := range made.Outputs[path.Join(outputs, found[at])].Imports {
			name := path.Base(imported.Path)
			if imported.Kind == "import-statement" && !slices.Contains(found, name) {
				found = append(found, name)
			}
		}
	}
	slices.Sort(found[1:])
	return found[1:], nil
}

// styleSheet joins the style sheets in the order of their names, and makes them small.
func styleSheet(root string) (string, error) {
	paths, err := filepath.Glob(filepath.Join(root, "src", "style", "*.css"))
	if err != nil {
		return "", err
	}
	var all strings.Builder
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			return "", err
		}
		all.Write(text)
	}
	result := api.Transform(all.String(), api.TransformOptions{Loader: api.LoaderCSS, MinifyWhitespace: true, MinifySyntax: true})
	if err := failure(result.Errors); err != nil {
		return "", err
	}
	return strings.TrimSpace(string(result.Code)), nil
}

// write replaces all that is in the folder.
func write(folder string, files map[string][]byte) error {
	if err := os.RemoveAll(folder); err != nil {
		return err
	}
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(folder, name), content, 0o644); err != nil {
			return err
		}
	}
	return nil
}
