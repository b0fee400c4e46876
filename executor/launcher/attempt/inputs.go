package attempt

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/penstock/penstock/launcher/failure"
	"github.com/penstock/penstock/launcher/fetch"
	"github.com/penstock/penstock/launcher/limits"
	"github.com/penstock/penstock/launcher/transfer"
	"github.com/penstock/penstock/launcher/uri"
)

func (r *run) bring(ctx context.Context) error {
	if len(r.request.Inputs) == 0 {
		return nil
	}
	stop := r.show("Fetching inputs")
	defer stop()
	transfers := transfer.New(r.opener, nil, &r.progress, r.note)
	group, inner := errgroup.WithContext(ctx)
	group.SetLimit(limits.InputsAtOnce)
	for _, input := range r.request.Inputs {
		group.Go(func() error { return r.input(inner, transfers, input) })
	}
	return group.Wait()
}

func (r *run) input(ctx context.Context, transfers *transfer.Transfers, input Input) error {
	switch input.Need {
	case NeedPresent:
		if !exists(input.Path) {
			return fmt.Errorf("%s", missing(input))
		}
	case NeedPresumed:
		if !exists(input.Path) {
			r.note(missing(input))
		}
	case NeedFetched:
		if !fetch.IsHTTP(input.URI) && !uri.IsRemote(input.URI) && !exists(input.URI) {
			input.Path = input.URI
			return fmt.Errorf("%s", missing(input))
		}
		return r.fetchNeeded(ctx, transfers, input)
	case NeedWanted:
		if err := r.fetchNeeded(ctx, transfers, input); err != nil && !failure.Is(err, failure.NotFound) {
			return err
		}
	default:
		return fmt.Errorf("the request of the attempt needs input '%s' %q; fetched, wanted, present and presumed are known", input.Name, input.Need)
	}
	return nil
}

func (r *run) fetchNeeded(ctx context.Context, transfers *transfer.Transfers, input Input) error {
	if err := r.fetch(ctx, transfers, input); err != nil {
		return fmt.Errorf("The content of input '%s' is not to be had: %w", input.Name, err) //nolint:staticcheck // a sentence for users
	}
	return nil
}

func exists(path string) bool {
	if !filepath.IsAbs(path) {
		return false
	}
	_, err := os.Stat(path)
	return err == nil
}

// missing says why content is not there that nobody can bring.
func missing(input Input) string {
	from := fetch.WithoutPasswords(input.URI)
	it := "Input '" + input.Name + "'"
	isPath := strings.HasPrefix(input.URI, "/") || strings.HasPrefix(input.URI, "file:")
	if isPath && strings.HasPrefix(input.Path, "/") {
		return it + " was imported from " + from + ", and there is no " + input.Path + " on this machine"
	}
	if !strings.Contains(input.URI, "://") {
		return it + " was imported from '" + from + "', which is neither a URI with a scheme nor an absolute path: nothing says where it is"
	}
	text := it + " was imported from " + from + ", which is not fetched here: "
	if uri.IsRemote(input.URI) {
		text += "the server knows no store for it, by its --stores file or by credentials in its environment"
	} else {
		text += "only http://, https://, objects in stores and files of this machine are"
	}
	if input.Path != input.URI {
		text += ", and nothing is mounted at " + input.Path
	}
	return text + ". Its URI can be used"
}

func (r *run) fetch(ctx context.Context, transfers *transfer.Transfers, input Input) error {
	if !uri.IsRemote(input.URI) {
		return r.fetchElsewhere(ctx, input)
	}
	l, err := uri.Parse(input.URI)
	if err != nil {
		return err
	}
	size, err := transfers.Download(ctx, l, input.Path, input.SHA256)
	if err == nil {
		r.say("fetched %d bytes from %s", size, l)
	}
	return err
}

// fetchElsewhere puts the content at its path once it is complete.
func (r *run) fetchElsewhere(ctx context.Context, input Input) error {
	part := input.Path + transfer.Part
	if err := os.MkdirAll(filepath.Dir(input.Path), 0o777); err != nil {
		return fmt.Errorf("cannot write %s: %w", input.Path, err)
	}
	if err := os.RemoveAll(part); err != nil {
		return fmt.Errorf("cannot write %s: %w", part, err)
	}
	err := r.write(ctx, input, part)
	if err == nil && input.SHA256 != "" {
		err = transfer.CheckFile(part, fetch.URLForMessage(input.URI), input.SHA256)
	}
	if err == nil {
		err = transfer.MoveThere(part, input.Path)
	}
	if err != nil {
		_ = os.RemoveAll(part)
	}
	return err
}

func (r *run) write(ctx context.Context, input Input, part string) error {
	r.progress.TotalFiles.Add(1)
	defer r.progress.DoneFiles.Add(1)
	moved := func(bytes int64) { r.progress.MovedBytes.Add(bytes) }
	if !fetch.IsHTTP(input.URI) {
		if err := fetch.Copy(ctx, input.URI, part, moved); err != nil {
			return err
		}
		r.say("copied %s", fetch.WithoutPasswords(input.URI))
		return nil
	}
	bytes, last, err := fetch.Document(ctx, input.URI, part, moved)
	if err == nil {
		r.say("fetched %d bytes from %s", bytes, last)
	}
	return err
}
