// Package badproxy stands in front of a store and misbehaves on demand.
package badproxy

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// Bad says what becomes of one request; the zero value passes it on.
type Bad struct {
	Status     int           // answered in place of the store's answer
	Code       string        // of S3, with Status
	RetryAfter string        // with Status
	ClockOff   time.Duration // of the Date with Status
	Delay      time.Duration // before anything
	Never      bool          // there is no answer until the proxy closes
	CutUp      int64         // bytes of the request that are taken before the connection is cut; 0: all
	CutDown    float64       // part of the answer's bytes after which the connection is cut; 0: all come
	Other      bool          // the bytes of the answer are others
	OtherUp    bool          // those of the request are
	After      func()        // called when the store has answered, before the answer goes on
}

// Proxy passes requests on. Decide may be nil.
type Proxy struct {
	Address string // host and port
	// Bytes of contents that came through, by direction.
	Up, Down atomic.Int64

	store    string
	mutex    sync.Mutex
	decide   func(*http.Request) Bad
	requests []string
	done     chan struct{}
	client   *http.Transport
}

// Start stands in front of the store at the address until the test ends.
func Start(t testing.TB, store string) *Proxy {
	p := &Proxy{store: store, done: make(chan struct{}), client: &http.Transport{DisableCompression: true}}
	server := httptest.NewServer(http.HandlerFunc(p.serve))
	p.Address = server.Listener.Addr().String()
	t.Cleanup(func() {
		close(p.done)
		server.CloseClientConnections()
		server.Close()
		p.client.CloseIdleConnections()
	})
	return p
}

// Decide says what becomes of requests from now on.
func (p *Proxy) Decide(decide func(*http.Request) Bad) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	p.decide = decide
}

// Times has the first requests that match fare badly, and all others well.
func (p *Proxy) Times(times int, matches func(*http.Request) bool, bad Bad) {
	var count atomic.Int64
	p.Decide(func(r *http.Request) Bad {
		if matches(r) && count.Add(1) <= int64(times) {
			return bad
		}
		return Bad{}
	})
}

// Requests are those that came, as "METHOD /path?query".
func (p *Proxy) Requests() []string {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	return append([]string(nil), p.requests...)
}

// Count is how many of them have the text.
func (p *Proxy) Count(text string) (count int) {
	for _, request := range p.Requests() {
		if strings.Contains(request, text) {
			count++
		}
	}
	return count
}

type counting struct {
	io.ReadCloser
	limit   int64 // below 0: none
	counter *atomic.Int64
}

func (c *counting) Read(b []byte) (int, error) {
	if c.limit == 0 {
		return 0, io.ErrUnexpectedEOF
	}
	if c.limit > 0 && int64(len(b)) > c.limit {
		b = b[:c.limit]
	}
	n, err := c.ReadCloser.Read(b)
	c.counter.Add(int64(n))
	if c.limit > 0 {
		c.limit -= int64(n)
	}
	return n, err
}

func cut(w http.ResponseWriter) {
	if conn, _, err := http.NewResponseController(w).Hijack(); err == nil {
		conn.Close()
	}
}

func (p *Proxy) serve(w http.ResponseWriter, r *http.Request) {
	p.mutex.Lock()
	decide := p.decide
	p.requests = append(p.requests, r.Method+" "+r.URL.RequestURI())
	p.mutex.Unlock()
	var bad Bad
	if decide != nil {
		bad = decide(r)
	}
	select {
	case <-time.After(bad.Delay):
	case <-p.done:
	}
	switch {
	case bad.Never:
		<-p.done
		return
	case bad.Status != 0:
		refuse(w, r, bad)
		return
	}
	limit := int64(-1)
	if bad.CutUp > 0 {
		limit = bad.CutUp
	}
	body := &counting{r.Body, limit, &p.Up}
	var up io.Reader = body
	if bad.OtherUp {
		up = others{body}
	}
	out, _ := http.NewRequestWithContext(r.Context(), r.Method, "http://"+p.store+r.URL.RequestURI(), up)
	out.URL.Opaque = "" // the path stands as it came
	out.Header, out.Host, out.ContentLength = r.Header.Clone(), r.Host, r.ContentLength
	if r.ContentLength == 0 {
		out.Body = http.NoBody
	}
	answer, err := p.client.RoundTrip(out)
	if err != nil {
		cut(w)
		return
	}
	defer answer.Body.Close()
	if bad.After != nil {
		bad.After()
	}
	p.pass(w, answer, bad)
}

func refuse(w http.ResponseWriter, r *http.Request, bad Bad) {
	_, _ = io.Copy(io.Discard, r.Body)
	if bad.RetryAfter != "" {
		w.Header().Set("Retry-After", bad.RetryAfter)
	}
	w.Header().Set("Date", time.Now().Add(bad.ClockOff).UTC().Format(http.TimeFormat))
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(bad.Status)
	if bad.Code != "" && r.Method != http.MethodHead {
		fmt.Fprintf(w, "<?xml version=\"1.0\"?><Error><Code>%s</Code><Message>on demand</Message></Error>", bad.Code)
	}
}

func (p *Proxy) pass(w http.ResponseWriter, answer *http.Response, bad Bad) {
	for name, values := range answer.Header {
		w.Header()[name] = values
	}
	if answer.ContentLength >= 0 {
		w.Header().Set("Content-Length", fmt.Sprint(answer.ContentLength))
	}
	w.WriteHeader(answer.StatusCode)
	var from io.Reader = &counting{answer.Body, -1, &p.Down}
	if bad.Other {
		from = others{from}
	}
	if bad.CutDown == 0 {
		_, _ = io.Copy(w, from)
		return
	}
	_, _ = io.CopyN(w, from, int64(float64(answer.ContentLength)*bad.CutDown))
	_ = http.NewResponseController(w).Flush()
	cut(w)
}

// others changes every byte.
type others struct{ io.Reader }

func (o others) Read(b []byte) (int, error) {
	n, err := o.Reader.Read(b)
	for i := range b[:n] {
		b[i] ^= 0x55
	}
	return n, err
}
