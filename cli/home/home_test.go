package home

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestFind(t *testing.T) {
	variables := map[string]string{"HOME": "/home"}
	getenv := func(name string) string { return variables[name] }
	expect := func(named, want string) {
		t.Helper()
		if got, err := Find(named, getenv); err != nil || got.Path != want {
			t.Errorf("%q: %q %v, want %q", named, got.Path, err, want)
		}
	}
	expect("", "/home/.penstock")
	expect("~/data", "/home/data")
	expect("/data/", "/data")
	variables["PENSTOCK_DATA_DIR"] = "/elsewhere"
	expect("", "/elsewhere")
	expect("~other", mustAbs(t, "~other"))
	variables["HOME"] = ""
	if _, err := Find("~", getenv); err == nil {
		t.Error("no home is no error")
	}
}

func mustAbs(t *testing.T, path string) string {
	absolute, err := filepath.Abs(path)
	if err != nil {
		t.Fatal(err)
	}
	return absolute
}

func TestURL(t *testing.T) {
	for given, want := range map[string]string{
		"127.0.0.1:8888": "http://127.0.0.1:8888", "0.0.0.0:80": "http://127.0.0.1:80", "[::]:80": "http://[::1]:80",
		"[::1]:80": "http://[::1]:80", "unix:/a/b": "unix:/a/b", "": "", "host:1": "http://host:1",
	} {
		if got := (Server{HTTPAddress: given}).URL(); got != want {
			t.Errorf("%s: %s, want %s", given, got, want)
		}
	}
}

func TestNoServerWhereAnotherProcessHasTheID(t *testing.T) {
	dir := Dir{t.TempDir()}
	if _, runs := dir.Running(); runs {
		t.Error("a server on an empty directory")
	}
	// This process lives, and is no server.
	for _, pid := range []string{fmt.Sprint(os.Getpid()), "999999999", "0", "-1", "x"} {
		if err := os.WriteFile(filepath.Join(dir.Path, lockName), []byte(pid+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		if server, runs := dir.Running(); runs {
			t.Errorf("%s: %v", pid, server)
		}
	}
}

func TestATakenPortIsNamed(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	err = Options{Port: "0", GRPCPort: port}.checkPorts()
	var taken *PortTaken
	if !errors.As(err, &taken) || !strings.Contains(err.Error(), "port "+port) || !strings.Contains(err.Error(), "--grpc_port") {
		t.Error(err)
	}
	if err := CheckPort("--port", "65536"); err == nil {
		t.Error("65536 is a port")
	}
}
