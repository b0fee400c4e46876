package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
)

func clientOf(t *testing.T, handler http.HandlerFunc) *Client {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	client, err := New(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	return client
}

func TestAddresses(t *testing.T) {
	for given, want := range map[string]string{
		"http://127.0.0.1:8888": "http://127.0.0.1:8888", "https://host/": "https://host", "host:80": "http://host:80",
	} {
		if client, err := New(given); err != nil || client.Address != want {
			t.Errorf("%s: %v %v, want %s", given, client, err, want)
		}
	}
	for _, wrong := range []string{"ftp://host", "http://", "http://[", "://"} {
		if _, err := New(wrong); err == nil || !strings.Contains(err.Error(), "it must be like") {
			t.Errorf("%s: %v", wrong, err)
		}
	}
}

func TestSocketFiles(t *testing.T) {
	path := filepath.Join(t.TempDir(), "socket")
	listener, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	server := http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `{"tag_name": "1.2"}`)
	})}
	go func() { _ = server.Serve(listener) }()
	defer server.Close()
	client, err := New("unix:" + path)
	if err != nil {
		t.Fatal(err)
	}
	if health, err := client.Health(context.Background()); err != nil || health.Version != "1.2" {
		t.Error(health, err)
	}
}

func TestARequestIsSentAgainUnderItsID(t *testing.T) {
	var asked atomic.Int32
	client := clientOf(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if !strings.Contains(string(body), `"request_id":"id"`) {
			t.Errorf("%s", body)
		}
		switch asked.Add(1) {
		case 1:
			panic(http.ErrAbortHandler)
		case 2:
			w.WriteHeader(http.StatusServiceUnavailable)
		default:
			fmt.Fprint(w, `{"run_id": "r"}`)
		}
	})
	made, _, err := client.CreateRun(context.Background(), "id", struct{}{})
	if err != nil || made.RunID != "r" || asked.Load() != 3 {
		t.Error(made, err, asked.Load())
	}
}

func TestARefusalIsNotAskedAgain(t *testing.T) {
	var asked atomic.Int32
	client := clientOf(t, func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprint(w, `{"code": 3, "message": "It is wrong."}`)
	})
	_, _, err := client.CreateRun(context.Background(), "id", nil)
	var refused *Refused
	if !errors.As(err, &refused) || refused.Message != "It is wrong." || asked.Load() != 1 {
		t.Error(err, asked.Load())
	}
}

func TestNoServerIsNotWaitedFor(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	_ = listener.Close()
	client, err := New(address)
	if err != nil {
		t.Fatal(err)
	}
	_, _, err = client.CreateRun(context.Background(), "id", nil)
	if err == nil || !strings.Contains(err.Error(), "penstock up") || strings.Contains(err.Error(), "dial") {
		t.Error(err)
	}
}

func TestErrorsInBothForms(t *testing.T) {
	for body, want := range map[string]string{
		`{"code": 5, "message": "none"}`: "none", `{"error_message": "no log"}`: "no log",
		`<html>`: "the server answered 404 Not Found, and does not say why; is it a Penstock server?",
	} {
		client := clientOf(t, func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusNotFound)
			fmt.Fprint(w, body)
		})
		if _, err := client.GetRun(context.Background(), "r"); err == nil || err.Error() != want || !IsNotFound(err) {
			t.Errorf("%s: %v", body, err)
		}
	}
	other := clientOf(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<html>") })
	if _, err := other.GetRun(context.Background(), "r"); err == nil || !strings.Contains(err.Error(), "not as a Penstock") {
		t.Error(err)
	}
}

func TestNumbersInBothForms(t *testing.T) {
	var read struct{ A, B Number }
	if err := json.Unmarshal([]byte(`{"a": "9007199254740993", "b": 5}`), &read); err != nil || read.A != 9007199254740993 || read.B != 5 {
		t.Error(read, err)
	}
}
