package memory

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestWhatDoesNotFitWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := NewBudget(100)
		first, second, third := b.Begin("a"), b.Begin("a"), b.Begin("a")
		if b.TakeQuiet() {
			t.Error("quiet before use")
		}
		grow := func(d *Draw, bytes int64) {
			if err := d.Grow(t.Context(), bytes); err != nil {
				t.Error(err)
			}
		}
		grow(first, 60)
		grow(second, 60) // one may pass the capacity
		if b.used != 120 {
			t.Errorf("used %d", b.used)
		}
		granted := false
		go func() { grow(third, 50); granted = true }()
		synctest.Wait()
		if granted || !second.HoldsUpOthers() || first.HoldsUpOthers() {
			t.Error("a second one has passed the capacity, or nobody is said to")
		}
		grow(second, 1000) // and goes on to its end
		first.Release()
		synctest.Wait()
		if granted {
			t.Error("granted before there is room")
		}
		second.Release()
		synctest.Wait()
		if !granted {
			t.Error("not granted")
		}
		third.Release()
		if !b.TakeQuiet() || b.TakeQuiet() {
			t.Error("not quiet once after use")
		}
		if b.used != 0 || len(b.held) != 0 || len(b.waiting) != 0 {
			t.Errorf("left: %+v", b)
		}
	})
}

func TestTheClientThatHoldsLeastComesFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := NewBudget(100)
		holder, passed := b.Begin("greedy"), b.Begin("greedy")
		_ = holder.Grow(t.Context(), 90)
		_ = passed.Grow(t.Context(), 90)
		var order []string
		for _, client := range []string{"greedy", "other"} {
			d := b.Begin(client)
			go func() {
				_ = d.Grow(t.Context(), 80)
				order = append(order, client)
				d.Release()
			}()
			synctest.Wait()
		}
		passed.Release()
		synctest.Wait()
		if len(order) != 2 || order[0] != "other" {
			t.Errorf("%v", order)
		}
	})
}

func TestWaitingEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := NewBudget(10)
		_ = b.Begin("a").Grow(t.Context(), 10)
		_ = b.Begin("a").Grow(t.Context(), 10)
		if err := b.Begin("a").Grow(t.Context(), 1); !errors.Is(err, ErrBusy) {
			t.Errorf("%v", err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := b.Begin("a").Grow(ctx, 1); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v", err)
		}
		if len(b.waiting) != 0 {
			t.Error("still in the queue")
		}
	})
}

func TestManyThatHoldPartsOfWhatTheyNeedAllEnd(t *testing.T) {
	b := NewBudget(1000)
	var all sync.WaitGroup
	for range 100 {
		all.Go(func() {
			d := b.Begin("a")
			defer d.Release()
			for range 10 {
				if err := d.Grow(context.Background(), 60); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	if b.used != 0 {
		t.Errorf("used %d", b.used)
	}
}
