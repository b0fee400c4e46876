package transfer

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"mime"
	"os"
	"path/filepath"
	"strings"

	"github.com/penstock/penstock/launcher/failure"
	"github.com/penstock/penstock/launcher/limits"
	"github.com/penstock/penstock/launcher/stores"
	"github.com/penstock/penstock/launcher/uri"
)

// errChanged is of a file that was written while it was read.
var errChanged = errors.New("it changed while it was read")

// Uploaded is what lies at its place now.
type Uploaded struct {
	SHA256     string
	SizeBytes  int64
	Version    string
	MovedBytes int64 // over the network
}

// Upload puts the file at the object, or all files of the directory below it.
func (t *Transfers) Upload(ctx context.Context, path string, l uri.Location) (Uploaded, error) {
	bucket, err := t.Opener.Open(ctx, l)
	if err != nil {
		return Uploaded{}, err
	}
	if len(l.Key) == 0 || len(l.Key) > limits.KeyBytes {
		return Uploaded{}, failure.New(failure.Invalid, "%s cannot be written: its key has %d bytes; 1 to %d are right", l, len(l.Key), limits.KeyBytes)
	}
	u := &upload{t: t, bucket: bucket, records: t.records(bucket, l)}
	for try := 1; ; try++ {
		var done Uploaded
		info, err := os.Stat(path)
		switch {
		case err != nil:
			return Uploaded{}, local("cannot read %s: %v", path, reason(err))
		case info.IsDir():
			done, err = u.directory(ctx, path, l)
		case info.Mode().IsRegular():
			done, err = u.file(ctx, path, l)
		default:
			return Uploaded{}, local("%s is neither a file nor a directory, and nothing else can be kept", path)
		}
		if !errors.Is(err, errChanged) {
			return done, err
		}
		if try >= limits.ChangedRetries {
			return Uploaded{}, local("%s changed each of the %d times that it was read to be kept; the command must be done with it when it ends", path, try)
		}
	}
}

// upload is into one bucket.
type upload struct {
	t       *Transfers
	bucket  stores.Bucket
	records *records
}

// source is one file that goes up.
type source struct {
	file *os.File
	path string
	info File
	sum  string
	sums *partSums // of parts as they go up; nil: not known
	put  stores.Put
}

// unchanged tells whether the file is what was hashed.
func (s *source) unchanged() bool {
	now, err := s.file.Stat()
	if err != nil || now.Size() != s.info.Size || now.ModTime().UnixNano() != s.info.Modified {
		return false
	}
	there, err := os.Stat(s.path) // replaced by another one
	return err == nil && os.SameFile(now, there)
}

func (u *upload) file(ctx context.Context, path string, l uri.Location) (Uploaded, error) {
	file, err := os.Open(path)
	if err != nil {
		return Uploaded{}, local("cannot read %s: %v", path, reason(err))
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return Uploaded{}, local("cannot read %s: %v", path, reason(err))
	}
	u.t.Progress.TotalFiles.Add(1)
	u.t.Progress.TotalBytes.Add(info.Size())
	s := &source{file: file, path: path, info: File{Name: path, Size: info.Size(), Modified: info.ModTime().UnixNano()}}
	hash := sha256.New()
	var to io.Writer = hash
	if info.Size() >= limits.MultipartBytes { // cheap while the bytes are at hand
		s.sums = &partSums{partBytes: partBytes(info.Size())}
		to = io.MultiWriter(hash, s.sums)
	}
	buffer := buffers.Get().(*[]byte)
	n, err := io.CopyBuffer(to, &counted{ctx: ctx, from: io.LimitReader(file, info.Size())}, *buffer)
	buffers.Put(buffer)
	if ctx.Err() != nil {
		return Uploaded{}, ctx.Err()
	}
	if err != nil {
		return Uploaded{}, local("cannot read %s: %v", path, reason(err))
	}
	hash.Sum(s.info.SHA256[:0])
	if n != info.Size() {
		return Uploaded{}, errChanged
	}
	return u.source(ctx, s, l)
}

// source brings a file whose hash is known to its place, by the cheapest way.
func (u *upload) source(ctx context.Context, s *source, l uri.Location) (Uploaded, error) {
	s.sum = hexOf(s.info.SHA256)
	s.put = stores.Put{SHA256: s.sum, MediaType: mediaTypeOf(s.path)}
	size := s.info.Size
	done := Uploaded{SHA256: s.sum, SizeBytes: size}
	info, moved, err := u.place(ctx, s, l)
	if err != nil {
		return Uploaded{}, err
	}
	done.Version, done.MovedBytes = info.Version, moved
	u.t.Progress.DoneFiles.Add(1)
	return done, nil
}

func (u *upload) place(ctx context.Context, s *source, l uri.Location) (stores.Info, int64, error) {
	if s.info.Size >= limits.RecordedBytes {
		if from, found, is := u.records.standing(ctx, s.sum, s.info.Size, false); is {
			info, err := u.copy(ctx, stores.Info{Key: from.Key, SizeBytes: found.SizeBytes, Version: found.Version}, l, s.put)
			if err == nil || ctx.Err() != nil {
				return info, 0, err
			}
		}
	}
	var info stores.Info
	var moved int64
	var err error
	if multipart := u.bucket.Parts(); multipart != nil && s.info.Size >= limits.MultipartBytes {
		info, moved, err = (&partsUpload{upload: u, multipart: multipart, source: s}).run(ctx, l)
	} else {
		moved = s.info.Size
		info, err = u.whole(ctx, s, l)
	}
	if err != nil {
		return info, moved, err
	}
	u.records.note(ctx, s.sum, l, s.info.Size, info.Version, false)
	return info, moved, nil
}

// copy is for objects that are there; the one itself needs none.
func (u *upload) copy(ctx context.Context, from stores.Info, l uri.Location, put stores.Put) (stores.Info, error) {
	if from.Key == l.Key {
		return from, nil
	}
	return u.bucket.Copy(ctx, from, l.Key, put)
}

// whole is one call, whose body the store's client may read twice: once for its signature, and again to try again.
func (u *upload) whole(ctx context.Context, s *source, l uri.Location) (stores.Info, error) {
	info, err := u.bucket.Put(ctx, l.Key, io.NewSectionReader(s.file, 0, s.info.Size), s.info.Size, s.put)
	if err == nil && !s.unchanged() {
		_ = u.bucket.Delete(context.WithoutCancel(ctx), []string{l.Key})
		err = errChanged
	} else if err != nil && ctx.Err() == nil && !s.unchanged() {
		err = errChanged // shorter than announced, which says itself in many ways
	}
	if err == nil {
		u.t.Progress.MovedBytes.Add(s.info.Size)
	}
	return info, err
}

func mediaTypeOf(path string) string {
	if known := mime.TypeByExtension(filepath.Ext(path)); known != "" {
		return known
	}
	return "application/octet-stream"
}

// UploadLog copies a file that may still grow, as far as it is now, without records.
func (t *Transfers) UploadLog(ctx context.Context, path string, l uri.Location) error {
	bucket, err := t.Opener.Open(ctx, l)
	if err != nil {
		return err
	}
	file, err := os.Open(path)
	if err != nil {
		return local("cannot read %s: %v", path, reason(err))
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return local("cannot read %s: %v", path, reason(err))
	}
	put := stores.Put{MediaType: "text/plain; charset=utf-8"}
	if info.Size() < limits.WriteBufferBytes {
		_, err = bucket.Put(ctx, l.Key, io.NewSectionReader(file, 0, info.Size()), info.Size(), put)
		return err
	}
	writer := bucket.NewWriter(ctx, l.Key, put)
	if _, err = io.Copy(writer, io.NewSectionReader(file, 0, info.Size())); err != nil {
		writer.Abort()
		return err
	}
	if _, err = writer.Commit(); err != nil {
		writer.Abort()
	}
	return err
}

func isHex(text string) bool {
	raw, err := hex.DecodeString(text)
	return err == nil && len(raw) == 16 && strings.ToLower(text) == text
}
