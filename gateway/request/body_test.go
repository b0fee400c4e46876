package request

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/penstock/penstock/gateway/limits"
	"github.com/penstock/penstock/gateway/memory"
)

func bounded10(t *testing.T, body io.Reader) (*http.Request, *Info) {
	t.Helper()
	info := &Info{}
	r := httptest.NewRequest("POST", "/", body)
	r.ContentLength = -1
	r = r.WithContext(WithInfo(r.Context(), info))
	if failed := BoundBody(httptest.NewRecorder(), r, 10); failed != nil {
		t.Fatal(failed)
	}
	return r, info
}

func TestBodyOfExactlyTheLimit(t *testing.T) {
	r, info := bounded10(t, strings.NewReader("0123456789"))
	got, err := io.ReadAll(r.Body)
	if string(got) != "0123456789" || err != nil || info.BodyError() != nil {
		t.Errorf("%q %v", got, err)
	}
}

func TestBodyOverTheLimit(t *testing.T) {
	r, info := bounded10(t, strings.NewReader("0123456789x"))
	got, err := io.ReadAll(r.Body)
	if string(got) != "0123456789" || err == nil || info.BodyError().HTTPCode != http.StatusRequestEntityTooLarge {
		t.Errorf("%q %v", got, err)
	}
	if _, again := r.Body.Read(make([]byte, 1)); !errors.Is(again, err) {
		t.Errorf("then %v", again)
	}
}

type failingReader struct{ err error }

func (r failingReader) Read([]byte) (int, error) { return 0, r.err }

func TestBodyThatDoesNotArrive(t *testing.T) {
	r, info := bounded10(t, failingReader{os.ErrDeadlineExceeded})
	if _, err := io.ReadAll(r.Body); err == nil || info.BodyError().HTTPCode != http.StatusRequestTimeout {
		t.Errorf("%v", err)
	}
}

func TestDeadlinesGoByTheRate(t *testing.T) {
	_, info := bounded10(t, strings.NewReader("x"))
	b, now := info.body, time.Now()
	for _, c := range []struct {
		received   int64
		begun      time.Duration // ago
		from, upto time.Duration // from now
	}{
		{0, 0, 0, limits.RateGrace},
		{0, limits.RateGrace + time.Second, -time.Hour, -1},
		{60 * limits.MinBodyRate, time.Minute, time.Second, limits.RateGrace},
		{60 * limits.MinBodyRate, time.Minute + limits.RateGrace + time.Second, -time.Hour, -1},
		{1 << 40, 0, time.Second, limits.BodyProgressTimeout + time.Second},
		{1 << 40, limits.BodyTimeout, -time.Hour, time.Second},
	} {
		b.received, b.begun = c.received, now.Add(-c.begun)
		if left := b.deadline().Sub(now); left < c.from || left > c.upto {
			t.Errorf("%+v: %v", c, left)
		}
	}
}

func TestMemoryIsTakenBeforeTheBytes(t *testing.T) {
	budget := memory.NewBudget(limits.BodyStepBytes * limits.BodyMemoryFactor)
	full, passed := budget.Begin("a"), budget.Begin("a")
	_ = full.Grow(t.Context(), limits.BodyStepBytes*limits.BodyMemoryFactor)
	_ = passed.Grow(t.Context(), 1)
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	info := &Info{Memory: budget.Begin("a")}
	r := httptest.NewRequest("POST", "/", strings.NewReader("body")).WithContext(WithInfo(gone, info))
	if failed := BoundBody(httptest.NewRecorder(), r, 10); failed != nil {
		t.Fatal(failed)
	}
	if got, err := io.ReadAll(r.Body); len(got) > 0 || err == nil || info.BodyError().HTTPCode != 503 {
		t.Errorf("%q %v", got, err)
	}
	passed.Release()
	full.Release()
}

func TestStreamsTakeNoMemoryAndAnyTime(t *testing.T) {
	budget := memory.NewBudget(1)
	info := &Info{Memory: budget.Begin("a")}
	r := httptest.NewRequest("PUT", "/", strings.NewReader(strings.Repeat("x", 5*limits.BodyStepBytesMax)))
	r = r.WithContext(WithInfo(r.Context(), info))
	if failed := BoundStream(httptest.NewRecorder(), r, 5*limits.BodyStepBytesMax); failed != nil {
		t.Fatal(failed)
	}
	info.body.begun = time.Now().Add(-2 * limits.BodyTimeout)
	info.body.received = 1 << 40
	if left := time.Until(info.body.deadline()); left < limits.BodyProgressTimeout/2 {
		t.Errorf("%v left", left)
	}
	info.body.received = 0
	if got, err := io.ReadAll(r.Body); len(got) != 5*limits.BodyStepBytesMax || err != nil || budget.TakeQuiet() {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	if r.ContentLength++; BoundStream(httptest.NewRecorder(), r, 5*limits.BodyStepBytesMax) == nil {
		t.Error("larger than the limit")
	}
}

func TestJSONValues(t *testing.T) {
	for text, want := range map[string]int{
		`{}`: 1, `{"a":[1,2,{}]}`: 5, `"a,b\\",["`: 2, `"\\\",["`: 0, `"[{,"`: 0,
	} {
		for _, cut := range []int{0, 1, len(text) / 2} { // a read may end anywhere
			values := &jsonValues{}
			values.add([]byte(text[:cut]))
			values.add([]byte(text[cut:]))
			if values.count != want {
				t.Errorf("%s cut at %d: %d, want %d", text, cut, values.count, want)
			}
		}
	}
}
