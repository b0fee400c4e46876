package admission

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/penstock/penstock/gateway/request"
)

func requestOf(client string) *http.Request {
	r := httptest.NewRequest("GET", "/", nil)
	return r.WithContext(request.WithInfo(r.Context(), &request.Info{Client: client}))
}

func TestOneAddressLeavesSlotsToOthers(t *testing.T) {
	s := NewSlots(4, "things")
	var releases []func()
	for _, client := range []string{"a", "a", "a", "b"} {
		release, err := s.TryAcquire(client)
		if err != nil {
			t.Fatal(err)
		}
		releases = append(releases, release)
		if _, err := s.TryAcquire("a"); len(releases) == 3 && (err == nil || !strings.Contains(err.Error(), "your address")) {
			t.Errorf("%v", err)
		}
		if len(releases) < 3 {
			s.release("a")
		}
	}
	recorder := httptest.NewRecorder()
	Limited(s, http.NotFoundHandler()).ServeHTTP(recorder, requestOf("c"))
	if recorder.Code != 503 || !strings.Contains(recorder.Body.String(), "busy with 4 things") ||
		recorder.Header().Get("Retry-After") == "" {
		t.Errorf("%d %s", recorder.Code, recorder.Body)
	}
	for _, release := range releases {
		release()
	}
	if s.used != 0 || len(s.held) != 0 {
		t.Errorf("%+v", s.held)
	}
	recorder = httptest.NewRecorder()
	Limited(s, http.NotFoundHandler()).ServeHTTP(recorder, requestOf("c"))
	if recorder.Code != 404 || s.used != 0 {
		t.Errorf("%d %d", recorder.Code, s.used)
	}
}
