package fetch

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/penstock/penstock/launcher/limits"
)

// Copy makes a copy of a file, or of a directory with all that is in it, as cp -r does: links in it stay links, and
// what is no file, no folder and no link is passed over.
func Copy(ctx context.Context, from, to string, moved func(int64)) error {
	info, err := os.Stat(from)
	if err == nil {
		err = copyEntry(ctx, from, to, info, moved, 0)
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		return fmt.Errorf("%s cannot be copied to %s: %w", from, to, err)
	}
	return nil
}

func copyEntry(ctx context.Context, from, to string, info os.FileInfo, moved func(int64), depth int) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	switch {
	case info.Mode().IsRegular():
		return copyFile(ctx, from, to, info, moved)
	case info.IsDir():
		return copyFolder(ctx, from, to, info, moved, depth)
	case info.Mode()&os.ModeSymlink != 0:
		target, err := os.Readlink(from)
		if err != nil {
			return err
		}
		return os.Symlink(target, to)
	}
	return nil
}

func copyFolder(ctx context.Context, from, to string, info os.FileInfo, moved func(int64), depth int) error {
	if depth > limits.FolderDepth {
		return fmt.Errorf("it is deeper than %d folders", limits.FolderDepth)
	}
	if err := os.Mkdir(to, info.Mode().Perm()|0o700); err != nil {
		return err
	}
	entries, err := os.ReadDir(from)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		info, err := entry.Info()
		if err == nil {
			err = copyEntry(ctx, filepath.Join(from, entry.Name()), filepath.Join(to, entry.Name()), info, moved, depth+1)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func copyFile(ctx context.Context, from, to string, info os.FileInfo, moved func(int64)) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, info.Mode().Perm())
	if err != nil {
		return err
	}
	for err == nil && ctx.Err() == nil {
		var n int64
		n, err = io.CopyN(out, in, limits.PartBytes) // by the kernel
		moved(n)
	}
	if closeErr := out.Close(); closeErr != nil && (err == nil || err == io.EOF) {
		err = closeErr
	}
	if err == io.EOF {
		return nil
	}
	if err == nil {
		err = ctx.Err()
	}
	return err
}
