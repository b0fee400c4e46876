package admission

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

func TestSlots(t *testing.T) {
	s := make(Slots, 1)
	full := Limited(s, "things", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		recorder := httptest.NewRecorder()
		Limited(s, "things", http.NotFoundHandler()).ServeHTTP(recorder, r)
		if recorder.Code != 503 || !strings.Contains(recorder.Body.String(), "busy with 1 things") {
			t.Errorf("%d %s", recorder.Code, recorder.Body)
		}
		ended, cancel := context.WithCancel(context.Background())
		cancel()
		if s.acquire(ended, time.Hour) || s.acquire(context.Background(), 0) {
			t.Error("more than its bound")
		}
	}))
	full.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil))
	if !s.tryAcquire() {
		t.Error("not released")
	}
}
