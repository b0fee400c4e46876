package attempt

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/penstock/penstock/launcher/limits"
	"github.com/penstock/penstock/launcher/transfer"
	"github.com/penstock/penstock/launcher/uri"
)

// place is what the command left, and where it goes.
type place struct{ path, uri, name string }

// keepHere leaves the result in a file.
func (r *run) keepHere(ctx context.Context) error {
	outputs, err := r.keep(ctx)
	if err != nil {
		return err
	}
	text, err := json.Marshal(Result{Outputs: outputs})
	if err == nil {
		err = replace(r.own(ResultFile), text)
	}
	return err
}

func (r *run) keep(ctx context.Context) ([]Output, error) {
	places, err := r.places()
	if err != nil {
		return nil, err
	}
	outputs := make([]Output, len(places))
	stop := r.show("Keeping outputs")
	defer stop()
	transfers := transfer.New(r.opener, r.root(), &r.progress, r.note)
	group, inner := errgroup.WithContext(ctx)
	group.SetLimit(limits.OutputsAtOnce)
	for i, place := range places {
		group.Go(func() error {
			l, err := uri.Parse(place.uri)
			if err != nil {
				return err
			}
			done, err := transfers.Upload(inner, place.path, l)
			if err != nil {
				return fmt.Errorf("The output '%s' cannot be kept: %w", place.name, err) //nolint:staticcheck // a sentence for users
			}
			outputs[i] = Output{Path: place.path, URI: place.uri, SHA256: done.SHA256, SizeBytes: done.SizeBytes,
				Version: done.Version, MovedBytes: done.MovedBytes}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	return outputs, nil
}

// places are each entry of the directory, and each custom path outside of it.
func (r *run) places() ([]place, error) {
	outputs := r.request.Outputs
	declared, names := map[string]string{}, map[string]string{} // by path
	byName := map[string]string{}
	for _, artifact := range outputs.Declared {
		declared[filepath.Clean(artifact.Path)] = artifact.URI
		names[filepath.Clean(artifact.Path)] = artifact.Name
		byName[artifact.Name] = artifact.URI
	}
	below := strings.TrimSuffix(outputs.URI, "/") + "/"
	var places []place
	entries, err := os.ReadDir(outputs.Directory)
	if err != nil && !os.IsNotExist(err) {
		return nil, fmt.Errorf("the outputs cannot be read: %w", err)
	}
	for _, entry := range entries {
		path := filepath.Join(outputs.Directory, entry.Name())
		if path == filepath.Clean(outputs.ExecutorOutput) {
			continue
		}
		to := declared[path]
		if to == "" {
			to = below + entry.Name()
		}
		places = append(places, place{path, to, cmp.Or(names[path], entry.Name())})
	}
	for _, custom := range customPaths(outputs.ExecutorOutput) {
		path, err := filepath.Abs(custom.path)
		if err != nil || path == outputs.Directory || strings.HasPrefix(path, strings.TrimSuffix(outputs.Directory, "/")+"/") || !exists(path) {
			continue
		}
		to := byName[custom.name]
		if to == "" {
			to = below + custom.name
		}
		// The directory may have something of that name too, which the custom path stands for.
		places = slices.DeleteFunc(places, func(p place) bool { return p.uri == to })
		places = append(places, place{path, to, custom.name})
	}
	return places, nil
}

// replace writes a file as a whole or not at all.
func replace(path string, text []byte) error {
	if err := os.WriteFile(path+".new", text, 0o666); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}
