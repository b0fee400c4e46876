package reports

import (
	"context"
	"log/slog"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/penstock/penstock/kube/launch"
	"github.com/penstock/penstock/kube/limits"
)

type heard struct {
	progress launch.Progress
	reported string
	rank     int
	master   string
}

func (h *heard) Progressed(_ string, _ int, progress launch.Progress) { h.progress = progress }
func (h *heard) Reported(id string, rank int)                         { h.reported, h.rank = id, rank }
func (h *heard) Ready(_ context.Context, _ string, rank int) string   { h.rank = rank; return h.master }

func TestStore(t *testing.T) {
	directory := t.TempDir()
	store, err := Open(directory)
	if err != nil {
		t.Fatal(err)
	}
	if err := store.Write("a", []byte("{}")); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(directory, "results", "b.json.1.tmp"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	again, err := Open(directory)
	if err != nil {
		t.Fatal(err)
	}
	if again.Token("a") != store.Token("a") || again.Token("a") == again.Token("b") {
		t.Error("tokens are not of the key and the attempt")
	}
	if ids := again.IDs(); len(ids) != 1 || ids[0] != "a" {
		t.Errorf("%v", ids)
	}
	if entries, _ := os.ReadDir(filepath.Join(directory, "results")); len(entries) != 1 {
		t.Errorf("%v", entries)
	}
	if info, err := os.Stat(filepath.Join(directory, "report.key")); err != nil || info.Mode() != 0o600 {
		t.Errorf("%v %v", info, err)
	}
	again.Remove("a")
	if text, err := again.Read("a"); text != nil || err != nil {
		t.Errorf("%s %v", text, err)
	}
	if again.Write("../a", nil) == nil {
		t.Error("an id leads out of the folder")
	}
	if err := os.WriteFile(filepath.Join(directory, "report.key"), []byte("short"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(directory); err == nil || !strings.Contains(err.Error(), "has 5 bytes in place of 32") {
		t.Errorf("%v", err)
	}
}

func TestDoor(t *testing.T) {
	store, err := Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	h := &heard{}
	door := NewDoor(store, h, slog.New(slog.DiscardHandler), nil)
	token := store.Token("a")
	for _, test := range []struct {
		method, path, token, body string
		code                      int
	}{
		{"POST", "/attempts/a/result", "", `{"ended":{}}`, 401},
		{"POST", "/attempts/a/result", store.Token("b"), `{"ended":{}}`, 401},
		{"POST", "/attempts/a/result", token, `{}`, 400},
		{"POST", "/attempts/a/progress", token, strings.Repeat(" ", limits.ProgressBytes+1), 413},
		{"GET", "/attempts/a/result", token, "", 405},
		{"POST", "/attempts/a/else", token, "", 404},
		{"POST", "/", token, "", 404},
		{"POST", "/attempts/a/progress", token, `{"content":"x"}`, 200},
		{"POST", "/below/attempts/a/result", token, `{"ended":{"exit_code":1}}`, 200},
		{"POST", "/attempts/a/result?rank=1000", token, `{"ended":{}}`, 400},
		{"POST", "/attempts/a/result?rank=-1", token, `{"ended":{}}`, 400},
		{"POST", "/attempts/a/result?rank=2", token, `{"ended":{"exit_code":2}}`, 200},
		{"POST", "/attempts/a/ready?rank=3", token, `{"rank":2}`, 400},
		{"POST", "/attempts/a/ready", token, `{}`, 400},
		{"POST", "/attempts/a/ready?rank=3", token, `{"rank":3}`, 202},
	} {
		request := httptest.NewRequest(test.method, test.path, strings.NewReader(test.body))
		if test.token != "" {
			request.Header.Set("Authorization", "Bearer "+test.token)
		}
		recorder := httptest.NewRecorder()
		door.ServeHTTP(recorder, request)
		if recorder.Code != test.code {
			t.Errorf("%s %s: %d %s", test.method, test.path, recorder.Code, recorder.Body)
		}
	}
	if h.progress.Content != "x" || h.reported != "a" || h.rank != 3 {
		t.Errorf("%+v", h)
	}
	if text, _ := store.Read(Key("a", 2)); string(text) != `{"ended":{"exit_code":2}}` || IDOf(Key("a", 2)) != "a" {
		t.Errorf("%s", text)
	}
	h.master = "10.0.0.1"
	request := httptest.NewRequest("POST", "/attempts/a/ready?rank=1", strings.NewReader(`{"rank":1}`))
	request.Header.Set("Authorization", "Bearer "+token)
	recorder := httptest.NewRecorder()
	if door.ServeHTTP(recorder, request); recorder.Code != 200 || recorder.Body.String() != "{\"master\":\"10.0.0.1\"}\n" {
		t.Errorf("%d %s", recorder.Code, recorder.Body)
	}
	if text, _ := store.Read("a"); string(text) != `{"ended":{"exit_code":1}}` {
		t.Errorf("%s", text)
	}
}
