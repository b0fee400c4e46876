package transfer

import (
	"context"
	"crypto/md5"
	"encoding/hex"
	"io"
	"strings"
	"sync"

	"github.com/penstock/penstock/launcher/failure"
	"github.com/penstock/penstock/launcher/limits"
	"github.com/penstock/penstock/launcher/stores"
	"github.com/penstock/penstock/launcher/uri"
)

// partsUpload is a large file. Its record lets the next attempt take it up, which has another key; so may an attempt
// that runs at the same time, whence any call may find the upload completed by the other.
type partsUpload struct {
	*upload
	multipart stores.Multipart
	source    *source
	record    uploadRecord
	there     map[int32]stores.Part // that need not be sent
	unchecked bool                  // the store is not to check parts
	mutex     sync.Mutex
	moved     int64
}

func (p *partsUpload) run(ctx context.Context, l uri.Location) (stores.Info, int64, error) {
	for try := 1; ; try++ {
		if err := p.begin(ctx, l, try == 1); err != nil {
			return stores.Info{}, p.moved, err
		}
		info, err := p.send(ctx)
		if failure.Is(err, failure.NotFound) || failure.Is(err, failure.Invalid) {
			// Another attempt has completed it, or given it up.
			if found, headErr := p.bucket.Head(ctx, p.record.Key); headErr == nil && found.SHA256 == p.source.sum && found.SizeBytes == p.source.info.Size {
				info, err = found, nil
			} else if try < limits.ChangedRetries {
				if failure.Is(err, failure.Invalid) { // a store may know checksums by halves
					p.abort(ctx)
					p.unchecked = true
				}
				continue
			}
		}
		if err != nil {
			return stores.Info{}, p.moved, err
		}
		if !p.source.unchanged() {
			p.giveUp(ctx, true)
			return stores.Info{}, p.moved, errChanged
		}
		info, err = p.copy(ctx, stores.Info{Key: p.record.Key, SizeBytes: p.source.info.Size, Version: info.Version}, l, p.source.put)
		if err == nil && p.records != nil {
			p.records.remove(ctx, uploadRecords, p.source.sum)
		}
		return info, p.moved, err
	}
}

// begin finds the upload of an earlier attempt, or makes one and records it before the first part is sent.
func (p *partsUpload) begin(ctx context.Context, l uri.Location, resume bool) error {
	p.there = map[int32]stores.Part{}
	size := p.source.info.Size
	if resume && p.records != nil {
		var found uploadRecord
		if p.records.read(ctx, uploadRecords, p.source.sum, &found) && found.SizeBytes == size && found.PartBytes > 0 && found.Key != "" {
			parts, err := p.multipart.List(ctx, found.Key, found.UploadID)
			if err == nil {
				p.record = found
				p.keep(parts)
				return nil
			}
			if !failure.Is(err, failure.NotFound) && !failure.Is(err, failure.Invalid) {
				return err
			}
		}
	}
	p.record = uploadRecord{Key: l.Key, PartBytes: partBytes(size), SizeBytes: size}
	var err error
	if p.unchecked {
		p.record.UploadID, err = p.multipart.Create(ctx, l.Key, p.source.put)
	} else {
		p.record.UploadID, p.record.Checked, err = p.multipart.CreateChecked(ctx, l.Key, p.source.put)
	}
	if err != nil {
		return err
	}
	if p.records != nil {
		// Who may not write it uploads all the same, and from the start if that is cut.
		_ = p.records.write(ctx, uploadRecords, p.source.sum, p.record)
	}
	return nil
}

func (p *partsUpload) section(number int64) (*io.SectionReader, int64) {
	offset := number * p.record.PartBytes
	size := min(p.record.PartBytes, p.source.info.Size-offset)
	return io.NewSectionReader(p.source.file, offset, size), size
}

// crc32 is that of a part, or empty if the store checks none.
func (p *partsUpload) crc32(number int64) (string, error) {
	if !p.record.Checked {
		return "", nil
	}
	if known := p.source.sums; known != nil && known.partBytes == p.record.PartBytes {
		return known.of(number), nil
	}
	section, size := p.section(number)
	sums := &partSums{partBytes: size}
	if _, err := io.Copy(sums, section); err != nil {
		return "", local("cannot read %s: %v", p.source.path, reason(err))
	}
	return sums.of(0), nil
}

// keep takes the parts that are what the file holds: the attempt that sent them may have read a file that was changing.
// Where a store's ETag is no MD5 they are sent again.
func (p *partsUpload) keep(parts []stores.Part) {
	for _, part := range parts {
		section, size := p.section(int64(part.Number) - 1)
		etag := strings.Trim(part.ETag, `"`)
		if part.Number < 1 || size <= 0 || part.SizeBytes != size || !isHex(etag) {
			continue
		}
		hash := md5.New()
		_, err := io.Copy(hash, section)
		if err == nil && hex.EncodeToString(hash.Sum(nil)) == etag {
			if part.CRC32, err = p.crc32(int64(part.Number) - 1); err != nil {
				continue
			}
			p.there[part.Number] = part
			p.t.Progress.MovedBytes.Add(size)
		}
	}
}

func (p *partsUpload) send(ctx context.Context) (stores.Info, error) {
	count := (p.source.info.Size + p.record.PartBytes - 1) / p.record.PartBytes
	parts := make([]stores.Part, count)
	err := p.t.inParts(ctx, count, func(ctx context.Context, number int64) error {
		if part, is := p.there[int32(number)+1]; is {
			parts[number] = part
			return nil
		}
		section, size := p.section(number)
		sum, err := p.crc32(number)
		if err != nil {
			return err
		}
		part := stores.Part{Number: int32(number) + 1, SizeBytes: size, CRC32: sum}
		if part, err = p.multipart.Upload(ctx, p.record.Key, p.record.UploadID, part, section); err != nil {
			return err
		}
		parts[number] = part
		p.t.Progress.MovedBytes.Add(size)
		p.mutex.Lock()
		p.moved += size
		p.mutex.Unlock()
		return nil
	})
	if ctx.Err() != nil {
		if p.records == nil { // nobody will take it up
			p.abort(ctx)
		}
		return stores.Info{}, ctx.Err()
	}
	if !p.source.unchanged() {
		p.giveUp(ctx, false)
		return stores.Info{}, errChanged
	}
	if err != nil {
		return stores.Info{}, err
	}
	return p.multipart.Complete(ctx, p.record.Key, p.record.UploadID, parts)
}

func (p *partsUpload) abort(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), limits.ShutdownGrace)
	defer cancel()
	_ = p.multipart.Abort(ctx, p.record.Key, p.record.UploadID)
}

// giveUp forgets an upload whose parts are of a file that has changed.
func (p *partsUpload) giveUp(ctx context.Context, completed bool) {
	if completed {
		_ = p.bucket.Delete(context.WithoutCancel(ctx), []string{p.record.Key})
	} else {
		p.abort(ctx)
	}
	if p.records != nil {
		p.records.remove(context.WithoutCancel(ctx), uploadRecords, p.source.sum)
	}
}
