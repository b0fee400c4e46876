package stores

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"cloud.google.com/go/storage"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	azblob "github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"
	"gocloud.dev/blob"
	"gocloud.dev/gcerrors"
	"google.golang.org/api/googleapi"

	"github.com/penstock/penstock/launcher/failure"
	"github.com/penstock/penstock/launcher/limits"
	"github.com/penstock/penstock/launcher/uri"
)

// cdkBucket is a bucket of Go CDK: Google Cloud Storage or Azure Blob Storage. Their clients try again by themselves.
type cdkBucket struct {
	bucket  *blob.Bucket
	uri     uri.Location // without key
	canSign bool
	who     string
	names   map[string]string // of calls, from S3's to the store's own
}

func (b *cdkBucket) Parts() Multipart { return nil }

func (b *cdkBucket) Identity(context.Context) string { return b.who }

// noKey stands where Go CDK takes no empty key.
func (b *cdkBucket) checkKey(call, key string) error {
	if key == "" {
		return failure.New(failure.NotFound, "%s failed: a bucket is no object", b.call(call, key))
	}
	return nil
}

// CallName passes on what has no name of its own.
func (b *cdkBucket) CallName(call string) string {
	if own := b.names[call]; own != "" {
		return own
	}
	return call
}

func (b *cdkBucket) call(call, key string) string {
	return b.CallName(call) + " of " + b.uri.BucketURI() + key
}

func (b *cdkBucket) Head(ctx context.Context, key string) (Info, error) {
	if err := b.checkKey("HeadObject", key); err != nil {
		return Info{}, err
	}
	attributes, err := b.bucket.Attributes(ctx, key)
	if err != nil {
		return Info{}, b.Fails("HeadObject", key, err)
	}
	version := strings.Trim(attributes.ETag, `"`)
	var object storage.ObjectAttrs
	if attributes.As(&object) {
		version = strconv.FormatInt(object.Generation, 10)
	}
	return Info{Key: key, SizeBytes: attributes.Size, Version: version, Modified: attributes.ModTime, SHA256: sha256Of(attributes.Metadata),
		MediaType: attributes.ContentType}, nil
}

// sha256Of finds the hash whatever a server makes of the letters of a key.
func sha256Of(metadata map[string]string) string {
	for key, value := range metadata {
		if strings.EqualFold(key, SHA256Metadata) || strings.EqualFold(key, strings.ReplaceAll(SHA256Metadata, "-", "_")) {
			return value
		}
	}
	return ""
}

// metadataOf spells the key as the store takes it: Azure's names are those of identifiers.
func (b *cdkBucket) metadataOf(put Put) map[string]string {
	if put.SHA256 == "" {
		return nil
	}
	key := SHA256Metadata
	if b.uri.Scheme == uri.Azure {
		key = strings.ReplaceAll(key, "-", "_")
	}
	return map[string]string{key: put.SHA256}
}

func (b *cdkBucket) Get(ctx context.Context, key string, r Range) (*Object, error) {
	if err := b.checkKey("GetObject", key); err != nil {
		return nil, err
	}
	info := Info{Key: key, Version: r.Version}
	if r.Version == "" { // the hash and the version are not to be had with the bytes
		var err error
		if info, err = b.Head(ctx, key); err != nil {
			return nil, err
		}
	}
	limit := r.LimitBytes
	if limit <= 0 {
		limit = -1
	}
	before := func(as func(any) bool) error {
		var handle **storage.ObjectHandle
		if as(&handle) {
			generation, err := strconv.ParseInt(info.Version, 10, 64)
			if err != nil {
				return err
			}
			*handle = (*handle).If(storage.Conditions{GenerationMatch: generation})
		}
		var options *azblob.DownloadStreamOptions
		if as(&options) {
			etag := azcore.ETag(`"` + info.Version + `"`)
			options.AccessConditions = &azblob.AccessConditions{ModifiedAccessConditions: &azblob.ModifiedAccessConditions{IfMatch: &etag}}
		}
		return nil
	}
	reader, err := b.bucket.NewRangeReader(ctx, key, r.OffsetBytes, limit, &blob.ReaderOptions{BeforeRead: before})
	if status, _, _ := b.answer(err); status == http.StatusRequestedRangeNotSatisfiable && r.OffsetBytes == 0 {
		info.SizeBytes = 0 // an empty object has no first byte
		return &Object{Info: info, Body: io.NopCloser(strings.NewReader(""))}, nil
	}
	if err != nil {
		return nil, b.Fails("GetObject", key, err)
	}
	var google *storage.Reader
	if reader.As(&google) && strconv.FormatInt(google.Attrs.Generation, 10) != info.Version {
		reader.Close()
		return nil, failure.New(failure.Precondition, "%s failed: it is another object by now", b.call("GetObject", key))
	}
	if info.SizeBytes = reader.Size(); info.MediaType == "" {
		info.MediaType = reader.ContentType()
	}
	return &Object{Info: info, Body: reader}, nil
}

func (b *cdkBucket) Put(ctx context.Context, key string, body io.ReadSeeker, size int64, put Put) (Info, error) {
	writer := b.NewWriter(ctx, key, put)
	if _, err := io.Copy(writer, io.LimitReader(body, size)); err != nil {
		writer.Abort()
		return Info{}, b.Fails("PutObject", key, err)
	}
	return writer.Commit()
}

// cdkWriter begins with the first byte or with Commit.
type cdkWriter struct {
	bucket *cdkBucket
	key    string
	put    Put
	ctx    context.Context
	cancel context.CancelFunc
	writer *blob.Writer
}

func (b *cdkBucket) NewWriter(ctx context.Context, key string, put Put) Writer {
	ctx, cancel := context.WithCancel(ctx)
	return &cdkWriter{bucket: b, key: key, put: put, ctx: ctx, cancel: cancel}
}

func (w *cdkWriter) open() error {
	if w.writer != nil {
		return nil
	}
	mediaType := w.put.MediaType
	if mediaType == "" {
		mediaType = "application/octet-stream"
	}
	var err error
	w.writer, err = w.bucket.bucket.NewWriter(w.ctx, w.key, &blob.WriterOptions{ContentType: mediaType,
		Metadata: w.bucket.metadataOf(w.put), BufferSize: limits.WriteBufferBytes})
	return w.bucket.Fails("PutObject", w.key, err)
}

func (w *cdkWriter) Write(p []byte) (int, error) {
	if err := w.open(); err != nil {
		return 0, err
	}
	n, err := w.writer.Write(p)
	return n, w.bucket.Fails("PutObject", w.key, err)
}

func (w *cdkWriter) Commit() (Info, error) {
	defer w.cancel()
	if err := w.open(); err != nil {
		return Info{}, err
	}
	if err := w.writer.Close(); err != nil {
		return Info{}, w.bucket.Fails("PutObject", w.key, err)
	}
	return w.bucket.Head(context.WithoutCancel(w.ctx), w.key)
}

func (w *cdkWriter) Abort() {
	w.cancel() // which is how Go CDK gives up a write
	if w.writer == nil {
		return
	}
	// Go CDK's writer for Azure panics when it is given up before it has sent anything.
	defer func() { _ = recover() }()
	_ = w.writer.Close()
}

func (b *cdkBucket) Copy(ctx context.Context, from Info, key string, put Put) (Info, error) {
	if err := b.bucket.Copy(ctx, key, from.Key, nil); err != nil {
		return Info{}, b.Fails("CopyObject", key, err)
	}
	info, err := b.Head(ctx, key)
	// The copy takes whatever is there: it has no condition.
	if err == nil && (info.SizeBytes != from.SizeBytes || put.SHA256 != "" && info.SHA256 != put.SHA256) {
		err = failure.New(failure.Precondition, "%s failed: %s is another object by now", b.call("CopyObject", key), b.uri.BucketURI()+from.Key)
	}
	return info, err
}

func (b *cdkBucket) List(ctx context.Context, prefix string, folders bool, token string, limit int) (Page, error) {
	options := &blob.ListOptions{Prefix: prefix}
	if folders {
		options.Delimiter = "/"
	}
	pageToken := blob.FirstPageToken
	if token != "" {
		pageToken = []byte(token)
	}
	objects, next, err := b.bucket.ListPage(ctx, pageToken, min(limit, limits.FolderVersion), options)
	if err != nil {
		return Page{}, b.Fails("ListObjectsV2", prefix, err)
	}
	page := Page{Next: string(next)}
	for _, object := range objects {
		if object.IsDir {
			page.Folders = append(page.Folders, object.Key)
			continue
		}
		version := fmt.Sprintf("%x-%d", object.MD5, object.ModTime.UnixNano())
		var google storage.ObjectAttrs
		if object.As(&google) {
			version = strconv.FormatInt(google.Generation, 10)
		}
		var azure container.BlobItem
		if object.As(&azure) && azure.Properties != nil && azure.Properties.ETag != nil {
			version = strings.Trim(string(*azure.Properties.ETag), `"`)
		}
		page.Objects = append(page.Objects, Info{Key: object.Key, SizeBytes: object.Size, Version: version, Modified: object.ModTime})
	}
	return page, nil
}

func (b *cdkBucket) Delete(ctx context.Context, keys []string) error {
	queue := make(chan string)
	errs := make(chan error, limits.DeleteWorkers)
	var workers sync.WaitGroup
	for range min(limits.DeleteWorkers, len(keys)) {
		workers.Go(func() {
			for key := range queue {
				if err := b.bucket.Delete(ctx, key); err != nil && gcerrors.Code(err) != gcerrors.NotFound {
					select {
					case errs <- b.Fails("DeleteObject", key, err):
					default:
					}
				}
			}
		})
	}
	for _, key := range keys {
		queue <- key
	}
	close(queue)
	workers.Wait()
	select {
	case err := <-errs:
		return err
	default:
		return nil
	}
}

func (b *cdkBucket) Sign(ctx context.Context, key string, signing Signing) (string, error) {
	if !b.canSign {
		return "", nil
	}
	before := func(as func(any) bool) error {
		var options *storage.SignedURLOptions
		if as(&options) {
			options.QueryParameters = map[string][]string{}
			if signing.MediaType != "" {
				options.QueryParameters.Set("response-content-type", signing.MediaType)
			}
			if signing.Disposition != "" {
				options.QueryParameters.Set("response-content-disposition", signing.Disposition)
			}
		}
		return nil
	}
	url, err := b.bucket.SignedURL(ctx, key, &blob.SignedURLOptions{Expiry: signing.Lasts, Method: http.MethodGet, BeforeSign: before})
	if gcerrors.Code(err) == gcerrors.Unimplemented {
		return "", nil
	}
	return url, b.Fails("SignURL", key, err)
}

// What a client's error says beside its text.
func (b *cdkBucket) answer(err error) (status int, code, message string) {
	if err == nil {
		return 0, "", ""
	}
	var google *googleapi.Error
	var azure *azcore.ResponseError
	switch {
	case errors.As(err, &google):
		return google.Code, "", google.Message
	case errors.As(err, &azure):
		return azure.StatusCode, azure.ErrorCode, ""
	case b.bucket.ErrorAs(err, &google):
		return google.Code, "", google.Message
	case b.bucket.ErrorAs(err, &azure):
		return azure.StatusCode, azure.ErrorCode, ""
	}
	return 0, "", ""
}

var cdkKinds = map[gcerrors.ErrorCode]failure.Kind{
	gcerrors.NotFound:           failure.NotFound,
	gcerrors.PermissionDenied:   failure.Denied,
	gcerrors.FailedPrecondition: failure.Precondition,
	gcerrors.InvalidArgument:    failure.Invalid,
}

func (b *cdkBucket) Fails(call, key string, err error) error {
	if err == nil {
		return nil
	}
	var known *failure.Error
	if errors.As(err, &known) {
		return err
	}
	what := b.call(call, key)
	if errors.Is(err, context.Canceled) || gcerrors.Code(err) == gcerrors.Canceled {
		return &failure.Error{Kind: failure.Unavailable, Text: what + " was given up", Cause: context.Canceled}
	}
	status, code, message := b.answer(err)
	if status == 0 {
		kind, isKnown := cdkKinds[gcerrors.Code(err)]
		if !isKnown {
			return connectionFailure(what, err)
		}
		return &failure.Error{Kind: kind, Text: what + " failed: " + shortText(err.Error()), Cause: err}
	}
	kind, right := kindOfCode("", status), remedy("", status)
	if code == "ContainerNotFound" || strings.Contains(message, "bucket does not exist") || errors.Is(err, storage.ErrBucketNotExist) {
		kind, right = failure.NoBucket, "; "+remedies["NoSuchBucket"]
	}
	said := strings.TrimSpace(code + " " + shortText(message))
	if said != "" {
		said = ": " + said
	}
	return &failure.Error{Kind: kind, Text: fmt.Sprintf("%s failed: the store answers with status %d%s%s", what, status, said, right), Cause: err}
}

// within bounds how long a search for credentials may take, which the clouds' own packages do not.
func within[T any](ctx context.Context, timeout time.Duration, search func(context.Context) (T, error)) (T, error) {
	type result struct {
		value T
		err   error
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	done := make(chan result, 1)
	go func() {
		value, err := search(ctx)
		done <- result{value, err}
	}()
	select {
	case r := <-done:
		return r.value, r.err
	case <-ctx.Done():
		var none T
		return none, ctx.Err()
	}
}
