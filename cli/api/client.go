// Package api asks the server over HTTP, and has what it answers as far as it is read.
package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"time"
)

const (
	maxAnswerBytes  = 256 << 20 // of an answer that is read as a whole
	maxErrorBytes   = 1 << 20
	connectTimeout  = 10 * time.Second
	unixScheme      = "unix:"
	unixHost        = "http://localhost"
	firstPause      = 50 * time.Millisecond // between attempts; each next one is twice as long
	longestPause    = 2 * time.Second
	attemptsInVain  = 8
	jsonContentType = "application/json"
)

// Client asks one server. Safe for concurrent use.
type Client struct {
	Address string // as the user names it
	base    string
	http    *http.Client
}

// New makes a client of the server at http://HOST:PORT, https://HOST, HOST:PORT or unix:PATH.
func New(address string) (*Client, error) {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	dialer := net.Dialer{Timeout: connectTimeout}
	client := &Client{Address: strings.TrimRight(address, "/"), http: &http.Client{Transport: transport}}
	if path, isUnix := strings.CutPrefix(address, unixScheme); isUnix {
		transport.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
			return dialer.DialContext(ctx, "unix", path)
		}
		transport.Proxy = nil
		client.base = unixHost
		return client, nil
	}
	transport.DialContext = dialer.DialContext
	if !strings.Contains(address, "://") {
		client.Address = "http://" + client.Address
	}
	parsed, err := url.Parse(client.Address)
	if err != nil || parsed.Host == "" || parsed.Scheme != "http" && parsed.Scheme != "https" {
		return nil, fmt.Errorf("the server's address is %q; it must be like http://127.0.0.1:8888, or unix:PATH", address)
	}
	client.base = client.Address
	return client, nil
}

// RunPage is the dashboard's page of a run.
func (c *Client) RunPage(runID string) string {
	return c.Dashboard() + "#/runs/details/" + url.PathEscape(runID)
}

// Dashboard is the address that a browser opens.
func (c *Client) Dashboard() string { return c.Address + "/" }

// Refused is what the server said no with.
type Refused struct {
	Status  int // of HTTP
	Code    int // of gRPC; 0 if it came with none
	Message string
}

func (r *Refused) Error() string { return r.Message }

// Unreachable is a call that got no answer.
type Unreachable struct {
	Address string
	Err     error
}

func (u *Unreachable) Error() string {
	why := ""
	if !errors.Is(u.Err, syscall.ECONNREFUSED) && !errors.Is(u.Err, syscall.ENOENT) {
		why = " (" + reasonOf(u.Err) + ")"
	}
	return fmt.Sprintf("no server answers at %s%s: start one with `penstock up`, or name another with --server=URL or "+
		"PENSTOCK_SERVER", u.Address, why)
}

func (u *Unreachable) Unwrap() error { return u.Err }

// The URL that net/http puts before its errors is told already.
func reasonOf(err error) string {
	var ofURL *url.Error
	if errors.As(err, &ofURL) {
		err = ofURL.Err
	}
	return err.Error()
}

// IsNotFound tells that the server has no such thing.
func IsNotFound(err error) bool {
	var refused *Refused
	return errors.As(err, &refused) && refused.Status == http.StatusNotFound
}

// IsPassing tells an error that may be gone when one asks again.
func IsPassing(err error) bool {
	var unreachable *Unreachable
	var refused *Refused
	if errors.As(err, &refused) {
		switch refused.Status {
		case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
			return true
		}
		return false
	}
	return errors.As(err, &unreachable)
}

// Request is a call. Body is sent as JSON, unless Raw is given.
type Request struct {
	Method      string // empty: GET
	Path        string
	Query       url.Values
	Body        any
	Raw         io.Reader
	ContentType string // of Raw
}

// Open sends the request; the answer's body, of a good status, is the caller's to read and close.
func (c *Client) Open(ctx context.Context, request Request) (*http.Response, error) {
	made, err := c.make(ctx, request)
	if err != nil {
		return nil, err
	}
	answer, err := c.http.Do(made)
	if err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, &Unreachable{c.Address, err}
	}
	if answer.StatusCode < 300 {
		return answer, nil
	}
	defer answer.Body.Close()
	body, _ := io.ReadAll(io.LimitReader(answer.Body, maxErrorBytes))
	return nil, refusal(answer.StatusCode, body)
}

func (c *Client) make(ctx context.Context, request Request) (*http.Request, error) {
	body, contentType := request.Raw, request.ContentType
	method := request.Method
	if method == "" {
		method = http.MethodGet
	}
	if request.Body != nil {
		text, err := json.Marshal(request.Body)
		if err != nil {
			return nil, err
		}
		body, contentType = bytes.NewReader(text), jsonContentType
	}
	address := c.base + request.Path
	if len(request.Query) > 0 {
		address += "?" + request.Query.Encode()
	}
	made, err := http.NewRequestWithContext(ctx, method, address, body)
	if err != nil {
		return nil, err
	}
	if contentType != "" {
		made.Header.Set("Content-Type", contentType)
	}
	return made, nil
}

// Both forms in which errors come.
type errorBody struct {
	Code         int    `json:"code"`
	Message      string `json:"message"`
	ErrorMessage string `json:"error_message"`
}

func refusal(status int, body []byte) error {
	var told errorBody
	_ = json.Unmarshal(body, &told)
	message := told.Message
	if message == "" {
		message = told.ErrorMessage
	}
	if message == "" {
		message = fmt.Sprintf("the server answered %d %s, and does not say why; is it a Penstock server?", status,
			http.StatusText(status))
	}
	return &Refused{Status: status, Code: told.Code, Message: message}
}

// Call gives the answer as it came, and into the value if that is not nil.
func (c *Client) Call(ctx context.Context, request Request, into any) (json.RawMessage, error) {
	answer, err := c.Open(ctx, request)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswerBytes+1))
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case err != nil:
		return nil, &Unreachable{c.Address, err}
	case len(body) > maxAnswerBytes:
		return nil, fmt.Errorf("the server's answer is larger than %d MiB", maxAnswerBytes>>20)
	}
	if !json.Valid(body) {
		return nil, &Refused{Status: answer.StatusCode, Message: fmt.Sprintf("%s answers, but not as a Penstock server does",
			c.Address)}
	}
	if into != nil {
		if err := json.Unmarshal(body, into); err != nil {
			return nil, fmt.Errorf("the server's answer to %s cannot be read: %w", request.Path, err)
		}
	}
	return body, nil
}

// Get is Call for what is only read.
func (c *Client) Get(ctx context.Context, path string, query url.Values, into any) (json.RawMessage, error) {
	return c.Call(ctx, Request{Path: path, Query: query}, into)
}

// CallSafely is Call for a request that may be sent again. A server that is not there at all is not waited for.
func (c *Client) CallSafely(ctx context.Context, request Request, into any) (json.RawMessage, error) {
	pause := Pause{}
	for attempt := 1; ; attempt++ {
		answer, err := c.Call(ctx, request, into)
		isGone := attempt == 1 && errors.Is(err, syscall.ECONNREFUSED)
		if err == nil || isGone || !IsPassing(err) || attempt == attemptsInVain {
			return answer, err
		}
		if err := pause.Wait(ctx); err != nil {
			return nil, err
		}
	}
}

// Pause grows from attempt to attempt.
type Pause struct{ next time.Duration }

// Wait returns after the pause, or with the error of ctx.
func (p *Pause) Wait(ctx context.Context) error {
	p.next = min(max(firstPause, 2*p.next), longestPause)
	timer := time.NewTimer(p.next)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// Reset begins with short pauses again.
func (p *Pause) Reset() { p.next = 0 }
