package main

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"net/http"
	"regexp"
	"strings"
	"testing"
)

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

func TestRunServesUntilStdinCloses(t *testing.T) {
	fake := &fakeServer{}
	stdin, closeStdin := io.Pipe()
	logs, stderr := io.Pipe()
	exited := make(chan int, 1)
	go func() {
		exited <- run([]string{"--listen", "127.0.0.1:0", "--server", fake.start(t), "--exit_on_stdin_eof"},
			env("GOGC", "100", "GOMEMLIMIT", "1GiB"), stdin, io.Discard, stderr)
	}()
	lines := bufio.NewReader(logs)
	line, err := lines.ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	go func() { _, _ = io.Copy(io.Discard, lines) }()
	address := regexp.MustCompile(`address=(\S+)`).FindStringSubmatch(line)
	if address == nil {
		t.Fatalf("the first line does not tell the address: %s", line)
	}
	response, err := http.Get("http://" + address[1] + api + "/healthz")
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if response.StatusCode != 200 {
		t.Errorf("code %d", response.StatusCode)
	}
	closeStdin.Close()
	if code := <-exited; code != exitOK {
		t.Errorf("exit code %d", code)
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
