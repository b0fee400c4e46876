package stores

import (
	"bytes"
	"context"
	"io"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/penstock/penstock/launcher/failure"
	"github.com/penstock/penstock/launcher/limits"
)

type s3Multipart struct{ *s3Bucket }

func (b s3Multipart) Create(ctx context.Context, key string, put Put) (string, error) {
	uploadID, _, err := b.create(ctx, key, put, "")
	return uploadID, err
}

func (b s3Multipart) create(ctx context.Context, key string, put Put, checksum types.ChecksumAlgorithm) (string, types.ChecksumAlgorithm, error) {
	out, err := b.client.CreateMultipartUpload(ctx, &s3.CreateMultipartUploadInput{Bucket: b.name, Key: aws.String(escapedKey(key)),
		Metadata: put.metadata(), ContentType: text(put.MediaType), ChecksumAlgorithm: checksum})
	if err != nil {
		return "", "", b.Fails("CreateMultipartUpload", key, err)
	}
	return aws.ToString(out.UploadId), out.ChecksumAlgorithm, nil
}

// CreateChecked believes only a store that says by which checksum it will check: others pass over what they do not know.
func (b s3Multipart) CreateChecked(ctx context.Context, key string, put Put) (string, bool, error) {
	uploadID, checksum, err := b.create(ctx, key, put, types.ChecksumAlgorithmCrc32)
	if failure.Is(err, failure.Invalid) { // it does not take the question
		uploadID, checksum, err = b.create(ctx, key, put, "")
	}
	return uploadID, err == nil && checksum == types.ChecksumAlgorithmCrc32, err
}

// Upload leaves it to a CRC-32 whether the bytes arrive as they are, where the store checks one: the hash that signatures
// have otherwise is several times as dear, for the store too. What is put in their place on the way is found by the hash
// of the whole, which is kept with the object.
func (b s3Multipart) Upload(ctx context.Context, key, uploadID string, part Part, body io.ReadSeeker) (Part, error) {
	var options []func(*s3.Options)
	if part.CRC32 != "" {
		options = append(options, withPayloadHash(unsignedPayload))
	}
	out, err := b.client.UploadPart(ctx, &s3.UploadPartInput{Bucket: b.name, Key: aws.String(escapedKey(key)), UploadId: &uploadID,
		PartNumber: &part.Number, Body: body, ContentLength: aws.Int64(part.SizeBytes), ChecksumCRC32: text(part.CRC32)}, options...)
	if err != nil {
		return Part{}, b.Fails("UploadPart", key, err)
	}
	part.ETag = aws.ToString(out.ETag)
	return part, nil
}

func (b s3Multipart) List(ctx context.Context, key, uploadID string) ([]Part, error) {
	var parts []Part
	pages := s3.NewListPartsPaginator(b.client, &s3.ListPartsInput{Bucket: b.name, Key: aws.String(escapedKey(key)), UploadId: &uploadID})
	for pages.HasMorePages() {
		out, err := pages.NextPage(ctx)
		if err != nil {
			return nil, b.Fails("ListParts", key, err)
		}
		for _, part := range out.Parts {
			parts = append(parts, Part{Number: aws.ToInt32(part.PartNumber), ETag: aws.ToString(part.ETag), SizeBytes: aws.ToInt64(part.Size)})
		}
	}
	return parts, nil
}

func (b s3Multipart) Complete(ctx context.Context, key, uploadID string, parts []Part) (Info, error) {
	info := Info{Key: key}
	var completed []types.CompletedPart
	for _, part := range parts {
		completed = append(completed, types.CompletedPart{PartNumber: aws.Int32(part.Number), ETag: aws.String(part.ETag),
			ChecksumCRC32: text(part.CRC32)})
		info.SizeBytes += part.SizeBytes
	}
	out, err := b.client.CompleteMultipartUpload(ctx, &s3.CompleteMultipartUploadInput{Bucket: b.name, Key: aws.String(escapedKey(key)),
		UploadId: &uploadID, MultipartUpload: &types.CompletedMultipartUpload{Parts: completed}})
	if err != nil {
		return Info{}, b.Fails("CompleteMultipartUpload", key, err)
	}
	info.Version = unquoted(out.ETag)
	return info, nil
}

func (b s3Multipart) Abort(ctx context.Context, key, uploadID string) error {
	_, err := b.client.AbortMultipartUpload(ctx, &s3.AbortMultipartUploadInput{Bucket: b.name, Key: aws.String(escapedKey(key)), UploadId: &uploadID})
	if err = b.Fails("AbortMultipartUpload", key, err); failure.Is(err, failure.NotFound) {
		return nil
	}
	return err
}

// s3Writer is a plain put of what is small, else an upload in parts.
type s3Writer struct {
	ctx      context.Context
	bucket   *s3Bucket
	key      string
	put      Put
	buffer   []byte
	uploadID string
	parts    []Part
}

func (b *s3Bucket) NewWriter(ctx context.Context, key string, put Put) Writer {
	return &s3Writer{ctx: ctx, bucket: b, key: key, put: put}
}

func (w *s3Writer) Write(p []byte) (int, error) {
	for rest := p; len(rest) > 0; {
		n := min(len(rest), limits.WriteBufferBytes-len(w.buffer))
		w.buffer = append(w.buffer, rest[:n]...)
		rest = rest[n:]
		if len(w.buffer) == limits.WriteBufferBytes {
			if err := w.flush(); err != nil {
				return 0, err
			}
		}
	}
	return len(p), nil
}

func (w *s3Writer) flush() (err error) {
	multipart := s3Multipart{w.bucket}
	if w.uploadID == "" {
		if w.uploadID, err = multipart.Create(w.ctx, w.key, w.put); err != nil {
			return err
		}
	}
	if len(w.parts) == limits.Parts {
		return failure.New(failure.Invalid, "%s is too large: %d bytes come in a stream at most", w.bucket.call("UploadPart", w.key),
			int64(limits.Parts)*limits.WriteBufferBytes)
	}
	part := Part{Number: int32(len(w.parts) + 1), SizeBytes: int64(len(w.buffer))}
	part, err = multipart.Upload(w.ctx, w.key, w.uploadID, part, bytes.NewReader(w.buffer))
	w.parts, w.buffer = append(w.parts, part), w.buffer[:0]
	return err
}

func (w *s3Writer) Commit() (Info, error) {
	if w.uploadID == "" {
		return w.bucket.Put(w.ctx, w.key, bytes.NewReader(w.buffer), int64(len(w.buffer)), w.put)
	}
	if len(w.buffer) > 0 {
		if err := w.flush(); err != nil {
			return Info{}, err
		}
	}
	info, err := s3Multipart{w.bucket}.Complete(w.ctx, w.key, w.uploadID, w.parts)
	if err == nil {
		w.uploadID = ""
	}
	return info, err
}

func (w *s3Writer) Abort() {
	if w.uploadID != "" {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(w.ctx), limits.ShutdownGrace)
		defer cancel()
		_ = s3Multipart{w.bucket}.Abort(ctx, w.key, w.uploadID)
	}
}
