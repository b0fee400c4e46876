package observe

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/penstock/penstock/gateway/memory"
	"github.com/penstock/penstock/gateway/metrics"
)

func handler(next http.HandlerFunc) http.Handler {
	return Handler(metrics.New(), slog.New(slog.DiscardHandler), memory.NewBudget(1<<20), next)
}

func TestPanicIsAnAnswer(t *testing.T) {
	recorder := httptest.NewRecorder()
	handler(func(http.ResponseWriter, *http.Request) { panic("bug") }).
		ServeHTTP(recorder, httptest.NewRequest("GET", "/", nil))
	for _, text := range []string{`"code":13`, "Internal Server Error"} {
		if recorder.Code != 500 || !strings.Contains(recorder.Body.String(), text) {
			t.Errorf("%d %s", recorder.Code, recorder.Body)
		}
	}
}

func TestPanicInMidAnswerBreaksItOff(t *testing.T) {
	defer func() {
		if recover() != http.ErrAbortHandler {
			t.Error("the answer would look whole")
		}
	}()
	handler(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(200)
		panic("bug")
	}).ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil))
}
