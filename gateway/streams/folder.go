package streams

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"path"
	"strconv"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/penstock/penstock/gateway/gen/penstock"
	"github.com/penstock/penstock/gateway/limits"
)

// folder is an artifact, or a part of it, that is not one file.
type folder struct {
	ctx     context.Context
	content penstock.ArtifactContentServiceClient
	asked   *penstock.ReadArtifactRequest
}

func (s *Streams) folderOf(ctx context.Context, asked *penstock.ReadArtifactRequest) *folder {
	return &folder{ctx, s.artifacts, asked}
}

// at is the path in the artifact of what lies in the folder.
func (f *folder) at(name string) string { return path.Join(f.asked.GetPath(), name) }

func (f *folder) list(name string) (*penstock.ListArtifactContentsResponse, error) {
	return f.content.ListArtifactContents(f.ctx, &penstock.ListArtifactContentsRequest{
		ArtifactId: f.asked.GetArtifactId(), Uri: f.asked.GetUri(), Path: f.at(name)})
}

func (f *folder) isFolder() bool {
	found, err := f.list("")
	return err == nil && found.GetIsFolder()
}

// name is for people, and for the file that it becomes.
func (f *folder) name() string {
	for _, of := range []string{f.asked.GetPath(), f.asked.GetUri(), f.asked.GetArtifactId()} {
		if of != "" {
			return path.Base(of)
		}
	}
	return "artifact"
}

// errTooLarge ends a walk that would take too long.
var errTooLarge = errors.New("too large")

// walk visits what is in the folder in the order of names, a folder before what is in it, and holds no more of it than the
// names beside those on the way. Links and the like are not among them. RPC errors, errTooLarge and those of visit end it.
func (f *folder) walk(visit func(name string, entry *penstock.ArtifactEntry) error) error {
	visited := 0
	var into func(name string, depth int) error
	into = func(name string, depth int) error {
		found, err := f.list(name)
		if err != nil {
			return err
		}
		if !found.GetIsFolder() {
			return status.Errorf(codes.FailedPrecondition, "%q is a file, and no folder.", limits.Shortened(f.at(name)))
		}
		for _, entry := range found.GetEntries() {
			if visited++; visited > limits.MaxFolderEntries || depth > limits.MaxFolderDepth {
				return errTooLarge
			}
			at := path.Join(name, entry.GetName())
			if err := visit(at, entry); err != nil {
				return err
			}
			if entry.GetIsFolder() {
				if err := into(at, depth+1); err != nil {
					return err
				}
			}
		}
		return nil
	}
	return into("", 1)
}

// count finds how many files there are; errTooLarge comes with those that it got to.
func (f *folder) count() (files int, err error) {
	err = f.walk(func(_ string, entry *penstock.ArtifactEntry) error {
		if !entry.GetIsFolder() {
			files++
		}
		return nil
	})
	return files, err
}

// serveSummary answers with a line for people.
func (s *Streams) serveSummary(w http.ResponseWriter, r *http.Request, f *folder) {
	files, err := f.count()
	if err != nil && !errors.Is(err, errTooLarge) {
		s.pipe.Fail(w, r, err, false)
		return
	}
	number := strconv.Itoa(files)
	if err != nil {
		number = "more than " + number
	}
	noun := " files"
	if number == "1" {
		noun = " file"
	}
	header := w.Header()
	header.Set("Content-Type", "text/plain; charset=utf-8")
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Cache-Control", "no-cache, private")
	_, _ = fmt.Fprintf(w, "%s is a folder with %s%s.\n", f.name(), number, noun)
}

// serveArchive streams the folder as a tar.gz.
func (s *Streams) serveArchive(w http.ResponseWriter, r *http.Request, f *folder) {
	// Beforehand, while there is still an answer to say so with.
	_, err := f.count()
	if errors.Is(err, errTooLarge) {
		err = status.Errorf(codes.FailedPrecondition,
			"The folder %s has more than %d entries, or is deeper than %d; ask for a folder in it, or for its files.",
			limits.Shortened(f.name()), limits.MaxFolderEntries, limits.MaxFolderDepth)
	}
	if err != nil {
		s.pipe.Fail(w, r, err, false)
		return
	}
	header := w.Header()
	header.Set("Content-Type", "application/gzip")
	header.Set("Content-Disposition", mime.FormatMediaType("attachment",
		map[string]string{"filename": f.name() + ".tar.gz"}))
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Cache-Control", "no-cache, private")
	if r.Method == http.MethodHead {
		return
	}
	if err := f.archive(w); err != nil {
		s.pipe.Fail(w, r, err, true)
	}
}

func (f *folder) archive(to io.Writer) error {
	packed := gzip.NewWriter(to)
	archive := tar.NewWriter(packed)
	err := f.walk(func(name string, entry *penstock.ArtifactEntry) error {
		if entry.GetIsFolder() {
			return archive.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: name + "/", Mode: 0o755})
		}
		return f.archiveFile(archive, name)
	})
	if err != nil {
		return err
	}
	if err := archive.Close(); err != nil {
		return err
	}
	return packed.Close()
}

// archiveFile writes a file in the size that it has when it is opened.
func (f *folder) archiveFile(archive *tar.Writer, name string) error {
	ctx, cancel := context.WithCancel(f.ctx)
	defer cancel()
	stream, err := f.content.ReadArtifact(ctx, &penstock.ReadArtifactRequest{
		ArtifactId: f.asked.GetArtifactId(), Uri: f.asked.GetUri(), Path: f.at(name)})
	if err != nil {
		return err
	}
	chunk, err := stream.Recv()
	if err != nil {
		return err
	}
	size := chunk.GetSizeBytes()
	if err := archive.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o644, Size: size}); err != nil {
		return err
	}
	for ; err == nil; chunk, err = stream.Recv() {
		if _, failed := archive.Write(chunk.GetData()); failed != nil {
			return failed
		}
	}
	if !errors.Is(err, io.EOF) {
		return err
	}
	return archive.Flush() // tells whether it was shorter than that
}
