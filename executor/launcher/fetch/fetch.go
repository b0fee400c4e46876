// Package fetch brings content from outside of object stores: documents over HTTP and files of this machine. It is the
// counterpart of content/http_fetch.h, with its bounds and its messages.
package fetch

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/penstock/penstock/launcher/limits"
)

// IsHTTP tells by the scheme.
func IsHTTP(uri string) bool {
	scheme, _, found := strings.Cut(uri, "://")
	return found && (strings.EqualFold(scheme, "http") || strings.EqualFold(scheme, "https"))
}

// URLForMessage is without user, password and fragment, and with "?..." for a query, which may hold a signature.
func URLForMessage(text string) string {
	parsed, err := url.Parse(text)
	if err != nil {
		return quoted(text)
	}
	query := parsed.RawQuery != ""
	parsed.User, parsed.RawQuery, parsed.ForceQuery, parsed.Fragment, parsed.RawFragment = nil, "", false, "", ""
	out := parsed.String()
	if len(out) > limits.MessageURLBytes {
		out = out[:limits.MessageURLBytes] + "..."
	}
	if query {
		out += "?..."
	}
	return out
}

// quoted is of what is no URL, and may hold a password all the same.
func quoted(text string) string {
	text = WithoutPasswords(text)
	if len(text) > limits.MessageURLBytes {
		text = text[:limits.MessageURLBytes] + "..."
	}
	return "'" + text + "'"
}

// WithoutPasswords has *** in place of users and passwords in URLs.
func WithoutPasswords(text string) string {
	var out strings.Builder
	for {
		before, rest, found := strings.Cut(text, "://")
		if out.WriteString(before); !found {
			return out.String()
		}
		out.WriteString("://")
		end := strings.IndexAny(rest, "/?# \t\n'\"")
		if end < 0 {
			end = len(rest)
		}
		if at := strings.LastIndexByte(rest[:end], '@'); at >= 0 {
			out.WriteString("***")
			rest = rest[at:]
		}
		text = rest
	}
}

// errStalled is of a server that sends nothing for too long.
var errStalled = errors.New("no bytes came for too long")

// document is one fetch, through all redirects.
type document struct {
	url      string
	client   *http.Client
	deadline time.Time
}

// Document writes what is behind the URL to the path, which is new. moved counts bytes as they come. Returns the last
// URL for messages. Proxies and further certificate authorities are those of the environment.
func Document(ctx context.Context, first, path string, moved func(int64)) (bytes int64, last string, err error) {
	ctx, cancel := context.WithTimeout(ctx, limits.FetchTimeout)
	defer cancel()
	transport := &http.Transport{
		Proxy:               http.ProxyFromEnvironment,
		DialContext:         (&net.Dialer{Timeout: limits.FetchConnectTimeout}).DialContext,
		TLSHandshakeTimeout: limits.FetchConnectTimeout,
		DisableCompression:  true,
		TLSClientConfig:     &tls.Config{},
	}
	defer transport.CloseIdleConnections()
	d := &document{url: first, client: &http.Client{Transport: transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
	for redirects := 0; ; redirects++ {
		next, n, err := d.ask(ctx, path, moved)
		if err != nil {
			return 0, "", err
		}
		if next == "" {
			return n, URLForMessage(d.url), nil
		}
		if redirects >= limits.FetchRedirects {
			return 0, "", fmt.Errorf("%s was redirected more than %d times (the bound kFetchRedirects)", URLForMessage(first), limits.FetchRedirects)
		}
		d.url = next
	}
}

func (d *document) check() error {
	if len(d.url) > limits.URLBytes {
		return fmt.Errorf("the URL %s has %d bytes; the bound is %d (kUrlBytes)", URLForMessage(d.url), len(d.url), limits.URLBytes)
	}
	parsed, err := url.Parse(d.url)
	if err != nil || parsed.Host == "" {
		return fmt.Errorf("%s is not a URL", quoted(d.url))
	}
	if !IsHTTP(d.url) {
		return fmt.Errorf("%s cannot be fetched: only https and http can", URLForMessage(d.url))
	}
	return nil
}

// ask makes one request. A redirect returns where to.
func (d *document) ask(ctx context.Context, path string, moved func(int64)) (next string, bytes int64, err error) {
	if err := d.check(); err != nil {
		return "", 0, err
	}
	ctx, giveUp := context.WithCancelCause(ctx)
	defer giveUp(nil)
	stall := time.AfterFunc(limits.FetchStallTimeout, func() { giveUp(errStalled) })
	defer stall.Stop()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, d.url, nil)
	if err != nil {
		return "", 0, fmt.Errorf("%s is not a URL", quoted(d.url))
	}
	request.Header.Set("User-Agent", "penstock")
	response, err := d.client.Do(request)
	if err != nil {
		return "", 0, d.failed(ctx, err)
	}
	defer response.Body.Close()
	if location, err := response.Location(); response.StatusCode/100 == 3 && err == nil {
		return location.String(), 0, nil
	}
	if response.StatusCode != http.StatusOK {
		return "", 0, fmt.Errorf("%s could not be fetched: the server answers with status %d", URLForMessage(d.url), response.StatusCode)
	}
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o666)
	if err != nil {
		return "", 0, unwritable(path, err)
	}
	bytes, err = d.copy(ctx, file, path, response.Body, func(n int64) {
		stall.Reset(limits.FetchStallTimeout)
		moved(n)
	})
	if closeErr := file.Close(); err == nil && closeErr != nil {
		err = unwritable(path, closeErr)
	}
	return "", bytes, err
}

func (d *document) copy(ctx context.Context, file *os.File, path string, body io.Reader, moved func(int64)) (bytes int64, err error) {
	buffer := make([]byte, limits.CopyBufferBytes)
	for {
		n, readErr := body.Read(buffer)
		if bytes += int64(n); bytes > limits.FetchBytes {
			return bytes, fmt.Errorf("%s has more than %d bytes (the bound kFetchBytes)", URLForMessage(d.url), int64(limits.FetchBytes))
		}
		if n > 0 {
			if _, err := file.Write(buffer[:n]); err != nil {
				return bytes, unwritable(path, err)
			}
			moved(int64(n))
		}
		if readErr == io.EOF {
			return bytes, nil
		}
		if readErr != nil {
			return bytes, d.failed(ctx, readErr)
		}
	}
}

func unwritable(path string, err error) error {
	var of *os.PathError
	if errors.As(err, &of) {
		err = of.Err
	}
	return fmt.Errorf("cannot write %s: %w", path, err)
}

func (d *document) failed(ctx context.Context, err error) error {
	shown := URLForMessage(d.url)
	var of *url.Error
	if errors.As(err, &of) {
		err = of.Err // without the URL
	}
	var untrusted *tls.CertificateVerificationError
	var unknown x509.UnknownAuthorityError
	var timeout interface{ Timeout() bool }
	switch {
	case errors.Is(context.Cause(ctx), context.Canceled):
		return context.Canceled
	case errors.As(err, &untrusted) || errors.As(err, &unknown):
		return fmt.Errorf("%s could not be fetched: %v; trusted are the certificate authorities of the system, or of the file that the "+
			"environment variable SSL_CERT_FILE of the server names", shown, err)
	case errors.Is(context.Cause(ctx), errStalled) || errors.Is(err, context.DeadlineExceeded) || (errors.As(err, &timeout) && timeout.Timeout()):
		why := err
		if cause := context.Cause(ctx); cause != nil {
			why = cause
		}
		return fmt.Errorf("%s could not be fetched: %v; it may take %v, a connection %v, a pause %v", shown, why, limits.FetchTimeout,
			limits.FetchConnectTimeout, limits.FetchStallTimeout)
	}
	return fmt.Errorf("%s could not be fetched: %v", shown, err)
}
