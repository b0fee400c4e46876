package transfer

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"hash"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/penstock/penstock/launcher/limits"
)

// File is one file of a directory, as it goes up. Of 100,000 files that is all that is held.
type File struct {
	Name     string // from the directory on, without a slash before it
	Size     int64
	Modified int64 // nanoseconds
	SHA256   [sha256.Size]byte
}

// Tree is a directory as a store can hold it: with files and what folders they need.
type Tree struct {
	Files     []File
	SizeBytes int64
	// As content/local/file_content.h tells content apart, of the directory that a download makes of the objects.
	SHA256  string
	Skipped []string // names with what they are; the first few
	Count   int      // of all that is skipped
}

// treeReader walks in the order of names, so that the hash does not depend on the file system.
type treeReader struct {
	ctx    context.Context
	root   string
	real   string // without links
	tree   *Tree
	hash   hash.Hash
	buffer []byte
	read   func(bytes int64)
}

// ReadTree reads all of a directory. Links that lead inside count as what they lead to, and those that lead out are
// refused; what is neither a file nor a folder is left out, as are folders without files.
func ReadTree(ctx context.Context, directory string, read func(bytes int64)) (*Tree, error) {
	real, err := filepath.EvalSymlinks(directory)
	if err != nil {
		return nil, local("cannot read %s: %v", directory, reason(err))
	}
	r := &treeReader{ctx: ctx, root: directory, real: real, tree: &Tree{}, hash: sha256.New(), buffer: make([]byte, limits.CopyBufferBytes), read: read}
	r.addField("")
	r.hash.Write([]byte{'d'})
	if _, err := r.folder("", 0, nil); err != nil {
		return nil, err
	}
	r.tree.SHA256 = hex.EncodeToString(r.hash.Sum(nil))
	return r.tree, nil
}

// addField is Sha256::AddField of common/sha256.h.
func (r *treeReader) addField(text string) {
	var length [8]byte
	binary.LittleEndian.PutUint64(length[:], uint64(len(text)))
	r.hash.Write(length[:])
	io.WriteString(r.hash, text)
}

func (r *treeReader) skip(name, what string) {
	if r.tree.Count++; len(r.tree.Skipped) < limits.SkippedNotes {
		r.tree.Skipped = append(r.tree.Skipped, name+" ("+what+")")
	}
}

// folder reads what is in the folder name. before are folders above it that are in the hash only once a file is found.
func (r *treeReader) folder(name string, depth int, before []string) (hasFiles bool, err error) {
	if depth > limits.FolderDepth {
		return false, local("the directory %s is deeper than %d folders", r.root, limits.FolderDepth)
	}
	entries, err := os.ReadDir(filepath.Join(r.root, name))
	if err != nil {
		return false, local("cannot read %s: %v", filepath.Join(r.root, name), reason(err))
	}
	for _, entry := range entries {
		if err := r.ctx.Err(); err != nil {
			return false, err
		}
		path := entry.Name()
		if name != "" {
			path = name + "/" + path
		}
		found, err := r.entry(path, depth, before)
		if err != nil {
			return false, err
		}
		if found {
			hasFiles, before = true, nil
		}
	}
	return hasFiles, nil
}

func (r *treeReader) entry(path string, depth int, before []string) (found bool, err error) {
	full := filepath.Join(r.root, path)
	info, err := os.Lstat(full)
	if err != nil {
		return false, local("cannot read %s: %v", full, reason(err))
	}
	if info.Mode()&os.ModeSymlink != 0 {
		if info, err = r.follow(full); err != nil {
			return false, err
		}
	}
	switch {
	case info.Mode().IsRegular():
		for _, folder := range before {
			r.addField("/" + folder)
			r.hash.Write([]byte{'d'})
		}
		return true, r.file(path, full, info)
	case info.IsDir():
		found, err = r.folder(path, depth+1, append(before[:len(before):len(before)], path))
		if err == nil && !found {
			r.skip(path, "a folder without files")
		}
		return found, err
	}
	r.skip(path, "neither a file nor a folder")
	return false, nil
}

func (r *treeReader) follow(full string) (os.FileInfo, error) {
	target, err := filepath.EvalSymlinks(full)
	if err != nil {
		return nil, local("the symbolic link %s leads nowhere; a store has no links, so it must lead to a file or a folder of its directory", full)
	}
	if !strings.HasPrefix(target, r.real+"/") {
		return nil, local("the symbolic link %s leads out of its directory; a store has no links, so it must lead to a file or a folder of it", full)
	}
	info, err := os.Stat(target)
	if err != nil {
		return nil, local("cannot read %s: %v", target, reason(err))
	}
	if info.IsDir() && strings.HasPrefix(full+"/", target+"/") {
		return nil, local("the symbolic link %s leads to a folder that it is in", full)
	}
	return info, nil
}

func (r *treeReader) file(path, full string, info os.FileInfo) error {
	if len(r.tree.Files) >= limits.FolderEntries {
		return local("the directory %s has more than %d files", r.root, limits.FolderEntries)
	}
	r.addField("/" + path)
	r.hash.Write([]byte{'f'})
	r.addField(strconv.FormatInt(info.Size(), 10))
	file, err := os.Open(full)
	if err != nil {
		return local("cannot read %s: %v", full, reason(err))
	}
	defer file.Close()
	own := sha256.New()
	n, err := io.CopyBuffer(io.MultiWriter(own, r.hash), &counted{r.ctx, io.LimitReader(file, info.Size()), r.read}, r.buffer)
	if r.ctx.Err() != nil {
		return r.ctx.Err()
	}
	if err != nil {
		return local("cannot read %s: %v", full, reason(err))
	}
	if n != info.Size() {
		return errChanged
	}
	entry := File{Name: path, Size: info.Size(), Modified: info.ModTime().UnixNano()}
	own.Sum(entry.SHA256[:0])
	r.tree.Files, r.tree.SizeBytes = append(r.tree.Files, entry), r.tree.SizeBytes+entry.Size
	return nil
}

// counted tells how many bytes have been read, and ends with its context.
type counted struct {
	ctx  context.Context
	from io.Reader
	read func(bytes int64)
}

func (c *counted) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := c.from.Read(p)
	if c.read != nil {
		c.read(int64(n))
	}
	return n, err
}

// CheckFile compares the hash of a file, or of a directory, with what was recorded of the content at the URI.
func CheckFile(path, uri, expected string) error {
	got := ""
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		tree, err := ReadTree(context.Background(), path, nil)
		if err != nil {
			return err
		}
		got = tree.SHA256
	} else {
		file, err := os.Open(path)
		if err != nil {
			return local("cannot read %s: %v", path, reason(err))
		}
		defer file.Close()
		own := sha256.New()
		if _, err := io.Copy(own, file); err != nil {
			return local("cannot read %s: %v", path, reason(err))
		}
		got = hex.EncodeToString(own.Sum(nil))
	}
	if got != expected {
		return mismatch(uri, expected, got)
	}
	return nil
}
