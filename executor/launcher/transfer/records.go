package transfer

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"io"

	"github.com/penstock/penstock/launcher/content"
	"github.com/penstock/penstock/launcher/limits"
	"github.com/penstock/penstock/launcher/stores"
	"github.com/penstock/penstock/launcher/uri"
)

// Below the root. No artifact lies there: the names of pipelines have no @.
const (
	contentRecords = "@content/sha256/"
	uploadRecords  = "@uploads/"
)

// contentRecord says where content with a hash lies. It is a hint: what it says is looked at before it is believed.
type contentRecord struct {
	URI       string `json:"uri"`
	SizeBytes int64  `json:"size_bytes"`
	Version   string `json:"version"`
	Folder    bool   `json:"folder,omitempty"`
}

// uploadRecord says where an upload in parts may be taken up.
type uploadRecord struct {
	Key       string `json:"key"`
	UploadID  string `json:"upload_id"`
	PartBytes int64  `json:"part_bytes"`
	SizeBytes int64  `json:"size_bytes"`
	Checked   bool   `json:"checked,omitempty"` // each part has a checksum
}

// records are those below the root, which must be in the bucket that is written to; nothing otherwise.
type records struct {
	bucket stores.Bucket
	root   uri.Location
}

func (t *Transfers) records(bucket stores.Bucket, l uri.Location) *records {
	if t.Root == nil || t.Root.BucketURI() != l.BucketURI() {
		return nil
	}
	return &records{bucket, *t.Root}
}

func (r *records) key(kind, sum string) string { return r.root.Below(kind + sum).Key }

// read is false for a record that is not there, or makes no sense, or cannot be read: then all goes up.
func (r *records) read(ctx context.Context, kind, sum string, into any) bool {
	object, err := r.bucket.Get(ctx, r.key(kind, sum), stores.Range{LimitBytes: limits.RecordBytes})
	if err != nil {
		return false
	}
	defer object.Body.Close()
	text, err := io.ReadAll(io.LimitReader(object.Body, limits.RecordBytes))
	return err == nil && json.Unmarshal(text, into) == nil
}

func (r *records) write(ctx context.Context, kind, sum string, record any) error {
	text, err := json.Marshal(record)
	if err != nil {
		return err
	}
	_, err = r.bucket.Put(ctx, r.key(kind, sum), bytes.NewReader(text), int64(len(text)), stores.Put{MediaType: "application/json"})
	return err
}

// remove may fail: a record of an upload that is gone is passed over.
func (r *records) remove(ctx context.Context, kind, sum string) {
	_ = r.bucket.Delete(ctx, []string{r.key(kind, sum)})
}

// standing is where the content with the hash lies, if it still does.
func (r *records) standing(ctx context.Context, sum string, size int64, folder bool) (uri.Location, content.Content, bool) {
	var record contentRecord
	if r == nil || !r.read(ctx, contentRecords, sum, &record) || record.SizeBytes != size || record.Folder != folder || record.Version == "" {
		return uri.Location{}, content.Content{}, false
	}
	l, err := uri.Parse(record.URI)
	if err != nil || l.BucketURI() != r.root.BucketURI() {
		return uri.Location{}, content.Content{}, false
	}
	found, err := content.Stat(ctx, r.bucket, l)
	if err != nil || found.Version != record.Version || (found.Kind == content.Folder) != folder || found.SizeBytes != size ||
		(!folder && found.SHA256 != "" && found.SHA256 != sum) {
		return uri.Location{}, content.Content{}, false
	}
	return l, found, true
}

// note records where content lies now. It may fail: the content goes up again then.
func (r *records) note(ctx context.Context, sum string, l uri.Location, size int64, version string, folder bool) {
	if r == nil || version == "" || (!folder && size < limits.RecordedBytes) {
		return
	}
	_ = r.write(ctx, contentRecords, sum, contentRecord{URI: l.String(), SizeBytes: size, Version: version, Folder: folder})
}

func hexOf(sum [32]byte) string { return hex.EncodeToString(sum[:]) }
