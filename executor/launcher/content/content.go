// Package content sees objects as files and folders: an object is a file, and what lies below a key is a folder.
package content

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"github.com/penstock/penstock/launcher/failure"
	"github.com/penstock/penstock/launcher/limits"
	"github.com/penstock/penstock/launcher/stores"
	"github.com/penstock/penstock/launcher/uri"
)

// Kind tells files and folders apart.
type Kind int

// The kinds of what lies at a URI.
const (
	File Kind = iota + 1
	Folder
)

// Content is what lies at a URI.
type Content struct {
	Kind      Kind
	SizeBytes int64  // of a file, or of a folder that has a version
	Version   string // empty: of a folder with too many objects
	SHA256    string // of a file, if it is recorded with it
	MediaType string
}

// IsMarker tells the objects that some programs put where a folder is, which are no content.
func IsMarker(info stores.Info) bool { return strings.HasSuffix(info.Key, "/") && info.SizeBytes == 0 }

// Stat fails as NotFound if nothing is there.
func Stat(ctx context.Context, bucket stores.Bucket, l uri.Location) (Content, error) {
	var missing error
	if l.Key != "" && !strings.HasSuffix(l.Key, "/") {
		info, err := bucket.Head(ctx, l.Key)
		if err == nil {
			return Content{Kind: File, SizeBytes: info.SizeBytes, Version: info.Version, SHA256: info.SHA256, MediaType: info.MediaType}, nil
		}
		if !failure.Is(err, failure.NotFound) {
			return Content{}, err
		}
		missing = err
	}
	return StatFolder(ctx, bucket, l, missing)
}

// StatFolder looks only for objects below the location. missing is the error if there are none; nil has one made.
func StatFolder(ctx context.Context, bucket stores.Bucket, l uri.Location, missing error) (Content, error) {
	page, err := bucket.List(ctx, l.Prefix(), false, "", limits.FolderVersion)
	if err != nil {
		return Content{}, err
	}
	if len(page.Objects) == 0 {
		if missing == nil {
			missing = failure.New(failure.NotFound, "ListObjectsV2 of %s found nothing: there is no object, and none below it", l)
		}
		return Content{}, missing
	}
	content := Content{Kind: Folder}
	if page.Next == "" {
		content.Version, content.SizeBytes = FolderVersion(page.Objects, l.Prefix())
	}
	return content, nil
}

// FolderVersion is of the names, sizes and versions of all objects of a folder, and goes with their size.
func FolderVersion(objects []stores.Info, prefix string) (version string, sizeBytes int64) {
	sorted := slices.Clone(objects)
	slices.SortFunc(sorted, func(a, b stores.Info) int { return strings.Compare(a.Key, b.Key) })
	hash := sha256.New()
	for _, object := range sorted {
		if IsMarker(object) {
			continue
		}
		// Lengths count too, so that fields cannot run into each other.
		key := strings.TrimPrefix(object.Key, prefix)
		fmt.Fprintf(hash, "%d:%s%d:%d:%s", len(key), key, object.SizeBytes, len(object.Version), object.Version)
		sizeBytes += object.SizeBytes
	}
	return "folder-" + hex.EncodeToString(hash.Sum(nil)), sizeBytes
}

// ForEach calls visit with every object below the location, by key, and markers too. It holds one page at a time.
func ForEach(ctx context.Context, bucket stores.Bucket, l uri.Location, visit func(stores.Info) error) error {
	for token := ""; ; {
		page, err := bucket.List(ctx, l.Prefix(), false, token, limits.FolderVersion)
		if err != nil {
			return err
		}
		for _, object := range page.Objects {
			if err := visit(object); err != nil {
				return err
			}
		}
		if token = page.Next; token == "" {
			return nil
		}
	}
}

// Entry of a listing.
type Entry struct {
	Name       string // behind the location and its slash
	Kind       Kind
	SizeBytes  int64
	ModifiedUS int64 // microseconds since 1970; 0 of folders
}

// List returns some of what lies below the location, by name, and the token with which there is more.
func List(ctx context.Context, bucket stores.Bucket, l uri.Location, recursive bool, token string, limit int) ([]Entry, string, error) {
	if limit <= 0 || limit > limits.ListEntries {
		limit = limits.ListEntries
	}
	page, err := bucket.List(ctx, l.Prefix(), !recursive, token, limit)
	if err != nil {
		return nil, "", err
	}
	var entries []Entry
	for _, object := range page.Objects {
		if name := strings.TrimPrefix(object.Key, l.Prefix()); name != "" && !IsMarker(object) {
			entries = append(entries, Entry{Name: name, Kind: File, SizeBytes: object.SizeBytes, ModifiedUS: object.Modified.UnixMicro()})
		}
	}
	for _, folder := range page.Folders {
		name := strings.TrimSuffix(strings.TrimPrefix(folder, l.Prefix()), "/")
		if name != "" {
			entries = append(entries, Entry{Name: name, Kind: Folder})
		}
	}
	slices.SortFunc(entries, func(a, b Entry) int { return strings.Compare(a.Name, b.Name) })
	return entries, page.Next, nil
}

// Removed is what Remove has taken off.
type Removed struct {
	Objects, Bytes int64
	More           bool // there are some left
}

// Remove takes off the object and all below it but what is kept, up to limit objects.
func Remove(ctx context.Context, bucket stores.Bucket, l uri.Location, keep []uri.Location, limit int) (Removed, error) {
	if limit <= 0 || limit > limits.RemovedObjects {
		limit = limits.RemovedObjects
	}
	var removed Removed
	kept := func(key string) bool {
		return slices.ContainsFunc(keep, func(k uri.Location) bool { return key == k.Key || strings.HasPrefix(key, k.Prefix()) })
	}
	if l.Key != "" && !strings.HasSuffix(l.Key, "/") && !kept(l.Key) {
		info, err := bucket.Head(ctx, l.Key)
		if err == nil {
			if err = bucket.Delete(ctx, []string{l.Key}); err == nil {
				removed.Objects, removed.Bytes = 1, info.SizeBytes
			}
		}
		if err != nil && !failure.Is(err, failure.NotFound) {
			return removed, err
		}
	}
	for token := ""; ; {
		page, err := bucket.List(ctx, l.Prefix(), false, token, limits.FolderVersion)
		if err != nil {
			return removed, err
		}
		var keys []string
		var bytes int64
		for _, object := range page.Objects {
			if kept(object.Key) {
				continue
			}
			if removed.Objects+int64(len(keys)) >= int64(limit) {
				removed.More = true
				break
			}
			keys, bytes = append(keys, object.Key), bytes+object.SizeBytes
		}
		if len(keys) > 0 {
			if err := bucket.Delete(ctx, keys); err != nil {
				return removed, err
			}
			removed.Objects, removed.Bytes = removed.Objects+int64(len(keys)), removed.Bytes+bytes
		}
		if token = page.Next; token == "" || removed.More {
			return removed, nil
		}
	}
}
