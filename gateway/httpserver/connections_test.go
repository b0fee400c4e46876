package httpserver

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
)

// serving serves at most two connections, and one in surplus; a request for /hold is in work until release is closed.
func serving(t *testing.T) (address string, bounded *connections, holding, release chan struct{}) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	holding, release = make(chan struct{}), make(chan struct{})
	bounded = newConnections(listener, 2, 1)
	server := &http.Server{ConnState: bounded.changed, ConnContext: bounded.context,
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/hold" {
				holding <- struct{}{}
				<-release
			}
			if IsSurplus(r) {
				w.WriteHeader(http.StatusTeapot)
			}
		})}
	go func() { _ = server.Serve(bounded) }()
	t.Cleanup(func() { _ = server.Shutdown(context.Background()) })
	return listener.Addr().String(), bounded, holding, release
}

func ask(t *testing.T, address, path string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if path != "" {
		_, _ = io.WriteString(conn, "GET "+path+" HTTP/1.1\r\nHost: x\r\n\r\n")
	}
	return conn
}

func answer(t *testing.T, conn net.Conn) *http.Response {
	t.Helper()
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	return response
}

func TestIdleConnectionsMakeRoom(t *testing.T) {
	address, _, _, _ := serving(t)
	idle := ask(t, address, "")
	for range 5 {
		if code := answer(t, ask(t, address, "/")).StatusCode; code != 200 {
			t.Errorf("code %d", code)
		}
	}
	if _, err := idle.Read(make([]byte, 1)); err == nil {
		t.Error("the idle connection is still open")
	}
}

func TestBusyConnectionsLeaveASurplus(t *testing.T) {
	address, bounded, holding, release := serving(t)
	first, second := ask(t, address, "/hold"), ask(t, address, "/hold")
	<-holding
	<-holding
	if code := answer(t, ask(t, address, "/")).StatusCode; code != http.StatusTeapot {
		t.Errorf("code %d", code)
	}
	for idle := 0; idle == 0; { // what is answered is idle a moment later
		bounded.mu.Lock()
		for _, state := range bounded.open {
			if state.idle {
				idle++
			}
		}
		bounded.mu.Unlock()
		if t.Context().Err() != nil {
			t.Fatal("never idle")
		}
	}
	third := ask(t, address, "/hold")
	<-holding
	response := answer(t, ask(t, address, "/"))
	body, _ := io.ReadAll(response.Body)
	if response.StatusCode != 503 || response.Header.Get("Retry-After") == "" || !strings.Contains(string(body), `"code":14`) {
		t.Errorf("%d %s", response.StatusCode, body)
	}
	close(release)
	for _, conn := range []net.Conn{first, second, third} {
		answer(t, conn)
	}
}
