package attempts

import (
	"strings"
	"testing"
	"time"

	pb "github.com/penstock/penstock/kube/gen/pods"
	"github.com/penstock/penstock/kube/podspec"
)

// again is another program after one that has died.
func (w *world) again() {
	w.t.Helper()
	w.stop()
	w.start()
}

func TestPodsThatWaitedAreAskedForAgain(t *testing.T) {
	w := aGang(t, 3)
	w.ready(0)
	w.ready(1)
	time.Sleep(20 * time.Millisecond)
	w.again()
	w.reattach("a")
	w.reattached()
	answer := w.ready(2)
	time.Sleep(50 * time.Millisecond)
	if len(answer) > 0 {
		t.Error("those that wait have not said so again")
	}
	w.ready(0)
	w.ready(1)
	if master := w.answer(answer); master != "10.0.0.0" {
		t.Errorf("%q", master)
	}
	w.untilStarted("a")
}

func TestOneThatWasNotAnsweredBeginsAfterAll(t *testing.T) {
	for _, how := range []string{"named", "started"} { // the server may not have heard of it
		w := aGang(t, 3)
		w.begin(3)
		w.again()
		if how == "named" {
			w.reattach("a")
		} else {
			w.startGang("a", 3)
		}
		w.reattached()
		if master := w.answer(w.ready(1)); master != "10.0.0.0" {
			t.Errorf("%q", master)
		}
		w.untilStarted("a")
		good := ends(0, "Completed", termination(map[string]any{"exit_code": 0}))
		for rank := range 3 {
			w.change(name(rank), good)
		}
		if f := w.untilFinished("a"); f.Outcome != pb.Outcome_SUCCEEDED {
			t.Errorf("%v", f)
		}
		w.forgetAll(3)
		w.stop()
	}
}

func TestThoseThatAreMissingAreMade(t *testing.T) {
	w := aGang(t, 3)
	w.stop()
	if err := w.client.Tracker().Delete(podsResource, ns, podspec.PodName(name(1))); err != nil {
		t.Fatal(err)
	}
	before := w.pod("a").UID
	w.start()
	w.startGang("a", 3)
	w.reattached()
	w.change(name(1), runsAt(1))
	w.begin(3)
	if w.pod("a").UID != before {
		t.Error("the pod of rank 0 is another")
	}
}

func TestWithoutAnOrderOneThatIsMissingIsLost(t *testing.T) {
	for _, missing := range []int{0, 1} {
		w := aGang(t, 3)
		w.stop()
		if err := w.client.Tracker().Delete(podsResource, ns, podspec.PodName(name(missing))); err != nil {
			t.Fatal(err)
		}
		w.start()
		w.reattach("a")
		w.reattach("never")
		w.reattached()
		for rank := range 3 {
			if rank != missing {
				w.endsOnceDeleted(name(rank))
			}
		}
		f := w.untilFinished("a")
		if f.Outcome != pb.Outcome_LOST || !f.IsPlatformFault || !strings.HasSuffix(f.Message, notThere.message) {
			t.Errorf("%v", f)
		}
		for _, event := range w.events() {
			if event.GetNeverStarted().GetAttemptId() == "a" {
				t.Errorf("%v", event)
			}
		}
		w.forgetAll(3)
		w.stop()
	}
}

func TestTheCauseOutlivesTheProgram(t *testing.T) {
	w := aGang(t, 3)
	w.begin(3)
	w.change(name(1), ends(5, "Error", termination(map[string]any{"exit_code": 5})))
	for _, rank := range []int{0, 2} {
		w.until("the deletion", func() bool { return w.pod(name(rank)).DeletionTimestamp != nil })
	}
	w.stop()
	for _, rank := range []int{0, 2} {
		w.endsOnceDeleted(name(rank))
	}
	w.start()
	w.reattach("a")
	w.reattached()
	if f := w.untilFinished("a"); f.Message != "rank 1: the program ended with exit code 5" {
		t.Errorf("%v", f)
	}
	w.forgetAll(3)
}

func TestACancellationOfAllOutlivesTheProgram(t *testing.T) {
	w := aGang(t, 2)
	w.begin(2)
	w.cancel("a")
	for rank := range 2 {
		w.until("the deletion", func() bool { return w.pod(name(rank)).DeletionTimestamp != nil })
	}
	w.stop()
	w.start()
	w.reattach("a")
	w.reattached()
	for rank := range 2 {
		w.endsOnceDeleted(name(rank))
	}
	if f := w.untilFinished("a"); f.Outcome != pb.Outcome_CANCELLED {
		t.Errorf("%v", f)
	}
	w.forgetAll(2)
}

func TestPodsOfAGangThatNobodyNamesGo(t *testing.T) {
	w := aGang(t, 3)
	if err := w.store.Write("a.rank-1", resultText(map[string]any{})); err != nil {
		t.Fatal(err)
	}
	w.again()
	w.reattached()
	for rank := range 3 {
		w.untilNoPod(name(rank))
	}
	if ids := w.store.IDs(); len(ids) != 0 {
		t.Errorf("%v", ids)
	}
}

func TestANewStreamHearsOfAGangAgain(t *testing.T) {
	w := aGang(t, 2)
	w.begin(2)
	w.open()
	w.reattach("a")
	w.reattached()
	w.untilStarted("a")
	good := ends(0, "Completed", termination(map[string]any{"exit_code": 0}))
	w.change(name(0), good)
	w.change(name(1), good)
	w.untilFinished("a")
	w.open()
	w.reattach("a")
	w.reattached()
	w.untilFinished("a")
	w.open()
	w.reattached() // nobody claims it
	for rank := range 2 {
		w.untilNoPod(name(rank))
	}
}
