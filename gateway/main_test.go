package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

func env(pairs ...string) func(string) string {
	return func(name string) string {
		for i := 0; i < len(pairs); i += 2 {
			if pairs[i] == name {
				return pairs[i+1]
			}
		}
		return ""
	}
}

func TestPortInUse(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	var stderr bytes.Buffer
	code := run([]string{"--listen", "127.0.0.1:" + port}, env(), strings.NewReader(""), io.Discard, &stderr)
	if code != exitUsage || !strings.Contains(stderr.String(), "port "+port+" is already in use") {
		t.Errorf("%d %s", code, stderr.String())
	}
}

// runUntilStdinCloses runs the program, waits for its ready file, and returns its URL and a function that ends it.
func runUntilStdinCloses(t *testing.T, arguments ...string) (url string, end func() int) {
	t.Helper()
	ready := filepath.Join(t.TempDir(), "ready")
	stdin, closeStdin := io.Pipe()
	logs, stderr := io.Pipe()
	exited := make(chan int, 1)
	arguments = append(arguments, "--ready_file", ready, "--exit_on_stdin_eof")
	go func() {
		exited <- run(arguments, env("GOGC", "100", "GOMEMLIMIT", "1GiB"), stdin, io.Discard, stderr)
	}()
	lines := bufio.NewReader(logs)
	if line, err := lines.ReadString('\n'); err != nil || !strings.Contains(line, "listening") {
		t.Fatalf("%v %s", err, line)
	}
	go func() { _, _ = io.Copy(io.Discard, lines) }()
	var written struct {
		Port int `json:"http_port"`
	}
	text, _ := os.ReadFile(ready)
	if err := json.Unmarshal(text, &written); err != nil || (written.Port == 0 && !strings.Contains(string(text), "unix:")) {
		t.Fatalf("%v %s", err, text)
	}
	return fmt.Sprintf("http://127.0.0.1:%d", written.Port), func() int {
		closeStdin.Close()
		return <-exited
	}
}

func TestRunServesUntilStdinCloses(t *testing.T) {
	url, end := runUntilStdinCloses(t, "--listen", "127.0.0.1:0", "--server", (&fakeServer{}).start(t))
	response, err := http.Get(url + api + "/healthz")
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if response.StatusCode != 200 {
		t.Errorf("code %d", response.StatusCode)
	}
	if code := end(); code != exitOK {
		t.Errorf("exit code %d", code)
	}
}

func TestInheritedSocketOutlivesTheGateway(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	file, err := listener.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	server := (&fakeServer{}).start(t)
	for range 2 { // started again, it serves the same port
		fd, err := syscall.Dup(int(file.Fd()))
		if err != nil {
			t.Fatal(err)
		}
		url, end := runUntilStdinCloses(t, "--listen_fd", strconv.Itoa(fd), "--server", server)
		if url != "http://"+listener.Addr().String() {
			t.Errorf("%s is not %s", url, listener.Addr())
		}
		response, err := http.Get(url + "/")
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		if code := end(); code != exitOK {
			t.Errorf("exit code %d", code)
		}
	}
}

func TestListenFDMustBeASocket(t *testing.T) {
	var stderr bytes.Buffer
	code := run([]string{"--listen_fd", "999999"}, env(), nil, io.Discard, &stderr)
	if code != exitUsage || !strings.Contains(stderr.String(), "not a listening socket") {
		t.Errorf("%d %s", code, stderr.String())
	}
}

func TestVersionAndMistakes(t *testing.T) {
	var stdout, stderr bytes.Buffer
	if code := run([]string{"--version"}, env(), nil, &stdout, &stderr); code != exitOK || stdout.Len() == 0 {
		t.Errorf("%d %s", code, stdout.String())
	}
	if code := run([]string{"--listen", "x"}, env(), nil, &stdout, &stderr); code != exitUsage || stderr.Len() == 0 {
		t.Errorf("%d %s", code, stderr.String())
	}
	if code := run([]string{"--help"}, env(), nil, &stdout, &stderr); code != exitOK {
		t.Errorf("%d", code)
	}
}

func TestSocketFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "h")
	dead, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	dead.(*net.UnixListener).SetUnlinkOnClose(false)
	dead.Close()
	address := "unix:" + path
	_, end := runUntilStdinCloses(t, "--listen", address, "--server", (&fakeServer{}).start(t))
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", info, err)
	}
	client := http.Client{Transport: &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) {
		return net.Dial("unix", path)
	}}}
	response, err := client.Get("http://localhost" + api + "/healthz")
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if response.StatusCode != 200 {
		t.Errorf("code %d", response.StatusCode)
	}
	var stderr bytes.Buffer
	if code := run([]string{"--listen", address}, env(), nil, io.Discard, &stderr); code != exitUsage ||
		!strings.Contains(stderr.String(), "another program listens on it") {
		t.Errorf("%d %s", code, stderr.String())
	}
	if code := end(); code != exitOK {
		t.Errorf("exit code %d", code)
	}
	if _, err := os.Stat(path); err == nil {
		t.Error("the socket file is left")
	}
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	stderr.Reset()
	if code := run([]string{"--listen", address}, env(), nil, io.Discard, &stderr); code != exitUsage ||
		!strings.Contains(stderr.String(), "no socket") {
		t.Errorf("%d %s", code, stderr.String())
	}
}
