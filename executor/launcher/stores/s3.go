package stores

import (
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/penstock/penstock/launcher/failure"
	"github.com/penstock/penstock/launcher/limits"
	"github.com/penstock/penstock/launcher/settings"
	"github.com/penstock/penstock/launcher/uri"
)

// s3Bucket speaks S3 by AWS' own client rather than by Go CDK's bucket on top of it, which has neither uploads in
// parts that can be taken up again nor conditions.
type s3Bucket struct {
	client      *s3.Client
	uri         uri.Location // without key
	name        *string
	credentials *s3Credentials
}

func openS3(ctx context.Context, l uri.Location, store settings.Store, found bool, options Options) (Bucket, error) {
	if l.Scheme == uri.MinIO && store.Endpoint == "" && os.Getenv("AWS_ENDPOINT_URL_S3") == "" && os.Getenv("AWS_ENDPOINT_URL") == "" {
		return nil, failure.New(failure.Settings, "nothing says where %s is: the settings of stores need an endpoint for a prefix of it, "+
			"or the environment AWS_ENDPOINT_URL", l.BucketURI())
	}
	isPlain := store.Endpoint != "" && strings.HasPrefix(withScheme(store.Endpoint, store.DisableSSL), "http://")
	if store.CAFile == "" && !isPlain {
		store.CAFile = os.Getenv("AWS_CA_BUNDLE")
	}
	transport, err := newTransport(store, options)
	if err != nil {
		return nil, err
	}
	config, credentials, err := loadAWS(ctx, store)
	if err != nil {
		return nil, err
	}
	retries := limits.Retries
	if store.MaxRetries != nil {
		retries = *store.MaxRetries
	}
	client := s3.NewFromConfig(config, func(o *s3.Options) {
		o.Retryer = &retryer{retries: retries, credentials: credentials}
		o.Credentials = credentials.provider
		// A redirect leads to another region, for which nothing is signed.
		o.HTTPClient = &http.Client{Transport: transport,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
		if store.Endpoint != "" {
			o.BaseEndpoint = aws.String(withScheme(store.Endpoint, store.DisableSSL))
		}
		o.UsePathStyle = o.BaseEndpoint != nil
		if store.PathStyle != nil {
			o.UsePathStyle = *store.PathStyle
		}
		// Servers other than AWS' know the newer checksums not at all, or by halves.
		o.RequestChecksumCalculation = aws.RequestChecksumCalculationWhenRequired
		o.ResponseChecksumValidation = aws.ResponseChecksumValidationWhenRequired
		o.DisableLogOutputChecksumValidationSkipped = true
	})
	l.Key, l.Query = "", nil
	return &s3Bucket{client: client, uri: l, name: aws.String(l.Bucket), credentials: credentials}, nil
}

func withScheme(endpoint string, disableSSL bool) string {
	if strings.Contains(endpoint, "://") {
		return endpoint
	}
	if disableSSL {
		return "http://" + endpoint
	}
	return "https://" + endpoint
}

func (b *s3Bucket) Parts() Multipart { return s3Multipart{b} }

func (b *s3Bucket) CallName(call string) string { return call }

func (b *s3Bucket) Identity(ctx context.Context) string { return b.credentials.identity(ctx) }

func unquoted(etag *string) string { return strings.Trim(aws.ToString(etag), `"`) }

// quoted is what conditions take; nil for none.
func quoted(version string) *string {
	if version == "" {
		return nil
	}
	return aws.String(`"` + version + `"`)
}

func text(value string) *string {
	if value == "" {
		return nil
	}
	return &value
}

func (p Put) metadata() map[string]string {
	if p.SHA256 == "" {
		return nil
	}
	return map[string]string{SHA256Metadata: p.SHA256}
}

func (b *s3Bucket) Head(ctx context.Context, key string) (Info, error) {
	out, err := b.client.HeadObject(ctx, &s3.HeadObjectInput{Bucket: b.name, Key: aws.String(escapedKey(key))})
	if err != nil {
		return Info{}, b.Fails("HeadObject", key, err)
	}
	return Info{Key: key, SizeBytes: aws.ToInt64(out.ContentLength), Version: unquoted(out.ETag), Modified: aws.ToTime(out.LastModified),
		SHA256: out.Metadata[SHA256Metadata], MediaType: aws.ToString(out.ContentType)}, nil
}

func (b *s3Bucket) Get(ctx context.Context, key string, r Range) (*Object, error) {
	in := &s3.GetObjectInput{Bucket: b.name, Key: aws.String(escapedKey(key)), IfMatch: quoted(r.Version)}
	if r.LimitBytes > 0 {
		in.Range = aws.String("bytes=" + strconv.FormatInt(r.OffsetBytes, 10) + "-" + strconv.FormatInt(r.OffsetBytes+r.LimitBytes-1, 10))
	} else if r.OffsetBytes > 0 {
		in.Range = aws.String("bytes=" + strconv.FormatInt(r.OffsetBytes, 10) + "-")
	}
	out, err := b.client.GetObject(ctx, in)
	if err != nil && r.OffsetBytes == 0 && statusOf(err) == http.StatusRequestedRangeNotSatisfiable {
		in.Range = nil // an empty object has no first byte
		out, err = b.client.GetObject(ctx, in)
	}
	if err != nil {
		return nil, b.Fails("GetObject", key, err)
	}
	size := aws.ToInt64(out.ContentLength)
	if _, whole, found := strings.Cut(aws.ToString(out.ContentRange), "/"); found {
		if size, err = strconv.ParseInt(whole, 10, 64); err != nil {
			out.Body.Close()
			return nil, failure.New(failure.Unavailable, "%s is wrong: its Content-Range is %q", b.call("GetObject", key), *out.ContentRange)
		}
	} else if r.OffsetBytes > 0 {
		out.Body.Close()
		return nil, failure.New(failure.Unavailable, "%s is wrong: the store gives the whole object for a range of it", b.call("GetObject", key))
	}
	return &Object{Info: Info{Key: key, SizeBytes: size, Version: unquoted(out.ETag), Modified: aws.ToTime(out.LastModified),
		SHA256: out.Metadata[SHA256Metadata], MediaType: aws.ToString(out.ContentType)}, Body: out.Body}, nil
}

func (b *s3Bucket) Put(ctx context.Context, key string, body io.ReadSeeker, size int64, put Put) (Info, error) {
	var options []func(*s3.Options)
	if put.SHA256 != "" {
		options = append(options, withPayloadHash(put.SHA256))
	}
	out, err := b.client.PutObject(ctx, &s3.PutObjectInput{Bucket: b.name, Key: aws.String(escapedKey(key)), Body: body,
		ContentLength: aws.Int64(size), Metadata: put.metadata(), ContentType: text(put.MediaType)}, options...)
	if err != nil {
		return Info{}, b.Fails("PutObject", key, err)
	}
	return Info{Key: key, SizeBytes: size, Version: unquoted(out.ETag), SHA256: put.SHA256, MediaType: put.MediaType}, nil
}

// source names an object in a header, which is decoded by the store.
func (b *s3Bucket) source(key string) *string {
	const plain = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.~/"
	const hexadecimal = "0123456789ABCDEF"
	var out strings.Builder
	out.WriteString(*b.name + "/")
	for _, c := range []byte(escapedKey(key)) {
		if strings.IndexByte(plain, c) >= 0 {
			out.WriteByte(c)
		} else {
			out.Write([]byte{'%', hexadecimal[c>>4], hexadecimal[c&15]})
		}
	}
	return aws.String(out.String())
}

func (b *s3Bucket) Copy(ctx context.Context, from Info, key string, put Put) (Info, error) {
	if from.SizeBytes > limits.CopiedWholeBytes {
		return b.copyParts(ctx, from, key, put)
	}
	out, err := b.client.CopyObject(ctx, &s3.CopyObjectInput{Bucket: b.name, Key: aws.String(escapedKey(key)),
		CopySource: b.source(from.Key), CopySourceIfMatch: quoted(from.Version)})
	if err != nil {
		return Info{}, b.Fails("CopyObject", key, err)
	}
	info := Info{Key: key, SizeBytes: from.SizeBytes, SHA256: put.SHA256, MediaType: put.MediaType}
	if out.CopyObjectResult != nil {
		info.Version = unquoted(out.CopyObjectResult.ETag)
	}
	return info, nil
}

// copyParts copies what one call of the store may not.
func (b *s3Bucket) copyParts(ctx context.Context, from Info, key string, put Put) (Info, error) {
	multipart := s3Multipart{b}
	uploadID, err := multipart.Create(ctx, key, put)
	if err != nil {
		return Info{}, err
	}
	var parts []Part
	for offset := int64(0); offset < from.SizeBytes; offset += limits.CopiedPartBytes {
		end := min(offset+limits.CopiedPartBytes, from.SizeBytes)
		number := int32(len(parts) + 1)
		out, err := b.client.UploadPartCopy(ctx, &s3.UploadPartCopyInput{Bucket: b.name, Key: aws.String(escapedKey(key)),
			UploadId: &uploadID, PartNumber: &number, CopySource: b.source(from.Key), CopySourceIfMatch: quoted(from.Version),
			CopySourceRange: aws.String("bytes=" + strconv.FormatInt(offset, 10) + "-" + strconv.FormatInt(end-1, 10))})
		if err != nil || out.CopyPartResult == nil {
			_ = multipart.Abort(context.WithoutCancel(ctx), key, uploadID)
			return Info{}, b.Fails("UploadPartCopy", key, err)
		}
		parts = append(parts, Part{Number: number, ETag: aws.ToString(out.CopyPartResult.ETag), SizeBytes: end - offset})
	}
	return multipart.Complete(ctx, key, uploadID, parts)
}

func (b *s3Bucket) List(ctx context.Context, prefix string, folders bool, token string, limit int) (Page, error) {
	in := &s3.ListObjectsV2Input{Bucket: b.name, Prefix: text(escapedKey(prefix)), ContinuationToken: text(token),
		MaxKeys: aws.Int32(int32(min(limit, limits.FolderVersion)))}
	if folders {
		in.Delimiter = aws.String("/")
	}
	out, err := b.client.ListObjectsV2(ctx, in)
	if err != nil {
		return Page{}, b.Fails("ListObjectsV2", prefix, err)
	}
	page := Page{Objects: make([]Info, 0, len(out.Contents))}
	for _, object := range out.Contents {
		page.Objects = append(page.Objects, Info{Key: plainKey(aws.ToString(object.Key)), SizeBytes: aws.ToInt64(object.Size),
			Version: unquoted(object.ETag), Modified: aws.ToTime(object.LastModified)})
	}
	for _, folder := range out.CommonPrefixes {
		page.Folders = append(page.Folders, plainKey(aws.ToString(folder.Prefix)))
	}
	if aws.ToBool(out.IsTruncated) {
		page.Next = aws.ToString(out.NextContinuationToken)
	}
	return page, nil
}

func (b *s3Bucket) Delete(ctx context.Context, keys []string) error {
	for len(keys) > 1 {
		some := keys[:min(len(keys), limits.DeletedAtOnce)]
		err := b.deleteSome(ctx, some)
		if failure.Is(err, failure.Invalid) { // some servers delete one by one alone
			break
		}
		if err != nil {
			return err
		}
		keys = keys[len(some):]
	}
	for _, key := range keys { // a single one too, which some policies allow alone
		_, err := b.client.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: b.name, Key: aws.String(escapedKey(key))})
		if err = b.Fails("DeleteObject", key, err); err != nil && !failure.Is(err, failure.NotFound) {
			return err
		}
	}
	return nil
}

func (b *s3Bucket) deleteSome(ctx context.Context, keys []string) error {
	var objects []types.ObjectIdentifier
	for _, key := range keys {
		objects = append(objects, types.ObjectIdentifier{Key: aws.String(escapedKey(key))})
	}
	out, err := b.client.DeleteObjects(ctx, &s3.DeleteObjectsInput{Bucket: b.name, Delete: &types.Delete{Objects: objects, Quiet: aws.Bool(true)}})
	if err != nil {
		return b.Fails("DeleteObjects", keys[0], err)
	}
	for _, refused := range out.Errors {
		if code := aws.ToString(refused.Code); code != "NoSuchKey" {
			return failure.New(kindOfCode(code, 0), "%s failed: the store says %s: %s", b.call("DeleteObjects", plainKey(aws.ToString(refused.Key))),
				code, shortText(aws.ToString(refused.Message)))
		}
	}
	return nil
}

func (b *s3Bucket) Sign(ctx context.Context, key string, signing Signing) (string, error) {
	if b.credentials.anonymous {
		return "", nil
	}
	out, err := s3.NewPresignClient(b.client, s3.WithPresignExpires(signing.Lasts)).PresignGetObject(ctx, &s3.GetObjectInput{
		Bucket: b.name, Key: aws.String(escapedKey(key)), ResponseContentType: text(signing.MediaType),
		ResponseContentDisposition: text(signing.Disposition)})
	var none *noCredentials
	if errors.As(err, &none) {
		return "", nil
	}
	if err != nil {
		return "", b.Fails("GetObject", key, err)
	}
	return out.URL, nil
}

// call names a call and its object for messages.
func (b *s3Bucket) call(call, key string) string {
	return call + " of " + b.uri.BucketURI() + key
}

// serverTime is what the store's clock said with an error; false if that is not known.
func serverTime(metadata http.Header) (time.Time, bool) {
	when, err := http.ParseTime(metadata.Get("Date"))
	return when, err == nil
}
