package transfer

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"github.com/penstock/penstock/launcher/content"
	"github.com/penstock/penstock/launcher/failure"
	"github.com/penstock/penstock/launcher/limits"
	"github.com/penstock/penstock/launcher/stores"
	"github.com/penstock/penstock/launcher/uri"
)

// directory reads all files for their hashes, and then sends them: only the hash of all says whether they are there.
func (u *upload) directory(ctx context.Context, path string, l uri.Location) (Uploaded, error) {
	tree, err := ReadTree(ctx, path, nil)
	if err != nil {
		return Uploaded{}, err
	}
	if tree.Count > 0 && u.t.Note != nil {
		u.t.Note(fmt.Sprintf("%d entries of %s are not kept, since a store holds files alone: %s", tree.Count, path, strings.Join(tree.Skipped, ", ")))
	}
	for _, file := range tree.Files {
		if key := l.Below(file.Name).Key; len(key) > limits.KeyBytes {
			return Uploaded{}, failure.New(failure.Invalid, "%s cannot be kept: the key of its file %s would have %d bytes; stores take up to %d",
				path, file.Name, len(key), limits.KeyBytes)
		}
	}
	done := Uploaded{SHA256: tree.SHA256, SizeBytes: tree.SizeBytes}
	u.t.Progress.TotalFiles.Add(int64(len(tree.Files)))
	u.t.Progress.TotalBytes.Add(tree.SizeBytes)
	copied := false
	if from, _, is := u.records.standing(ctx, tree.SHA256, tree.SizeBytes, true); is {
		copied = from.Key == l.Key || u.copyFolder(ctx, from, l, tree) == nil
	}
	if !copied {
		if done.MovedBytes, err = u.files(ctx, path, l, tree); err != nil {
			return Uploaded{}, err
		}
	}
	if len(tree.Files) == 0 { // else nothing would be there
		if _, err := u.bucket.Put(ctx, l.Prefix(), strings.NewReader(""), 0, stores.Put{}); err != nil {
			return Uploaded{}, err
		}
	}
	if done.Version, err = u.tidy(ctx, l, tree); err != nil {
		return Uploaded{}, err
	}
	if !copied {
		u.records.note(ctx, tree.SHA256, l, tree.SizeBytes, done.Version, true)
	}
	return done, nil
}

func (u *upload) files(ctx context.Context, path string, l uri.Location, tree *Tree) (moved int64, err error) {
	var total atomic.Int64
	group, inner := errgroup.WithContext(ctx)
	for _, entry := range tree.Files {
		if !take(inner, u.t.files) {
			break
		}
		group.Go(func() error {
			defer func() { <-u.t.files }()
			full := filepath.Join(path, entry.Name)
			file, err := os.Open(full)
			if err != nil {
				return local("cannot read %s: %v", full, reason(err))
			}
			defer file.Close()
			s := &source{file: file, path: full, info: entry}
			if !s.unchanged() {
				return errChanged
			}
			done, err := u.source(inner, s, l.Below(entry.Name))
			total.Add(done.MovedBytes)
			return err
		})
	}
	err = group.Wait()
	if err == nil {
		err = ctx.Err()
	}
	return total.Load(), err
}

// copyFolder makes the objects from those that stand, each with the hash of its file.
func (u *upload) copyFolder(ctx context.Context, from, l uri.Location, tree *Tree) error {
	hashes := map[string]*File{}
	for i := range tree.Files {
		hashes[tree.Files[i].Name] = &tree.Files[i]
	}
	group, inner := errgroup.WithContext(ctx)
	err := content.ForEach(inner, u.bucket, from, func(object stores.Info) error {
		name := strings.TrimPrefix(object.Key, from.Prefix())
		file := hashes[name]
		if file == nil || !take(inner, u.t.files) {
			return nil
		}
		group.Go(func() error {
			defer func() { <-u.t.files }()
			_, err := u.bucket.Copy(inner, object, l.Below(name).Key, stores.Put{SHA256: hexOf(file.SHA256), MediaType: mediaTypeOf(name)})
			u.t.Progress.DoneFiles.Add(1)
			return err
		})
		return nil
	})
	if waitErr := group.Wait(); waitErr != nil {
		return waitErr
	}
	return err
}

// tidy takes off what an earlier attempt has left below the place and is no part of the folder, and tells its version.
func (u *upload) tidy(ctx context.Context, l uri.Location, tree *Tree) (version string, err error) {
	ours := make(map[string]struct{}, len(tree.Files))
	for _, file := range tree.Files {
		ours[file.Name] = struct{}{}
	}
	if len(tree.Files) == 0 {
		ours[""] = struct{}{}
	}
	var kept []stores.Info
	var others []string
	count := 0
	err = content.ForEach(ctx, u.bucket, l, func(object stores.Info) error {
		if _, is := ours[strings.TrimPrefix(object.Key, l.Prefix())]; !is {
			if others = append(others, object.Key); len(others) == limits.DeletedAtOnce {
				err := u.bucket.Delete(ctx, others)
				others = others[:0]
				return err
			}
			return nil
		}
		if count++; count <= limits.FolderVersion {
			kept = append(kept, object)
		}
		return nil
	})
	if err == nil && len(others) > 0 {
		err = u.bucket.Delete(ctx, others)
	}
	if err != nil {
		return "", err
	}
	if count < len(tree.Files) {
		return "", failure.New(failure.Unavailable, "ListObjectsV2 of %s shows %d of %d objects that were just put there", l, count, len(tree.Files))
	}
	if count > limits.FolderVersion {
		return "", nil
	}
	version, _ = content.FolderVersion(kept, l.Prefix())
	return version, nil
}
