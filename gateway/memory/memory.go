// Package memory shares a number of bytes between the requests in work.
package memory

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/penstock/penstock/gateway/limits"
)

// ErrBusy is a Grow that has waited for limits.MemoryWait.
var ErrBusy = errors.New("the memory for requests is in use")

// Budget is what all requests together may hold. One of them at a time may pass it: that one always gets to its end, and
// those that wait for each other do so through it. Safe for concurrent use.
type Budget struct {
	capacity int64

	mu      sync.Mutex
	used    int64
	held    map[string]int64 // by client
	waiting []*waiter
	beyond  *Draw // the one that has passed the capacity
	begun   int64
	wasUsed bool // since TakeQuiet asked last
}

type waiter struct {
	draw    *Draw
	bytes   int64
	granted chan struct{} // closed
}

// Draw is what one request holds. For one goroutine at a time. A nil Draw holds nothing and is never refused.
type Draw struct {
	budget *Budget
	client string
	order  int64
	held   int64
}

// NewBudget shares capacity bytes.
func NewBudget(capacity int64) *Budget {
	return &Budget{capacity: capacity, held: map[string]int64{}}
}

// Begin makes an empty draw of a client. It ends with Release.
func (b *Budget) Begin(client string) *Draw {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.begun++
	return &Draw{budget: b, client: client, order: b.begun}
}

// Grow takes more bytes, for which it waits up to limits.MemoryWait, or as long as ctx lasts. The client that holds
// least comes first, and of its requests the oldest.
func (d *Draw) Grow(ctx context.Context, bytes int64) error {
	if d == nil {
		return nil
	}
	b := d.budget
	b.mu.Lock()
	if b.beyond == d || (len(b.waiting) == 0 && b.used+bytes <= b.capacity) {
		b.take(d, bytes)
		b.mu.Unlock()
		return nil
	}
	w := &waiter{d, bytes, make(chan struct{})}
	b.waiting = append(b.waiting, w)
	b.admit()
	b.mu.Unlock()
	timer := time.NewTimer(limits.MemoryWait)
	defer timer.Stop()
	select {
	case <-w.granted:
		return nil
	case <-timer.C:
		return b.giveUp(w, ErrBusy)
	case <-ctx.Done():
		return b.giveUp(w, ctx.Err())
	}
}

// HoldsUpOthers is true of the draw that has passed the capacity while others wait.
func (d *Draw) HoldsUpOthers() bool {
	if d == nil {
		return false
	}
	d.budget.mu.Lock()
	defer d.budget.mu.Unlock()
	return d.budget.beyond == d && len(d.budget.waiting) > 0
}

// Release gives all back.
func (d *Draw) Release() {
	b := d.budget
	b.mu.Lock()
	defer b.mu.Unlock()
	b.take(d, -d.held)
	if b.held[d.client] == 0 {
		delete(b.held, d.client)
	}
	if b.beyond == d {
		b.beyond = nil
	}
	b.admit()
}

// TakeQuiet tells whether anything was held since the last call of it, and nothing is any more.
func (b *Budget) TakeQuiet() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.used > 0 || !b.wasUsed {
		return false
	}
	b.wasUsed = false
	return true
}

func (b *Budget) take(d *Draw, bytes int64) {
	b.wasUsed = b.wasUsed || bytes != 0
	d.held += bytes
	b.used += bytes
	b.held[d.client] += bytes
}

// admit grants what fits, and lets the first that does not pass the capacity unless another has.
func (b *Budget) admit() {
	for len(b.waiting) > 0 {
		first := slices.MinFunc(b.waiting, b.compare)
		if b.used+first.bytes > b.capacity {
			if b.beyond != nil {
				return
			}
			b.beyond = first.draw
		}
		b.take(first.draw, first.bytes)
		b.remove(first)
		close(first.granted)
	}
}

func (b *Budget) compare(x, y *waiter) int {
	if held := b.held[x.draw.client] - b.held[y.draw.client]; held != 0 {
		return int(min(max(held, -1), 1))
	}
	return int(x.draw.order - y.draw.order)
}

func (b *Budget) remove(w *waiter) {
	b.waiting = slices.DeleteFunc(b.waiting, func(other *waiter) bool { return other == w })
}

// giveUp returns err, unless the bytes were granted meanwhile.
func (b *Budget) giveUp(w *waiter, err error) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	select {
	case <-w.granted:
		return nil
	default:
	}
	b.remove(w)
	b.admit() // it may have stood before others that fit
	return err
}
