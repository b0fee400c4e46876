package transfer

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/penstock/penstock/launcher/content"
	"github.com/penstock/penstock/launcher/failure"
	"github.com/penstock/penstock/launcher/limits"
	"github.com/penstock/penstock/launcher/stores"
	"github.com/penstock/penstock/launcher/uri"
)

// Part is appended to the path of what is not there as a whole yet.
const Part = ".part"

var buffers = sync.Pool{New: func() any { b := make([]byte, limits.CopyBufferBytes); return &b }}

// Download puts the object, or all objects below it, at the path, whole or not at all. expected is a hash that the
// content must have; empty: any. Returns the bytes that came.
func (t *Transfers) Download(ctx context.Context, l uri.Location, path, expected string) (int64, error) {
	bucket, err := t.Opener.Open(ctx, l)
	if err != nil {
		return 0, err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		return 0, local("cannot write %s: %v", path, reason(err))
	}
	part := path + Part
	for try := 1; ; try++ {
		if err := os.RemoveAll(part); err != nil {
			return 0, local("cannot write %s: %v", part, reason(err))
		}
		size, err := t.downloadOnce(ctx, bucket, l, part, expected)
		if err == nil {
			return size, MoveThere(part, path)
		}
		_ = os.RemoveAll(part)
		if !failure.Is(err, failure.Precondition) {
			return 0, err
		}
		if try > limits.ChangedRetries {
			return 0, failure.New(failure.Precondition, "%s changed each of the %d times that it was read; it must stay as it is meanwhile", l, try)
		}
	}
}

// MoveThere puts what is complete at its path, in place of what an attempt that was killed has put there.
func MoveThere(part, path string) error {
	err := os.Rename(part, path)
	if err != nil { // a folder is not replaced by a move
		if err = os.RemoveAll(path); err == nil {
			err = os.Rename(part, path)
		}
	}
	if err != nil {
		return local("cannot write %s: %v", path, reason(err))
	}
	return nil
}

// reason leaves out the path, which the sentence names already.
func reason(err error) error {
	var pathError *os.PathError
	if errors.As(err, &pathError) {
		return pathError.Err
	}
	var linkError *os.LinkError
	if errors.As(err, &linkError) {
		return linkError.Err
	}
	return err
}

func (t *Transfers) downloadOnce(ctx context.Context, bucket stores.Bucket, l uri.Location, part, expected string) (int64, error) {
	var missing error
	if l.Key != "" && !strings.HasSuffix(l.Key, "/") {
		t.Progress.TotalFiles.Add(1)
		size, err := t.downloadFile(ctx, bucket, l, stores.Info{Key: l.Key, SizeBytes: -1}, part, expected)
		if err == nil || !failure.Is(err, failure.NotFound) {
			return size, err
		}
		t.Progress.TotalFiles.Add(-1)
		missing = err
	}
	size, err := t.downloadFolder(ctx, bucket, l, part, missing)
	if err != nil || expected == "" {
		return size, err
	}
	tree, err := ReadTree(ctx, part, nil)
	if err == nil && tree.SHA256 != expected {
		err = mismatch(l.String(), expected, tree.SHA256)
	}
	return size, err
}

func mismatch(uri, expected, got string) error {
	return failure.New(failure.Invalid, "%s has other content than was recorded: its SHA-256 is %s, and should be %s", uri, got, expected)
}

// downloadFile writes one object. Of an object that was listed the size and the version are known; else the size is
// below 0, and the first range of bytes tells all.
func (t *Transfers) downloadFile(ctx context.Context, bucket stores.Bucket, l uri.Location, known stores.Info, path, expected string) (int64, error) {
	first, err := bucket.Get(ctx, known.Key, stores.Range{LimitBytes: limits.PartBytes, Version: known.Version})
	if err != nil {
		return 0, err
	}
	defer first.Body.Close()
	object := first.Info
	if known.SizeBytes >= 0 && object.SizeBytes != known.SizeBytes {
		return 0, failure.New(failure.Precondition, "%s has changed", l.BucketURI()+known.Key)
	}
	t.Progress.TotalBytes.Add(object.SizeBytes)
	if expected == "" {
		expected = object.SHA256
	}
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o666)
	if err != nil {
		return 0, local("cannot write %s: %v", path, reason(err))
	}
	d := download{t: t, bucket: bucket, uri: l.BucketURI() + object.Key, object: object, file: file, path: path}
	err = d.run(ctx, first.Body, expected)
	if closeErr := file.Close(); err == nil && closeErr != nil {
		err = local("cannot write %s: %v", path, reason(closeErr))
	}
	t.Progress.DoneFiles.Add(1)
	return object.SizeBytes, err
}

// download is one object on its way into one file.
type download struct {
	t      *Transfers
	bucket stores.Bucket
	uri    string
	object stores.Info
	file   *os.File
	path   string
}

func (d *download) run(ctx context.Context, first io.Reader, expected string) error {
	count := max((d.object.SizeBytes+limits.PartBytes-1)/limits.PartBytes, 1)
	done := make([]chan struct{}, count)
	for i := range done {
		done[i] = make(chan struct{})
	}
	group, ctx := errgroup.WithContext(ctx)
	var sum string
	if expected != "" {
		group.Go(func() (err error) {
			sum, err = d.hash(ctx, done)
			return err
		})
	}
	group.Go(func() error {
		return d.t.inParts(ctx, count, func(ctx context.Context, number int64) error {
			var body io.Reader
			if number == 0 {
				body = first
			}
			err := d.part(ctx, number, body)
			if err == nil {
				close(done[number])
			}
			return err
		})
	})
	if err := group.Wait(); err != nil {
		return err
	}
	if expected != "" && sum != expected {
		return mismatch(d.uri, expected, sum)
	}
	return nil
}

// hash follows the parts in their order, while the file is still in memory.
func (d *download) hash(ctx context.Context, done []chan struct{}) (string, error) {
	hash := sha256.New()
	buffer := buffers.Get().(*[]byte)
	defer buffers.Put(buffer)
	for number, part := range done {
		select {
		case <-part:
		case <-ctx.Done():
			return "", ctx.Err()
		}
		section := io.NewSectionReader(d.file, int64(number)*limits.PartBytes, limits.PartBytes)
		if _, err := io.CopyBuffer(hash, onlyReader{section}, *buffer); err != nil {
			return "", local("cannot read %s: %v", d.path, reason(err))
		}
	}
	return hex.EncodeToString(hash.Sum(nil)), nil
}

type onlyReader struct{ io.Reader }

// part brings one range of bytes. A body that breaks off is taken up where it did.
func (d *download) part(ctx context.Context, number int64, body io.Reader) error {
	offset := number * limits.PartBytes
	end := min(offset+limits.PartBytes, d.object.SizeBytes)
	var cause error
	for fruitless := 0; offset < end; {
		if body == nil {
			object, err := d.bucket.Get(ctx, d.object.Key, stores.Range{OffsetBytes: offset, LimitBytes: end - offset, Version: d.object.Version})
			if err != nil {
				return err
			}
			if object.SizeBytes != d.object.SizeBytes || object.Version != d.object.Version {
				object.Body.Close()
				return failure.New(failure.Precondition, "%s has changed", d.uri)
			}
			body = object.Body
		}
		n, readErr, writeErr := d.copy(body, offset, end-offset)
		if closer, is := body.(io.Closer); is {
			closer.Close()
		}
		if writeErr != nil {
			return local("cannot write %s: %v", d.path, reason(writeErr))
		}
		if offset += n; offset == end {
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if n > 0 {
			fruitless = 0
		}
		if cause = readErr; cause == nil {
			cause = io.ErrUnexpectedEOF
		}
		if fruitless++; fruitless > limits.ResumeRetries {
			return d.bucket.Fails("GetObject", d.object.Key, cause)
		}
		pause(ctx, limits.ResumePause)
		body = nil
	}
	return nil
}

// copy tells errors of the store and of the disk apart.
func (d *download) copy(body io.Reader, offset, limit int64) (n int64, readErr, writeErr error) {
	buffer := buffers.Get().(*[]byte)
	defer buffers.Put(buffer)
	for n < limit {
		got, err := body.Read((*buffer)[:min(int64(len(*buffer)), limit-n)])
		if got > 0 {
			if _, writeErr = d.file.WriteAt((*buffer)[:got], offset+n); writeErr != nil {
				return n, nil, writeErr
			}
			n += int64(got)
			d.t.Progress.MovedBytes.Add(int64(got))
		}
		if err != nil {
			return n, err, nil
		}
	}
	return n, nil, nil
}

// inside is the path of an object below the directory, or a sentence on why it has none.
func inside(directory, name, key string) (string, error) {
	components := strings.Split(name, "/")
	for _, component := range components {
		if component == "" || component == "." || component == ".." {
			return "", failure.New(failure.Invalid, "the object with the key %q would lie outside of its folder or under no name of its own; "+
				"keys below a folder have names between their slashes, which are not . or ..", key)
		}
	}
	if len(components) > limits.FolderDepth || len(name) > limits.PathBytes {
		return "", failure.New(failure.Invalid, "the key %q is too deep below its folder: %d names and %d bytes are the most", key,
			limits.FolderDepth, limits.PathBytes)
	}
	return filepath.Join(directory, filepath.FromSlash(name)), nil
}

func (t *Transfers) downloadFolder(ctx context.Context, bucket stores.Bucket, l uri.Location, directory string, missing error) (int64, error) {
	group, ctx := errgroup.WithContext(ctx)
	var total int64
	found := false
	err := content.ForEach(ctx, bucket, l, func(object stores.Info) error {
		if !found {
			found = true
			if err := os.MkdirAll(directory, 0o777); err != nil {
				return local("cannot write %s: %v", directory, reason(err))
			}
		}
		name := strings.TrimPrefix(object.Key, l.Prefix())
		if content.IsMarker(object) {
			if name = strings.TrimSuffix(name, "/"); name == "" {
				return nil
			}
			path, err := inside(directory, name, object.Key)
			if err != nil {
				return err
			}
			return makeFolder(path)
		}
		path, err := inside(directory, name, object.Key)
		if err != nil {
			return err
		}
		if err := makeFolder(filepath.Dir(path)); err != nil {
			return err
		}
		total += object.SizeBytes
		t.Progress.TotalFiles.Add(1)
		if !take(ctx, t.files) {
			return ctx.Err()
		}
		group.Go(func() error {
			defer func() { <-t.files }()
			_, err := t.downloadFile(ctx, bucket, l, object, path, "")
			if failure.Is(err, failure.NotFound) {
				return failure.New(failure.Precondition, "%s is gone", l.BucketURI()+object.Key)
			}
			return err
		})
		return nil
	})
	if waitErr := group.Wait(); waitErr != nil {
		err = waitErr
	}
	if err == nil && !found {
		if missing == nil {
			missing = failure.New(failure.NotFound, "ListObjectsV2 of %s found nothing: there is no object, and none below it", l)
		}
		err = missing
	}
	return total, err
}

// makeFolder refuses where an object lies in place of a folder.
func makeFolder(path string) error {
	if err := os.MkdirAll(path, 0o777); err != nil {
		return local("cannot write the folder %s: %v; an object may lie there, which no file system has beside a folder", path, reason(err))
	}
	return nil
}
