// Package transfer brings objects to files and files to objects, in parallel and with what was done already taken up.
package transfer

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/penstock/penstock/launcher/failure"
	"github.com/penstock/penstock/launcher/limits"
	"github.com/penstock/penstock/launcher/stores"
	"github.com/penstock/penstock/launcher/uri"
)

// Transfers share their bounds and counters. Safe for concurrent use.
type Transfers struct {
	Opener *stores.Opener
	// Root is where records of content and of uploads lie; nil: there are none.
	Root     *uri.Location
	Progress *Progress
	// Note takes a sentence for the user about what was left out.
	Note func(sentence string)

	parts chan struct{} // of PartWorkers
	files chan struct{} // of SmallWorkers
}

// New has its own bounds.
func New(opener *stores.Opener, root *uri.Location, progress *Progress, note func(string)) *Transfers {
	return &Transfers{Opener: opener, Root: root, Progress: progress, Note: note,
		parts: make(chan struct{}, limits.PartWorkers), files: make(chan struct{}, limits.SmallWorkers)}
}

// Progress counts bytes and files of all transfers of a kind.
type Progress struct {
	TotalBytes, MovedBytes, DoneFiles, TotalFiles atomic.Int64
}

// String is what there is to say to people.
func (p *Progress) String() string {
	return fmt.Sprintf("%s of %s, %d of %d files", Size(p.MovedBytes.Load()), Size(p.TotalBytes.Load()), p.DoneFiles.Load(), p.TotalFiles.Load())
}

// Size is a number of bytes for people.
func Size(bytes int64) string {
	const kilo = 1024
	if bytes < kilo {
		return fmt.Sprintf("%d bytes", bytes)
	}
	value, unit := float64(bytes)/kilo, 0
	for value >= kilo && unit < 3 {
		value, unit = value/kilo, unit+1
	}
	return fmt.Sprintf("%.1f %s", value, []string{"KiB", "MiB", "GiB", "TiB"}[unit])
}

// take waits for a place among some; false if the context ends before.
func take(ctx context.Context, places chan struct{}) bool {
	if ctx.Err() != nil {
		return false
	}
	select {
	case places <- struct{}{}:
		return true
	case <-ctx.Done():
		return false
	}
}

// inParts calls do for the numbers up to count, in their order, some at once.
func (t *Transfers) inParts(ctx context.Context, count int64, do func(ctx context.Context, number int64) error) error {
	if count == 1 {
		return do(ctx, 0)
	}
	group, inner := errgroup.WithContext(ctx)
	for number := range count {
		if !take(inner, t.parts) {
			break
		}
		group.Go(func() error {
			defer func() { <-t.parts }()
			return do(inner, number)
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	return ctx.Err()
}

// pause waits, unless the context ends.
func pause(ctx context.Context, duration time.Duration) {
	timer := time.NewTimer(duration)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

// partBytes divides so that there are not too many parts.
func partBytes(size int64) int64 {
	const step = 1 << 20
	least := (size + limits.Parts - 1) / limits.Parts
	return max(limits.PartBytes, (least+step-1)/step*step)
}

func local(format string, arguments ...any) error {
	return failure.New(failure.Local, format, arguments...)
}
