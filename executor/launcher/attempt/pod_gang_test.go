package attempt

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/penstock/penstock/launcher/internal/s3test"
)

// aGang is a pod of rank 1 of 3, whose question whether it may begin is answered by ready.
func aGang(t *testing.T, script string, ready func(count int32, w http.ResponseWriter)) (l *podLaunch, asked *atomic.Int32) {
	l, asked = newPod(t, script), new(atomic.Int32)
	address := httptestServer(t, func(w http.ResponseWriter, r *http.Request) {
		text, _ := io.ReadAll(r.Body)
		if r.URL.Query().Get("rank") != "1" || r.Header.Get("Authorization") != "Bearer a-token" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		if r.URL.Path == "/attempts/an-attempt/ready" && string(text) == `{"rank":1}` {
			ready(asked.Add(1), w)
		}
	})
	l.request.Pod.Report = &Report{URL: address, ID: "an-attempt", Token: "a-token"}
	l.request.Pod.Gang = &Gang{Rank: 1, Size: 3}
	return l, asked
}

func TestPodsBeginTogether(t *testing.T) {
	l, asked := aGang(t, `echo $MASTER_ADDR:$MASTER_PORT $RANK/$WORLD_SIZE $LOCAL_RANK $NODE_RANK $GROUP_RANK; `+
		`echo $PET_MASTER_ADDR:$PET_MASTER_PORT $PET_NODE_RANK/$PET_NNODES`, func(count int32, w http.ResponseWriter) {
		switch count {
		case 1:
			w.WriteHeader(http.StatusServiceUnavailable)
		case 2:
			w.WriteHeader(http.StatusAccepted)
		default:
			fmt.Fprint(w, `{"master":"10.0.0.7"}`)
		}
	})
	if code := l.run(); code != 0 || asked.Load() != 3 {
		t.Errorf("exit code %d after %d questions: %s", code, asked.Load(), l.out.String())
	}
	if !strings.HasSuffix(l.out.String(), "10.0.0.7:29500 1/3 0 1 1\n10.0.0.7:29500 1/3\n") {
		t.Errorf("%q", l.out.String())
	}
}

func TestWhatTheAuthorSaysOfRanksStays(t *testing.T) {
	given := []string{"MASTER_PORT=7", "LOCAL_RANK=", "RANKED=1"}
	got := withRanks(given, &Gang{Rank: 2, Size: 4}, "fd00::1")
	for _, want := range []string{"MASTER_PORT=7", "LOCAL_RANK=", "PET_MASTER_PORT=7", "MASTER_ADDR=fd00::1", "RANK=2", "WORLD_SIZE=4"} {
		if !slices.Contains(got, want) {
			t.Errorf("%s is not in %v", want, got)
		}
	}
	if len(got) != 12 || len(given) != 3 {
		t.Errorf("%v", got)
	}
}

func TestPodsThatCannotBeginTogether(t *testing.T) {
	l, _ := aGang(t, "echo ran", func(_ int32, w http.ResponseWriter) { http.Error(w, "no such rank", http.StatusConflict) })
	if code := l.run(); code != ExitFailed || !strings.Contains(l.ended().Error, "cannot begin together") ||
		!strings.Contains(l.ended().Error, "no such rank") || strings.Contains(l.out.String(), "\nran\n") {
		t.Errorf("exit code %d, %+v", code, l.ended())
	}
	l, _ = aGang(t, "echo ran", func(_ int32, w http.ResponseWriter) { fmt.Fprint(w, `{}`) })
	if code := l.run(); code != ExitFailed || !strings.Contains(l.ended().Error, "makes no sense") {
		t.Errorf("exit code %d, %+v", code, l.ended())
	}
	l, _ = aGang(t, "echo ran", nil)
	l.request.Pod.Report = nil
	if code := l.run(); code != ExitFailed || !strings.Contains(l.ended().Error, "nobody to tell them when to begin") {
		t.Errorf("exit code %d, %+v", code, l.ended())
	}
	l, _ = aGang(t, "echo ran", nil)
	l.request.Pod.Gang.Rank = 3
	if code := l.run(); code != ExitFailed || !strings.Contains(l.ended().Error, "rank 3 of 3") {
		t.Errorf("exit code %d, %+v", code, l.ended())
	}
}

func TestAPodThatWaitsForOthersEndsWhenItIsTold(t *testing.T) {
	held := make(chan struct{})
	l, asked := aGang(t, "echo ran", func(int32, http.ResponseWriter) { <-held })
	t.Cleanup(func() { close(held) }) // before the server closes
	l.start()
	s3test.Until(t, "the question", func() bool { return asked.Load() > 0 })
	_ = l.command.Process.Signal(syscall.SIGTERM)
	l.end()
	if e := l.ended(); !e.Stopped || e.StartedAtUs != 0 || e.Error != "" {
		t.Errorf("%+v", e)
	}
}
