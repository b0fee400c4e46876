package stores

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/penstock/penstock/launcher/failure"
	"github.com/penstock/penstock/launcher/limits"
	"github.com/penstock/penstock/launcher/settings"
)

// stallingConn gives up when neither direction moves for a while. A write puts off the end of a read too, which waits
// for the answer to what is being written.
type stallingConn struct {
	net.Conn
	timeout time.Duration
}

func (c *stallingConn) Read(p []byte) (int, error) {
	if err := c.SetReadDeadline(time.Now().Add(c.timeout)); err != nil {
		return 0, err
	}
	return c.Conn.Read(p)
}

func (c *stallingConn) Write(p []byte) (int, error) {
	if err := c.SetDeadline(time.Now().Add(c.timeout)); err != nil {
		return 0, err
	}
	return c.Conn.Write(p)
}

// newTransport is the one of a store. HTTP/1 only: parts in parallel are faster over connections of their own.
func newTransport(store settings.Store, options Options) (*http.Transport, error) {
	transport := &http.Transport{
		Proxy: http.ProxyFromEnvironment,
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			conn, err := (&net.Dialer{Timeout: min(limits.DialTimeout, options.StallTimeout)}).DialContext(ctx, network, address)
			if err != nil {
				return nil, err
			}
			return &stallingConn{conn, options.StallTimeout}, nil
		},
		TLSHandshakeTimeout: limits.DialTimeout,
		MaxIdleConns:        limits.IdleConnections,
		MaxIdleConnsPerHost: limits.IdleConnections,
		IdleConnTimeout:     limits.IdleTimeout,
		DisableCompression:  true, // of objects that are stored compressed
		WriteBufferSize:     limits.SocketBufferBytes,
		ReadBufferSize:      limits.SocketBufferBytes,
		// An offer of HTTP/2 would be taken.
		TLSNextProto: map[string]func(string, *tls.Conn) http.RoundTripper{},
	}
	if store.CAFile == "" {
		return transport, nil
	}
	text, err := os.ReadFile(store.CAFile)
	if err != nil {
		return nil, failure.New(failure.Settings, "ca_file of the prefix %s cannot be read: %v", store.Prefix, err)
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool()
	}
	if !pool.AppendCertsFromPEM(text) {
		return nil, failure.New(failure.Settings, "ca_file of the prefix %s, %s, has no certificate in PEM", store.Prefix, store.CAFile)
	}
	transport.TLSClientConfig = &tls.Config{RootCAs: pool}
	return transport, nil
}
