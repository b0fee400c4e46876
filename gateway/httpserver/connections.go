package httpserver

import (
	"context"
	"io"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/penstock/penstock/gateway/limits"
)

// What a connection gets that is too much even to be refused in order.
const (
	refusedBody = `{"code":14,"message":"The gateway has too many connections; try again."}`
	refusedHead = "HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\nRetry-After: 1\r\n" +
		"Connection: close\r\n\r\n"
)

// connections is a listener that bounds how many connections are open. When there are too many, one on which nothing is
// asked is closed for each that comes; if there is none, the new one is a surplus one, on which only some requests are
// served. Safe for concurrent use.
type connections struct {
	net.Listener
	most, surplus int

	mu   sync.Mutex
	open map[net.Conn]*connection
}

type connection struct {
	since     time.Time // in which it is as it is
	idle      bool      // no request is in work, or none has come
	isSurplus bool
}

func newConnections(listener net.Listener, most, surplus int) *connections {
	return &connections{Listener: listener, most: most, surplus: surplus, open: map[net.Conn]*connection{}}
}

func (c *connections) Accept() (net.Conn, error) {
	for {
		conn, err := c.Listener.Accept()
		if err != nil || c.add(conn) {
			return conn, err
		}
		go refuse(conn)
	}
}

// add takes in the connection, unless there is no room at all.
func (c *connections) add(conn net.Conn) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.open) >= c.most {
		c.closeIdle()
	}
	if len(c.open) >= c.most+c.surplus {
		return false
	}
	c.open[conn] = &connection{since: time.Now(), idle: true, isSurplus: len(c.open) >= c.most}
	return true
}

// closeIdle closes the one on which nothing was asked for the longest time.
func (c *connections) closeIdle() {
	var oldest net.Conn
	for conn, state := range c.open {
		if state.idle && (oldest == nil || state.since.Before(c.open[oldest].since)) {
			oldest = conn
		}
	}
	if oldest != nil {
		delete(c.open, oldest)
		_ = oldest.Close()
	}
}

// changed is http.Server's ConnState.
func (c *connections) changed(conn net.Conn, to http.ConnState) {
	c.mu.Lock()
	defer c.mu.Unlock()
	state := c.open[conn]
	switch {
	case state == nil:
	case to == http.StateClosed || to == http.StateHijacked:
		delete(c.open, conn)
	default:
		state.since, state.idle = time.Now(), to != http.StateActive
	}
}

type surplusKey struct{}

// context is http.Server's ConnContext.
func (c *connections) context(ctx context.Context, conn net.Conn) context.Context {
	c.mu.Lock()
	defer c.mu.Unlock()
	if state := c.open[conn]; state != nil && state.isSurplus {
		return context.WithValue(ctx, surplusKey{}, true)
	}
	return ctx
}

// IsSurplus tells whether a request came over a connection beyond limits.MaxConnections, where only few are served.
func IsSurplus(r *http.Request) bool { return r.Context().Value(surplusKey{}) != nil }

// refuse answers without having read anything, and waits a little for the client to take the answer.
func refuse(conn net.Conn) {
	_ = conn.SetDeadline(time.Now().Add(limits.RefusalTimeout))
	_, _ = io.WriteString(conn, refusedHead+refusedBody)
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.CloseWrite()
		_, _ = io.CopyN(io.Discard, conn, limits.MaxHeaderBytes)
	}
	_ = conn.Close()
}
