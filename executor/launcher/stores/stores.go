// Package stores opens buckets and makes the single calls of object stores, with bounded retries. What is above it
// knows nothing of clouds.
package stores

import (
	"context"
	"io"
	"net/url"
	"sync"
	"time"

	"github.com/penstock/penstock/launcher/failure"
	"github.com/penstock/penstock/launcher/limits"
	"github.com/penstock/penstock/launcher/settings"
	"github.com/penstock/penstock/launcher/uri"
)

// SHA256Metadata is the key of an object's metadata that has the hash of its bytes in hexadecimal.
const SHA256Metadata = "penstock-sha256"

// Info is what a store tells of an object.
type Info struct {
	Key       string
	SizeBytes int64
	Version   string // of the store: ETag or generation, without quotes
	Modified  time.Time
	SHA256    string // as recorded with it; not known in listings
	MediaType string
}

// Range of an object's bytes. LimitBytes 0: to the end.
type Range struct {
	OffsetBytes, LimitBytes int64
	Version                 string // that the object must still have; empty: any
}

// Object is one that is being read. Info has the size of the whole, whatever the range.
type Object struct {
	Info
	Body io.ReadCloser
}

// Put says what is recorded with a new object.
type Put struct {
	SHA256    string
	MediaType string
}

// Page of a listing, by key.
type Page struct {
	Objects []Info
	Folders []string // prefixes that end in a slash, if they were asked for
	Next    string   // token; empty: there is no more
}

// Part of an upload in parts.
type Part struct {
	Number    int32 // from 1
	ETag      string
	SizeBytes int64
	// CRC32 is that of its bytes, as S3 writes it; empty in an upload whose parts are not checked by it.
	CRC32 string
}

// Signing says how a presigned URL answers.
type Signing struct {
	Lasts       time.Duration
	MediaType   string
	Disposition string
}

// Writer takes an object that comes in pieces. It is there as a whole after Commit, and otherwise not at all.
type Writer interface {
	io.Writer
	Commit() (Info, error)
	Abort()
}

// Bucket makes the calls. All errors but those of contexts are *failure.Error. Safe for concurrent use.
type Bucket interface {
	Head(ctx context.Context, key string) (Info, error)
	Get(ctx context.Context, key string, r Range) (*Object, error)
	Put(ctx context.Context, key string, body io.ReadSeeker, size int64, put Put) (Info, error)
	NewWriter(ctx context.Context, key string, put Put) Writer
	// Copy makes the object from another one of this bucket, which must still have the version if that is given.
	Copy(ctx context.Context, from Info, key string, put Put) (Info, error)
	List(ctx context.Context, prefix string, folders bool, token string, limit int) (Page, error)
	// Delete takes off objects; those that are not there are no error.
	Delete(ctx context.Context, keys []string) error
	// Sign returns an empty URL if there is nothing to sign with.
	Sign(ctx context.Context, key string, signing Signing) (string, error)
	// Parts is nil if uploads in parts cannot be taken up again.
	Parts() Multipart
	// CallName is the store's own name of a call that is named as S3 has it.
	CallName(call string) string
	// Identity is what is known of who asks; no secret.
	Identity(ctx context.Context) string
	// Fails makes the sentence for a body that broke off while it was read.
	Fails(call, key string, err error) error
}

// Multipart is an upload that comes in parts, in any order and from anyone.
type Multipart interface {
	Create(ctx context.Context, key string, put Put) (uploadID string, err error)
	// CreateChecked asks the store to check each part by a CRC-32, which all parts must have then, those that Complete
	// is given too. Not checked: the store knows nothing of that, and the upload is as one of Create.
	CreateChecked(ctx context.Context, key string, put Put) (uploadID string, checked bool, err error)
	// Upload sends what the part says, and returns it with its ETag.
	Upload(ctx context.Context, key, uploadID string, part Part, body io.ReadSeeker) (Part, error)
	// List fails as NotFound if the upload is gone.
	List(ctx context.Context, key, uploadID string) ([]Part, error)
	Complete(ctx context.Context, key, uploadID string, parts []Part) (Info, error)
	Abort(ctx context.Context, key, uploadID string) error
}

// Options are for all buckets.
type Options struct {
	StallTimeout time.Duration // 0: that of limits
}

// Opener opens each bucket once, when it is first asked for. Safe for concurrent use.
type Opener struct {
	settings *settings.Settings
	options  Options
	mutex    sync.Mutex
	buckets  map[string]Bucket     // by the prefix of its settings and its URI
	queries  map[string]url.Values // of pipeline roots, by the URI of the bucket
}

// NewOpener opens as the settings say.
func NewOpener(s *settings.Settings, options Options) *Opener {
	if options.StallTimeout == 0 {
		options.StallTimeout = limits.StallTimeout
	}
	return &Opener{settings: s, options: options, buckets: map[string]Bucket{}, queries: map[string]url.Values{}}
}

// Learn keeps what the query of a pipeline root says of its bucket, since the URIs of its artifacts do not say it.
func (o *Opener) Learn(root uri.Location) {
	if len(root.Query) == 0 {
		return
	}
	o.mutex.Lock()
	defer o.mutex.Unlock()
	o.queries[root.BucketURI()] = root.Query
}

// Open returns the bucket of the location.
func (o *Opener) Open(ctx context.Context, l uri.Location) (Bucket, error) {
	o.Learn(l)
	o.mutex.Lock()
	defer o.mutex.Unlock()
	store, found := o.settings.For(l)
	key := store.Prefix + " " + l.BucketURI()
	if query := o.queries[l.BucketURI()]; len(query) != 0 {
		var err error
		if store, err = withQuery(store, l, query); err != nil {
			return nil, err
		}
		found = true
		key = query.Encode() + " " + key
	}
	if bucket := o.buckets[key]; bucket != nil {
		return bucket, nil
	}
	bucket, err := o.open(ctx, l, store, found)
	if err != nil {
		return nil, err
	}
	o.buckets[key] = bucket
	return bucket, nil
}

func (o *Opener) open(ctx context.Context, l uri.Location, store settings.Store, found bool) (Bucket, error) {
	switch l.Scheme {
	case uri.GCS:
		return openGCS(ctx, l.Bucket, store, o.options)
	case uri.Azure:
		return openAzure(ctx, l.Bucket, store, o.options)
	default:
		return openS3(ctx, l, store, found, o.options)
	}
}

// withQuery understands what KFP's pipeline roots say.
func withQuery(store settings.Store, l uri.Location, query url.Values) (settings.Store, error) {
	if store.Prefix == "" {
		store.Prefix = l.BucketURI()
	}
	isTrue := func(name string) bool { return query.Get(name) == "true" || query.Get(name) == "1" }
	for name := range query {
		switch name {
		case "endpoint":
			store.Endpoint = query.Get(name)
		case "region":
			store.Region = query.Get(name)
		case "disableSSL", "disable_https":
			store.DisableSSL = isTrue(name)
		case "s3ForcePathStyle", "use_path_style":
			pathStyle := isTrue(name)
			store.PathStyle = &pathStyle
		case "anonymous":
			store.Credentials = settings.Credentials{Anonymous: isTrue(name)}
		case "profile":
			store.Credentials = settings.Credentials{Profile: query.Get(name)}
		case "awssdk":
		default:
			return store, failure.New(failure.Settings, "the pipeline root %s has %q in its query; known are endpoint, region, "+
				"disableSSL, s3ForcePathStyle, anonymous and profile", l, name)
		}
	}
	return store, nil
}
