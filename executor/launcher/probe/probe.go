// Package probe tries every kind of call of a store below a URI, with an object of its own.
package probe

import (
	"context"
	"crypto/rand"
	"io"
	"strings"
	"time"

	"github.com/penstock/penstock/launcher/failure"
	"github.com/penstock/penstock/launcher/limits"
	"github.com/penstock/penstock/launcher/stores"
	"github.com/penstock/penstock/launcher/uri"
)

// Call is one that was tried.
type Call struct {
	Name string // in the store's own terms
	Err  error  // nil: it was done
	Took time.Duration
}

const text = "Penstock tries whether it may write here."

// probe is an object and its copy.
type probe struct {
	bucket   stores.Bucket
	key      string
	put      stores.Info
	uploadID string
	part     stores.Part
}

// Run makes the calls up to the first that fails, and takes off what it has put there in any case. done is called after
// each. Returns what is known of who asks.
func Run(ctx context.Context, opener *stores.Opener, l uri.Location, done func(Call)) (identity string, err error) {
	bucket, err := opener.Open(ctx, l)
	if err != nil {
		return "", err
	}
	p := &probe{bucket: bucket, key: l.Below(".penstock-check-" + strings.ToLower(rand.Text())).Key}
	steps := []struct {
		name string
		do   func(context.Context) error
	}{
		{"PutObject", p.putObject},
		{"HeadObject", p.head},
		{"GetObject", func(ctx context.Context) error { return p.get(ctx, 0, 0, text) }},
		{"GetObject (range)", func(ctx context.Context) error { return p.get(ctx, 9, 5, text[9:14]) }},
		{"ListObjectsV2", p.list},
		{"CopyObject", p.copy},
	}
	if bucket.Parts() != nil {
		steps = append(steps, []struct {
			name string
			do   func(context.Context) error
		}{{"CreateMultipartUpload", p.create}, {"UploadPart", p.upload}, {"CompleteMultipartUpload", p.complete}}...)
	}
	steps = append(steps, struct {
		name string
		do   func(context.Context) error
	}{"GetObject (presigned)", p.sign})
	for _, step := range steps {
		begun := time.Now()
		err = step.do(ctx)
		done(Call{bucketName(bucket, step.name), err, time.Since(begun)})
		if err != nil {
			break
		}
	}
	if p.uploadID != "" {
		_ = bucket.Parts().Abort(context.WithoutCancel(ctx), p.key, p.uploadID)
	}
	if p.put.Key != "" {
		begun := time.Now()
		removeErr := bucket.Delete(context.WithoutCancel(ctx), []string{p.key, p.key + "-copy"})
		done(Call{bucket.CallName("DeleteObjects"), removeErr, time.Since(begun)})
		if err == nil {
			err = removeErr
		}
	}
	return bucket.Identity(ctx), err
}

func bucketName(bucket stores.Bucket, name string) string {
	call, rest, _ := strings.Cut(name, " ")
	return strings.TrimSpace(bucket.CallName(call) + " " + rest)
}

func (p *probe) putObject(ctx context.Context) (err error) {
	p.put, err = p.bucket.Put(ctx, p.key, strings.NewReader(text), int64(len(text)), stores.Put{MediaType: "text/plain"})
	return err
}

func (p *probe) head(ctx context.Context) error {
	info, err := p.bucket.Head(ctx, p.key)
	if err == nil && info.SizeBytes != int64(len(text)) {
		err = failure.New(failure.Unavailable, "HeadObject of %s says %d bytes of an object that has %d", p.key, info.SizeBytes, len(text))
	}
	return err
}

func (p *probe) get(ctx context.Context, offset, limit int64, expected string) error {
	object, err := p.bucket.Get(ctx, p.key, stores.Range{OffsetBytes: offset, LimitBytes: limit})
	if err != nil {
		return err
	}
	defer object.Body.Close()
	got, err := io.ReadAll(io.LimitReader(object.Body, int64(len(text))))
	if err != nil {
		return p.bucket.Fails("GetObject", p.key, err)
	}
	if string(got) != expected {
		return failure.New(failure.Unavailable, "GetObject of %s gives other bytes than were put there", p.key)
	}
	return nil
}

func (p *probe) list(ctx context.Context) error {
	page, err := p.bucket.List(ctx, p.key, false, "", limits.ListEntries)
	if err == nil && len(page.Objects) != 1 {
		err = failure.New(failure.Unavailable, "ListObjectsV2 of %s shows %d objects where there is one", p.key, len(page.Objects))
	}
	return err
}

func (p *probe) copy(ctx context.Context) error {
	_, err := p.bucket.Copy(ctx, p.put, p.key+"-copy", stores.Put{})
	return err
}

func (p *probe) create(ctx context.Context) (err error) {
	p.uploadID, err = p.bucket.Parts().Create(ctx, p.key, stores.Put{})
	return err
}

func (p *probe) upload(ctx context.Context) (err error) {
	p.part, err = p.bucket.Parts().Upload(ctx, p.key, p.uploadID, stores.Part{Number: 1, SizeBytes: int64(len(text))}, strings.NewReader(text))
	return err
}

func (p *probe) complete(ctx context.Context) error {
	_, err := p.bucket.Parts().Complete(ctx, p.key, p.uploadID, []stores.Part{p.part})
	if err == nil {
		p.uploadID = ""
	}
	return err
}

// sign makes a URL. Whether a browser can reach the store is not to be seen from here.
func (p *probe) sign(ctx context.Context) error {
	_, err := p.bucket.Sign(ctx, p.key, stores.Signing{Lasts: limits.CheckSignedFor})
	return err
}
